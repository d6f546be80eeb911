from dataclasses import replace

import numpy as np
import pytest

from hybridx.cohort import Outcome
from hybridx.evaluate.compare import paired_difference
from hybridx.evaluate.intervals import Interval, Resamples
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment, measure, metric_named
from hybridx.evaluate.training_noise import ONE_REPEAT, Training, lifted, refitted, training_of, widened

C = metric_named("harrell_c", "survival")
N, FOLDS, REPEATS = 80, 5, 5


def panel_of(noise, seed=0, repeats=REPEATS, folds=FOLDS, informative=1.0):
    """Risks of models that agree on each patient but for `noise`, on a scale of its own in each fold."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N)
    time, censored = rng.exponential(size=N) * np.exp(-informative * x), rng.uniform(0.1, 3, size=N)
    y = Outcome.survival(np.minimum(time, censored) + 1e-9, time <= censored)
    fold = np.array([rng.permutation(np.arange(N) % folds) for _ in range(repeats)])
    score = x + noise * rng.normal(size=(repeats, N))
    return Panel(y, fold, score * (1 + fold) + 10 * fold)


def test_fixed_models_keep_their_interval():
    panel = Panel.single(panel_of(0.0).outcome, panel_of(0.0).score[0])
    assert not refitted(panel)
    assert training_of(C, [panel], Moment()) is None
    assert measure(C, panel, Moment(), Resamples(N, 200)).method == "BCa, 200 resamples of patients"


def test_models_that_do_not_depend_on_who_trained_them_add_next_to_nothing():
    # 1.21 is the least; the rest is the spread of a fold of 16 patients, to which risks are scaled
    assert training_of(C, [panel_of(0.0)], Moment()).factor < 1.35


def test_the_less_models_agree_the_wider():
    factors = [training_of(C, [panel_of(noise)], Moment()).factor for noise in (0.0, 0.3, 1.0, 5.0)]
    assert factors == sorted(factors)
    assert factors[-1] > 1.65
    assert max(factors) < 2.0


def test_scale_and_shift_of_a_folds_risks_do_not_count():
    panel = panel_of(0.5)
    other = replace(panel, score=3.0 * panel.score - 100.0 * panel.fold)
    assert training_of(C, [other], Moment()).factor == pytest.approx(training_of(C, [panel], Moment()).factor)


def test_one_repeat_and_leave_one_centre_out_get_the_fixed_factor():
    for folds in (3, 5):
        found = training_of(C, [panel_of(0.5, repeats=1, folds=folds)], Moment())
        assert found.factor == ONE_REPEAT and "one repeat" in found.source


def test_difference_of_a_model_with_itself_has_no_width():
    panel = panel_of(0.5)
    found = paired_difference(C, (panel, panel), ("a", "b"), Moment(), Resamples(N, 200))
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_measure_names_the_method_and_is_wider_than_resamples_alone():
    panel = panel_of(1.0)
    resamples = Resamples(N, 400)
    narrow = resamples.interval(lambda w: C.values(panel, w, Moment()))
    found = measure(C, panel, Moment(), resamples)
    assert found.low < narrow.low < narrow.high < found.high < 1.0
    assert "variance x 1." in found.method and "5 folds, mean of 5 repeats" in found.method


@pytest.mark.parametrize(("name", "kind"), [("harrell_c", "survival"), ("brier", "response")])
def test_widened_stays_inside_the_range(name, kind):
    metric = metric_named(name, kind)
    found = widened(Interval(0.97, 0.9, 0.995, ""), Training(2.0, ""), metric)
    assert 0.8 < found.low < 0.9 and 0.995 < found.high < 1.0
    edge = widened(Interval(0.9, 0.7, 1.0, ""), Training(2.0, ""), metric)
    assert edge.high == 1.0 and edge.low < 0.7
    apart = widened(Interval(-0.9, -0.99, -0.5, ""), Training(2.0, ""), metric, difference=True)
    assert -1.0 < apart.low < -0.99 and apart.high > -0.5


def test_p_value_agrees_with_the_interval():
    resamples = [Resamples(N, 1000, 3, level) for level in (0.6, 0.9, 0.95, 0.99)]
    seen = set()
    for seed in range(6):
        a, b = panel_of(0.2, seed), panel_of(2.5, seed)
        b = replace(b, fold=a.fold)
        for each in resamples:
            d = paired_difference(C, (a, b), ("a", "b"), Moment(), each)
            excluded = not d.low <= 0 <= d.high
            assert excluded == (d.p_value < 1 - each.level)
            seen.add(excluded)
    assert seen == {True, False}


def test_p_value_of_an_end_is_one_minus_the_level():
    values = np.random.default_rng(0).exponential(size=60)
    found = Resamples(60, 2000, 1).interval(lambda w: w @ values / w.sum(axis=1))
    assert found.p_at(found.low) == pytest.approx(0.05, abs=1e-6)
    assert found.p_at(found.high) == pytest.approx(0.05, abs=1e-6)
    assert found.p_at(-5.0) == pytest.approx(2 / 2001)


def test_patients_without_prediction_do_not_take_part():
    panel = panel_of(0.5)
    keep = np.ones((REPEATS, N), bool)
    keep[:, 7] = False
    keep[2, :20] = False
    found = training_of(C, [panel.where(keep)], Moment())
    assert 1.0 < found.factor < 2.0


def test_a_sample_of_patients_says_the_same(monkeypatch):
    whole = training_of(C, [panel_of(0.5)], Moment()).factor
    monkeypatch.setattr("hybridx.evaluate.training_noise.MOST_LEFT_OUT", 40)
    assert training_of(C, [panel_of(0.5)], Moment()).factor == pytest.approx(whole, abs=0.15)


def turning_over(seed, n=N, weak=0.0):
    """Cross-validate the sign of one feature that has next to nothing to say, as a ridge model of it would."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, censored = rng.exponential(size=n) * np.exp(-weak * x), rng.uniform(0.5, 3, size=n)
    y = Outcome.survival(np.minimum(time, censored) + 1e-9, time <= censored)
    rank = np.argsort(np.argsort(time))
    fold = np.array([rng.permutation(np.arange(n) % FOLDS) for _ in range(REPEATS)])
    score = np.zeros((REPEATS, n))
    for repeat in range(REPEATS):
        for k in range(FOLDS):
            train = fold[repeat] != k
            score[repeat, ~train] = -np.cov(x[train], rank[train])[0, 1] * x[~train]
    return Panel(y, fold, score)


