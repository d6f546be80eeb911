"""Grey levels: pyradiomics' bit by bit, the standard's by its formulas, and re-segmentation's modes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hybridx.radiomics import RadiomicsSettings, Roi, measure_radiomics, peer_engine
from hybridx.radiomics.discretise import count_levels, discretise, discretise_like_pyradiomics
from hybridx.radiomics.histogram import level_counts
from hybridx.radiomics.resegment import resegmented
from tests.imaging.volumes import ball, noise

peer = pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")


def roi_of(values) -> Roi:
    image = np.asarray(values, dtype=np.float64).reshape(1, 1, -1)
    inside = np.ones(image.shape, bool)
    return Roi(image, inside, inside, (1.0, 1.0, 1.0))


@peer
@given(
    values=st.lists(st.floats(-500, 500, width=32), min_size=1, max_size=40),
    width=st.sampled_from([0.1, 0.25, 1.0, 2.5, 25.0]),
    kind=st.sampled_from(["float32", "float64", "int16"]),
    shift=st.sampled_from([0.0, 0.1, 1 / 3]),
)
@example(values=[1.0, 1.75], width=0.1, kind="float32", shift=0.0)  # 1.0 % 0.1 is nearly 0.1
@settings(max_examples=150, deadline=None)
def test_fixed_width_is_pyradiomics_to_the_bit(values, width, kind, shift):
    from radiomics.imageoperations import binImage

    # multiples of the width, where a voxel lies on an edge, and what lies a hair beside
    image = np.array([*values, *(np.round(v / width) * width + shift * 1e-7 for v in values)]).astype(kind)
    image = image.reshape(1, 1, -1)
    wanted, _ = binImage(image, np.ones(image.shape, bool), binWidth=width)
    chosen = RadiomicsSettings.pyradiomics(bin_width=width)
    found = discretise_like_pyradiomics(image, roi_of(image), chosen)
    np.testing.assert_array_equal(found.array, wanted)
    assert found.count == wanted.max()
    assert abs(count_levels(image, chosen) - found.count) <= 1


@peer
@given(values=st.lists(st.floats(-500, 500, width=32), min_size=2, max_size=40), count=st.integers(1, 64))
@settings(max_examples=100, deadline=None)
def test_fixed_count_is_pyradiomics_to_the_bit(values, count):
    from radiomics.imageoperations import binImage

    image = np.array(values, np.float32).reshape(1, 1, -1)
    told = RadiomicsSettings.pyradiomics(bin_count=count)
    try:
        wanted, _ = binImage(image, np.ones(image.shape, bool), binCount=count)
    except ValueError:  # values so near each other that no edge fits between them
        with pytest.raises(ValueError, match="Too many bins"):
            discretise_like_pyradiomics(image, roi_of(image), told)
        return
    found = discretise_like_pyradiomics(image, roi_of(image), told)
    np.testing.assert_array_equal(found.array, wanted)


def test_the_standards_width_starts_at_its_origin():
    base = RadiomicsSettings.ibsi(families=("intensity_histogram",), bin_width=25, bin_origin=-1000)
    found = discretise(roi_of([-1000, -976, -975, 0, 399, 400]), base)
    assert found.array.ravel().tolist() == [1, 1, 2, 41, 56, 57]
    assert (found.count, found.lowest, found.width) == (57, -1000.0, 25.0)
    least = dataclasses.replace(base, bin_origin="minimum")
    assert discretise(roi_of([-10, 14, 15]), least).array.ravel().tolist() == [1, 1, 2]
    below = discretise(roi_of([-1030, -1000]), base)
    assert below.array.ravel().tolist() == [1, 3] and below.lowest == -1050.0, (
        "the origin moves by whole widths"
    )


def test_the_standards_count_spans_the_lesion():
    base = RadiomicsSettings.ibsi(families=("intensity_histogram",), bin_count=4)
    found = discretise(roi_of([0, 0.99, 1, 2, 3.99, 4]), base)
    assert found.array.ravel().tolist() == [1, 1, 2, 3, 4, 4] and found.count == 4
    flat = discretise(roi_of([3, 3, 3]), base)
    assert flat.array.ravel().tolist() == [1, 1, 1] and flat.count == 1


@peer
@pytest.mark.parametrize(
    ("mode", "ends"), [("absolute", (-20, 40)), ("relative", (0.1, 0.6)), ("sigma", (-1, 1.5))]
)
def test_resegmentation_is_pyradiomics(mode, ends):
    import SimpleITK as sitk
    from radiomics.imageoperations import resegmentMask

    image = np.random.default_rng(0).normal(10, 40, (5, 6, 7)).astype(np.float32)
    mask = np.zeros(image.shape, bool)
    mask[1:4, 1:5, 1:6] = True
    wanted = resegmentMask(
        sitk.GetImageFromArray(image),
        sitk.GetImageFromArray(mask.astype(np.uint32)),
        resegmentRange=list(ends),
        resegmentMode=mode,
    )
    chosen = RadiomicsSettings.pyradiomics(bin_width=5, resegment=ends, resegment_mode=mode)
    np.testing.assert_array_equal(resegmented(image, mask, chosen), sitk.GetArrayFromImage(wanted) > 0)


def test_intensities_below_the_origin_are_remarked():
    image = noise()
    mask = ball(image)
    chosen = RadiomicsSettings.ibsi(bin_width=0.5, bin_origin=1.25, families=("intensity_histogram",))
    (remark,) = measure_radiomics(image, mask, chosen).remarks
    below = (image.array[mask.array > 0] < 1.25).sum()
    assert remark.startswith(f"{below} voxels lie below bin_origin=1.25, and the first grey level begins at ")
    assert measure_radiomics(image, mask, dataclasses.replace(chosen, bin_origin=-0.25)).remarks == ()


@peer
@pytest.mark.parametrize("kind", ["float32", "float64", "int16"])
@pytest.mark.parametrize("width", [0.25, 25.0])
def test_levels_by_division_are_those_by_edges(kind, width):
    """Rows with a voxel near an edge and rows without take different ways."""
    from radiomics.imageoperations import binImage

    rng = np.random.default_rng(0)
    image = (rng.normal(size=(20, 30, 7)) * rng.choice([1.0, 300.0], (20, 30, 1))).astype(kind)
    inside = rng.random(image.shape) < 0.8
    image[3, :, 2] = np.round(image[3, :, 2] / width) * width
    wanted, _ = binImage(image, inside, binWidth=width)
    roi = Roi(image, inside, inside, (1.0, 1.0, 1.0))
    found = discretise_like_pyradiomics(image, roi, RadiomicsSettings.pyradiomics(bin_width=width))
    np.testing.assert_array_equal(found.array[inside], wanted[inside])
    assert not found.array[~inside].any()
    np.testing.assert_array_equal(level_counts(found), np.bincount(found.array[inside])[1:])
