"""The preparation steps: names and rows kept, learnt on the training rows only, said what was dropped."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from hybridx.errors import InputError, SettingsError
from hybridx.prepare import CorrelationFilter, MedianImputer, Preparation, Standardizer, VarianceFilter
from tests.models.world import draw

STEPS = [
    MedianImputer(),
    VarianceFilter(),
    CorrelationFilter(0.7),
    CorrelationFilter(0.7, method="spearman"),
    Standardizer(),
    Preparation(correlation=0.7),
]
NAMES = [type(step).__name__ for step in STEPS]


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
@pytest.mark.parametrize("table", ["polars", "pandas"])
def test_rows_and_other_columns_stay(step, table):
    X, *_ = draw(60)
    given_table = X if table == "polars" else X.to_pandas()
    out = clone(step).fit(given_table).transform(given_table)
    assert out["patient_id"].to_list() == X["patient_id"].to_list()
    assert out["pet.measured"].to_list() == X["pet.measured"].to_list()
    features = [c for c in out.columns if "." in c and not c.endswith(".measured")]
    assert features == list(clone(step).fit(X).get_feature_names_out())
    assert out.equals(clone(step).fit(X).transform(X))


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_learns_from_training_rows_only(step):
    X, *_ = draw(60)
    fitted = clone(step).fit(X[:40])
    first = fitted.transform(X[:40])
    damaged = X[40:].with_columns(pl.col("pet.x0") * 1e6, pl.lit(None, dtype=pl.Float64).alias("lab.x1"))
    fitted.transform(damaged)
    assert fitted.transform(X[:40]).equals(first)


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_row_order_does_not_matter(step):
    X, *_ = draw(60)
    order = np.random.default_rng(1).permutation(60)
    straight = clone(step).fit(X).transform(X)[order]
    shuffled = clone(step).fit(X[order]).transform(X[order])
    assert straight.columns == shuffled.columns
    a, b = (t.select(pl.col(pl.Float64)).to_numpy() for t in (straight, shuffled))
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_steps_chain_in_a_pipeline():
    X, *_ = draw(60)
    out = make_pipeline(MedianImputer(), CorrelationFilter(0.5), Standardizer()).fit_transform(X)
    numbers = out.select(pl.col(pl.Float64)).to_numpy()
    np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(numbers.std(axis=0), 1, atol=1e-10)


def test_imputer_drops_what_nobody_has_and_says_so():
    X = pl.DataFrame({"lab.a": [1.0, None, 3.0], "lab.b": pl.Series([None] * 3, dtype=pl.Float64)})
    step = MedianImputer().fit(X)
    assert step.transform(X).to_dict(as_series=False) == {"lab.a": [1.0, 2.0, 3.0]}
    assert step.dropped_ == {"lab.b": "missing in every training patient"}
    # a value that turns up later does not bring the column back
    later = X.with_columns(pl.lit(7.0).alias("lab.b"))
    assert step.transform(later).columns == ["lab.a"]


def test_variance_filter_reasons():
    X = pl.DataFrame(
        {
            "pet.constant": [0.1 + 0.2] * 4,
            "pet.rounding": [1e9, 1e9 + 1e-7, 1e9, 1e9],
            "pet.sparse": [1.0, None, None, None],
            "pet.kept": [1.0, 2.0, None, 4.0],
        }
    )
    step = VarianceFilter(max_missing=0.5).fit(X)
    assert step.dropped_ == {
        "pet.constant": "one value in all training patients",
        "pet.rounding": "one value in all training patients",
        "pet.sparse": "missing in 75 % of training patients",
    }


def test_correlation_filter_names_the_representative_whatever_the_column_order():
    rng = np.random.default_rng(0)
    core, other = rng.normal(size=(2, 80))
    near = {f"ct.n{i}": core + 0.15 * rng.normal(size=80) for i in range(4)}
    X = pl.DataFrame({"ct.core": core, "ct.other": other, **near})
    step = CorrelationFilter(0.95).fit(X)
    assert step.stands_for_ == {"ct.core": ["ct.n0", "ct.n1", "ct.n2", "ct.n3"]}
    assert step.dropped_["ct.n2"] == "|r| > 0.95 with ct.core"
    backwards = CorrelationFilter(0.95).fit(X.select(reversed(X.columns)))
    assert backwards.stands_for_ == step.stands_for_


def test_spearman_sees_a_monotone_copy_that_pearson_misses():
    x = np.linspace(0, 8, 50)
    X = pl.DataFrame({"ct.a": x, "ct.b": np.exp(x)})
    assert CorrelationFilter(0.95).fit(X).dropped_ == {}
    assert list(CorrelationFilter(0.95, method="spearman").fit(X).dropped_) == ["ct.b"]


@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=3, max_size=30),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e3, 1e3),
)
@settings(max_examples=60, deadline=None)
def test_preparation_ignores_the_unit(values, scale, shift):
    known = [v for v in values if v is not None]
    spread = max(known, default=0.0) - min(known, default=0.0)
    if len(known) < 2 or spread < 1e-3 * (1 + max(map(abs, known))):
        return
    X = pl.DataFrame({"lab.a": pl.Series(values, dtype=pl.Float64)})
    other = X.with_columns(pl.col("lab.a") * scale + shift)
    a = Preparation(max_missing=1.0).fit(X).transform(X)["lab.a"].to_numpy()
    b = Preparation(max_missing=1.0).fit(other).transform(other)["lab.a"].to_numpy()
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_absent_column_is_named():
    X, *_ = draw(30)
    fitted = Standardizer().fit(X)
    with pytest.raises(
        InputError, match=r"Standardizer was fitted on 1 columns that this table lacks: pet\.x3"
    ):
        fitted.transform(X.drop("pet.x3"))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (VarianceFilter(max_missing=2), r"max_missing must lie in \[0, 1\]"),
        (CorrelationFilter(0.0), r"threshold must lie in \(0, 1\]"),
        (CorrelationFilter(method="kendall"), "'pearson' or 'spearman'"),
    ],
)
def test_impossible_settings_are_refused(step, message):
    with pytest.raises(SettingsError, match=message):
        step.fit(draw(30)[0])


def test_no_rows_and_no_names_are_refused():
    with pytest.raises(InputError, match="at least one row"):
        Standardizer().fit(draw(30)[0][:0])
    with pytest.raises(InputError, match="never by position"):
        Standardizer().fit(np.zeros((3, 2)))