def test_a_model_that_turns_over_and_scores_below_chance_may_be_as_good_as_one_of_half():
    panels = [turning_over(seed) for seed in range(40)]
    resamples, seen = Resamples(N, 200), 0
    for panel in panels:
        found, training = measure(C, panel, Moment(), resamples), training_of(C, [panel], Moment())
        narrow = resamples.interval(lambda w, panel=panel: C.values(panel, w, Moment()))
        plain = widened(narrow, replace(training, turning=0.0), C)
        moved = training.turning * max(0.0, 0.5 - found.value)
        assert (found.low, found.high) == (plain.low, pytest.approx(plain.high + moved))
        assert ("turn over" in found.method) == (moved > 0)
        seen += training.turning == 1.0 and moved > 0
    assert seen >= 5


def test_models_that_merely_disagree_do_not_turn_over():
    assert all(training_of(C, [panel_of(noise)], Moment()).turning == 0.0 for noise in (0.0, 0.3))


def test_a_difference_allows_for_a_model_that_turns_over():
    seeds = [s for s in range(40) if measure(C, turning_over(s), Moment(), Resamples(N, 100)).value < 0.42]
    panel = turning_over(seeds[0])
    other = replace(panel, score=np.random.default_rng(1).normal(size=panel.score.shape))
    there = paired_difference(C, (panel, other), ("a", "b"), Moment(), Resamples(N, 400))
    back = paired_difference(C, (other, panel), ("b", "a"), Moment(), Resamples(N, 400))
    assert "turn over" in there.method
    assert there.high == pytest.approx(-back.low, abs=5e-3)
    assert (there.p_value < 0.05) == (not there.low <= 0 <= there.high)


def test_ends_that_are_moved_keep_their_p_value():
    values = np.random.default_rng(0).normal(0.45, 0.3, size=60)
    found = Resamples(60, 2000, 1).interval(lambda w: w @ values / w.sum(axis=1))
    moved = lifted(found, up=0.05, down=0.02)
    assert (moved.low, moved.high) == (found.low - 0.02, found.high + 0.05)
    assert moved.p_at(moved.high) == pytest.approx(found.p_at(found.high), rel=1e-6)
    assert moved.p_at(moved.low) == pytest.approx(found.p_at(found.low), rel=1e-6)
    assert moved.p_at(found.value + 0.04) == found.p_at(found.value)
    assert lifted(found) is found
