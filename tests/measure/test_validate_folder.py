"""Tables and images in one list, each row of the studies table under its own line."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

import hybridx as hx
from tests.cohort.folders import GOOD, write


@pytest.fixture
def folder(tmp_path):
    """Return the good folder with its images: one patient's PET, CT and mask, and another patient's PET and mask."""
    write(tmp_path)
    rng = np.random.default_rng(0)
    for patient, kinds in (("P001", ("pet", "ct")), ("P002", ("pet",))):
        base = tmp_path / "images" / patient
        base.mkdir(parents=True)
        for kind in kinds:
            array = rng.uniform(0, 8, (12, 16, 16)) if kind == "pet" else rng.uniform(-900, 100, (12, 16, 16))
            sitk.WriteImage(sitk.GetImageFromArray(array.astype(np.float32)), str(base / f"{kind}.nii.gz"))
        mask = np.zeros((12, 16, 16), np.uint8)
        mask[4:8, 5:10, 5 : 9 + len(kinds)] = 1
        sitk.WriteImage(sitk.GetImageFromArray(mask), str(base / "mask.nii.gz"))
    return tmp_path


def errors(folder):
    return [
        (p.code, p.file, p.row, p.column)
        for p in hx.validate(folder, progress=False)
        if p.severity == "error"
    ]


def test_good_images_give_no_error(folder):
    assert errors(folder) == []


def test_images_and_tables_in_one_list_with_the_lines_of_the_file(folder):
    header, *rows = GOOD["studies.csv"].splitlines()
    broken = [header, "", "P009,1,0,pet,images/none.nii.gz,images/nor.nii.gz,", "only two,cells", *rows]
    (folder / "studies.csv").write_text("\n".join(broken) + "\n")
    (folder / "images" / "P002" / "pet.nii.gz").unlink()
    assert errors(folder) == [
        ("T080", "studies.csv", 3, "patient_id"),
        ("T011", "studies.csv", 4, None),
        ("I001", "studies.csv", 3, "image"),
        ("I001", "studies.csv", 3, "mask"),
        ("I001", "studies.csv", 7, "image"),
    ]


def test_a_row_in_doubt_is_not_told_twice(folder):
    (folder / "studies.csv").write_text(
        GOOD["studies.csv"]
        + "P001,1,0,pet,images/P001/pet.nii.gz,images/P001/mask.nii.gz,\nP002,1,-4,ct,../x.nii,,\n"
    )
    assert errors(folder) == [
        ("T040", "studies.csv", 5, "patient_id"),
        ("T045", "studies.csv", 6, "image"),
    ]
