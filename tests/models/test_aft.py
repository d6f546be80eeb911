"""Accelerated failure time: distributions as in lifelines and xgboost, curves that are curves, risks that mean it."""

import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import LogLogisticFitter, LogNormalFitter, WeibullFitter

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, InputError, SettingsError
from hybridx.models import AFTBaseline, XGBoostAFT
from hybridx.models.aft_baseline import DISTRIBUTIONS, aft_loss, log_density, log_survival
from tests.models.world import draw

TIMES = [0.0, 0.5, 1.0, 30.0, 365.0, 1e5]
XGBOOST = {"weibull": "extreme", "loglogistic": "logistic", "lognormal": "normal"}
laws = pytest.mark.parametrize("law", DISTRIBUTIONS)


def errors(law, n, rng):
    """Draw standard errors of log-time."""
    if law == "weibull":
        return np.log(rng.exponential(size=n))
    return rng.logistic(size=n) if law == "loglogistic" else rng.normal(size=n)


def censored(law, n=400, seed=0):
    rng = np.random.default_rng(seed)
    time, end = np.exp(5.5 + 0.7 * errors(law, n, rng)), rng.uniform(50, 900, size=n)
    return np.minimum(time, end), time <= end


@laws
def test_parameters_equal_lifelines(law):
    time, event = censored(law)
    ours = AFTBaseline.fit(law, time, event)
    peer = {"weibull": WeibullFitter, "loglogistic": LogLogisticFitter, "lognormal": LogNormalFitter}[law]()
    peer.fit(time, event)
    days = np.array([20.0, 100.0, 300.0, 600.0])
    np.testing.assert_allclose(
        ours.survival(np.zeros(1), days)[0], peer.survival_function_at_times(days), atol=1e-4
    )


@laws
def test_density_is_the_slope_of_survival(law):
    z = np.linspace(-6, 3, 60)
    slope = (np.exp(log_survival(law, z + 1e-6)) - np.exp(log_survival(law, z - 1e-6))) / 2e-6
    np.testing.assert_allclose(np.exp(log_density(law, z)), -slope, rtol=1e-4, atol=1e-9)


@laws
def test_loss_equals_that_of_xgboost(law):
    time, event = censored(law, 80)
    data = xgb.DMatrix(np.zeros((80, 1)))
    data.set_float_info("label_lower_bound", time)
    data.set_float_info("label_upper_bound", np.where(event, time, np.inf))
    params = {
        "objective": "survival:aft",
        "aft_loss_distribution": XGBOOST[law],
        "aft_loss_distribution_scale": 1.0,
        "base_score": 200.0,
        "eval_metric": "aft-nloglik",
    }
    theirs = float(xgb.train(params, data, num_boost_round=0).eval(data).split(":")[1])
    ours = (aft_loss(law, np.log(time / 200), 1.0, event) + np.log(time[event]).sum()) / 80
    assert ours == pytest.approx(theirs, abs=1e-4)  # xgboost sums in float32


@laws
def test_boosting_climbs_the_likelihood_that_we_score(law):
    """With one binary feature and no penalty, the two leaves end at the maximum of our own loss."""
    time, event = censored(law, 300)
    group = np.arange(300) % 2
    time = np.where(group == 1, 2 * time, time)
    null = AFTBaseline.fit(law, time, event)
    data = xgb.DMatrix(group[:, None].astype(float))
    data.set_float_info("label_lower_bound", time)
    data.set_float_info("label_upper_bound", np.where(event, time, np.inf))
    params = {
        "objective": "survival:aft",
        "aft_loss_distribution": XGBOOST[law],
        "aft_loss_distribution_scale": null.scale,
        "base_score": float(np.exp(null.location)),
        "lambda": 0,
        "learning_rate": 0.5,
        "max_depth": 1,
    }
    leaves = xgb.train(params, data, num_boost_round=60).predict(data, output_margin=True)[:2]
    for k, leaf in enumerate(leaves):
        rows = group == k
        at = [
            aft_loss(law, (np.log(time[rows]) - float(leaf) - d) / null.scale, null.scale, event[rows])
            for d in (-0.01, 0.0, 0.01)
        ]
        assert at[1] == min(at)


@laws
def test_factor_on_a_risk_is_recovered(law):
    rng = np.random.default_rng(3)
    risk = rng.normal(size=3000)
    time = np.exp(5.0 + 0.8 * (errors(law, 3000, rng) - 0.6 * risk))
    end = rng.uniform(20, 2000, size=3000)
    fit = AFTBaseline.fit(law, np.minimum(time, end), time <= end, risk)
    assert fit.slope == pytest.approx(0.6, abs=0.07)
    assert fit.location == pytest.approx(5.0, abs=0.07)
    assert fit.scale == pytest.approx(0.8, abs=0.05)
    assert AFTBaseline.fit(law, np.minimum(time, end), time <= end, -risk).slope == 0.0


