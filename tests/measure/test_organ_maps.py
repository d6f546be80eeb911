"""Maps of organs in a data folder: read, doubted with a code, resampled knowingly, never worth an image."""

from __future__ import annotations

import shutil

import numpy as np
import polars as pl
import pytest

from hybridx.imaging import Image, read_image, resample, write_image
from hybridx.measure import ExtractSettings, RadiomicsSettings, UptakeSettings, extract, validate
from tests.small_folder import small_folder

QUICK = RadiomicsSettings(families=("firstorder",), bin_width=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two patients with PET and CT; a map of organs for each PET: 5 the liver around the lesion, 52 a small vessel."""
    folder = small_folder(tmp_path_factory.mktemp("organs") / "data", n=3, n_images=2)
    studies = pl.read_csv(folder / "studies.csv")
    for i, row in enumerate(studies.filter(pl.col("modality") == "pet").iter_rows(named=True)):
        pet = read_image(folder / row["image"], "pet")
        organs = np.full(pet.array.shape, 5.0, np.float32)
        organs[:3] = 52.0
        organs[0, 0, i] = 0.0
        write_image(pet.with_array(organs), folder / f"images/{row['patient_id']}_organs.nii.gz")
    pet_only = pl.when(pl.col("modality") == "pet")
    write(
        folder,
        studies.with_columns(
            organs=pet_only.then("images/" + pl.col("patient_id") + "_organs.nii.gz"),
            liver_label=pet_only.then(5),
            blood_pool_label=pet_only.then(52),
        ),
    )
    patients = pl.read_csv(folder / "patients.csv")
    patients.with_columns(height_cm=pl.Series([170.0, None, 180.0]), weight_kg=pl.lit(70.0)).write_csv(
        folder / "patients.csv"
    )
    return folder


def write(folder, studies):
    studies.write_csv(folder / "studies.csv")


@pytest.fixture
def folder(data, tmp_path):
    return shutil.copytree(data, tmp_path / "data")


def run(folder, out, uptake=None):
    chosen = ExtractSettings(deep=False, views=False, pet=QUICK, ct=QUICK, uptake=uptake or UptakeSettings())
    return extract(folder, out, workers=1, progress=False, settings=chosen)


def edit(folder, **columns):
    studies = pl.read_csv(folder / "studies.csv")
    pet = pl.when(pl.col("modality") == "pet")
    write(folder, studies.with_columns(**{name: pet.then(pl.lit(value)) for name, value in columns.items()}))


def codes(folder):
    return sorted({(p.code, p.severity, p.column) for p in validate(folder, progress=False)})


def test_organs_and_body_enter_the_blocks(folder, tmp_path):
    assert codes(folder) == []
    cohort = run(folder, tmp_path / "out", UptakeSettings(thresholds=("41pct", "percist")))
    pet = cohort.blocks["pet"]
    assert pet["pet.liver_mean"][:2].is_not_null().all()
    assert pet["pet.suv_max_to_liver"].to_list()[:2] == pytest.approx(
        (pet["pet.suv_max"] / pet["pet.liver_mean"]).to_list()[:2]
    )
    assert pet["pet.mtv_percist"][:2].is_not_null().all()
    assert pet["pet.sul_peak_janma"].is_not_null().to_list() == [
        True,
        False,
        False,
    ]  # the second has no height
    lesions = cohort.tables["lesions"].filter(pl.col("modality") == "pet")
    assert lesions["mtv_41pct"].to_list() == pytest.approx(pet["pet.mtv_41pct"].to_list()[:2])
    assert lesions["suv_max_to_blood_pool"].is_not_null().all() and lesions["diameter_mm"].min() > 15
    remarks = cohort.tables["remarks"].filter(pl.col("stage") == "uptake")["reason"].to_list()
    assert any("3 cm" in one for one in remarks) and any("blood pool" in one for one in remarks)
    about = {row["column"]: row for row in cohort.features.iter_rows(named=True)}
    assert about["pet.mtv_percist"]["unit"] == "mL" and about["pet.sul_peak_janma"]["family"] == "uptake"
    assert "Janmahasatian" in about["pet.sul_peak_janma"]["title"]


def test_what_is_asked_and_cannot_be_had_is_missing_with_the_reason(folder, tmp_path):
    edit(folder, liver_label=7)
    assert codes(folder) == [("I033", "warning", "liver_label")]
    cohort = run(
        folder, tmp_path / "out", UptakeSettings(("percist",), ("sul_peak_janma", "blood_pool_mean"))
    )
    pet = cohort.blocks["pet"]
    assert pet["pet.mtv_percist"].null_count() == 3 and pet["pet.blood_pool_mean"].null_count() == 1
    assert cohort.tables["failures"].height == 0
    remarks = cohort.tables["remarks"].filter(pl.col("patient_id") == "P002")["reason"].to_list()
    assert any("not defined: " in one and "I033" in one for one in remarks)
    assert any("height_cm" in one for one in remarks)


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"organs": "images/nowhere.nii.gz"}, [("I032", "warning", "organs")]),
        ({"liver_label": None, "blood_pool_label": None}, [("I033", "warning", "organs")]),
        ({"blood_pool_label": 9}, [("I033", "warning", "blood_pool_label")]),
    ],
)
def test_maps_that_cannot_be_used_are_said_and_cost_nothing(folder, tmp_path, columns, wanted):
    edit(folder, **columns)
    assert codes(folder) == wanted
    cohort = run(folder, tmp_path / "out")
    assert cohort.measured["pet"].sum() == 2 and cohort.tables["failures"].height == 0
    remarks = cohort.tables["remarks"].filter(pl.col("stage") == "organs")
    assert remarks.height == 2 and remarks["reason"][0].startswith(wanted[0][0])


def test_a_map_on_the_ct_is_resampled_knowingly_and_one_that_fits_nothing_is_not_used(folder, tmp_path):
    path = folder / "images/P001_organs.nii.gz"
    organs = read_image(path)
    ct = read_image(folder / "images/P001_ct_image.nii.gz", "ct")
    on_ct = resample(organs, reference=ct, interpolator="nearest")
    write_image(on_ct, path)
    assert codes(folder) == [("I011", "warning", "organs")]
    moved = run(folder, tmp_path / "out").blocks["pet"]
    assert moved["pet.liver_mean"][0] is not None
    write_image(Image(on_ct.array, on_ct.spacing, (500.0, 0.0, 0.0)), path)
    assert codes(folder) == [("I034", "warning", "organs")]
    assert run(folder, tmp_path / "out").blocks["pet"]["pet.liver_mean"].null_count() == 2


def test_another_patients_map_is_used_for_neither(folder, tmp_path):
    shutil.copyfile(folder / "images/P001_organs.nii.gz", folder / "images/P002_organs.nii.gz")
    assert codes(folder) == [("I035", "warning", "organs")]
    cohort = run(folder, tmp_path / "out")
    assert "pet.liver_mean" not in cohort.blocks["pet"].columns
    assert cohort.measured["pet"].sum() == 2
    assert sum(one.startswith("I035") for one in cohort.tables["remarks"]["reason"]) == 2


def test_what_changes_a_number_is_measured_anew(folder, tmp_path):
    first = run(folder, tmp_path / "out").blocks["pet"]
    edit(folder, tracer="PSMA-11")
    second = run(folder, tmp_path / "out").blocks["pet"]
    assert "pet.mtv_41pct" in first.columns and "pet.mtv_41pct" not in second.columns
    assert second["pet.psma_tv_41pct"].to_list() == first["pet.mtv_41pct"].to_list()
    edit(folder, liver_label=52)
    third = run(folder, tmp_path / "out").blocks["pet"]
    assert third["pet.suv_max"].to_list() == first["pet.suv_max"].to_list()
    assert third["pet.liver_mean"].null_count() == 3  # three slices hold no ball of 3 cm
    patients = pl.read_csv(folder / "patients.csv").with_columns(weight_kg=pl.lit(90.0))
    patients.write_csv(folder / "patients.csv")
    fourth = run(folder, tmp_path / "out").blocks["pet"]
    assert fourth["pet.sul_peak_janma"][0] < third["pet.sul_peak_janma"][0]
