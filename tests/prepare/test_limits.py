"""Values far outside what training saw count as the farthest value that is known; training values stay as they are."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridx.errors import SettingsError
from hybridx.prepare import MedianImputer, Preparation, RangeLimit, Standardizer, VarianceFilter
from hybridx.prepare.limits import MARGIN, range_limits

VALUES = st.floats(-1e12, 1e12, allow_subnormal=False) | st.just(np.nan)


@given(arrays(np.float64, (9, 3), elements=VALUES), st.floats(0.0, 5.0))
def test_training_values_stay_to_the_bit(matrix, margin):
    step = RangeLimit(margin).fit_matrix(matrix, ["a.x", "a.y", "a.z"])
    np.testing.assert_array_equal(step.transform_matrix(matrix), matrix)


@given(arrays(np.float64, (9, 2), elements=st.floats(-1e6, 1e6)), arrays(np.float64, (5, 2), elements=VALUES))
def test_new_values_end_at_the_limit_and_nothing_is_invented(matrix, new):
    step = RangeLimit().fit_matrix(matrix, ["a.x", "a.y"])
    result = step.transform_matrix(new)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(new))
    low, high = matrix.min(axis=0) - matrix.std(axis=0), matrix.max(axis=0) + matrix.std(axis=0)
    np.testing.assert_allclose(result, np.clip(new, low, high), rtol=1e-9, atol=1e-6)


def test_columns_without_values_limit_nothing():
    low, high = range_limits(np.array([[np.nan, 1.0], [np.nan, 3.0]]))
    assert low.tolist() == [-np.inf, 0.0] and high.tolist() == [np.inf, 4.0]


def test_preparation_is_the_same_with_and_without_on_training_patients():
    rng = np.random.default_rng(0)
    matrix = np.exp(2.0 * rng.normal(size=(60, 8)))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    names = [f"pet.x{j}" for j in range(8)]
    step = Preparation(tails=False).fit_matrix(matrix, names)
    bare = matrix
    for part in (VarianceFilter(), MedianImputer(), Standardizer()):
        bare = part.fit_matrix(bare, names).transform_matrix(bare)
    np.testing.assert_array_equal(step.transform_matrix(matrix), bare)


def test_prepared_values_of_new_patients_stay_within_the_margin():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(80, 4)) * [1, 10, 1e4, 1e-6]
    step = Preparation(tails=False).fit_matrix(matrix, [f"lab.x{j}" for j in range(4)])
    known = step.transform_matrix(matrix)
    absurd = step.transform_matrix(np.full((1, 4), 1e300))
    np.testing.assert_allclose(absurd[0], known.max(axis=0) + MARGIN, rtol=1e-12)


def test_frames_keep_their_columns():
    X = pl.DataFrame({"patient_id": ["a", "b"], "lab.ldh": [200.0, 300.0], "lab.measured": [True, True]})
    new = RangeLimit(0.0).fit(X).transform(X.with_columns(pl.Series("lab.ldh", [None, 9e9])))
    assert new.columns == X.columns and new["lab.ldh"].to_list() == [None, 300.0]


def test_margin_is_checked():
    with pytest.raises(SettingsError, match="margin is a number of standard deviations >= 0, got -1"):
        RangeLimit(-1).fit_matrix(np.ones((3, 1)), ["a.x"])
