"""Every metric against a second package, with ties, heavy censoring and an all-censored tail."""

import re

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sksurv import metrics as peer

from hybridx.cohort import Outcome
from hybridx.errors import InputError
from hybridx.evaluate import metrics
from hybridx.evaluate.accuracy import brier_t_values
from hybridx.evaluate.calibration import ici_values, observed_expected_values, slope_values
from hybridx.evaluate.compare import paired_difference
from hybridx.evaluate.discrimination import auc_t_values, harrell_values, uno_values
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment, metric_named
from hybridx.evaluate.weighted_km import kaplan_meier, survival_curves

FAST = {"resamples": 100}
WORLDS = ["continuous", "tied times", "tied risks", "censored tail"]


def world(kind, n=90, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, censored = 500 * rng.exponential(size=n) * np.exp(-x), rng.uniform(30, 1500, size=n)
    observed, event = np.minimum(time, censored) + 1, time <= censored
    risk = x + rng.normal(size=n)
    if kind == "tied times":
        observed = np.ceil(observed / 60) * 60
    if kind == "tied risks":
        risk = risk.round(0)
    if kind == "censored tail":
        event &= observed < np.quantile(observed, 0.6)
    survival = np.exp(-np.outer(np.exp(x), np.arange(60, 660, 60) / 500))
    return Outcome.survival(observed, event), risk, survival, np.arange(60.0, 660.0, 60.0)


@pytest.mark.parametrize("kind", WORLDS)
def test_harrell_c(kind):
    y, risk, _, _ = world(kind)
    expected = peer.concordance_index_censored(y.event, y.time_days, risk)[0]
    assert metrics.harrell_c(y, risk, **FAST).value == pytest.approx(expected, abs=1e-12)
    if kind != "tied times":  # lifelines counts pairs of events on one day, scikit-survival does not
        assert expected == pytest.approx(concordance_index(y.time_days, -risk, y.event), abs=1e-12)


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("tau", [None, 400.0])
def test_uno_c(kind, tau):
    y, risk, _, _ = world(kind)
    expected = peer.concordance_index_ipcw(y.to_array(), y.to_array(), risk, tau=tau)[0]
    assert metrics.uno_c(y, risk, tau_days=tau, **FAST).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", WORLDS)
def test_auc_t(kind):
    y, risk, _, _ = world(kind)
    expected = peer.cumulative_dynamic_auc(y.to_array(), y.to_array(), risk, [150, 400])[0]
    found = [metrics.auc_t(y, risk, t, **FAST).value for t in (150, 400)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("kind", WORLDS)
def test_brier_and_its_integral(kind):
    y, _, survival, times = world(kind)
    _, expected = peer.brier_score(y.to_array(), y.to_array(), survival, times)
    panel = Panel.single(y, survival=survival, times=times)
    np.testing.assert_allclose(brier_t_values(panel, np.ones((1, 90)), times)[0], expected, atol=1e-12)
    integral = peer.integrated_brier_score(y.to_array(), y.to_array(), survival, times)
    assert metrics.ibs(y, survival, times, **FAST).value == pytest.approx(integral, abs=1e-12)
    assert metrics.brier_t(y, survival[:, 3], times[3], **FAST).value == pytest.approx(expected[3], abs=1e-12)


def test_response_metrics():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, size=120).round(2)
    label = (rng.uniform(size=120) < p).astype(float)
    y = Outcome.response(label)
    assert metrics.roc_auc(y, p, **FAST).value == pytest.approx(roc_auc_score(label, p), abs=1e-12)
    assert metrics.brier(y, p, **FAST).value == pytest.approx(brier_score_loss(label, p), abs=1e-12)
    assert metrics.observed_expected(y, p, **FAST).value == pytest.approx(label.mean() / p.mean(), abs=1e-12)
    logit = np.log(p / (1 - p))[:, None]
    expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit, label).coef_[0, 0]
    assert metrics.calibration_slope(y, p, **FAST).value == pytest.approx(expected, abs=1e-5)


def test_survival_calibration_against_lifelines():
    y, _, survival, times = world("continuous")
    s, horizon = survival[:, 5], times[5]
    km = KaplanMeierFitter().fit(y.time_days, y.event)
    observed = 1 - float(km.predict(horizon))
    found = metrics.observed_expected(y, s, horizon, **FAST)
    assert found.value == pytest.approx(observed / (1 - s).mean(), abs=1e-12)
    table = pd.DataFrame(
        {
            "x": np.log(-np.log(np.clip(s, 1e-4, 1 - 1e-4))),
            "t": np.minimum(y.time_days, horizon),
            "e": y.event & (y.time_days <= horizon),
        }
    )
    slope = CoxPHFitter().fit(table, "t", "e").params_["x"]  # no tied events here: Efron is Breslow
    assert metrics.calibration_slope(y, s, horizon, **FAST).value == pytest.approx(slope, abs=1e-5)


