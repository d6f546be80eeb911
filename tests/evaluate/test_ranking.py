"""Counting pairs by sorting gives what the n x n definition gives: ties, late entry, real weights, folds, edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.utils import concordance_index
from sklearn.metrics import average_precision_score, roc_auc_score
from sksurv import metrics as peer

import hybridx as hx
from hybridx.cohort import Outcome
from hybridx.errors import InputError
from hybridx.evaluate import NestedCV, metrics
from hybridx.evaluate.accuracy import brier_t_values, ibs_values
from hybridx.evaluate.discrimination import (
    TIED,
    auc_t_values,
    harrell_values,
    roc_auc_values,
    tolerance,
    uno_values,
)
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.precision_recall import pr_auc_values
from hybridx.evaluate.time_dependent import antolini_values
from hybridx.models.concordance import harrell_c, weighted_pairs
from tests.evaluate.doubles import ByColumn
from tests.evaluate.ranking_world import cohort, curves, pair_share
from tests.evaluate.world import make_cohort

KINDS = [
    "continuous",
    "tied",
    "tied tail",
    "late",
    "tied late",
    "one event",
    "constant",
    "tied late constant",
]
FAST = {"resamples": 100}


def event_first(y):
    """Pairs (i, j): i has the event while j is followed; an event precedes a censoring of the same day."""
    t, e = y.time_days, y.event
    followed = (t[None, :] > t[:, None]) | ((t[None, :] == t[:, None]) & ~e[None, :])
    if y.entry_days is not None:
        followed &= ~(y.entry_days[None, :] >= t[:, None])
    return e[:, None] & followed


@pytest.mark.parametrize("kind", KINDS)
def test_harrell_is_its_definition(kind):
    y, risk, weights = cohort(kind)
    expected = [pair_share(event_first(y), risk[:, None] - risk[None, :], w, w) for w in weights]
    np.testing.assert_allclose(harrell_values(Panel.single(y, risk), weights), expected, atol=1e-12)
    assert harrell_c(y.time_days, y.event, risk) == pytest.approx(
        pair_share(
            event_first(Outcome.survival(y.time_days, y.event)), risk[:, None] - risk, weights[0], weights[0]
        ),
        abs=1e-12,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_antolini_is_its_definition(kind):
    y, risk, weights = cohort(kind)
    times = np.arange(90.0, 900.0, 45.0)
    survival = curves(risk, times)
    column = np.maximum(np.searchsorted(times, y.time_days, side="right") - 1, 0)
    at_event = survival[:, column].T  # [i, j]: S_j(T_i)
    higher = at_event - survival[np.arange(len(y)), column][:, None]
    panel = Panel.single(y, survival=survival, times=times)
    for tau in (np.inf, 400.0):
        comparable = event_first(y) & (y.time_days < tau)[:, None]
        expected = [pair_share(comparable, higher, w, w) for w in weights]
        np.testing.assert_allclose(antolini_values(panel, weights, tau), expected, atol=1e-12)


def test_antolini_is_harrell_where_curves_do_not_cross():
    y, risk, weights = cohort("tied late")
    times = np.arange(90.0, 900.0, 45.0)
    survival = np.exp(-np.outer(np.exp(risk), times / 600))
    parallel = antolini_values(Panel.single(y, survival=survival, times=times), weights)
    np.testing.assert_allclose(parallel, harrell_values(Panel.single(y, risk), weights), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_uno_and_auc_weigh_as_defined(kind):
    """Inverse weights by hand: R(u) at risk and S(u-) from the risk sets give N S / R."""
    y, risk, weights = cohort(kind)
    t, e = y.time_days, y.event
    entry = np.full(len(t), -np.inf) if y.entry_days is None else np.nan_to_num(y.entry_days, nan=-np.inf)
    late = y.entry_days is not None
    higher = risk[:, None] - risk[None, :]
    for w, uno, auc in zip(
        weights,
        uno_values(Panel.single(y, risk), weights, 700.0),
        auc_t_values(Panel.single(y, risk), weights, 300.0),
        strict=True,
    ):
        inverse = np.zeros(len(t))
        for i in np.flatnonzero(e & (w > 0)):
            if late:
                alive = 1.0
                for u in np.unique(t[e & (t < t[i])]):
                    at_risk = w[(entry < u) & (t >= u)].sum()
                    if at_risk > 0:
                        alive *= 1 - w[e & (t == u)].sum() / at_risk
                inverse[i] = w.sum() * alive / w[(entry < t[i]) & (t >= t[i])].sum()
            else:
                free = 1.0
                for u in np.unique(t[~e & (t <= t[i])]):
                    left = w[(t >= u)].sum() - w[e & (t == u)].sum()
                    free *= 1 - w[~e & (t == u)].sum() / left if left > 0 else 1.0
                inverse[i] = 1 / free if free > 0 else np.nan
        early = e & (t < 700.0)
        expected = pair_share(event_first(y) & early[:, None], higher, w * inverse**2 * early, w)
        np.testing.assert_allclose(uno, expected, atol=1e-10)
        case = e & (t <= 300.0)
        control = (t > 300.0) & (entry <= 300.0)
        expected = pair_share(case[:, None] & control[None, :], higher, w * inverse * case, w)
        np.testing.assert_allclose(auc, expected, atol=1e-10)


@pytest.mark.parametrize("risks", ["continuous", "tied"])
def test_response_rankings_with_weights_against_scikit_learn(risks):
    rng = np.random.default_rng(3)
    label, score = (rng.random(80) < 0.3).astype(float), rng.normal(size=80)
    score = score.round(1) if risks == "tied" else score
    weights = rng.random((4, 80))
    panel = Panel.single(Outcome.response(label), score)
    roc = [roc_auc_score(label, score, sample_weight=w) for w in weights]
    np.testing.assert_allclose(roc_auc_values(panel, weights), roc, atol=1e-12)
    precision = [average_precision_score(label, score, sample_weight=w) for w in weights]
    np.testing.assert_allclose(pr_auc_values(panel, weights), precision, atol=1e-12)
    found = metrics.pr_auc(panel.outcome, score, **FAST)
    assert found.value == pytest.approx(average_precision_score(label, score), abs=1e-12)
    assert found.low < found.value < found.high


def test_average_precision_of_folds_counts_each_by_its_responders():
    rng = np.random.default_rng(4)
    label, score, fold = (rng.random(90) < 0.4).astype(float), rng.normal(size=90), np.arange(90) % 3
    parts = [average_precision_score(label[fold == f], score[fold == f]) for f in range(3)]
    expected = np.average(parts, weights=[label[fold == f].sum() for f in range(3)])
    shifted = score + 50.0 * fold
    found = pr_auc_values(Panel.single(Outcome.response(label), shifted, fold=fold), np.ones((1, 90)))
    assert found[0] == pytest.approx(expected, abs=1e-12)


def test_level_risks_chain_without_becoming_one_group():
    """a ~ b and b ~ c while a is above c: each pair by its own difference, as scikit-survival has it."""
    y = Outcome.survival([1.0, 2.0, 3.0], [True, True, True])
    step = 0.7 * TIED
    risk = np.array([2 * step, step, 0.0]) + 1.0
    expected = peer.concordance_index_censored(y.event, y.time_days, risk, tied_tol=TIED)[0]
    assert expected == pytest.approx((0.5 + 1.0 + 0.5) / 3)
    assert harrell_values(Panel.single(y, risk), np.ones((1, 3)))[0] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("kind", ["continuous", "tied", "tied tail", "one event", "constant"])
def test_parity_at_the_edges(kind):
    y, risk, weights = cohort(kind)
    panel, once = Panel.single(y, risk), weights[:1]
    expected = peer.concordance_index_censored(y.event, y.time_days, risk)[0]
    assert harrell_values(panel, once)[0] == pytest.approx(expected, abs=1e-12)
    if "tied" not in kind:  # lifelines counts two events on one day as a pair, scikit-survival does not
        theirs = concordance_index(y.time_days, -risk, y.event)
        assert harrell_values(panel, once)[0] == pytest.approx(theirs, abs=1e-12)
    records = y.to_array()
    uno = peer.concordance_index_ipcw(records, records, risk)[0]
    assert uno_values(panel, once, np.inf)[0] == pytest.approx(uno, abs=1e-12)
    if kind != "one event":
        auc = peer.cumulative_dynamic_auc(records, records, risk, [300.0])[0][0]
        assert auc_t_values(panel, once, 300.0)[0] == pytest.approx(auc, abs=1e-12)


def test_a_constant_risk_is_one_half_exactly():
    y, risk, weights = cohort("tied late constant")
    panel = Panel.single(y, risk)
    for values in (harrell_values(panel, weights), uno_values(panel, weights, 500.0)):
        np.testing.assert_allclose(values, 0.5, atol=1e-15)


def test_nobody_to_compare_is_nan():
    y, risk, weights = cohort("all censored")
    panel = Panel.single(y, risk)
    assert np.isnan(harrell_values(panel, weights)).all()
    assert np.isnan(uno_values(panel, weights, np.inf)).all()
    assert np.isnan(auc_t_values(panel, weights, 300.0)).all()
    last = Outcome.survival([1.0, 2.0, 3.0], [False, False, True])  # the event comes after everybody
    assert np.isnan(harrell_values(Panel.single(last, [1, 2, 3]), np.ones((1, 3)))).all()
    # real weights that come and go leave 1e-17 behind: no pair all the same
    y = Outcome.survival([5.0, 9.0, 10.0], [True, False, False], entry_days=[0.0, 6.0, 7.0])
    found = harrell_values(Panel.single(y, [3, 2, 1]), np.array([[0.1, 0.7, 0.3], [0.2, 0.6, 0.1]]))
    assert np.isnan(found).all()


def test_a_weight_without_censoring_probability_is_nan_when_drawn():
    # on the last day one has the event and another is censored: G is 0 there
    y = Outcome.survival([1.0, 2.0, 3.0, 3.0], [True, True, True, False])
    panel = Panel.single(y, [4.0, 3.0, 2.0, 1.0])
    found = uno_values(panel, np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0]]), np.inf)
    assert np.isnan(found[0]) and found[1] == 1.0
    assert uno_values(panel, np.ones((1, 4)), 3.0)[0] == 1.0


def test_predictions_that_are_missing_in_one_repeat_take_no_part_there():
    y, risk, weights = cohort("tied late", n=40)
    score = np.stack([risk, np.where(np.arange(40) % 4, -risk, np.nan)])
    fold = np.stack([np.arange(40) % 2, np.arange(40) % 3])
    found = harrell_values(Panel.single(y, score, fold=fold), weights)
    expected = []
    for w in weights:
        repeats = []
        for r in range(2):
            together = (fold[r][:, None] == fold[r][None, :]) & ~np.isnan(score[r][:, None] - score[r])
            s = np.nan_to_num(score[r])
            repeats.append(pair_share(event_first(y) & together, s[:, None] - s, w, w))
        expected.append(np.mean(repeats))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 25).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(1, 6), min_size=n, max_size=n),
            st.lists(st.booleans(), min_size=n, max_size=n),
            st.lists(st.integers(-2, 2), min_size=n, max_size=n),
            st.lists(st.just(0.0) | st.floats(0.1, 3), min_size=n, max_size=n),
            st.lists(st.integers(0, 5), min_size=n, max_size=n),
            st.sampled_from([0.0, 1.0, 1.5]),
        )
    )
)
def test_sums_are_those_of_all_pairs(draw):
    time, event, score, weight, entry, tied = draw
    t, e, s, w, start = (np.array(a, dtype=float) for a in (time, event, score, weight, entry))
    e = e.astype(bool)
    start = np.where(start < t, start, np.nan)
    above, total = weighted_pairs(t, e, s, w[None], 2 * w[None], entry=start, tied=tied)
    pairs = e[:, None] & ((t > t[:, None]) | ((t == t[:, None]) & ~e)) & ~(start >= t[:, None])
    ranked = np.where(np.abs(s[:, None] - s) <= tied, 0.5, s[:, None] > s)
    both = 2 * w[:, None] * w
    assert total[0] == pytest.approx((both * pairs).sum(), abs=1e-9)
    assert above[0] == pytest.approx((both * pairs * ranked).sum(), abs=1e-9)
    assert (total[0] == 0) == ((both * pairs).sum() == 0)


def test_many_weightings_are_each_by_itself_whatever_their_number():
    y, risk, _ = cohort("tied late")
    weights = (
        np.random.default_rng(7).integers(0, 3, size=(131, len(y))).astype(float)
    )  # two full walks and a rest
    panel = Panel.single(y, risk)
    together = harrell_values(panel, weights)
    np.testing.assert_array_equal(together, [harrell_values(panel, w[None])[0] for w in weights])


def test_kernels_are_compiled_once_for_whatever_array_comes():
    from hybridx.models.ranking_kernels import sum_pairs

    y, risk, weights = cohort("late")
    harrell_values(Panel.single(y, risk), weights)
    compiled = len(sum_pairs.signatures)
    frozen = risk.copy()
    frozen.flags.writeable = False
    strided = np.asfortranarray(weights)[::-1]
    harrell_values(Panel.single(y, frozen), strided)
    weighted_pairs(y.time_days, y.event, frozen, strided, strided)
    harrell_c(y.time_days.tolist(), y.event.tolist(), np.repeat(frozen, 2)[::2])
    assert len(sum_pairs.signatures) == compiled


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_the_tolerance_shrinks_with_small_risks_and_never_grows(unit):
    assert tolerance(np.array([-2.0, 0.5]) * unit) == TIED * min(1.0, 2.0 * unit)


def test_functions_and_their_errors():
    y, risk, _ = cohort("late")
    times = np.arange(90.0, 600.0, 90.0)
    survival = curves(risk, times)
    found = metrics.antolini_c(y, survival, times, tau_days=500, **FAST)
    assert found.low < found.value < found.high
    with pytest.raises(InputError, match=r"probabilities in \[0, 1\]"):
        metrics.antolini_c(y, survival + 2, times)
    with pytest.raises(InputError, match="takes responses"):
        metrics.pr_auc(y, risk)


@pytest.mark.parametrize("kind", ["one event", "tied tail", "constant"])
def test_brier_and_its_integral_at_the_edges(kind):
    y, risk, weights = cohort(kind)
    times = np.arange(60.0, 660.0, 60.0)
    survival = curves(risk, times)
    records = y.to_array()
    panel = Panel.single(y, survival=survival, times=times)
    expected = peer.brier_score(records, records, survival, times)[1]
    np.testing.assert_allclose(brier_t_values(panel, weights[:1], times)[0], expected, atol=1e-12)
    integral = peer.integrated_brier_score(records, records, survival, times)
    assert ibs_values(panel, weights[:1], times)[0] == pytest.approx(integral, abs=1e-12)


def test_brier_when_nobody_had_the_event():
    """scikit-survival refuses such a cohort; those still followed speak for everybody."""
    y, _, weights = cohort("all censored")
    times = np.array([60.0, 300.0])
    for told, score in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.25)):
        panel = Panel.single(y, survival=np.full((len(y), 2), told), times=times)
        np.testing.assert_allclose(brier_t_values(panel, weights, times), score, atol=1e-12)


def test_a_result_has_them_by_name():
    result = hx.evaluate(
        {"x": ByColumn()},
        make_cohort(),
        "OS",
        NestedCV(folds=3, repeats=1),
        baselines=False,
        resamples=100,
        workers=1,
        progress=False,
    )
    c_td, harrell = result.estimate("x", "antolini_c"), result.estimate("x", "harrell_c")
    assert c_td.low < c_td.value < c_td.high
    # one log-hazard times one baseline: no curves cross, so only where the grid ends do the two differ
    assert c_td.value == pytest.approx(harrell.value, abs=0.02)
    assert c_td.n == harrell.n
    assert result.estimate("x", "ibs_skill").value < 1
