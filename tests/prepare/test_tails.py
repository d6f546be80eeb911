"""Heavy tails are drawn in, normal columns are left alone."""

import numpy as np
import pytest

from hybridx.errors import SettingsError
from hybridx.prepare import Preparation, TailCompressor
from hybridx.prepare.scale import Standardizer


def _columns(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(5, 2, n), rng.lognormal(0, 1.5, n), rng.uniform(-1, 1, n)])


def test_only_heavy_columns_are_compressed():
    matrix = _columns()
    step = TailCompressor().fit_matrix(matrix, ["a.normal", "a.lognormal", "a.uniform"])
    assert step.heavy_.tolist() == [False, True, False]
    out = step.transform_matrix(matrix)
    np.testing.assert_array_equal(out[:, [0, 2]], matrix[:, [0, 2]])
    z = (matrix[:, 1] - matrix[:, 1].mean()) / matrix[:, 1].std()
    np.testing.assert_allclose(3 * np.sinh(out[:, 1] / 3), z, rtol=1e-10, atol=1e-12)


def test_units_do_not_matter_and_order_is_kept():
    matrix = _columns()[:, [1]]
    first = TailCompressor().fit_matrix(matrix, ["a.x"]).transform_matrix(matrix)
    second = TailCompressor().fit_matrix(1000 * matrix + 7, ["a.x"]).transform_matrix(1000 * matrix + 7)
    np.testing.assert_allclose(first, second, atol=1e-9)
    assert (np.diff(first[np.argsort(matrix[:, 0]), 0]) >= 0).all()


def test_missing_values_stay_missing_and_count_for_nothing():
    matrix = _columns()
    holes = matrix.copy()
    holes = np.vstack([holes, np.full((50, 3), np.nan)])
    full, gaps = (TailCompressor().fit_matrix(m, ["a.x", "a.y", "a.z"]) for m in (matrix, holes))
    np.testing.assert_allclose(full.mean_, gaps.mean_)
    np.testing.assert_array_equal(full.heavy_, gaps.heavy_)
    assert np.isnan(gaps.transform_matrix(holes)[-50:]).all()


def test_constant_columns_and_flags_come_through():
    flags = np.zeros((200, 2))
    flags[:3, 1] = 1.0  # a rare flag has heavy tails, but two values stay two values
    step = TailCompressor().fit_matrix(flags, ["a.none", "a.rare"])
    out = Standardizer().fit_matrix(step.transform_matrix(flags), ["a.none", "a.rare"])
    plain = Standardizer().fit_matrix(flags, ["a.none", "a.rare"])
    np.testing.assert_allclose(
        out.transform_matrix(step.transform_matrix(flags)), plain.transform_matrix(flags), atol=1e-9
    )


def test_a_preparation_is_ruled_less_by_its_extreme_patients():
    matrix, names = _columns()[:, [1]], ["a.x"]
    plain = Preparation(tails=False).fit_matrix(matrix, names).transform_matrix(matrix)
    tamed = Preparation().fit_matrix(matrix, names).transform_matrix(matrix)
    share = [float(np.sort(z[:, 0] ** 2)[-8:].sum() / (z**2).sum()) for z in (plain, tamed)]
    assert share[1] < 0.85 * share[0]


def test_impossible_kurtosis_is_refused():
    with pytest.raises(SettingsError, match="excess kurtosis > -2, got -3"):
        TailCompressor(-3).fit_matrix(_columns(), ["a.x", "a.y", "a.z"])
    with pytest.raises(SettingsError, match="standard deviations > 0, got 0"):
        TailCompressor(knee=0).fit_matrix(_columns(), ["a.x", "a.y", "a.z"])
