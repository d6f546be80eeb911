import numpy as np
import pytest
from scipy.stats import bootstrap

from hybridx.cohort import Outcome
from hybridx.errors import SettingsError
from hybridx.evaluate.discrimination import harrell_values
from hybridx.evaluate.intervals import Interval, Resamples, _bca, perfect_ranking
from hybridx.evaluate.panel import Panel


def mean_of(values):
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_bca_agrees_with_scipy_on_a_skewed_mean():
    values = np.random.default_rng(0).exponential(size=60)
    ours = Resamples(60, 20_000, seed=1).interval(mean_of(values))
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=2).confidence_interval
    # two Monte-Carlo runs of 20,000: their quantiles agree to a few thousandths of the interval's width of 0.5
    assert ours.low == pytest.approx(theirs.low, abs=0.012)
    assert ours.high == pytest.approx(theirs.high, abs=0.012)
    assert ours.note.startswith("BCa, 20000 resamples")


def test_resamples_are_shared_and_reproducible():
    assert np.array_equal(Resamples(30, 200, 5).counts, Resamples(30, 200, 5).counts)
    assert not np.array_equal(Resamples(30, 200, 5).counts, Resamples(30, 200, 6).counts)
    assert (Resamples(30, 200, 5).counts.sum(axis=1) == 30).all()


def test_chunks_do_not_change_the_answer(monkeypatch):
    values = np.random.default_rng(0).normal(size=40)
    whole = Resamples(40, 300).interval(mean_of(values))
    monkeypatch.setattr("hybridx.evaluate.intervals.CELLS", 170)
    assert Resamples(40, 300).interval(mean_of(values)) == whole


def test_a_metric_that_often_does_not_exist_gets_no_interval():
    def fragile(weights):
        return np.where(weights[:, 0] > 0, weights.mean(axis=1), np.nan)  # undefined in a third of resamples

    found = Resamples(50, 400).interval(fragile)
    assert found.value == 1.0
    assert np.isnan(found.low) and "undefined in" in found.note


def test_a_higher_level_is_wider_and_a_silly_one_is_refused():
    values = np.random.default_rng(0).normal(size=80)
    narrow, wide = (Resamples(80, 2000, 0, level).interval(mean_of(values)) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    with pytest.raises(SettingsError, match="level in"):
        Resamples(10, 1000, 0, 95)
    with pytest.raises(SettingsError, match="100 resamples"):
        Resamples(10, 10)


@pytest.mark.slow
def test_coverage_of_the_interval_of_harrell_c():
    """Nominal 95 %; of 200 simulations with 60 patients 182 to 198 is within 2.6 standard errors of that."""

    def draw(rng, n):
        x = rng.normal(size=n)
        time, censored = rng.exponential(size=n) * np.exp(-x), rng.uniform(0.1, 3, size=n)
        y = Outcome.survival(np.minimum(time, censored) + 1e-9, time <= censored)
        return Panel.single(y, x + rng.normal(size=n))

    rng = np.random.default_rng(0)
    truth = np.mean([harrell_values(draw(rng, 3000), np.ones((1, 3000)))[0] for _ in range(10)])
    covered = 0
    for seed in range(200):
        panel = draw(np.random.default_rng((1, seed)), 60)
        found = Resamples(60, 500, seed).interval(lambda weights, p=panel: harrell_values(p, weights))
        covered += found.low <= truth <= found.high
    assert 182 <= covered <= 198


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.541, 1.0), (0.0, 0.0, 0.459)])
def test_a_perfect_ranking_of_six_events_is_not_certain(value, low, high):
    found = perfect_ranking(Interval(value, value, value, "all resamples agree"), 6, 0.95)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
    assert "Clopper-Pearson" in found.note


def test_other_intervals_are_left_alone():
    for found in (Interval(0.9, 0.7, 1.0, "BCa"), Interval(0.5, 0.5, 0.5, "agree")):
        assert perfect_ranking(found, 6, 0.95) is found


def test_ends_are_the_resamples_beyond_which_another_falls_with_the_nominal_chance():
    values = np.arange(1.0, 400.0)  # 399 resamples: the 10th and the 390th of them
    left_out = np.array([-1.0, 0.0, 1.0])
    found = _bca(200.0, values, left_out, 0.95)
    assert (found.low, found.high) == pytest.approx((10.0, 390.0))
    assert found.p_at(10.0) == pytest.approx(0.05) == found.p_at(390.0)
    assert found.p_at(1.0) == found.p_at(-5.0) == pytest.approx(2 / 400)
