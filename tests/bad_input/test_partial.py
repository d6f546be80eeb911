"""One patient's bad image is that patient's failure: exit code 1, a reason, and all the others complete."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

import hybridx as hx
from hybridx.cli.app import app
from tests.small_folder import small_folder, write_volume


def extract(folder, out):
    return CliRunner().invoke(app, ["extract", str(folder), "--out", str(out), "--workers", "1"])


def voxels(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def assert_only_first_fails(folder, out, modality, *words):
    """P001 lost `modality` for a reason that names it; P002 and P003 are complete; no zero stands for a failure."""
    result = extract(folder, out)
    assert result.exit_code == 1, result.output
    cohort = hx.Cohort.load(out)
    failures = cohort.tables["failures"]
    assert failures["patient_id"].unique().to_list() == ["P001"]
    assert set(failures["modality"]) <= {modality, "deep"}
    for word in words:
        assert word in " ".join(failures["reason"])
    assert cohort.measured[modality].to_list() == [False, True, True]
    block = cohort.blocks[modality].drop("patient_id")
    assert all(value is None for value in block.row(0))
    assert block[1:]["pet.suv_max" if modality == "pet" else "ct.original_firstorder_Mean"].is_finite().all()
    return cohort


def test_all_zero_mask(tmp_path):
    folder = small_folder(tmp_path / "data")
    mask = folder / "images/P001_pet_mask.nii.gz"
    write_volume(mask, np.zeros_like(voxels(mask)), 4.0)
    cohort = assert_only_first_fails(folder, tmp_path / "out", "pet", "mask")
    assert cohort.measured["ct"].all(), "the CT of the same patient is not lost"


def test_nan_voxels(tmp_path):
    folder = small_folder(tmp_path / "data")
    image = folder / "images/P001_pet_image.nii.gz"
    array = voxels(image)
    array[8, 8, 8] = np.nan
    write_volume(image, array, 4.0)
    assert_only_first_fails(folder, tmp_path / "out", "pet", "NaN")


def test_mask_on_a_grid_that_fits_no_image(tmp_path):
    folder = small_folder(tmp_path / "data")
    write_volume(folder / "images/P001_ct_mask.nii.gz", np.ones((9, 9, 9), np.uint8), 3.0, origin=300.0)
    assert_only_first_fails(folder, tmp_path / "out", "ct", "grid")


def test_mask_of_another_patient(tmp_path):
    folder = small_folder(tmp_path / "data")
    shutil.copyfile(folder / "images/P002_pet_mask.nii.gz", folder / "images/P001_pet_mask.nii.gz")
    result = CliRunner().invoke(app, ["validate", str(folder)])
    assert "P001" in result.output and "P002" in result.output
    assert "mask" in result.output


def test_truncated_file(tmp_path):
    folder = small_folder(tmp_path / "data")
    image = folder / "images/P001_ct_image.nii.gz"
    image.write_bytes(image.read_bytes()[:200])
    assert_only_first_fails(folder, tmp_path / "out", "ct")


def test_one_voxel_lesion_loses_features_not_the_patient(tmp_path):
    folder = small_folder(tmp_path / "data")
    mask = folder / "images/P001_pet_mask.nii.gz"
    array = np.zeros_like(voxels(mask))
    array[8, 8, 8] = 1
    write_volume(mask, array, 4.0)
    result = extract(folder, tmp_path / "out")
    assert result.exit_code in (0, 1), result.output
    cohort = hx.Cohort.load(tmp_path / "out")
    row = cohort.blocks["pet"].row(0, named=True)
    assert row["pet.suv_max"] > 0
    texture = row["pet.original_glcm_Contrast"]
    assert texture is None or np.isnan(texture), "a texture of one voxel is undefined, not 0"


def test_every_patient_misses_a_modality(tmp_path):
    folder = small_folder(tmp_path / "data")
    studies = pl.read_csv(folder / "studies.csv").filter(pl.col("modality") == "ct")
    studies.write_csv(folder / "studies.csv")
    assert extract(folder, tmp_path / "out").exit_code == 0
    cohort = hx.Cohort.load(tmp_path / "out")
    assert "ct" in cohort.modalities
    assert "pet" not in cohort.modalities or not cohort.measured["pet"].any()


def test_second_run_reads_and_gives_the_same_cohort(tmp_path):
    folder = small_folder(tmp_path / "data")
    for name in ("one", "one", "two"):
        assert extract(folder, tmp_path / name).exit_code == 0
    first, second = (hx.Cohort.load(tmp_path / name) for name in ("one", "two"))
    assert first.frame().equals(second.frame())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL does not exist on Windows")
def test_killed_run_resumes_and_leaves_nothing_half_written(tmp_path):
    folder = small_folder(tmp_path / "data", n=16)
    out = tmp_path / "out"
    command = [
        sys.executable, "-c", "from hybridx.cli import main; main()",
        "extract", str(folder), "--out", str(out), "--workers", "1",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    finished: list = []
    while len(finished) < 3 and process.poll() is None and time.monotonic() < deadline:
        finished = [
            p
            for p in tmp_path.rglob("*")
            if p.is_file() and "data" not in p.parts and ".partial" not in p.name
        ]
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "cohort.json").exists(), "killed too late: nothing was tested"
    with pytest.raises(hx.errors.InputError):
        hx.Cohort.load(out)
    resumed = extract(folder, out)
    assert resumed.exit_code == 0, resumed.output
    whole = tmp_path / "whole"
    assert extract(folder, whole).exit_code == 0
    assert hx.Cohort.load(out).frame().equals(hx.Cohort.load(whole).frame())
    assert not [p for p in tmp_path.rglob("*") if ".partial" in p.name]
