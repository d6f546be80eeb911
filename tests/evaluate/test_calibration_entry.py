"""Late entry in calibration, decisions and choices of time: truth is a population in which everybody was seen."""

import numpy as np
import pytest

from hybridx.cohort import Outcome
from hybridx.evaluate import metrics
from hybridx.evaluate.calibrated import distance_when_calibrated
from hybridx.evaluate.calibration import (
    distance_quantile_values,
    ici_values,
    intercept_values,
    observed_expected_values,
    slope_values,
)
from hybridx.evaluate.d_calibration import d_calibration_of
from hybridx.evaluate.decisions import net_benefit_values, treat_all_values
from hybridx.evaluate.horizon import moment_of
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.reclassification import reclassification_table
from hybridx.evaluate.registry import metric_named
from hybridx.evaluate.weighted_km import kaplan_meier, late_entry, standing_for
from tests.evaluate.ranking_world import cohort
from tests.evaluate.test_ranking_entry import population

AT = 400.0
GRID = np.arange(20.0, 2000.0, 20.0)
SLOPE, SCALE = 0.7, 650.0  # what the model believes; the truth is 1 and 500


def told(x, times, slope=SLOPE, scale=SCALE):
    return np.exp(-np.outer(np.exp(slope * x), np.asarray(times) / scale))


def seen(n, seed):
    x, died, entry, left = population(n, seed)
    keep = entry < np.minimum(died, left)
    x, died, entry, left = x[keep], died[keep], entry[keep], left[keep]
    late = Outcome.survival(np.minimum(died, left), died <= left, entry_days=entry)
    return x, late, Outcome.survival(late.time_days, late.event)


def scores(y, x):
    panel = Panel.single(y, x, survival=told(x, [AT]), times=[AT])
    once = np.ones((1, len(x)))
    moved = reclassification_table(y, told(x, [AT])[:, 0], told(x, [AT], 1.0, 500.0)[:, 0], [0.3, 0.6], AT)
    return np.array(
        [
            observed_expected_values(panel, once, AT)[0],
            intercept_values(panel, once, AT)[0],
            slope_values(panel, once, AT)[0],
            ici_values(panel, once, AT)[0],
            distance_quantile_values(panel, once, AT, 0.5)[0],
            *net_benefit_values(panel, once, AT, [0.3, 0.6])[0],
            treat_all_values(panel, once, AT, [0.3])[0, 0],
            moved.nri_events,
            moved.nri_non_events,
        ]
    )


def test_what_is_reported_is_that_of_everybody():
    x, died, _, _ = population(40_000, 0)
    truth = scores(Outcome.survival(died, np.ones(len(x), bool)), x)
    x, late, ignored = seen(40_000, 1)
    assert len(x) < 36_000
    wrong = np.abs(scores(ignored, x) - truth)
    assert np.abs(scores(late, x) - truth).max() < 0.025  # three standard errors of the widest, the slope
    assert (wrong[[0, 1, 5, 6, 7]] > 0.02).all()


def test_a_weight_of_two_is_a_patient_twice():
    y, risk, _ = cohort("late", n=80)
    counts = np.random.default_rng(3).integers(0, 3, size=80)
    rows = np.repeat(np.arange(80), counts)
    survival = told(risk, [300.0])
    whole, copies = Panel.single(y, survival=survival, times=[300.0]), None
    copies = Panel.single(y[rows], survival=survival[rows], times=[300.0])
    for values in (observed_expected_values, intercept_values):
        once = values(copies, np.ones((1, len(rows))), 300.0)
        assert values(whole, counts[None].astype(float), 300.0) == pytest.approx(once, abs=1e-9)
    benefit = net_benefit_values(copies, np.ones((1, len(rows))), 300.0, [0.4])
    drawn = net_benefit_values(whole, counts[None].astype(float), 300.0, [0.4])
    assert drawn == pytest.approx(benefit, abs=1e-10)


def test_those_with_the_event_stand_for_the_share_of_kaplan_and_meier():
    y, _, weights = cohort("tied late", n=150)
    standing = standing_for(y, weights, 300.0)
    np.testing.assert_allclose(standing.sum(axis=1), weights.sum(axis=1))
    times, survival, _, _ = kaplan_meier(y.time_days, y.event, entry=late_entry(y))
    with_event = y.event & (y.time_days <= 300.0)
    share = standing[0, with_event].sum() / len(y)
    assert share == pytest.approx(1 - survival[times <= 300.0][-1], abs=1e-12)


def test_where_nobody_is_followed_there_is_no_weight():
    y = Outcome.survival([100, 200, 300, 400], [1, 0, 1, 0], entry_days=[0, 0, 150, 0])
    assert np.isnan(standing_for(y, np.ones((1, 4)), 450.0)).all()
    panel = Panel.single(y, survival=np.linspace(0.2, 0.8, 4)[:, None], times=[450.0])
    assert np.isnan(observed_expected_values(panel, np.ones((1, 4)), 450.0)).all()
    assert np.isnan(distance_quantile_values(panel, np.ones((1, 4)), 450.0, 0.5)).all()
    assert np.isnan(net_benefit_values(panel, np.ones((1, 4)), 450.0, [0.3])).all()


def test_right_curves_are_d_calibrated_whenever_patients_entered():
    x, late, ignored = seen(3000, 2)
    right = told(x, GRID, 1.0, 500.0)
    assert d_calibration_of(Panel.single(late, survival=right, times=GRID)).p_value > 0.05
    assert d_calibration_of(Panel.single(ignored, survival=right, times=GRID)).p_value < 1e-6


def test_a_calibrated_model_lies_in_the_range_of_calibrated_models():
    metric = metric_named("ici", "survival")
    inside = 0
    for seed in range(4):
        x, late, _ = seen(350, 10 + seed)
        panel = Panel.single(late, survival=told(x, GRID, 1.0, 500.0), times=GRID)
        moment, _ = moment_of(late, AT)
        low, high = distance_when_calibrated(metric, panel, moment, seed=seed, level=0.95)
        inside += low <= metric.values(panel, np.ones((1, len(x))), moment)[0] <= high
    assert inside >= 3  # of 4 at 95 %: fewer happens once in 70


def test_times_are_chosen_by_who_is_under_observation():
    time = np.linspace(100, 1000, 60)
    event = np.arange(60) % 2 == 0
    entry = np.where(time > 700, time - 20, 0.0)  # the longest followed came just before their end
    late = Outcome.survival(time, event, entry_days=entry)
    moment, sentence = moment_of(late)
    plain, _ = moment_of(Outcome.survival(time, event))
    assert moment.tau_days < plain.tau_days
    there = (entry < moment.tau_days) & (time >= moment.tau_days)
    assert there.sum() >= 6
    followed = int(np.sum((entry <= moment.horizon_days) & (time > moment.horizon_days)))
    assert f"{followed} patients still followed" in sentence


def test_right_probabilities_give_one_event_for_one_expected():
    x, late, ignored = seen(2000, 5)
    right = told(x, [AT], 1.0, 500.0)[:, 0]
    found = metrics.observed_expected(late, right, AT, resamples=100)
    assert found.low < 1 < found.high
    wrong = metrics.observed_expected(ignored, right, AT, resamples=100)
    assert wrong.high < 1
