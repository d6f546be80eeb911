"""Boosted Cox regression: scikit-survival's own numbers, chosen length, calibrated curves."""

import numpy as np
import polars as pl
import pytest
from sksurv.ensemble import ComponentwiseGradientBoostingSurvivalAnalysis, GradientBoostingSurvivalAnalysis

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, HybridxWarning, SettingsError
from hybridx.models import GradientBoostedCox
from hybridx.models.held_out_score import cox_slope
from tests.models.world import draw


@pytest.fixture(scope="module")
def data():
    X, y, _, _ = draw(160, seed=4)
    return X, y


def in_its_own_order(model, X, y):
    """Return what the model was fitted on: prepared rows, events first, by time, then by patient."""
    order = np.lexsort((X["patient_id"].to_numpy().astype(str), y.time_days, ~y.event))
    matrix = X.select(model.columns_).to_numpy()[order]
    return model.preparation_.transform_matrix(matrix.astype(float)), y[order].to_array()


def test_trees_equal_scikit_survival(data):
    X, y = data
    model = GradientBoostedCox(max_depth=2, n_rounds=30, random_state=7).fit(X[:110], y[:110])
    prepared, records = in_its_own_order(model, X[:110], y[:110])
    peer = GradientBoostingSurvivalAnalysis(
        learning_rate=0.1,
        n_estimators=30,
        max_depth=2,
        min_samples_leaf=10,
        min_samples_split=20,
        subsample=0.8,
        max_features=max(1, round(0.3 * prepared.shape[1])),
        random_state=7,
    ).fit(prepared, records)
    new = model.preparation_.transform_matrix(X[110:].select(model.columns_).to_numpy().astype(float))
    np.testing.assert_allclose(model.predict(X[110:]), peer.predict(new), atol=1e-9)


def test_linear_equals_scikit_survival(data):
    X, y = data
    model = GradientBoostedCox(learner="linear", n_rounds=50).fit(X[:110], y[:110])
    prepared, records = in_its_own_order(model, X[:110], y[:110])
    peer = ComponentwiseGradientBoostingSurvivalAnalysis(
        learning_rate=0.1, n_estimators=50, random_state=0
    ).fit(prepared, records)
    np.testing.assert_allclose(
        model.coef_, peer.coef_.iloc[1:] if hasattr(peer.coef_, "iloc") else peer.coef_[1:]
    )
    assert 0 < np.count_nonzero(model.coef_) < len(model.coef_)


def test_length_is_chosen_on_held_out_patients(data):
    X, y = data
    noise = [c for c in X.columns if c.startswith("lab.x")]
    short = GradientBoostedCox(columns=noise).fit(X, y)
    long = GradientBoostedCox(learner="linear").fit(X, y)
    assert short.tuned_["n_rounds"] <= 10 < long.tuned_["n_rounds"]
    assert long.cv_.sort("loss")["n_rounds"][0] == long.tuned_["n_rounds"]
    assert set(short.cv_["max_depth"]) == {1, 2} and set(long.tuned_) == {"n_rounds"}


def test_overfitted_margins_are_drawn_together_in_curves(data):
    X, y = data
    wild = GradientBoostedCox(max_depth=4, n_rounds=300, learning_rate=0.5, min_leaf=2).fit(X[:110], y[:110])
    assert wild.calibration_slope_ < 0.5
    noise = GradientBoostedCox(columns=["lab.x0"], max_depth=3, n_rounds=200).fit(X[:110], y[:110])
    curves = noise.predict_survival(X[110:], [300])
    assert np.ptp(curves) < 0.5 * np.ptp(1 / (1 + np.exp(noise.predict(X[110:]))))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learner": "trees"}, "Unknown learner 'trees'. Did you mean 'tree'"),
        ({"n_rounds": 0}, "n_rounds and min_leaf must be >= 1"),
        ({"max_depth": -1}, "must be >= 1"),
        ({"learning_rate": 0.0}, r"learning_rate lie in \(0, 1\]"),
        ({"learning_rate": 1.5}, r"learning_rate lie in \(0, 1\]"),
    ],
)
def test_impossible_settings_are_refused(settings, message, data):
    with pytest.raises(SettingsError, match=message):
        GradientBoostedCox(**settings).fit(*data)


def test_delayed_entry_is_not_used_and_said(data):
    X, y = data
    late = Outcome.survival(y.time_days, y.event, entry_days=y.time_days / 2)
    with pytest.warns(HybridxWarning, match="entry_days"):
        GradientBoostedCox(max_depth=1, n_rounds=5).fit(X, late)


def test_slope_of_a_held_out_score_is_recovered():
    rng = np.random.default_rng(0)
    n = 4000
    score = rng.normal(size=n) * 5
    for slope in (0.1, 0.3):
        time = rng.exponential(size=n) * np.exp(-slope * score) * 100
        y = Outcome.survival(time + 1e-3, rng.random(n) < 0.8)
        assert cox_slope(y, score) == pytest.approx(slope, rel=0.1)
        assert cox_slope(y, -score) == 0.0
        assert cox_slope(y, np.full(n, 3.0)) == 0.0


def test_few_events_that_rank_perfectly_leave_the_slope_finite():
    y = Outcome.survival(np.arange(1.0, 41), np.arange(40) < 5)
    assert cox_slope(y, -np.arange(40.0)) * np.std(np.arange(40.0)) < 6


def test_a_table_of_one_column_is_enough(data):
    _, y = data
    X = pl.DataFrame({"lab.a": np.random.default_rng(0).normal(size=160)})
    for learner in ("tree", "linear"):
        assert np.isfinite(GradientBoostedCox(learner=learner).fit(X, y).predict(X)).all()


@pytest.mark.parametrize("learner", ["linear", "tree"])
def test_boosting_that_runs_away_is_named(learner):
    X = pl.DataFrame({"lab.a": np.linspace(-1, 1, 60)})
    y = Outcome.survival(np.arange(60.0)[::-1] + 1, np.ones(60, dtype=bool))  # perfectly ranked
    model = GradientBoostedCox(
        learner=learner, learning_rate=1.0, n_rounds=200, max_depth=4, min_leaf=1, n_folds=2
    )
    with pytest.raises(ConvergenceError, match=r"ran away in 200 rounds with learning_rate 1\.0 \(overflow"):
        model.fit(X, y)
