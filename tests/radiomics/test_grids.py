"""Both grid rules: pyradiomics' to the bit, IBSI's by its properties."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hybridx.radiomics import RadiomicsSettings, peer_engine
from hybridx.radiomics.interpolation import aligned_axis, interpolate, interpolate_mask
from hybridx.radiomics.making import ibsi_scene
from hybridx.radiomics.pair import box_of, make_pair
from hybridx.radiomics.pyradiomics_grid import pyradiomics_scene
from tests.imaging.volumes import OBLIQUE, ball, noise

peer = pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")


def scenes(image, mask, **given):
    """Image and mask by this engine and by pyradiomics itself."""
    from radiomics import imageoperations

    wanted = RadiomicsSettings.pyradiomics(bin_width=25, **given)
    ours = pyradiomics_scene(make_pair(image, mask, wanted), wanted)
    parameters = peer_engine.peer_parameters(wanted)
    volume, lesion = image.to_sitk(), sitk.Cast(mask.to_sitk(), sitk.sitkUInt32)
    if wanted.normalise:
        volume = imageoperations.normalizeImage(volume, **parameters)
    volume, lesion = imageoperations.resampleImage(volume, lesion, **parameters)
    return ours, sitk.GetArrayFromImage(volume), sitk.GetArrayFromImage(lesion) > 0


@peer
@pytest.mark.parametrize("whole", [True, False], ids=["whole numbers", "float"])
@pytest.mark.parametrize(
    "given",
    [
        {"resample_mm": 2.0},
        {"resample_mm": 1.0, "interpolator": "bspline"},
        {"resample_mm": (1.5, 1.5, 0), "pad_voxels": 2},
        {"resample_mm": 2.0, "interpolator": "lanczos"},
        {"resample_mm": (1.2, 1.2, 3.0), "pad_voxels": 1},
        {"resample_mm": 3.5, "interpolator": "nearest", "normalise": True, "normalise_clip": 2.0},
    ],
)
def test_pyradiomics_grid_is_its_own(given, whole):
    image = noise((14, 30, 31), "ct", (1.2, 1.2, 3.0), origin=(5.0, -8.0, 40.0), direction=OBLIQUE)
    if whole:
        image = image.with_array(np.round(image.array).astype(np.int16))
    mask = ball(image, 7.0)
    ours, volume, lesion = scenes(image, mask, **given)
    assert ours.image.dtype == volume.dtype
    np.testing.assert_array_equal(ours.form, lesion)
    if whole:
        np.testing.assert_array_equal(ours.image[lesion], volume[lesion])
    # around the lesion, a whole number may be cut off on the other side: no feature looks there
    np.testing.assert_allclose(ours.image, volume, rtol=2e-7, atol=1 if whole else 1e-4)


@peer
def test_a_lesion_in_one_slice_stays_in_its_slice():
    image = noise((8, 20, 20), "ct", (1.0, 1.0, 4.0))
    array = np.zeros(image.array.shape, np.uint8)
    array[3, 6:14, 5:12] = 1
    mask = image.with_array(array)
    mask = dataclasses.replace(mask, modality="mask")
    ours, volume, lesion = scenes(image, mask, resample_mm=2.0)
    assert ours.spacing == (4.0, 2.0, 2.0)
    np.testing.assert_array_equal(ours.form, lesion)
    np.testing.assert_allclose(ours.image, volume, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("interpolator", ["linear", "bspline", "nearest"])
def test_interpolation_is_scipys(interpolator):
    array = np.random.default_rng(0).normal(size=(9, 10, 11))
    positions = [
        aligned_axis(n, old, 1.3).positions for n, old in zip(array.shape, (3.0, 1.0, 1.0), strict=True)
    ]
    inside = [at[(at >= 0) & (at <= n - 1)] for at, n in zip(positions, array.shape, strict=True)]
    order = {"linear": 1, "bspline": 3, "nearest": 0}[interpolator]
    points = np.meshgrid(*inside, indexing="ij")
    wanted = ndimage.map_coordinates(array, points, order=order, mode="mirror")
    np.testing.assert_allclose(interpolate(array, inside, interpolator), wanted, atol=1e-10)


def test_a_part_of_the_grid_has_the_values_of_the_whole():
    array = np.random.default_rng(1).normal(size=(60, 70, 80))
    positions = [aligned_axis(n, 1.0, 0.7).positions for n in array.shape]
    part = [at[40:50] for at in positions]
    whole = interpolate(array, positions, "bspline")[40:50, 40:50, 40:50]
    np.testing.assert_allclose(interpolate(array, part, "bspline"), whole, atol=1e-9)


@given(count=st.integers(1, 60), old=st.floats(0.3, 6), new=st.floats(0.3, 6))
@settings(max_examples=60, deadline=None)
def test_centres_coincide_and_the_old_extent_is_covered(count, old, new):
    axis = aligned_axis(count, old, new)
    assert axis.positions.mean() == pytest.approx((count - 1) / 2, abs=1e-9)
    assert len(axis.positions) * axis.spacing >= count * old * (1 - 1e-5)
    assert (len(axis.positions) - 1) * axis.spacing < count * old * (1 + 1e-5)


def test_half_a_voxel_of_lesion_is_lesion():
    mask = np.zeros((1, 1, 8), bool)
    mask[..., 2:5] = True
    positions = [np.zeros(1), np.zeros(1), np.array([1.49, 1.5, 1.51, 4.49, 4.5, 4.51])]
    assert interpolate_mask(mask, positions, 0.5)[0, 0].tolist() == [False, True, True, True, True, False]
    assert interpolate_mask(mask, positions, 1.0)[0, 0].tolist() == [False] * 6


def test_the_lesion_keeps_its_volume_and_place():
    image = noise((40, 40, 40), spacing=(1.0, 1.0, 1.0))
    mask = ball(image, 9.0)
    wanted = RadiomicsSettings.ibsi(families=("statistics",), resample_mm=2)
    scene = ibsi_scene(make_pair(image, mask, wanted), wanted, margin_mm=None)
    native, fresh = int(mask.array.sum()), int(scene.form.sum()) * 8
    assert fresh == pytest.approx(native, rel=0.05)
    small = ibsi_scene(make_pair(image, mask, wanted), wanted)
    box, other = box_of(scene.form), box_of(small.form)
    np.testing.assert_array_equal(scene.form[box], small.form[other])
    np.testing.assert_allclose(scene.image[box], small.image[other])


def test_rounding_and_resegmentation_come_in_the_standards_order():
    image = noise((12, 12, 12), "ct")
    mask = ball(image, 12.0)
    plain = RadiomicsSettings.ibsi(families=("statistics",), resample_mm=3, round_intensities=True)
    scene = ibsi_scene(make_pair(image, mask, plain), plain)
    assert (scene.image == np.round(scene.image)).all()
    middle = float(np.median(scene.image[scene.form]))
    narrow = dataclasses.replace(plain, resegment=(middle, middle + 50))
    counting = ibsi_scene(make_pair(image, mask, narrow), narrow).counting
    np.testing.assert_array_equal(
        counting, scene.form & (scene.image >= middle) & (scene.image <= middle + 50)
    )
    cut = dataclasses.replace(narrow, outlier_sigma=1)
    values = scene.image[counting]
    inner = ibsi_scene(make_pair(image, mask, cut), cut).counting
    keep = abs(scene.image - values.mean()) <= values.std()
    np.testing.assert_array_equal(inner, counting & keep)