@laws
def test_where_a_risk_begins_and_how_wide_it_is_do_not_matter(law):
    time, event = censored(law)
    risk = np.random.default_rng(1).normal(size=len(time)) - 0.5 * np.log(time)
    plain = AFTBaseline.fit(law, time, event, risk).survival(risk, [50, 300])
    moved = AFTBaseline.fit(law, time, event, 1e6 * risk + 4e7).survival(1e6 * risk + 4e7, [50, 300])
    np.testing.assert_allclose(moved, plain, atol=1e-5)


@given(
    law=st.sampled_from(DISTRIBUTIONS),
    location=st.floats(-3, 12),
    scale=st.floats(0.02, 20),
    slope=st.floats(0, 1.5),
    risks=st.lists(st.floats(-700, 700), min_size=1, max_size=5),
)
@settings(max_examples=150, deadline=None)
def test_curve_starts_at_one_and_falls(law, location, scale, slope, risks):
    baseline = AFTBaseline(law, location, scale, slope, last_day=500.0)
    curves = baseline.survival(np.array(risks), TIMES)
    assert np.isfinite(curves).all() and (curves >= 0).all() and (curves <= 1).all()
    assert (curves[:, 0] == 1).all() and (np.diff(curves, axis=1) <= 0).all()
    np.testing.assert_array_equal(curves[:, -1], baseline.survival(np.array(risks), [500.0])[:, 0])
    assert (np.diff(curves[np.argsort(risks)], axis=0) <= 1e-12).all()


def test_nan_stays_nan_and_impossible_times_are_refused():
    baseline = AFTBaseline("weibull", 5.0, 1.0, 1.0, 900.0)
    assert np.isnan(baseline.survival(np.array([np.nan]), [0, 10])).all()
    with pytest.raises(InputError, match="times are days >= 0"):
        baseline.survival(np.zeros(1), [-1])


@laws
def test_curves_hold_for_new_patients(law):
    X, _, _, log_hazard = draw(700, seed=2, missing=0)
    rng = np.random.default_rng(5)
    time = np.exp(5.5 + 0.8 * (errors(law, 700, rng) - log_hazard))
    y = Outcome.survival(time, np.ones(700, dtype=bool))
    model = XGBoostAFT(distribution=law, n_folds=3).fit(X[:300], y[:300])
    risk = model.predict(X[300:])
    assert np.corrcoef(risk, log_hazard[300:])[0, 1] > 0.5
    curves = model.predict_survival(X[300:], [100, 250, 600])
    for column, day in zip(curves.T, (100, 250, 600), strict=True):
        alive = time[300:] > day
        assert column.mean() == pytest.approx(alive.mean(), abs=0.07)
        worst = risk > np.quantile(risk, 0.7)
        assert column[worst].mean() == pytest.approx(alive[worst].mean(), abs=0.1)


def test_distribution_is_chosen_by_held_out_likelihood():
    rng = np.random.default_rng(1)
    X = pl.DataFrame({"pet.a": rng.normal(size=600)})
    for law in ("weibull", "lognormal"):
        time = np.exp(5 + 0.5 * errors(law, 600, rng))
        y = Outcome.survival(time, np.ones(600, dtype=bool))
        model = XGBoostAFT(distribution=None, max_depth=1, n_rounds=10, n_folds=3).fit(X, y)
        assert model.tuned_["distribution"] == law
        assert set(model.cv_["distribution"]) == set(DISTRIBUTIONS)


def test_unit_of_time_changes_curves_not_risks():
    X, y, _, _ = draw(90, seed=2)
    model = XGBoostAFT(max_depth=1, n_rounds=20).fit(X, y)
    weeks = XGBoostAFT(max_depth=1, n_rounds=20).fit(X, Outcome.survival(y.time_days / 7, y.event))
    np.testing.assert_allclose(weeks.predict(X), model.predict(X), atol=1e-4)
    np.testing.assert_allclose(
        weeks.predict_survival(X, [30 / 7]), model.predict_survival(X, [30]), atol=1e-4
    )


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"distribution": "weibul"}, "Unknown distribution 'weibul'. Did you mean 'weibull'"),
        ({"n_rounds": 0}, "n_rounds must be >= 1"),
        ({"learning_rate": 2.0}, r"None, None and 2\.0"),
        ({"learning_rate": -0.1}, r"learning_rate lie in \(0, 1\], got None, None and -0\.1"),
    ],
)
def test_impossible_settings_are_refused(given_, message):
    X, y, _, _ = draw(60)
    with pytest.raises(SettingsError, match=message):
        XGBoostAFT(**given_).fit(X, y)


def test_times_without_a_distribution_are_refused():
    with pytest.raises(
        ConvergenceError, match="weibull distribution could not be fitted to 9 times of 30 to 30 days"
    ):
        AFTBaseline.fit("weibull", np.full(9, 30.0), np.ones(9, dtype=bool))
