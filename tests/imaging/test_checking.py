"""Every defect of the images of a folder, at once, with row and column."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from hybridx.errors import InputError
from hybridx.imaging import ImageError, check_studies, read_study
from tests.imaging.volumes import ball, noise, save


@pytest.fixture
def folder(tmp_path):
    """Three patients with PET and CT, each with a mask on its own grid."""
    rows = []
    for number in range(3):
        for modality, shape, edge in (("pet", (9, 10, 11), 4.0), ("ct", (18, 20, 22), 2.0)):
            image = noise(shape, modality, (edge,) * 3, seed=number)
            stem = f"P{number}_{modality}"
            save(tmp_path, f"{stem}.nii.gz", image)
            save(tmp_path, f"{stem}_mask.nii.gz", ball(image, 7.0 + number))
            rows.append((f"P{number}", modality, f"{stem}.nii.gz", f"{stem}_mask.nii.gz"))
    pl.DataFrame(rows, schema=["patient_id", "modality", "image", "mask"], orient="row").write_csv(
        tmp_path / "studies.csv"
    )
    return tmp_path


def check(folder, **options):
    found = check_studies(folder, pl.read_csv(folder / "studies.csv"), progress=False, **options)
    return [(problem.code, problem.row, problem.column) for problem in found]


def test_a_sound_folder_has_no_problem(folder):
    assert check(folder) == []
    assert check(folder, voxels=False, workers=2) == []


def test_every_defect_at_once_with_its_row_and_column(folder):
    pet = noise()
    (folder / "P0_pet.nii.gz").unlink()
    save(
        folder,
        "P0_ct_mask.nii.gz",
        ball(noise((18, 20, 22), "ct", (2.0,) * 3)).with_array(np.zeros((18, 20, 22), np.uint8)),
    )
    bad = noise((9, 10, 11), "pet", (4.0,) * 3, seed=1)
    bad.array[1, 1, 1] = np.nan
    save(folder, "P1_pet.nii.gz", bad)
    save(folder, "P1_pet_mask.nii.gz", ball(noise((5, 5, 5), spacing=(3.0, 3.0, 3.0))))
    save(folder, "P2_ct.nii.gz", noise((18, 20, 22), "ct", (2.0,) * 3, seed=2, origin=(900.0, 0.0, 0.0)))
    found = check(folder)
    assert ("I001", 2, "image") in found
    assert ("I007", 3, "mask") in found
    assert ("I004", 4, "image") in found
    assert ("I010", 4, "mask") in found
    assert ("I016", 6, "image") in found and ("I016", 7, "image") in found
    assert ("I010", 7, "mask") in found, "the mask stayed where the CT was"
    assert found == sorted(found, key=lambda one: (one[1], one[2], one[0]))
    assert pet.modality == "pet"


def test_headers_alone_do_not_see_voxels(folder):
    bad = noise((9, 10, 11), "pet", (4.0,) * 3)
    bad.array[1, 1, 1] = np.nan
    save(folder, "P1_pet.nii.gz", bad)
    assert check(folder, voxels=False) == []
    assert check(folder) == [("I004", 4, "image")]


def test_another_patients_mask_and_image(folder):
    (folder / "P1_ct_mask.nii.gz").write_bytes((folder / "P0_ct_mask.nii.gz").read_bytes())
    (folder / "P2_ct.nii.gz").write_bytes((folder / "P1_ct.nii.gz").read_bytes())
    found = check_studies(folder, pl.read_csv(folder / "studies.csv"), progress=False)
    assert [(problem.code, problem.row) for problem in found] == [
        ("I017", 3),
        ("I019", 5),
        ("I017", 5),
        ("I019", 7),
    ]
    assert "'P1'" in str(found[0].value) and "row 5" in str(found[0].value)


def test_tiny_masks_may_coincide_by_chance(folder):
    image = noise((9, 10, 11), "pet", (4.0,) * 3)
    single = np.zeros(image.array.shape, np.uint8)
    single[4, 4, 4:6] = 1
    for patient in (0, 1):
        save(folder, f"P{patient}_pet_mask.nii.gz", ball(image).with_array(single))
    found = check_studies(folder, pl.read_csv(folder / "studies.csv"), progress=False)
    assert [(problem.code, problem.severity, problem.row) for problem in found] == [
        ("I025", "warning", 2),
        ("I025", "warning", 4),
    ]


def test_the_same_modality_twice_and_no_mask(folder):
    table = pl.read_csv(folder / "studies.csv")
    again = table.head(1).with_columns(pl.lit(None, pl.String).alias("mask"))
    pl.concat([table, again]).write_csv(folder / "studies.csv")
    assert check(folder) == [("I024", 8, "image"), ("I023", 8, "mask")]


def test_a_label_column_names_the_lesion(folder):
    image = noise((9, 10, 11), "pet", (4.0,) * 3)
    array = ball(image).array.copy()
    array[0, 0, 0] = 2
    save(folder, "P0_pet_mask.nii.gz", ball(image).with_array(array))
    assert check(folder) == [("I008", 2, "mask")]
    table = pl.read_csv(folder / "studies.csv").with_columns(
        pl.Series("label", [1, None, None, None, None, None])
    )
    table.write_csv(folder / "studies.csv")
    assert check(folder) == []


def test_read_study_keeps_each_image_on_its_own_grid(folder):
    studies = pl.read_csv(folder / "studies.csv")
    study = read_study(folder, studies, "P1")
    assert study.modalities == ("pet", "ct")
    assert study.images["pet"].grid != study.images["ct"].grid
    assert study.masks["ct"].grid == study.images["ct"].grid
    with pytest.raises(InputError, match="no study of patient 'P9'"):
        read_study(folder, studies, "P9")
    (folder / "P1_ct.nii.gz").unlink()
    with pytest.raises(ImageError) as error:
        read_study(folder, studies, "P1")
    assert "modality 'ct'" in error.value.__notes__[0]
