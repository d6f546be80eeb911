"""Scores of one of several competing events against their definitions, pair by pair and patient by patient."""

import numpy as np
import pytest
from lifelines import AalenJohansenFitter

from hybridx.cohort import Outcome
from hybridx.errors import InputError, SettingsError
from hybridx.evaluate import metrics
from hybridx.evaluate.causes import (
    cause_auc_t_values,
    cause_brier_t_values,
    cause_specific,
    incidence_curves,
    wolbers_values,
)
from hybridx.evaluate.discrimination import auc_t_values, harrell_values
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.weighted_km import censoring_curves
from hybridx.models import AalenJohansen
from tests.evaluate.ranking_world import cohort, pair_share

FAST = {"resamples": 100}
KINDS = ["causes", "tied causes"]


def parts(y, w):
    """Return own events, others' events, and G at each patient's time under one weighting."""
    own = y.event & (y.cause == "relapse")
    return own, y.event & ~own, censoring_curves(y.time_days, y.event, w[None])


@pytest.mark.parametrize("kind", KINDS)
def test_wolbers_is_its_definition(kind):
    y, risk, weights = cohort(kind)
    t = y.time_days
    higher = risk[:, None] - risk
    for w, found in zip(
        weights, wolbers_values(Panel.single(y, risk), weights, "relapse", 600.0), strict=True
    ):
        own, other, censoring = parts(y, w)
        g = censoring.at(t)[0]
        g = np.where(g > 0, g, np.inf)  # the last of all: in no pair that counts
        later = (t > t[:, None]) | ((t == t[:, None]) & ~y.event)
        never = (t <= t[:, None]) & other
        k = (own & (t < 600.0))[:, None] * (later / g[:, None] ** 2 + never / (g[:, None] * g[None, :]))
        assert found == pytest.approx(pair_share(k, higher, w, w), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_auc_and_brier_of_a_cause_are_their_definitions(kind):
    y, risk, weights = cohort(kind)
    t, at = y.time_days, 300.0
    incidence = 1 / (1 + np.exp(-risk))
    panel = Panel.single(y, risk, survival=1 - incidence[:, None], times=[at])
    aucs = cause_auc_t_values(panel, weights, "relapse", at)
    briers = cause_brier_t_values(panel, weights, "relapse", np.array([at]))[:, 0]
    for w, auc, brier in zip(weights, aucs, briers, strict=True):
        own, other, censoring = parts(y, w)
        at_event = np.divide(1.0, censoring.at(t)[0], out=np.zeros(len(t)), where=y.event)
        inverse = np.where(t > at, 1 / censoring.at([at])[0], at_event)
        case = own & (t <= at)
        control = (t > at) | (other & (t <= at))
        pairs = case[:, None] & control
        expected = pair_share(pairs, risk[:, None] - risk, w * inverse, w * inverse)
        assert auc == pytest.approx(expected, abs=1e-12)
        assert brier == pytest.approx((w * inverse * (case - incidence) ** 2).sum() / w.sum(), abs=1e-12)


def test_without_competitors_they_are_the_usual_scores():
    y, risk, weights = cohort("tied")
    one = Outcome.survival(y.time_days, y.event, cause=np.where(y.event, "death", ""))
    usual, of_cause = Panel.single(y, risk), Panel.single(one, risk)
    np.testing.assert_allclose(
        cause_auc_t_values(of_cause, weights, "death", 300.0), auc_t_values(usual, weights, 300.0), atol=1e-12
    )
    uncensored = Outcome.survival(y.time_days, np.ones(len(y), bool), cause=["death"] * len(y))
    panel = Panel.single(uncensored, risk)
    found = wolbers_values(panel, weights, "death")
    np.testing.assert_allclose(found, harrell_values(panel, weights), atol=1e-12)


@pytest.mark.parametrize("kind", [*KINDS, "late causes"])
def test_observed_incidence_is_aalen_johansen(kind):
    y, _, _ = cohort(kind)
    days = np.array([100.0, 300.0, 700.0])
    found = 1 - incidence_curves(y, np.ones((1, len(y))), "relapse").at(days)[0]
    ours = AalenJohansen().fit(None, y).predict_incidence(None, days, "relapse")[0]
    np.testing.assert_allclose(found, ours, atol=1e-10)
    if kind == "causes":  # lifelines breaks ties at random, and knows no entry here
        theirs = AalenJohansenFitter(calculate_variance=False).fit(
            y.time_days, np.where(y.event, np.where(y.cause == "relapse", 1, 2), 0), event_of_interest=1
        )
        curve = theirs.cumulative_density_
        expected = [curve[curve.index <= day].iloc[-1, 0] for day in days]
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_copies_are_weights():
    y, risk, _ = cohort("tied causes")
    counts = np.random.default_rng(0).integers(0, 3, size=len(y))
    rows = np.repeat(np.arange(len(y)), counts)
    whole, copied = Panel.single(y, risk), Panel.single(y[rows], risk[rows])
    for values in (wolbers_values, cause_auc_t_values):
        found = values(whole, counts[None].astype(float), "relapse", 400.0)
        assert found == pytest.approx(values(copied, np.ones((1, len(rows))), "relapse", 400.0), abs=1e-12)


def test_functions_and_their_errors():
    y, risk, _ = cohort("causes")
    found = metrics.wolbers_c(y, risk, "relapse", tau_days=600.0, **FAST)
    assert found.low < found.value < found.high
    assert found.n_events == int(np.sum(y.cause == "relapse"))
    gaps = metrics.wolbers_c(y, np.where(np.arange(len(y)) < 5, np.nan, risk), "relapse", **FAST)
    assert gaps.n == len(y) - 5
    assert metrics.cause_auc_t(y, risk, "relapse", 300.0, **FAST).value > 0.5
    assert 0 < metrics.cause_brier_t(y, np.full(len(y), 0.3), "relapse", 300.0, **FAST).value < 0.5
    with pytest.raises(SettingsError, match="relapse"):
        metrics.wolbers_c(y, risk, "relapze")
    with pytest.raises(InputError, match="has no causes"):
        metrics.wolbers_c(cohort("continuous")[0], risk, "relapse")
    with pytest.raises(InputError, match="late entry"):
        metrics.wolbers_c(cohort("late causes")[0], risk, "relapse", **FAST)
    assert metrics.harrell_c(cause_specific(cohort("late causes")[0], "relapse"), risk, **FAST).value > 0.5
