"""Late entry: curves, weights and Brier scores of patients who had to live long enough to be seen."""

import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from hybridx.cohort import Outcome
from hybridx.evaluate import metrics
from hybridx.evaluate.accuracy import brier_t_values, ibs_skill_values, ibs_values
from hybridx.evaluate.baselines import KaplanMeierReference
from hybridx.evaluate.discrimination import auc_t_values, uno_values
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.weighted_km import (
    inverse_observed,
    inverse_observed_at,
    kaplan_meier,
    late_entry,
    survival_curves,
)
from tests.evaluate.ranking_world import cohort, curves

TIMES = np.arange(60.0, 660.0, 60.0)
FAST = {"resamples": 100}


def test_kaplan_meier_against_lifelines():
    y, _, _ = cohort("tied late", n=120)
    entry = late_entry(y)
    times, survival, _, _ = kaplan_meier(y.time_days, y.event, entry=entry)
    fitted = KaplanMeierFitter().fit(y.time_days, y.event, entry=np.where(np.isinf(entry), 0.0, entry))
    theirs = fitted.survival_function_at_times(times).to_numpy()
    np.testing.assert_allclose(survival, theirs, atol=1e-10)


def test_an_entry_before_all_times_changes_nothing():
    y, risk, weights = cohort("tied")
    early = Outcome.survival(y.time_days, y.event, entry_days=np.full(len(y), y.time_days.min() / 2))
    assert late_entry(early) is None
    for values in (uno_values, auc_t_values):
        same = values(Panel.single(early, risk), weights, 400.0)
        np.testing.assert_array_equal(same, values(Panel.single(y, risk), weights, 400.0))


def test_without_ties_the_weights_of_late_entry_are_those_of_censoring():
    """One patient who enters late, with weight 0: the general formula for a cohort in which nobody does."""
    y, _, weights = cohort("continuous")
    entry = np.zeros(len(y))
    entry[np.argmax(y.time_days)] = y.time_days.min() + 1
    late = Outcome.survival(y.time_days, y.event, entry_days=entry)
    w = weights.copy()
    w[:, np.argmax(y.time_days)] = 0.0
    assert late_entry(late) is not None
    early = y.event & (y.time_days < 900.0)
    np.testing.assert_allclose(
        inverse_observed(late, w, early) * (w > 0), inverse_observed(y, w, early) * (w > 0)
    )
    np.testing.assert_allclose(inverse_observed_at(late, w, TIMES), inverse_observed_at(y, w, TIMES))


def test_the_weights_of_all_who_are_seen_add_up_to_everybody():
    y, _, weights = cohort("tied late", n=200)
    entry = late_entry(y)
    inverse = inverse_observed(y, weights, y.event)
    at_times = inverse_observed_at(y, weights, TIMES)
    for k, t in enumerate(TIMES):
        failed = (weights * inverse) @ (y.event & (y.time_days <= t))
        alive = (weights @ ((entry <= t) & (y.time_days > t))) * at_times[:, k]
        np.testing.assert_allclose(failed + alive, weights.sum(axis=1), rtol=1e-10)


def population(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    died = 500 * rng.exponential(size=n) * np.exp(-x)
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0, 600, size=n), 0.0)
    left = entry + rng.uniform(100, 1800, size=n)  # everybody is followed for some time after entry
    return x, died, entry, left


def test_late_entry_is_allowed_for():
    """Truth from everybody's death in a large population; the sample holds only those alive at entry."""
    x, died, _, _ = population(40_000, 0)
    survival = np.exp(-np.outer(np.exp(0.8 * x), TIMES / 700))  # miscalibrated on purpose
    once = np.ones((1, len(x)))
    whole = Panel.single(Outcome.survival(died, np.ones(len(x), bool)), x, survival=survival, times=TIMES)
    truth = np.array(
        [
            uno_values(whole, once, 500.0)[0],
            auc_t_values(whole, once, 300.0)[0],
            *brier_t_values(whole, once, TIMES)[0],
        ]
    )
    x, died, entry, left = population(40_000, 1)
    seen = entry < np.minimum(died, left)
    assert 0.1 < 1 - seen.mean() < 0.4
    x, died, entry, left = x[seen], died[seen], entry[seen], left[seen]
    survival = np.exp(-np.outer(np.exp(0.8 * x), TIMES / 700))
    once = np.ones((1, len(x)))
    found = {}
    for name, start in (("used", entry), ("ignored", None)):
        y = Outcome.survival(np.minimum(died, left), died <= left, entry_days=start)
        panel = Panel.single(y, x, survival=survival, times=TIMES)
        found[name] = np.array(
            [
                uno_values(panel, once, 500.0)[0],
                auc_t_values(panel, once, 300.0)[0],
                *brier_t_values(panel, once, TIMES)[0],
            ]
        )
    assert np.abs(found["used"] - truth).max() < 0.012  # three standard errors at 30,000 patients
    assert np.abs(found["ignored"] - truth).max() > 0.03


