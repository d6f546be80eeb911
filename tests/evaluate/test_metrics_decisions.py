"""Response at a threshold, reclassification, and the two kinds of outcome that are neither survival nor response."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import somersd, spearmanr
from sklearn import metrics as peer
from sklearn.linear_model import LinearRegression

from hybridx.cohort import Outcome
from hybridx.errors import InputError, SettingsError
from hybridx.evaluate import metrics
from hybridx.evaluate.classification import MEASURES, classification_values, learnt_thresholds
from hybridx.evaluate.decisions import net_benefit_values
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.ordinal_scores import (
    ordinal_c_values,
    predicted_level,
    quadratic_kappa_values,
    rps_values,
    within_values,
)
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import METRICS, Moment, metric_named
from hybridx.evaluate.royston import royston_d_values
from hybridx.evaluate.value_scores import r2_values, spearman_values, value_slope_values

FAST = {"resamples": 100}
LEVELS = ["CR", "PR", "SD", "PD"]


def response_world(n=120, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.05, 0.95, size=n).round(2)
    return (rng.uniform(size=n) < p).astype(float), p


def ordinal_world(n=90, seed=0):
    rng = np.random.default_rng(seed)
    levels = rng.dirichlet([1.0, 2.0, 1.5, 1.0], size=n)
    rank = np.array([rng.choice(4, p=row) for row in levels])
    return rank, levels, Outcome.ordinal([LEVELS[k] for k in rank], criterion="RECIST")


def value_world(n=80, seed=0):
    rng = np.random.default_rng(seed)
    told = rng.normal(size=n).round(1)
    return 10 * told + rng.normal(size=n) * 8 + 3, 12 * told


# -- response at a threshold -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.62])
def test_measures_at_a_threshold_are_those_of_scikit_learn(threshold):
    label, p = response_world()
    called = p >= threshold
    expected = {
        "sensitivity": peer.recall_score(label, called),
        "specificity": peer.recall_score(label, called, pos_label=0),
        "ppv": peer.precision_score(label, called),
        "npv": peer.precision_score(label, called, pos_label=0),
        "balanced_accuracy": peer.balanced_accuracy_score(label, called),
        "mcc": peer.matthews_corrcoef(label, called),
    }
    assert set(expected) == set(MEASURES)
    for name, value in expected.items():
        found = getattr(metrics, name)(label, p, threshold, **FAST)
        assert found.value == pytest.approx(value, abs=1e-12), name
        assert found.low < found.value < found.high


def test_a_share_of_one_gets_the_interval_of_clopper_and_pearson():
    label = np.array([1.0] * 10 + [0.0] * 20)
    found = metrics.sensitivity(label, np.where(label == 1, 0.9, 0.2), **FAST)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 10), abs=1e-12)
    assert "10 of 10: Clopper-Pearson" in found.method
    perfect = metrics.mcc(label, np.where(label == 1, 0.9, 0.2), **FAST)
    assert perfect.value == 1.0 and np.isnan(perfect.low)


def test_nobody_called_is_undefined_but_tells_none_apart():
    label, _ = response_world()
    low = np.full(len(label), 0.1)
    assert np.isnan(metrics.ppv(label, low, **FAST).value)
    assert metrics.sensitivity(label, low, **FAST).value == 0.0
    assert metrics.mcc(label, low, **FAST).value == 0.0
    assert np.isnan(metrics.mcc(np.ones(8), np.linspace(0.1, 0.9, 8), **FAST).value)


def test_a_learnt_threshold_never_sees_the_patients_it_is_applied_to():
    label, p = response_world()
    fold = np.arange(120) % 4
    panel = Panel.single(Outcome.response(label), p, fold=fold)
    for rule in ("prevalence", "youden"):
        cuts = learnt_thresholds(panel, rule)[0]
        for k in range(4):
            assert np.unique(cuts[fold == k]).size == 1
            flipped = Outcome.response(np.where(fold == k, 1.0, label))  # other outcomes of the test patients
            again = learnt_thresholds(replace(panel, outcome=flipped), rule)[0]
            assert (again[fold == k] == cuts[fold == k]).all()
            assert (again[fold != k] != cuts[fold != k]).any()
    others = fold != 0
    assert learnt_thresholds(panel, "prevalence")[0, 0] == pytest.approx(label[others].mean(), abs=1e-12)
    curve = peer.roc_curve(label[others], p[others], drop_intermediate=False)
    cut = learnt_thresholds(panel, "youden")[0, 0]
    called = p[others] >= cut
    youden = called[label[others] == 1].mean() - called[label[others] == 0].mean()
    assert youden == pytest.approx(np.max(curve[1] - curve[0]), abs=1e-12)
    found = metrics.sensitivity(label, p, "prevalence", fold=fold, **FAST)
    by_hand = np.mean(p[label == 1] >= learnt_thresholds(panel, "prevalence")[0][label == 1])
    assert found.value == pytest.approx(by_hand, abs=1e-12)


def test_a_perfect_net_benefit_is_the_prevalence_and_the_worst_is_the_odds():
    label, _ = response_world()
    panel = Panel.single(Outcome.response(label), label)
    assert net_benefit_values(panel, np.ones((1, 120)), None, [0.3])[0, 0] == pytest.approx(label.mean())
    wrong = Panel.single(Outcome.response(label), 1 - label)
    loss = -(1 - label.mean()) * 0.3 / 0.7
    assert net_benefit_values(wrong, np.ones((1, 120)), None, [0.3])[0, 0] == pytest.approx(loss)


def test_a_threshold_takes_those_who_are_told_just_it():
    survival = np.full((4, 1), 0.8)  # 1 - 0.8 is a little below 0.2 in floating point
    y = Outcome.survival([10, 20, 30, 40], [True, True, False, False])
    found = metrics.net_benefit(y, survival[:, 0], 0.2, 25.0, **FAST)
    assert found.value == pytest.approx(0.5 - 0.5 * 0.25, abs=1e-12)


def test_a_weight_is_a_number_of_copies():
    rng = np.random.default_rng(1)
    counts = rng.multinomial(80, np.full(80, 1 / 80))
    rows, weights, once = np.repeat(np.arange(80), counts), counts[None].astype(float), np.ones((1, 80))
    label, p = response_world(80)
    rank, levels, _ = ordinal_world(80)
    names = np.array(LEVELS, dtype=object)
    truth, told = value_world(80)
    time = rng.exponential(size=80).round(1) + 0.1

    def panels(index):
        ordinal = Outcome.ordinal(names[rank[index]].tolist(), levels=LEVELS)
        return {
            "survival": Panel.single(Outcome.survival(time[index], label[index]), p[index]),
            "response": Panel.single(Outcome.response(label[index]), p[index]),
            "ordinal": Panel(
                ordinal,
                np.zeros((1, 80), int),
                (levels[index] @ np.arange(4))[None],
                levels=levels[index][None],
            ),
            "continuous": Panel.single(Outcome.continuous(truth[index]), told[index]),
        }

    whole, copied = panels(np.arange(80)), panels(rows)
    checks = [
        *[("response", lambda q, w, m=m: classification_values(m, q, w, 0.5)) for m in MEASURES],
        ("response", lambda q, w: net_benefit_values(q, w, None, [0.4])[:, 0]),
        ("survival", royston_d_values),
        ("ordinal", ordinal_c_values),
        ("ordinal", quadratic_kappa_values),
        ("ordinal", rps_values),
        ("continuous", r2_values),
        ("continuous", spearman_values),
        ("continuous", value_slope_values),
    ]
    for kind, values in checks:
        assert values(whole[kind], weights) == pytest.approx(values(copied[kind], once), abs=1e-9), kind


# -- reclassification --------------------------------------------------------------------------------------------------


def test_reclassification_counts_who_moves():
    label, p = response_world()
    other = np.clip(p + np.random.default_rng(2).normal(size=120) * 0.2, 0, 1)
    found = metrics.reclassification_table(label, p, other, [0.3, 0.6])
    assert found.table["n"].sum() == 120 and found.table.height == 9
    assert found.table["events"].sum() == pytest.approx(label.sum())
    before, after = (np.searchsorted([0.3, 0.6], q, side="right") for q in (p, other))
    moved = np.sign(after - before)
    assert found.nri_events == pytest.approx(moved[label == 1].mean(), abs=1e-12)
    assert found.nri_non_events == pytest.approx(-moved[label == 0].mean(), abs=1e-12)
    assert "no metric" in repr(found)
    assert not {"nri"} & {metric.name for metric in METRICS}


def test_reclassification_of_survival_without_censoring_is_that_of_the_event_by_then():
    label, p = response_world()
    other = np.clip(p + np.random.default_rng(2).normal(size=120) * 0.2, 0, 1)
    y = Outcome.survival(np.where(label == 1, 100.0, 300.0), np.ones(120, dtype=bool))
    survival = metrics.reclassification_table(y, 1 - p, 1 - other, [0.3, 0.6], 200.0)
    binary = metrics.reclassification_table(label, p, other, [0.3, 0.6])
    assert survival.nri_events == pytest.approx(binary.nri_events, abs=1e-12)
    assert survival.nri_non_events == pytest.approx(binary.nri_non_events, abs=1e-12)


# -- ordered and continuous outcomes -----------------------------------------------------------------------------------


def test_ordinal_metrics_against_scipy_and_scikit_learn():
    rank, levels, y = ordinal_world()
    told = levels.argmax(axis=1)
    expected = peer.cohen_kappa_score(rank, told, weights="quadratic", labels=range(4))
    assert metrics.quadratic_kappa(y, levels, **FAST).value == pytest.approx(expected, abs=1e-12)
    score = levels @ np.arange(4)
    c = (1 + somersd(rank, score).statistic) / 2
    assert metrics.ordinal_c(y, score, **FAST).value == pytest.approx(c, abs=1e-12)
    assert metrics.within_one(y, levels, **FAST).value == pytest.approx(
        np.mean(np.abs(rank - told) <= 1), abs=1e-12
    )
    by_hand = np.mean(
        [
            np.sum((np.cumsum(q)[:-1] - (k <= np.arange(3))) ** 2) / 3
            for k, q in zip(rank, levels, strict=True)
        ]
    )
    assert metrics.rps(y, levels, **FAST).value == pytest.approx(by_hand, abs=1e-12)
    panel = Panel(y, np.zeros((1, 90), int), score[None], levels=levels[None])
    assert within_values(panel, np.ones((1, 90)), 0)[0] == pytest.approx(
        peer.accuracy_score(rank, told), abs=1e-12
    )


def test_of_two_levels_the_ranked_probability_score_is_the_brier_score():
    label, p = response_world()
    y = Outcome.ordinal([["no", "yes"][int(v)] for v in label], levels=["no", "yes"])
    found = metrics.rps(y, np.column_stack([1 - p, p]), **FAST).value
    assert found == pytest.approx(peer.brier_score_loss(label, p), abs=1e-12)
    assert metrics.ordinal_c(y, p, **FAST).value == pytest.approx(peer.roc_auc_score(label, p), abs=1e-12)


def test_an_unknown_level_is_left_out_and_the_better_of_two_alike_is_told():
    rank, levels, y = ordinal_world()
    names = [None if i < 5 else LEVELS[k] for i, k in enumerate(rank)]
    gaps = Outcome.ordinal(names, levels=LEVELS)
    found = metrics.quadratic_kappa(gaps, levels, **FAST)
    assert found.n == 85 and found.n_events is None
    assert found.value == pytest.approx(metrics.quadratic_kappa(y[5:], levels[5:], **FAST).value, abs=1e-12)
    assert predicted_level(np.array([[0.1, 0.4, 0.4, 0.1], [np.nan] * 4])).tolist()[0] == 1.0


def test_continuous_metrics_against_scipy_and_scikit_learn():
    truth, told = value_world()
    y = Outcome.continuous(truth, unit="%")
    assert metrics.r2(y, told, **FAST).value == pytest.approx(peer.r2_score(truth, told), abs=1e-12)
    assert metrics.mae(y, told, **FAST).value == pytest.approx(
        peer.mean_absolute_error(truth, told), abs=1e-12
    )
    rmse = peer.root_mean_squared_error(truth, told)
    assert metrics.rmse(y, told, **FAST).value == pytest.approx(rmse, abs=1e-12)
    rank = spearmanr(truth, told).statistic
    assert metrics.spearman(y, told, **FAST).value == pytest.approx(rank, abs=1e-12)
    slope = LinearRegression().fit(told[:, None], truth).coef_[0]
    found = metric_named("calibration_slope", "continuous").values(
        Panel.single(y, told), np.ones((1, 80)), Moment()
    )
    assert found[0] == pytest.approx(slope, abs=1e-10)


def test_ranks_of_values_are_compared_within_a_fold_only():
    truth, told = value_world()
    fold = np.arange(80) % 4
    y = Outcome.continuous(truth)
    found = metrics.spearman(y, told + 1000 * fold, fold=fold, **FAST).value
    assert found == pytest.approx(metrics.spearman(y, told, fold=fold, **FAST).value, abs=1e-12)
    assert metrics.spearman(y, told + 1000 * fold, **FAST).value < found


def test_every_metric_says_what_it_takes_and_gives_one_value_per_weighting():
    label, p = response_world(60)
    _, levels, y = ordinal_world(60)
    truth, told = value_world(60)
    time = np.random.default_rng(0).exponential(size=60) * 300 + 1
    survival = np.exp(-np.outer(1 - p, np.linspace(20, 400, 20) / 300))
    panels = {
        "survival": Panel.single(
            Outcome.survival(time, label), survival=survival, times=np.linspace(20, 400, 20)
        ),
        "response": Panel.single(Outcome.response(label), p),
        "ordinal": Panel(y, np.zeros((1, 60), int), (levels @ np.arange(4))[None], levels=levels[None]),
        "continuous": Panel.single(Outcome.continuous(truth), told),
    }
    weights = Resamples(60, 100).counts[:7].astype(float)
    moment = Moment(200.0, 400.0, tuple(np.linspace(20, 400, 20)))
    for metric in METRICS:
        values = metric.values(panels[metric.kind], weights, moment)
        assert values.shape == (7,), metric.name
        assert np.isfinite(values).all(), metric.name
        assert metric.best in ("high", "low", "one", "zero")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: metrics.sensitivity([1, 0], [0.2, 0.8], 1.5), InputError, "threshold=1.5"),
        (lambda: metrics.sensitivity([1, 0], [0.2, 0.8], "best"), InputError, "or 'prevalence', or 'youden'"),
        (lambda: metrics.sensitivity([1, 0], [0.2, 0.8], "youden"), InputError, "two folds or more"),
        (lambda: metrics.net_benefit([1, 0], [0.2, 0.8], "youden"), InputError, "between 0 and 1"),
        (
            lambda: metrics.net_benefit(Outcome.survival([3, 5], [1, 0]), [0.2, 0.8], 0.3),
            InputError,
            "time_days",
        ),
        (lambda: metrics.mcc([1, 0], [2.0, 0.8]), InputError, r"lies in \[0, 1\]"),
        (lambda: metrics.rmse([1.0, 0.0], [2.0, 0.8]), InputError, "Outcome.continuous"),
        (
            lambda: metrics.rps(Outcome.ordinal(["a"], levels=["a", "b"]), [[0.3, 0.3, 0.4]]),
            InputError,
            r"\(1, 2\)",
        ),
        (
            lambda: metrics.rps(Outcome.ordinal(["a"], levels=["a", "b"]), [[0.3, 0.3]]),
            InputError,
            "sum to 1",
        ),
        (lambda: metrics.reclassification_table([1, 0], [0.2, 0.8], [0.2], [0.5]), InputError, "have shape"),
        (
            lambda: metrics.reclassification_table([1, 0], [0.2, 0.8], [0.2, 3], [0.5]),
            InputError,
            "probabilities in",
        ),
        (
            lambda: metrics.reclassification_table([1, 0], [0.2, 0.8], [0.2, 0.3], [0.5, 1.0]),
            InputError,
            "below 1",
        ),
        (lambda: metric_named("kapa", "ordinal"), SettingsError, "metric for an ordinal"),
    ],
)
def test_wrong_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
