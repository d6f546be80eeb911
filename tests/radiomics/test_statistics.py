"""Intensity statistics, histogram and volume histogram: the standard's values, numpy, scipy, and what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hybridx.errors import SettingsError
from hybridx.radiomics.histogram import intensity_histogram
from hybridx.radiomics.roi import Levels, Roi
from hybridx.radiomics.statistics import statistics, summarise
from hybridx.radiomics.volume_histogram import volume_histogram
from tests.radiomics.known_lesions import digital_phantom, off_the_standard, random_roi


def line(values) -> Roi:
    array = np.asarray(values, dtype=np.float64).reshape(1, 1, -1)
    ones = np.ones(array.shape, dtype=bool)
    return Roi(array, ones, ones, (1.0, 1.0, 1.0))


def levels_of(values, count) -> Levels:
    array = np.asarray(values, dtype=np.int32).reshape(1, 1, -1)
    return Levels(array, count, array > 0, (1.0, 1.0, 1.0))


def test_the_digital_phantom():
    roi, levels = digital_phantom()
    assert off_the_standard(statistics(roi).values, "digital_phantom", "stat_") == []
    assert off_the_standard(intensity_histogram(levels).values, "digital_phantom", "ih_") == []
    assert off_the_standard(volume_histogram(roi).values, "digital_phantom", "ivh_") == []
    assert (len(statistics(roi).values), len(intensity_histogram(levels).values)) == (18, 23)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6, allow_subnormal=False)),
        min_size=2,
        max_size=200,
    )
)
def test_statistics_are_those_of_numpy_and_scipy(values):
    x = np.array(values)
    found = statistics(line(x)).values
    p10, p25, p50, p75, p90 = np.percentile(x, [10, 25, 50, 75, 90])
    inner = x[(x >= p10) & (x <= p90)]
    size = np.abs(x).max() + 1e-300
    wanted = {
        "stat_mean": x.mean(),
        "stat_median": p50,
        "stat_p10": p10,
        "stat_p90": p90,
        "stat_iqr": p75 - p25,
        "stat_mad": np.abs(x - x.mean()).mean(),
        "stat_medad": np.abs(x - p50).mean(),
        "stat_rms": np.sqrt((x**2).mean()),
        "stat_range": np.ptp(x),
    }
    for tag, value in wanted.items():
        assert found[tag] == pytest.approx(value, rel=1e-12, abs=1e-12 * size), tag
    if len(inner):
        robust = np.abs(inner - inner.mean()).mean()
        assert found["stat_rmad"] == pytest.approx(robust, rel=1e-9, abs=1e-12 * size)
    if x.std() > 1e-6 * size > 1e-50:
        assert found["stat_skew"] == pytest.approx(stats.skew(x), rel=1e-7, abs=1e-9)
        assert found["stat_kurt"] == pytest.approx(stats.kurtosis(x), rel=1e-7, abs=1e-9)


def test_percentiles_where_one_value_takes_the_whole_range():
    """The buckets that spare a sort are all empty but two."""
    x = np.concatenate([np.random.default_rng(3).normal(size=5000), [1e12]])
    found = summarise(line(x))
    assert found.percentiles == pytest.approx(tuple(np.percentile(x, [10, 25, 50, 75, 90])), rel=1e-12)


def test_large_lesions_agree_with_numpy_to_the_last_digits():
    roi = random_roi(5, (40, 50, 60))
    x = roi.values
    found = statistics(roi).values
    assert found["stat_p90"] == np.percentile(x, 90) and found["stat_median"] == np.median(x)
    assert found["stat_var"] == pytest.approx(x.var(), rel=1e-12)
    assert found["stat_kurt"] == pytest.approx(stats.kurtosis(x), rel=1e-10)


def test_a_cut_out_of_a_larger_image_is_compiled_once_and_measured_the_same():
    from hybridx.radiomics.box_kernel import gather

    roi = random_roi(2, (9, 9, 9))
    first = statistics(roi)
    other = (slice(0, 5), slice(0, 5), slice(2, 8))
    statistics(Roi(roi.image[other], roi.morphology[other], roi.intensity[other], roi.spacing))
    before = len(gather.signatures)
    where = (slice(1, 7), slice(2, 8), slice(0, 8))
    part = Roi(roi.image[where], roi.morphology[where], roi.intensity[where], roi.spacing)
    copy = Roi(*(a.copy() for a in (part.image, part.morphology, part.intensity)), roi.spacing)
    assert statistics(part) == statistics(copy) != first
    assert len(gather.signatures) == before


@pytest.mark.parametrize("value", [0.0, 0.1, -1000.0])
def test_a_flat_lesion_has_no_skewness_and_no_kurtosis(value):
    found = statistics(line([value] * 7))
    missing = {tag for tag, number in found.values.items() if np.isnan(number)}
    assert missing == set(found.reasons) >= {"stat_skew", "stat_kurt"}
    assert found.values["stat_var"] == 0.0 and found.reasons["stat_skew"] == "all intensities are equal"
    assert ("stat_cov" in missing) == (value == 0)


def test_nothing_left_is_nothing_measured():
    roi = line([1.0, 2.0])
    empty = Roi(roi.image, roi.morphology, np.zeros_like(roi.intensity), roi.spacing)
    for found in (statistics(empty), volume_histogram(empty), intensity_histogram(levels_of([0, 0], 3))):
        assert all(np.isnan(v) for v in found.values.values()) and set(found.reasons) == set(found.values)


def test_the_histogram_is_that_of_the_voxels():
    rng = np.random.default_rng(0)
    x = rng.integers(1, 12, 400)
    found = intensity_histogram(levels_of(x, 14)).values
    assert found["ih_var"] == pytest.approx(x.var(), rel=1e-12)
    assert found["ih_skew"] == pytest.approx(stats.skew(x), rel=1e-9)
    for tag, share in (("ih_p10", 10), ("ih_median", 50), ("ih_p90", 90)):
        assert found[tag] == pytest.approx(np.percentile(x, share), rel=1e-12)
    counts = np.bincount(x, minlength=15)[1:]
    assert found["ih_entropy"] == pytest.approx(stats.entropy(counts, base=2), rel=1e-12)
    assert found["ih_max_grad"] == np.gradient(counts.astype(float)).max()


def test_of_equal_modes_the_one_nearest_the_mean_and_then_the_lower():
    assert intensity_histogram(levels_of([1, 1, 4, 4, 5], 5)).values["ih_mode"] == 4
    assert intensity_histogram(levels_of([1, 1, 3, 3], 3)).values["ih_mode"] == 1


def test_one_level_has_no_gradient():
    found = intensity_histogram(levels_of([1, 1, 1], 1))
    missing = {tag for tag, number in found.values.items() if np.isnan(number)}
    assert missing == set(found.reasons)
    assert missing == {"ih_skew", "ih_kurt", "ih_max_grad", "ih_max_grad_g", "ih_min_grad", "ih_min_grad_g"}
    assert found.values["ih_entropy"] == 0.0


def test_the_three_axes_of_the_volume_histogram():
    x = np.arange(101.0)
    whole = volume_histogram(line(x)).values
    assert (whole["ivh_v10"], whole["ivh_v90"]) == pytest.approx((91 / 101, 11 / 101))
    assert (whole["ivh_i10"], whole["ivh_i90"]) == (91.0, 11.0)
    assert whole["ivh_auc"] == pytest.approx(np.trapezoid((101 - x) / 101, x / 100))
    assert volume_histogram(line(x), bounds=(0.0, 200.0)).values["ivh_v90"] == 0.0
    centres = volume_histogram(line(x), width=2.5, bounds=(0.0, 100.0)).values
    assert centres["ivh_i10"] % 2.5 == 1.25  # a voxel stands for the centre of its step
    numbers = volume_histogram(line(x), count=50).values
    assert numbers["ivh_i10"] == int(numbers["ivh_i10"]) and 44 <= numbers["ivh_i10"] <= 47


def test_arbitrary_units_do_not_matter_where_steps_are_counted():
    x = np.random.default_rng(2).normal(size=300)
    assert volume_histogram(line(x), count=100) == volume_histogram(line(4.0 * x + 8.0), count=100)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"width": 1.0, "count": 10}, "give one of them"),
        ({"width": 0.0}, "not a positive number"),
        ({"width": float("nan")}, "not a positive number"),
        ({"count": 1}, "too few steps"),
        ({"width": 1e-9}, "Give a larger width"),
    ],
)
def test_impossible_axes(choice, words):
    with pytest.raises(SettingsError, match=words):
        volume_histogram(line([0.0, 1.0]), **choice)


def test_runs_hold_every_voxel_once_in_the_order_of_the_array():
    rng = np.random.default_rng(6)
    for _ in range(40):
        mask = rng.random(rng.integers(1, 9, 3)) < rng.uniform(0, 1)
        roi = Roi(rng.normal(size=mask.shape), mask, mask, (1.0, 1.0, 1.0))
        again = np.zeros_like(mask)
        for z, y, first, end in roi.runs:
            assert not again[z, y, max(first - 1, 0) : end + 1].any()  # no run goes on in the next
            again[z, y, first:end] = True
        assert np.array_equal(again, mask)
        assert np.array_equal(roi.values, roi.image[mask])


@pytest.mark.parametrize("far", [0, 1, 40, 400])
def test_percentiles_are_numpys_whatever_lies_far_out(far):
    rng = np.random.default_rng(7)
    x = rng.normal(size=4001) * 30.0
    x[:far] = rng.choice([-1.0, 1.0], far) * 10.0 ** rng.uniform(2, 9, far)
    x[far : far + 900] = np.round(x[far : far + 900])  # and many that are equal
    found = summarise(line(rng.permutation(x)))
    assert found.percentiles == tuple(np.percentile(x, [10, 25, 50, 75, 90]).tolist())
