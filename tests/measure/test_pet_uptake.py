"""SUV numbers: by hand, against IBSI, against a patient of known SUVmax; lesions counted and described."""

from __future__ import annotations

import numpy as np
import pytest

from hybridx.errors import InputError
from hybridx.imaging import Image, read_image, read_mask
from hybridx.measure.lesions import lesion_rows
from hybridx.measure.pet_uptake import SPHERE_RADIUS_MM, UPTAKE, components, suv_peak, uptake
from tests.imaging.volumes import OBLIQUE, ball, noise
from tests.measure.real_data import real


def two_lesions():
    """Two boxes: 8 voxels at SUV 10 with one of 20; 2 voxels at SUV 3; voxels of 4 mm."""
    pet = np.ones((12, 12, 12), np.float32)
    mask = np.zeros((12, 12, 12), np.uint8)
    pet[2:4, 2:4, 2:4], mask[2:4, 2:4, 2:4] = 10.0, 1
    pet[2, 2, 2] = 20.0
    pet[8, 8, 8:10], mask[8, 8, 8:10] = 3.0, 1
    place = {"spacing": (4.0, 4.0, 4.0), "origin": (-10.0, 0.0, 50.0)}
    return Image(pet, modality="pet", **place), Image(mask, modality="mask", **place)


def test_by_hand():
    pet, mask = two_lesions()
    found = uptake(pet, mask)
    voxel = 0.064
    assert found["suv_max"] == 20.0
    assert found["suv_mean"] == pytest.approx((7 * 10 + 20 + 2 * 3) / 10)
    assert found["mtv"] == pytest.approx(10 * voxel)
    assert found["tlg"] == pytest.approx(96 * voxel)
    # 41 % of each lesion's own maximum: 8.2 for the hot one, 1.23 for the faint one, which is not lost
    assert found["mtv_41pct"] == pytest.approx(10 * voxel)
    assert found["mtv_suv4"] == pytest.approx(8 * voxel)
    assert found["tlg_suv4"] == pytest.approx(90 * voxel)
    assert found["lesion_count"] == 2
    assert set(found) == set(UPTAKE)


def test_nothing_above_the_threshold_is_a_volume_of_zero():
    pet, mask = two_lesions()
    faint = pet.with_array(np.minimum(pet.array, 2.0))
    assert uptake(faint, mask)["mtv_suv4"] == 0.0
    assert uptake(faint, mask)["tlg_suv4"] == 0.0


def test_peak_of_the_ibsi_digital_phantom():
    folder = real("ibsi", "ibsi_1_digital_phantom", "nifti")
    image = read_image(folder / "image" / "phantom.nii.gz")
    mask = read_mask(folder / "mask" / "mask.nii.gz", image)
    peak, local = suv_peak(image, mask)
    assert (round(peak, 1), round(local, 1)) == (3.1, 2.6)  # consensus values of 0F91 and VJGA
    found = uptake(image, mask)
    assert float(f"{found['suv_mean']:.3g}") == 2.15 and found["suv_max"] == 6


def test_suv_max_of_a_known_patient():
    folder = real("petct_dicom_hn_hgj001", "ibsi_1_validation_pet", "nifti")
    pet = read_image(folder / "image" / "image.nii.gz", "pet")
    found = uptake(pet, read_mask(folder / "mask" / "mask.nii.gz", pet))
    assert found["suv_max"] == pytest.approx(9.47, abs=0.005)  # the README's figure has two decimals
    assert found["suv_mean"] < found["suv_peak"] < found["suv_max"]


def test_peak_of_a_uniform_ball_is_its_value_and_never_above_the_maximum():
    image = noise((20, 20, 20), spacing=(2.0, 2.0, 2.0))
    big = ball(image, 15.0)
    uniform = image.with_array(np.where(ball(image, 18.0).array > 0, 7.0, 0.0).astype(np.float32))
    assert suv_peak(uniform, ball(image, 8.0)) == pytest.approx((7.0, 7.0))
    peak, local = suv_peak(image, big)
    assert local <= peak < image.array.max() and image.array[big.array > 0].mean() < peak


def test_a_sphere_at_the_border_is_cut_not_padded_with_zeros():
    image = noise((8, 8, 8), spacing=(3.0, 3.0, 3.0))
    uniform = image.with_array(np.full((8, 8, 8), 5.0, np.float32))
    corner = np.zeros((8, 8, 8), np.uint8)
    corner[0, 0, 0] = 1
    assert suv_peak(uniform, ball(image).with_array(corner)) == pytest.approx((5.0, 5.0))


def test_one_millilitre():
    assert 4 / 3 * np.pi * SPHERE_RADIUS_MM**3 == pytest.approx(1000.0)


@pytest.mark.parametrize("direction", [(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), OBLIQUE])
def test_scaling_and_moving(direction):
    image = noise((12, 12, 12), spacing=(4.0, 3.0, 2.0))
    mask = ball(image, 9.0)
    wanted = uptake(image, mask)
    moved = noise((12, 12, 12), spacing=(4.0, 3.0, 2.0), origin=(7.0, 8.0, 9.0), direction=direction)
    assert uptake(moved, Image(mask.array, moved.spacing, moved.origin, moved.direction, "mask")) == wanted
    double = uptake(image.with_array(image.array * 2), mask)
    for name in ("suv_max", "suv_mean", "suv_peak", "tlg", "tlg_41pct"):
        assert double[name] == pytest.approx(2 * wanted[name])
    assert double["mtv_41pct"] == pytest.approx(wanted["mtv_41pct"])


def test_refused():
    pet, mask = two_lesions()
    with pytest.raises(InputError, match="empty"):
        uptake(pet, mask.with_array(np.zeros_like(mask.array)))
    with pytest.raises(InputError, match="resample it first"):
        uptake(pet, ball(noise()))


def test_lesions_are_numbered_from_the_largest_and_corners_touch():
    _, mask = two_lesions()
    array = mask.array.copy()
    array[9, 9, 10] = 1  # touches the faint one at a corner
    labels, count = components(mask.with_array(array))
    assert count == 2
    assert (labels == 1).sum() == 8 and (labels == 2).sum() == 3


def test_lesion_rows():
    pet, mask = two_lesions()
    rows = lesion_rows(pet, mask)
    assert [row["lesion"] for row in rows] == ["1", "2"]
    assert [row["suv_max"] for row in rows] == [20.0, 3.0]
    assert sum(row["volume_ml"] for row in rows) == pytest.approx(uptake(pet, mask)["mtv"])
    assert sum(row["tlg"] for row in rows) == pytest.approx(uptake(pet, mask)["tlg"])
    centre = [rows[1][f"centroid_{axis}_mm"] for axis in "xyz"]
    assert centre == pytest.approx([-10 + 8.5 * 4, 8 * 4, 50 + 8 * 4])
    ct = lesion_rows(Image(pet.array, pet.spacing, pet.origin, modality="ct"), mask)
    assert "suv_max" not in ct[0] and ct[0]["volume_ml"] == rows[0]["volume_ml"]
    # the peak of a lesion does not depend on the box it was cut out of
    assert max(row["suv_peak"] for row in rows) == pytest.approx(uptake(pet, mask)["suv_peak"])
