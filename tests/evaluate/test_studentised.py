"""Bootstrap-t intervals of squared errors: the standard error, the interval by hand, coverage, and what is said."""

import numpy as np
import pytest

from hybridx.cohort import Outcome
from hybridx.evaluate import metrics
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment, measure, metric_named
from hybridx.evaluate.studentised import studentised
from hybridx.evaluate.value_scores import log_rmse, log_unexplained, r2_values, rmse_values


def world(n, seed, repeats=1, tail=5):
    rng = np.random.default_rng((seed, n))
    x = rng.normal(size=n)
    told = 9 * x + 4 * rng.normal(size=(repeats, n))
    error = rng.normal(size=n) if tail is None else rng.standard_t(tail, size=n)
    return Panel.single(Outcome.continuous(10 * x + 8 * error), told)


@pytest.mark.parametrize(("score", "values"), [(log_rmse, rmse_values), (log_unexplained, r2_values)])
@pytest.mark.parametrize("repeats", [1, 3])
def test_the_standard_error_is_that_of_the_jackknife(score, values, repeats):
    panel = world(300, 1, repeats)
    found, error = score(panel, np.ones((1, 300)))
    plain = values(panel, np.ones((1, 300)))[0]
    assert found[0] == pytest.approx(np.log(plain if values is rmse_values else 1 - plain), abs=1e-12)
    left_out = score(panel, 1.0 - np.eye(300))[0]
    jackknife = np.sqrt(299 / 300 * ((left_out - left_out.mean()) ** 2).sum())
    assert error[0] == pytest.approx(jackknife, rel=0.03)


def test_a_weight_is_a_number_of_copies():
    panel = world(50, 2, 2)
    counts = np.random.default_rng(0).integers(0, 3, size=50)
    rows = np.repeat(np.arange(50), counts)
    for score in (log_rmse, log_unexplained):
        drawn = score(panel, counts[None].astype(float))
        copied = score(panel.rows(rows), np.ones((1, len(rows))))
        np.testing.assert_allclose(drawn, copied, rtol=1e-10)


def test_the_interval_is_the_definition():
    panel, resamples = world(60, 3), Resamples(60, 200)
    found = measure(metric_named("rmse", "continuous"), panel, Moment(), resamples)
    t = []
    squared = (panel.outcome.value - panel.score[0]) ** 2
    error = np.std(squared) / np.mean(squared) / 2 / np.sqrt(60)
    for counts in resamples.counts:
        own = np.repeat(squared, counts)
        own_error = np.std(own) / np.mean(own) / 2 / np.sqrt(60)
        t.append((np.log(np.mean(own)) / 2 - np.log(np.mean(squared)) / 2) / own_error)
    low, high = np.sqrt(np.mean(squared)) * np.exp(-np.quantile(t, [0.975, 0.025]) * error)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-10)
    assert found.method.startswith("bootstrap-t, 200 resamples of patients")


@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_p_at_an_end_is_one_minus_the_level(name):
    metric, panel = metric_named(name, "continuous"), world(80, 4)
    found = studentised(
        Resamples(80, 2000), lambda w: metric.with_error(panel, w), metric.back, np.ones(80, bool)
    )
    assert found.low < found.value < found.high
    assert found.p_at(found.low) == pytest.approx(0.05, abs=0.002)
    assert found.p_at(found.high) == pytest.approx(0.05, abs=0.002)
    assert found.p_at(found.value) > 0.5


def test_it_covers_more_often_than_resampled_values_do():
    truth = np.sqrt(4**2 + 1 + 64 * 5 / 3)
    metric = metric_named("rmse", "continuous")
    covered, before = 0, 0
    for seed in range(150):
        panel, resamples = world(60, seed), Resamples(60, 300, seed)
        found = measure(metric, panel, Moment(), resamples)
        plain = resamples.interval(lambda w, p=panel: rmse_values(p, w))
        covered += found.low <= truth <= found.high
        before += plain.low <= truth <= plain.high
    assert covered > before + 3
    assert covered / 150 > 0.83


def test_heavy_tails_are_told_and_others_are_not():
    heavy = metrics.rmse(world(60, 0, tail=2).outcome, world(60, 0, tail=2).score[0], resamples=100)
    assert "heavy tails: 3 of 60 patients make" in heavy.method
    light = world(400, 0, tail=None)
    assert "heavy" not in metrics.r2(light.outcome, light.score[0], resamples=100).method


def test_perfect_predictions_have_no_error():
    y = Outcome.continuous(np.arange(20.0))
    assert metrics.rmse(y, y.value, resamples=100).value == 0
    assert metrics.r2(y, y.value, resamples=100).value == 1
