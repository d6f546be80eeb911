"""Real sarcoma patients through the same door: every image measured, numbers as an independent reading gives them."""

from __future__ import annotations

import shutil

import nibabel as nib
import numpy as np
import polars as pl
import pytest

from hybridx.measure import extract
from tests.measure.real_data import real

PATIENTS = ("STS_001", "STS_002", "STS_004")


@pytest.mark.slow
def test_three_sarcoma_patients(tmp_path):
    source, folder = real("sts", "nifti"), tmp_path / "data"
    rows = []
    for patient in PATIENTS:
        shutil.copytree(source / patient, folder / "images" / patient)
        for modality in ("pet", "ct"):
            stem = f"images/{patient}/{modality.upper()}"
            rows.append((patient, modality, f"{stem}_image.nii.gz", f"{stem}_mask.nii.gz"))
    pl.DataFrame({"patient_id": PATIENTS}).write_csv(folder / "patients.csv")
    columns = ["patient_id", "modality", "image", "mask"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(folder / "studies.csv")
    cohort = extract(folder, tmp_path / "out", workers=1, progress=False)
    assert cohort.tables["failures"].height == 0
    for modality in ("pet", "ct", "deep"):
        assert cohort.measured[modality].all()
        assert not any(cohort.blocks[modality].null_count().row(0))
    for patient in PATIENTS:
        image = nib.load(source / patient / "PET_image.nii.gz")
        inside = np.asarray(nib.load(source / patient / "PET_mask.nii.gz").dataobj) > 0
        values = np.asarray(image.dataobj)[inside].astype(float)
        row = cohort.blocks["pet"].row(by_predicate=pl.col("patient_id") == patient, named=True)
        assert row["pet.suv_max"] == values.max()
        assert row["pet.suv_mean"] == pytest.approx(values.mean())
        assert row["pet.mtv"] == pytest.approx(inside.sum() * np.prod(image.header.get_zooms()[:3]) / 1000)
        assert values.mean() < row["pet.suv_peak"] < values.max()
        # on the 3 mm grid of the texture the volume is the same to within the shell of half a voxel
        assert row["pet.original_shape_MeshVolume"] / 1000 == pytest.approx(row["pet.mtv"], rel=0.1)
