"""Millimetres stay millimetres: grids, resampling, boxes; straight, oblique and flipped."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.imaging import Grid, Image, bounding_box, crop, resample
from tests.imaging.volumes import OBLIQUE, ball, noise

STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("direction", [STRAIGHT, OBLIQUE])
def test_points_are_those_of_itk(direction):
    image = noise(origin=(-20.0, 5.0, 100.0), direction=direction)
    for index in [(0, 0, 0), (3, 2, 5), (10, 9, 8)]:
        wanted = image.to_sitk().TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(image.grid.points([index])[0], wanted, atol=1e-9)
        np.testing.assert_allclose(image.grid.index([wanted])[0], index, atol=1e-9)


def test_round_trip_through_sitk_keeps_everything():
    image = noise(origin=(-20.0, 5.0, 100.0), direction=OBLIQUE)
    back = Image.from_sitk(image.to_sitk(), "pet")
    assert back.grid.distance(image.grid) < 1e-9
    assert back.array.tobytes() == image.array.tobytes()
    assert (back.modality, back.unit) == ("pet", "SUVbw")


@given(shift=st.floats(0, 1), edge=st.floats(0.5, 6))
@settings(max_examples=40, deadline=None)
def test_two_grids_are_one_within_a_hundredth_of_a_voxel(shift, edge):
    limit = max(0.01, 0.01 * edge)
    assume(abs(shift * edge - limit) > 1e-9)
    grid = Grid((20, 20, 20), (edge,) * 3)
    moved = dataclasses.replace(grid, origin=(shift * edge, 0.0, 0.0))
    assert grid.same(moved) == moved.same(grid)
    assert grid.same(moved) == (shift * edge < limit)
    assert grid.distance(moved) == pytest.approx(shift * edge)


def test_a_small_error_of_spacing_or_direction_counts_where_it_is_largest():
    grid = Grid((200, 200, 200), (2.0, 2.0, 2.0))
    stretched = dataclasses.replace(grid, spacing=(2.001, 2.0, 2.0))
    assert grid.distance(stretched) == pytest.approx(0.199)
    assert not grid.same(stretched)
    assert not grid.same(dataclasses.replace(grid, size=(200, 200, 199)))


def test_overlap_of_fields_of_view():
    grid = Grid((10, 10, 10), (2.0, 2.0, 2.0))
    assert grid.overlap(grid) == pytest.approx(1.0)
    assert grid.overlap(dataclasses.replace(grid, origin=(10.0, 0.0, 0.0))) == pytest.approx(0.5)
    assert grid.overlap(dataclasses.replace(grid, origin=(50.0, 0.0, 0.0))) == 0.0
    # a flipped grid over the same place is the same place
    flipped = Grid((10, 10, 10), (2.0, 2.0, 2.0), (18.0, 0.0, 0.0), (-1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    assert grid.overlap(flipped) == pytest.approx(1.0)


@pytest.mark.parametrize("direction", [STRAIGHT, OBLIQUE])
@pytest.mark.parametrize("spacing", [2.0, (1.5, 2.5, 5.0)])
def test_resampling_to_a_spacing_keeps_the_centre_and_the_values_of_a_slope(direction, spacing):
    image = noise((20, 22, 24), origin=(-20.0, 5.0, 100.0), direction=direction)
    z, y, x = np.indices(image.array.shape)
    points = image.grid.points(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1))
    slope = np.array([0.3, -0.2, 0.1])
    image = image.with_array((points @ slope).reshape(image.array.shape).astype(np.float32))
    moved = resample(image, spacing=spacing)
    middle = [image_.grid.points([(np.asarray(image_.grid.size) - 1) / 2])[0] for image_ in (image, moved)]
    np.testing.assert_allclose(middle[0], middle[1], atol=1e-9)
    inner = tuple(slice(4, -4) for _ in range(3))
    z, y, x = (part[inner].ravel() for part in np.indices(moved.array.shape))
    wanted = moved.grid.points(np.stack([x, y, z], axis=1)) @ slope
    np.testing.assert_allclose(moved.array[inner].ravel(), wanted, atol=1e-4)  # float32 of about 20


def test_resampling_to_the_same_spacing_changes_nothing():
    image = noise(spacing=(3.27, 4.6875, 3.27))
    same = resample(image, spacing=image.spacing)
    assert same.grid.size == image.grid.size
    np.testing.assert_allclose(same.array, image.array, rtol=1e-5)


def test_masks_stay_masks_and_outside_is_background():
    pet, ct = noise(), noise(modality="ct", spacing=(2.0, 2.0, 2.0))
    mask = ball(pet)
    moved = resample(mask, reference=ct)
    assert moved.is_mask and moved.array.dtype == np.uint8 and set(np.unique(moved.array)) == {0, 1}
    far = Grid((4, 4, 4), (2.0, 2.0, 2.0), (999.0, 0.0, 0.0))
    assert (resample(ct, reference=far).array == -1000).all()
    assert (resample(pet, reference=far).array == 0).all()


def test_resample_refuses_what_it_cannot_mean():
    image = noise()
    with pytest.raises(InputError, match="exactly one"):
        resample(image)
    with pytest.raises(InputError, match="not positive"):
        resample(image, spacing=-1)
    with pytest.raises(SettingsError, match="Did you mean 'linear'"):
        resample(image, spacing=1, interpolator="linaer")


@pytest.mark.parametrize("direction", [STRAIGHT, OBLIQUE])
def test_a_crop_lies_where_it_was(direction):
    image = noise((12, 13, 14), origin=(-20.0, 5.0, 100.0), direction=direction)
    mask = ball(image, 6.0)
    box = bounding_box(mask, margin_mm=4.0)
    part = crop(image, box)
    wanted = sitk.GetArrayFromImage(
        sitk.Resample(part.to_sitk(), image.to_sitk(), sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    )
    assert (wanted[mask.array > 0] == image.array[mask.array > 0]).all()
    assert part.array.size < image.array.size


def test_bounding_box_is_tight_and_cut_at_the_border():
    array = np.zeros((5, 6, 7), np.uint8)
    array[0, 2, 3] = array[2, 4, 3] = 1
    mask = Image(array, (1.0, 2.0, 4.0), modality="mask")
    assert bounding_box(mask) == (slice(0, 3), slice(2, 5), slice(3, 4))
    assert bounding_box(mask, margin_mm=2.0) == (slice(0, 4), slice(1, 6), slice(1, 6))
    with pytest.raises(InputError, match="empty"):
        bounding_box(mask.with_array(np.zeros_like(array)))


def test_an_image_has_three_dimensions():
    with pytest.raises(InputError, match="three are wanted"):
        Image(np.zeros((2, 2), np.float32), (1.0, 1.0, 1.0))