def test_an_emptied_risk_set_is_undefined_not_a_number():
    # both at risk on day 2 die then; others enter on day 5
    y = Outcome.survival([2, 2, 9, 10, 12], [1, 1, 1, 1, 0], entry_days=[0, 0, 5, 5, 5])
    panel = Panel.single(y, [5, 4, 3, 2, 1], survival=np.full((5, 2), 0.5), times=[2.0, 9.5])
    scores = brier_t_values(panel, np.ones((1, 5)), np.array([2.0, 9.5]))[0]
    assert np.isfinite(scores[0]) and np.isnan(scores[1])
    assert np.isnan(uno_values(panel, np.ones((1, 5)), np.inf)).all()
    assert np.isnan(uno_values(panel, np.ones((1, 5)), 9.0)).all()  # on day 2 nobody else was at risk


@pytest.mark.parametrize("kind", ["continuous", "tied", "late"])
def test_skill_is_measured_against_the_curve_of_the_other_folds(kind):
    y, risk, weights = cohort(kind, n=120)
    weights = np.ones((2, 120))
    weights[1, ::3] = 2.0
    fold = np.arange(120) % 4
    survival, reference = curves(risk, TIMES), np.zeros((120, len(TIMES)))
    for f in range(4):
        others, own = fold != f, fold == f
        entry = None if late_entry(y) is None else late_entry(y)[others]
        curve = survival_curves(y.time_days[others], y.event[others], np.ones((1, others.sum())), entry)
        reference[own] = curve.at(TIMES)
    ours, theirs = (
        ibs_values(Panel.single(y, survival=s, times=TIMES, fold=fold), weights, TIMES)
        for s in (survival, reference)
    )
    panel = Panel.single(y, survival=survival, times=TIMES, fold=fold)
    np.testing.assert_allclose(ibs_skill_values(panel, weights, TIMES), 1 - ours / theirs, atol=1e-12)
    itself = Panel.single(y, survival=reference, times=TIMES, fold=fold)
    np.testing.assert_allclose(ibs_skill_values(itself, weights, TIMES), 0.0, atol=1e-12)


def test_the_reference_curve_counts_patients_from_their_entry():
    y, _, _ = cohort("tied late", n=120)
    found = KaplanMeierReference().fit(None, y).curve_.at(TIMES)[0]
    entry = np.where(np.isinf(late_entry(y)), 0.0, late_entry(y))
    fitted = KaplanMeierFitter().fit(y.time_days, y.event, entry=entry)
    np.testing.assert_allclose(found, fitted.survival_function_at_times(TIMES).to_numpy(), atol=1e-10)


def test_skill_in_a_single_set_is_measured_against_its_own_curve():
    y, risk, _ = cohort("tied", n=120)
    reference = KaplanMeierReference().fit(None, y).curve_.at(TIMES)
    itself = Panel.single(y, survival=np.repeat(reference, 120, axis=0), times=TIMES)
    assert ibs_skill_values(itself, np.ones((1, 120)), TIMES)[0] == pytest.approx(0.0, abs=1e-12)
    counts = np.random.default_rng(0).integers(0, 3, size=120)
    rows = np.repeat(np.arange(120), counts)
    survival = curves(risk, TIMES)
    whole = ibs_skill_values(
        Panel.single(y, survival=survival, times=TIMES), counts[None].astype(float), TIMES
    )
    copies = Panel.single(y[rows], survival=survival[rows], times=TIMES)
    assert whole == pytest.approx(ibs_skill_values(copies, np.ones((1, len(rows))), TIMES), abs=1e-12)
    found = metrics.ibs_skill(y, survival, TIMES, **FAST)
    assert found.low < found.value < found.high <= 1
