"""Weibull regression: lifelines' coefficients, a known penalty, a guard where features outnumber patients."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import WeibullAFTFitter
from scipy.optimize import minimize

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, SettingsError
from hybridx.models import WeibullAFT, weibull_aft
from tests.models.world import draw


def world(n=150, p=4, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    time = 300 * (rng.exponential(size=n) * np.exp(-0.8 * x[:, 0] + 0.4 * x[:, 1])) ** (1 / 1.6)
    end = rng.uniform(30, 900, size=n)
    y = Outcome.survival(np.minimum(time, end), time <= end)
    return pl.DataFrame({f"lab.x{j}": x[:, j] for j in range(p)}), y


def test_without_penalty_equals_lifelines():
    X, y = world()
    model = WeibullAFT(prior_sd=1e4).fit(X, y)
    table = X.to_pandas().assign(time=y.time_days / 100, event=y.event)
    peer = WeibullAFTFitter().fit(table, "time", "event")
    rho = np.exp(peer.params_["rho_"]["Intercept"])
    hazards = -rho * peer.params_["lambda_"].drop("Intercept").to_numpy() * X.to_numpy().std(axis=0)
    np.testing.assert_allclose(model.coef_, hazards, atol=1e-3)
    curves = model.predict_survival(X[:10], [100, 300])
    theirs = peer.predict_survival_function(table[:10], times=[1, 3]).to_numpy().T
    np.testing.assert_allclose(curves, theirs, atol=1e-3)


def test_penalty_is_the_one_of_the_docstring():
    X, y = world(n=80, p=6, seed=1)
    prior_sd = 0.3
    model = WeibullAFT(prior_sd=prior_sd, correlation=None).fit(X, y)
    Z = (X.to_numpy() - X.to_numpy().mean(axis=0)) / X.to_numpy().std(axis=0)

    def objective(theta):
        rate, shift, b = np.exp(theta[0]), theta[1], theta[2:]  # b: log-time per SD
        z = rate * (np.log(y.time_days) - 5 - shift - Z @ b)
        loss = -np.sum(np.where(y.event, z + np.log(rate), 0) - np.exp(z))
        return loss + 0.5 * 6 / prior_sd**2 * np.sum(b**2)

    best = minimize(objective, np.zeros(8), method="BFGS", options={"gtol": 1e-5}).x
    np.testing.assert_allclose(model.coef_, -np.exp(best[0]) * best[2:], atol=2e-3)
    assert 1 / model.baseline_.scale == pytest.approx(np.exp(best[0]), rel=2e-3)


def test_more_features_than_patients():
    rng = np.random.default_rng(2)
    n, p = 90, 400
    factor = rng.normal(size=n)
    x = 0.8 * factor[:, None] + rng.normal(size=(n, p))
    time = rng.exponential(size=n) * np.exp(-factor) * 300 + 1
    X = pl.DataFrame({f"pet.x{j}": x[:, j] for j in range(p)})
    y = Outcome.survival(time, rng.random(n) < 0.7)
    model = WeibullAFT(prior_sd=0.6, correlation=None).fit(X[:60], y[:60])
    assert model.coef_.shape == (400,)
    assert np.corrcoef(model.predict(X[60:]), factor[60:])[0, 1] > 0.8
    # coefficients live in the span of the components: no more of them than the guard allows
    assert WeibullAFT(prior_sd=0.6, max_components=3).fit(X[:60], y[:60]).score(X[60:], y[60:]) > 0.6


def test_guard_does_nothing_where_columns_are_few():
    X, y = world(p=5)
    whole = WeibullAFT(prior_sd=0.5, max_components=5).fit(X, y)
    np.testing.assert_allclose(WeibullAFT(prior_sd=0.5).fit(X, y).coef_, whole.coef_, atol=1e-12)
    # all components are the columns turned: the penalty does not see the turn
    components = weibull_aft._components
    try:
        weibull_aft._components = lambda M, _k: np.linalg.svd(M, full_matrices=False)[2].T
        turned = WeibullAFT(prior_sd=0.5).fit(X, y)
    finally:
        weibull_aft._components = components
    np.testing.assert_allclose(turned.coef_, whole.coef_, atol=1e-3)


def test_unit_of_time_changes_nothing_but_the_location():
    X, y = world()
    days = WeibullAFT(prior_sd=0.4).fit(X, y)
    years = WeibullAFT(prior_sd=0.4).fit(X, Outcome.survival(y.time_days / 365.25, y.event))
    np.testing.assert_allclose(years.coef_, days.coef_, atol=1e-6)
    assert days.baseline_.location - years.baseline_.location == pytest.approx(np.log(365.25), abs=1e-6)


@pytest.mark.slow  # dozens of fits
def test_penalty_is_chosen_by_held_out_likelihood():
    X, y = world()
    noise = X.select("lab.x2", "lab.x3")
    assert WeibullAFT(n_folds=2).fit(noise, y).tuned_["prior_sd"] == 0.05
    assert WeibullAFT(n_folds=2).fit(X, y).tuned_["prior_sd"] >= 0.6


def test_failures_are_named(monkeypatch):
    X, y = world()
    with pytest.raises(SettingsError, match="prior_sd is a standard deviation > 0"):
        WeibullAFT(prior_sd=0).fit(X, y)
    with pytest.raises(SettingsError, match="max_components >= 1"):
        WeibullAFT(max_components=0).fit(X, y)
    monkeypatch.setattr(WeibullAFTFitter, "_scipy_fit_options", {"maxiter": 1})
    with pytest.raises(
        ConvergenceError, match="Weibull regression of 150 patients on 4 columns did not converge"
    ):
        WeibullAFT(prior_sd=0.5).fit(X, y)


def test_a_setting_that_does_not_converge_is_passed_over(monkeypatch):
    X, y = world(n=80)
    plain = weibull_aft._lifelines

    def fussy(table, penalty):
        if penalty[0] < 0.1:  # the two widest priors
            msg = "did not converge"
            raise ConvergenceError(msg)
        return plain(table, penalty)

    monkeypatch.setattr(weibull_aft, "_lifelines", fussy)
    model = WeibullAFT(n_folds=2).fit(X, y)
    found = np.isfinite(model.cv_["loss"].to_numpy())
    assert found.any() and not found.all()
    assert found[model.cv_["prior_sd"].to_list().index(model.tuned_["prior_sd"])]
    monkeypatch.setattr(WeibullAFTFitter, "_scipy_fit_options", {"maxiter": 1})
    with pytest.raises(ConvergenceError, match="did not converge"):
        WeibullAFT(n_folds=2).fit(X, y)


def test_doubts_of_lifelines_are_errors(monkeypatch):
    from lifelines import exceptions

    def doubtful(self, *args, **kwargs):
        import warnings

        warnings.warn("the variance is negative", exceptions.StatisticalWarning, stacklevel=2)

    monkeypatch.setattr(WeibullAFTFitter, "fit", doubtful)
    X, y = world()
    with pytest.raises(ConvergenceError, match="the variance is negative"):
        WeibullAFT(prior_sd=0.5).fit(X, y)


def test_delayed_entry_equals_lifelines():
    X, y = world(n=400)
    entry = np.where(np.arange(400) % 2 == 0, 0.0, y.time_days * 0.6)
    late = Outcome.survival(y.time_days, y.event, entry_days=entry)
    model = WeibullAFT(prior_sd=1e4).fit(X, late)
    table = X.to_pandas().assign(time=y.time_days / 100, event=y.event, entry=entry / 100)
    peer = WeibullAFTFitter().fit(table, "time", "event", entry_col="entry")
    rho = np.exp(peer.params_["rho_"]["Intercept"])
    hazards = -rho * peer.params_["lambda_"].drop("Intercept").to_numpy() * X.to_numpy().std(axis=0)
    np.testing.assert_allclose(model.coef_, hazards, atol=1e-3)
    assert np.abs(model.coef_ - WeibullAFT(prior_sd=1e4).fit(X, y).coef_).max() > 0.02
    chosen = WeibullAFT(n_folds=2).fit(X, late)
    assert np.isfinite(chosen.cv_["loss"].to_numpy()).all() and chosen.tuned_["prior_sd"] >= 0.6


def test_pandas_stays_at_the_door():
    X, y, _, _ = draw(80)
    model = WeibullAFT(prior_sd=0.5).fit(X, y)
    assert not any(isinstance(v, pd.DataFrame | pd.Series | WeibullAFTFitter) for v in vars(model).values())