def test_kaplan_meier_and_its_interval():
    y, *_ = world("tied times")
    times, survival, low, high = kaplan_meier(y.time_days, y.event)
    km = KaplanMeierFitter().fit(y.time_days, y.event)
    np.testing.assert_allclose(survival, km.survival_function_at_times(times).to_numpy(), atol=1e-10)
    theirs = km.confidence_interval_.loc[times].to_numpy()
    inside = (survival > 0) & (survival < 1)
    np.testing.assert_allclose(np.column_stack([low, high])[inside], theirs[inside], atol=1e-10)


def test_a_weight_is_a_number_of_copies():
    y, risk, survival, times = world("tied times", n=40)
    rng = np.random.default_rng(1)
    counts = rng.multinomial(40, np.full(40, 1 / 40))
    rows = np.repeat(np.arange(40), counts)
    weights = counts[None].astype(float)
    whole, copied = Panel.single(y, risk), Panel.single(y[rows], risk[rows])
    once = np.ones((1, 40))
    assert harrell_values(whole, weights) == pytest.approx(harrell_values(copied, once), abs=1e-12)
    assert uno_values(whole, weights, 500) == pytest.approx(uno_values(copied, once, 500), abs=1e-12)
    assert auc_t_values(whole, weights, 300) == pytest.approx(auc_t_values(copied, once, 300), abs=1e-12)
    curve = survival_curves(y.time_days, y.event, weights).at(times)
    assert curve == pytest.approx(
        survival_curves(y[rows].time_days, y[rows].event, once).at(times), abs=1e-12
    )
    probabilities = [Panel.single(y, survival=survival, times=times), None]
    probabilities[1] = Panel.single(y[rows], survival=survival[rows], times=times)
    assert brier_t_values(probabilities[0], weights, times) == pytest.approx(
        brier_t_values(probabilities[1], once, times), abs=1e-12
    )


def test_pairs_are_compared_within_a_fold_only():
    y, risk, _, _ = world("continuous")
    fold = np.arange(90) % 3
    shifted = risk + 100.0 * fold  # models of different folds may differ by any amount
    within = metrics.harrell_c(y, shifted, fold=fold, **FAST).value
    assert within == metrics.harrell_c(y, risk, fold=fold, **FAST).value
    parts = [
        peer.concordance_index_censored(y.event[fold == f], y.time_days[fold == f], risk[fold == f])
        for f in range(3)
    ]
    concordant, discordant, tied = np.array([part[1:4] for part in parts]).sum(axis=0)
    assert within == pytest.approx((concordant + tied / 2) / (concordant + discordant + tied), abs=1e-12)


def test_risk_is_invariant_to_any_increasing_change_and_order_of_patients():
    y, risk, _, _ = world("continuous")
    base = metrics.harrell_c(y, risk, **FAST).value
    assert metrics.harrell_c(y, np.exp(risk) * 7 + 3, **FAST).value == base
    assert metrics.harrell_c(y, -risk, **FAST).value == pytest.approx(1 - base, abs=1e-12)
    order = np.random.default_rng(0).permutation(90)
    assert metrics.harrell_c(y[order], risk[order], **FAST).value == pytest.approx(base, abs=1e-12)


def test_missing_predictions_and_unknown_outcomes_are_left_out():
    y, risk, _, _ = world("continuous")
    gaps = np.where(np.arange(90) < 10, np.nan, risk)
    estimate = metrics.harrell_c(y, gaps, **FAST)
    assert estimate.n == 80
    assert estimate.value == pytest.approx(metrics.harrell_c(y[10:], risk[10:], **FAST).value, abs=1e-12)
    unknown = Outcome.survival(np.where(np.arange(90) < 10, np.nan, y.time_days), y.event)
    assert metrics.harrell_c(unknown, risk, **FAST).value == pytest.approx(estimate.value, abs=1e-12)


def test_undefined_is_nan_with_a_reason_never_a_number():
    y = Outcome.survival([5.0, 6.0, 7.0], [False, False, False])
    estimate = metrics.harrell_c(y, [1.0, 2.0, 3.0], **FAST)
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert "undefined" in estimate.method
    nobody = metrics.harrell_c(y, [np.nan] * 3, **FAST)
    assert np.isnan(nobody.value) and nobody.n == 0
    constant = metrics.calibration_slope(world("continuous")[0], np.full(90, 0.5), 300.0, **FAST)
    assert np.isnan(constant.value)


