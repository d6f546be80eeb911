"""Shape and first order as pyradiomics: forms at random, thin and slanted ones, and patients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.radiomics.pyradiomics_firstorder import pyradiomics_firstorder
from hybridx.radiomics.pyradiomics_shape import pyradiomics_shape
from hybridx.radiomics.pyradiomics_shape2d import pyradiomics_shape2d
from hybridx.radiomics.roi import Levels, Roi
from tests.measure.real_data import real
from tests.radiomics.known_lesions import random_roi

pytest.importorskip("radiomics", reason="pyradiomics is not installed on this Python")
OFF = {
    "shape": ("Compactness1", "Compactness2", "SphericalDisproportion"),
    "firstorder": ("StandardDeviation",),
}


def theirs(family, roi: Roi, **choice):
    """Return pyradiomics' values of one family, features that are off by default included."""
    from radiomics import firstorder, imageoperations, setVerbosity, shape, shape2D

    setVerbosity(60)
    image = sitk.GetImageFromArray(roi.image)
    mask = sitk.GetImageFromArray(roi.morphology.astype(np.uint8))
    image.SetSpacing(roi.spacing[::-1])
    mask.SetSpacing(roi.spacing[::-1])
    box, _ = imageoperations.checkMask(image, mask, minimumROIDimensions=1, minimumROISize=None)
    image, mask = imageoperations.cropToTumorMask(image, mask, box)
    classes = {
        "shape": shape.RadiomicsShape,
        "shape2D": shape2D.RadiomicsShape2D,
        "firstorder": firstorder.RadiomicsFirstOrder,
    }
    computed = classes[family](image, mask, **choice)
    computed.enableAllFeatures()
    for name in OFF.get(family, ("SphericalDisproportion",)):
        computed.enableFeatureByName(name)
    return {
        f"{family}_{name}": float(np.real(np.squeeze(value))) for name, value in computed.execute().items()
    }


def binned(roi: Roi, width: float) -> Levels:
    from radiomics import imageoperations

    edges = imageoperations.getBinEdges(roi.values, binWidth=width)
    levels = np.where(roi.intensity, np.digitize(roi.image, edges), 0).astype(np.int32)
    return Levels(levels, int(levels.max()), roi.morphology, roi.spacing, width)


def off(ours, peer, rel=1e-9):
    """Return what differs; where an axis is exactly 0 here, the peer may have the square root of a rounding error."""
    assert set(ours) == set(peer)
    return {
        name: (ours[name], value)
        for name, value in peer.items()
        if not math.isclose(ours[name], value, rel_tol=rel, abs_tol=1e-9)
        and not (ours[name] == 0 and abs(value) < 1e-6)
    }


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.tuples(*[st.integers(2, 9)] * 3),
    st.tuples(*[st.floats(0.5, 6.0)] * 3),
    st.floats(0.03, 1.0),
)
def test_shape_of_any_mask(seed, size, spacing, filled):
    roi = random_roi(seed, size, spacing=spacing, filled=filled)
    if roi.morphology.sum() < 2:
        return
    assert off(pyradiomics_shape(roi).values, theirs("shape", roi)) == {}


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_shape_of_a_plane(seed, axis):
    whole = random_roi(seed, (6, 7, 8), filled=0.4)
    mask = np.zeros_like(whole.morphology)
    plane = [slice(None)] * 3
    plane[axis] = slice(3, 4)
    mask[tuple(plane)] = whole.morphology[tuple(plane)]
    roi = Roi(whole.image, mask, mask, whole.spacing)
    peer = theirs("shape2D", roi, force2D=True, force2Ddimension=axis)
    assert off(pyradiomics_shape2d(roi, axis).values, peer) == {}
    assert off(pyradiomics_shape(roi).values, theirs("shape", roi)) == {}
    thick = pyradiomics_shape2d(whole, axis)
    assert set(thick.reasons.values()) == {"the lesion lies in more than one plane"}


def test_slices_that_do_not_overlap_have_a_diameter_between_them():
    """Vertices half-way between two slices belong to neither, and may be further apart than those of any slice."""
    mask = np.zeros((2, 3, 30), bool)
    mask[0, 1, :3] = mask[1, 1, 26:] = True
    roi = Roi(np.ones(mask.shape), mask, mask, (1.0, 1.0, 1.0))
    found = pyradiomics_shape(roi).values
    assert found["shape_Maximum2DDiameterSlice"] == pytest.approx(29.0)
    assert off(found, theirs("shape", roi)) == {}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from([0.5, 2.0, 25.0]), st.sampled_from([0.0, 2000.0]), st.booleans()
)
def test_first_order_of_any_intensities(seed, width, shift, whole):
    roi = random_roi(seed, (5, 6, 7))
    if whole:
        roi = Roi(np.round(roi.image), roi.morphology, roi.intensity, roi.spacing)
    if roi.values.min() == roi.values.max():
        return
    ours = pyradiomics_firstorder(roi, binned(roi, width=width), array_shift=shift).values
    assert off(ours, theirs("firstorder", roi, binWidth=width, voxelArrayShift=shift)) == {}


def test_one_voxel_and_flat_lesions_have_reasons():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    roi = Roi(np.full(mask.shape, 4.0), mask, mask, (1.0, 1.0, 1.0))
    for found in (pyradiomics_shape(roi), pyradiomics_shape2d(roi)):
        missing = {name for name, value in found.values.items() if math.isnan(value)}
        assert missing == set(found.reasons) and any("Axis" in name for name in missing)
    levels = Levels(mask.astype(np.int32), 1, mask, roi.spacing)
    flat = pyradiomics_firstorder(roi, levels)
    assert set(flat.reasons) == {"firstorder_Kurtosis", "firstorder_Skewness"}
    assert flat.values["firstorder_Uniformity"] == 1.0 and flat.values["firstorder_Mean"] == 4.0
    none = np.zeros_like(mask)
    gone = Roi(roi.image, none, none, roi.spacing)
    for found in (pyradiomics_shape(gone), pyradiomics_shape2d(gone), pyradiomics_firstorder(gone, levels)):
        assert set(found.values) == set(found.reasons)


@pytest.mark.parametrize("modality", ["CT", "PET"])
@pytest.mark.parametrize("patient", ["STS_002", "STS_005"])
def test_patients(patient, modality):
    folder = real("sts", "nifti", patient)
    image = sitk.ReadImage(str(folder / f"{modality}_image.nii.gz"))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{modality}_mask.nii.gz"))) > 0
    where = tuple(slice(index.min(), index.max() + 1) for index in np.nonzero(mask))
    array = sitk.GetArrayFromImage(image).astype(np.float64)[where]
    roi = Roi(array, mask[where], mask[where], image.GetSpacing()[::-1])
    width = 25.0 if modality == "CT" else 0.25
    ours = pyradiomics_firstorder(roi, binned(roi, width=width)).values
    assert off(ours, theirs("firstorder", roi, binWidth=width)) == {}
    assert off(pyradiomics_shape(roi).values, theirs("shape", roi)) == {}
