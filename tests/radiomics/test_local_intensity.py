"""Peaks: the standard's values, a convolution with the sphere, borders, and voxels without a value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hybridx.radiomics.local_intensity import SPHERE_RADIUS_MM, local_intensity, sphere_peaks
from hybridx.radiomics.roi import Roi
from tests.radiomics.known_lesions import digital_phantom, off_the_standard, random_roi


def sphere(spacing):
    reach = [int(SPHERE_RADIUS_MM // edge) for edge in spacing]
    steps = np.meshgrid(
        *[np.arange(-n, n + 1) * edge for n, edge in zip(reach, spacing, strict=True)], indexing="ij"
    )
    return (sum(step**2 for step in steps) <= SPHERE_RADIUS_MM**2).astype(float)


def by_convolution(roi: Roi):
    ball = sphere(roi.spacing)
    valid = np.isfinite(roi.image)
    total = ndimage.convolve(np.where(valid, roi.image, 0.0), ball, mode="constant")
    count = ndimage.convolve(valid.astype(float), ball, mode="constant")
    means = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0.5)
    hottest = roi.intensity & (roi.image == roi.values.max())
    return means[roi.intensity].max(), means[hottest].max()


def test_the_digital_phantom():
    found = local_intensity(digital_phantom()[0]).values
    assert off_the_standard(found, "digital_phantom", "loc_") == []


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.tuples(*[st.integers(1, 14)] * 3),
    st.tuples(*[st.floats(0.9, 8.0)] * 3),
    st.floats(0.02, 0.8),
    st.booleans(),
)
def test_peaks_are_those_of_a_convolution(seed, shape, spacing, filled, gaps):
    roi = random_roi(seed, shape, spacing=spacing, filled=filled)
    if gaps:
        image = np.where(roi.intensity, roi.image, np.where(roi.image > 6, np.nan, roi.image))
        roi = Roi(image, roi.morphology, roi.intensity, spacing)
    assert sphere_peaks(roi.image, roi.intensity, spacing) == pytest.approx(by_convolution(roi), rel=1e-11)


def test_of_several_brightest_voxels_the_one_with_the_brightest_surroundings():
    image = np.zeros((1, 1, 21))
    image[0, 0, [4, 16]] = 10.0
    image[0, 0, 15] = 5.0
    ones = np.ones(image.shape, bool)
    assert local_intensity(Roi(image, ones, ones, (5.0, 5.0, 5.0))).values["loc_peak_loc"] == pytest.approx(
        5.0
    )


def test_a_long_margin_changes_nothing_and_no_voxel_is_no_peak():
    roi = random_roi(1, (12, 12, 12), spacing=(2.0, 2.0, 2.0), filled=0.3)
    inside = roi.intensity.copy()
    inside[:4], inside[-4:], inside[:, :4], inside[:, -4:], inside[..., :4], inside[..., -4:] = (False,) * 6
    wide = np.pad(roi.image, 6, constant_values=1e6)
    assert sphere_peaks(wide, np.pad(inside, 6), roi.spacing) == pytest.approx(
        sphere_peaks(roi.image, inside, roi.spacing), rel=1e-12
    )
    none = local_intensity(Roi(roi.image, roi.morphology, np.zeros_like(inside), roi.spacing))
    assert all(np.isnan(v) for v in none.values.values()) and len(none.reasons) == 2
