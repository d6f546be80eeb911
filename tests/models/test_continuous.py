"""Continuous outcomes: against scikit-learn's ridge, coverage of the interval, units and error messages."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone, is_regressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from hybridx.cohort import Outcome
from hybridx.cohort.columns import to_matrix
from hybridx.errors import NotEnoughDataError, SettingsError
from hybridx.models import ContinuousModel, XGBoostContinuous
from tests.models.world import draw, draw_other

MODELS = {"ridge": ContinuousModel(), "xgboost": XGBoostContinuous(max_depth=1, n_rounds=40)}
each = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@pytest.fixture(scope="module")
def data():
    X, _, _, truth = draw(300, seed=6)
    return X, draw_other(truth, seed=6)[1], truth


def test_coefficients_equal_scikit_learn(data):
    X, y, _ = data
    model = ContinuousModel().fit(X[:120], y[:120])
    prepared = model.preparation_.transform_matrix(to_matrix(X[:120], model.columns_))
    peer = Ridge(alpha=model.penalty_).fit(prepared, y.value[:120])
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-8)
    assert model.intercept_ == pytest.approx(peer.intercept_, abs=1e-8)


def test_more_columns_than_patients_too():
    rng = np.random.default_rng(0)
    X = pl.DataFrame({f"deep.x{j}": rng.normal(size=40) for j in range(120)})
    y = Outcome.continuous(X["deep.x0"].to_numpy() * 3 + rng.normal(size=40))
    model = ContinuousModel(prior_r2=0.5, correlation=None).fit(X, y)
    prepared = model.preparation_.transform_matrix(to_matrix(X, model.columns_))
    np.testing.assert_allclose(model.coef_, Ridge(alpha=120.0).fit(prepared, y.value).coef_, atol=1e-8)


def test_the_penalty_is_the_one_with_the_least_held_out_error(data):
    X, y, _ = data
    model = ContinuousModel().fit(X[:120], y[:120])
    table = model.cv_.sort("mean_squared_error")
    assert model.tuned_["prior_r2"] == table["prior_r2"][0]
    share = model.tuned_["prior_r2"]
    assert model.penalty_ == pytest.approx(len(model.coef_) * (1 - share) / share)
    assert table["mean_squared_error"][0] == pytest.approx(np.mean(model.residuals_**2))


@each
def test_another_unit_of_the_outcome_gives_the_same_model_in_that_unit(model, data):
    X, y, _ = data
    other = Outcome.continuous(y.value[:120] * 8 + 1000, unit="‰")
    a, b = clone(model).fit(X[:120], y[:120]), clone(model).fit(X[:120], other)
    # xgboost computes in single precision
    np.testing.assert_allclose(
        b.predict(X), a.predict(X) * 8 + 1000, rtol=1e-9 if model is MODELS["ridge"] else 1e-4
    )
    assert (a.unit_, b.unit_) == ("%", "‰")


@each
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_intervals_hold_new_patients_as_often_as_they_say(model, level):
    held = []
    for seed in range(8):
        X, _, _, truth = draw(260, seed=seed + 20)
        y = draw_other(truth, seed=seed)[1]
        low, high = clone(model).fit(X[:100], y[:100]).predict_interval(X[100:], level).T
        assert (low < high).all()
        held.append(np.mean((low <= y.value[100:]) & (y.value[100:] <= high)))
    # 8 cohorts of 100 training patients: the mean has a standard error of about 0.015
    assert np.mean(held) == pytest.approx(level, abs=0.05)


def test_skewed_errors_give_a_skewed_interval():
    rng = np.random.default_rng(0)
    X = pl.DataFrame({"lab.a": rng.normal(size=400)})
    y = Outcome.continuous(X["lab.a"].to_numpy() + rng.exponential(3, size=400))
    model = ContinuousModel().fit(X, y)
    low, high = (model.predict_interval(X) - model.predict(X)[:, None])[0]
    assert high > 1.5 * -low > 0


def test_impossible_intervals_are_refused_with_the_count(data):
    X, y, _ = data
    model = ContinuousModel().fit(X[:40], y[:40])
    assert model.predict_interval(X, 0.95).shape == (300, 2)
    with pytest.raises(
        NotEnoughDataError, match=r"A 0.99 interval needs at least 199 training patients; .* has 40"
    ):
        model.predict_interval(X, 0.99)
    enough = ContinuousModel().fit(X[:199], y[:199]).predict_interval(X, 0.99)
    assert np.isfinite(enough).all()
    for level in (0.0, 1.0, 90):
        with pytest.raises(SettingsError, match=f"between 0 and 1, for example 0.9, got {level}"):
            model.predict_interval(X, level)


@each
def test_predictions_follow_the_outcome_and_score_is_r2(model, data):
    X, y, truth = data
    fitted = clone(model).fit(X[:150], y[:150])
    predicted = fitted.predict(X[150:])
    assert np.corrcoef(predicted, truth[150:])[0, 1] > 0.5
    rest = y.value[150:]
    r2 = 1 - np.sum((rest - predicted) ** 2) / np.sum((rest - rest.mean()) ** 2)
    assert fitted.score(X[150:], y[150:]) == pytest.approx(r2)
    assert fitted.score(X[150:], rest) == pytest.approx(r2)
    assert is_regressor(fitted)


def test_plain_numbers_are_values_and_searches_work(data):
    X, y, _ = data
    a, b = ContinuousModel().fit(X[:100], y[:100]), ContinuousModel().fit(X[:100], y.value[:100])
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    search = GridSearchCV(ContinuousModel(), {"prior_r2": [0.05, 0.5]}, cv=3)
    assert search.fit(X.to_pandas(), y).best_score_ > 0.1


@each
def test_too_few_patients_or_one_value_are_refused(model, data):
    X, y, _ = data
    name = type(model).__name__
    with pytest.raises(NotEnoughDataError, match=rf"{name} needs at least 10 patients who differ .*got 9\."):
        clone(model).fit(X[:9], y[:9])
    with pytest.raises(NotEnoughDataError, match="got 50, all with one value"):
        clone(model).fit(X[:50], Outcome.continuous(np.full(50, 3.0)))


@pytest.mark.parametrize("share", [0.0, 1.0, -1, 30])
def test_impossible_settings_are_refused(share, data):
    with pytest.raises(SettingsError, match=f"prior_r2 is a share between 0 and 1.*got {share}"):
        ContinuousModel(prior_r2=share).fit(data[0], data[1])