def test_a_perfect_model_is_calibrated_and_an_exaggerating_one_is_not():
    rng = np.random.default_rng(4)
    x = rng.normal(size=3000)
    time, censored = 500 * rng.exponential(size=3000) * np.exp(-x), rng.uniform(100, 2000, size=3000)
    y = Outcome.survival(np.minimum(time, censored) + 1e-6, time <= censored)
    right, loud = np.exp(-np.exp(x) * 0.6), np.exp(-np.exp(2 * x) * 0.6)
    once, at = np.ones((1, 3000)), [300.0]
    good, bad = (Panel.single(y, survival=s[:, None], times=at) for s in (right, loud))
    assert slope_values(good, once, 300.0)[0] == pytest.approx(1.0, abs=0.08)
    assert slope_values(bad, once, 300.0)[0] == pytest.approx(0.5, abs=0.05)
    assert observed_expected_values(good, once, 300.0)[0] == pytest.approx(1.0, abs=0.06)
    assert ici_values(good, once, 300.0)[0] < 0.02
    assert ici_values(bad, once, 300.0)[0] > 0.08


def test_a_distance_has_no_interval_but_says_what_perfection_would_show():
    rng = np.random.default_rng(1)
    p = rng.uniform(0.1, 0.9, size=150)
    y = Outcome.response((rng.uniform(size=150) < p).astype(float))
    ranges = []
    for told in (p, p**4):
        estimate = metrics.ici(y, told, **FAST)
        assert np.isnan(estimate.low) and np.isnan(estimate.high)
        low, high = map(float, re.findall(r"[0-9.]+(?= to|\s\()", estimate.method))
        ranges.append(low <= estimate.value <= high)
    assert ranges == [True, False]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _, r: metrics.harrell_c(Outcome.response([0, 1]), r[:2]), "takes survival outcomes"),
        (metrics.roc_auc, "takes responses"),
        (lambda y, r: metrics.brier_t(y, r, 100.0), r"probabilities in \[0, 1\]"),
        (lambda y, r: metrics.harrell_c(y, r[:-1]), "outcome has 90 patients"),
        (lambda y, _: metrics.ibs(y, np.full((90, 3), 0.5), [1.0, 2.0]), r"should be \(90, 2\)"),
        (lambda y, _: metrics.calibration_slope(y, np.full(90, 0.5)), "give `time_days`"),
        (lambda y, _: metrics.ibs(y, np.full((90, 1), 0.5), [1.0]), "two times"),
        (lambda y, _: metrics.ibs(y, np.full((90, 2), 0.5), [200.0, 100.0]), "rising"),
        (lambda y, _: metrics.brier_t(y, np.full(90, 0.5), -5.0), "days > 0"),
        (lambda y, _: metrics.brier_t(y, np.full(90, 0.5), np.nan), "days > 0"),
        (lambda y, _: metrics.brier_t(y, np.full(90, 0.5), 1e6), "end of follow-up"),
        (lambda y, r: metrics.auc_t(y, r, 1e6), "end of follow-up"),
        (lambda y, _: metrics.observed_expected(y, np.full(90, 0.5), 1e6), "end of follow-up"),
        (lambda y, r: metrics.harrell_c(y, np.where(np.arange(90) < 2, np.inf, r)), "2 scores are infinite"),
        (lambda *_: metrics.brier([1, 0, 1], [2.0, 0.0, 0.5]), r"lies in \[0, 1\]"),
        (lambda *_: metrics.calibration_slope([1, 0, 1], [2.0, 0.0, 0.5]), r"lies in \[0, 1\]"),
    ],
)
def test_wrong_input_is_named(call, words):
    y, risk, _, _ = world("continuous")
    with pytest.raises(InputError, match=words):
        call(y, risk * 3)


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1.0, 1e12])
def test_ranks_do_not_depend_on_the_unit_of_the_risk(unit):
    y, risk, _, _ = world("continuous")
    assert metrics.harrell_c(y, risk * unit, **FAST).value == metrics.harrell_c(y, risk, **FAST).value


def test_a_paired_difference_uses_the_repeats_in_which_both_models_predict():
    y, risk, _, _ = world("continuous")
    noise = np.random.default_rng(5).normal(size=len(y))
    fold = np.tile(np.arange(len(y)) % 2, (2, 1))
    whole = np.stack([risk, noise])
    partly = np.stack([risk, np.full(len(y), np.nan)])  # failed in the second repeat
    a, b = (Panel.single(y, score, fold=fold) for score in (whole, partly))
    settings = (Moment(), Resamples(len(y), 100))
    found = paired_difference(metric_named("harrell_c", "survival"), (a, b), ("a", "b"), *settings)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    none = paired_difference(metric_named("ibs", "survival"), (a, b), ("a", "b"), *settings)
    assert (none.metric, none.best) == ("ibs", "low") and np.isnan(none.value)
