r"""What another training cohort would have changed: the part of the uncertainty that fixed predictions do not show.

A bootstrap of patients with the predictions held fixed says how a score moves with other *test* patients. In
cross-validation the same patients also trained the models, so the score of another cohort differs by more. The variance
that is missing lies between none of it, where models hardly depend on who trained them, and as much again, where
all they know is chance: there each pair of patients counts twice, each once training a model that predicts the other,
and the score is a degenerate U-statistic whose variance is twice what fixed predictions show.

Where a cohort lies between the two is visible without refitting: repeats deal the patients anew, so each patient is
predicted by models of different training parts. With :math:`v_j` the variance over repeats of patient j's contribution
to the score (jackknife pseudo-value) and q the share of patients outside a training part,

.. math:: x = \frac{\bar v / (q (1 - q))}{V_{\mathrm{patients}}}, \qquad
          \frac{V}{V_{\mathrm{bootstrap}}} = 1 + \frac{x + 0.2}{x + 0.95}

1/(q(1 - q)) scales the variance among training parts of one cohort to that among cohorts, :math:`V_{patients}` is the
variance between patients of their mean contribution. The form runs from 1.2 (repeats that agree may agree by luck: a
single weak feature can get the same sign in all parts of one cohort, and the other in the next) to 2. Its constants
were set on Harrell C in worlds 0 to 6 and 10 of ``benchmarks/interval_coverage.py``, whose table has the coverage. One
repeat shows no variance between repeats: there the factor is 1.6, the upper part of what was seen.

Models of one weak feature are a case of their own. Their sign hangs on who is left out: where the association in a
cohort is next to nothing, each fold's model takes the sign that its test part contradicts, and the score falls *below*
0.5, though nothing such models learn ranks patients wrongly in the long run. No variance shows that (four of five
missed intervals of such models lay below the truth, and nearly all of these belonged to scores below 0.5), but x does:
models of several features mostly stay below 3.5, a model that turns over reaches 10 to 30. Between x = 3 and 9,
therefore, the upper end moves to where it would be if the score were 0.5; the lower end stays. In differences the end
on that model's side moves as far.

The interval is about the performance to expect of models trained on cohorts of this size, not of the patients of a
centre that gave none.

Source
------
The problem: Bengio Y, Grandvalet Y. JMLR 2004;5:1089-1105; Nadeau C, Bengio Y. Mach Learn 2003.
doi:10.1023/A:1024068626366; Bates S, Hastie T, Tibshirani R. JASA 2024. doi:10.1080/01621459.2023.2197686. Subsets are
scaled to cohorts as in the delete-d jackknife: Shao J, Wu CFJ. Ann Stat 1989. doi:10.1214/aos/1176347263
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hybridx.evaluate.intervals import Interval
from hybridx.evaluate.metric import Metric, Moment
from hybridx.evaluate.panel import FloatArray, Panel

__all__ = ["ONE_REPEAT", "Training", "lifted", "refitted", "training_of", "turned_over", "widened"]

ONE_REPEAT = 1.6
LUCK, HALF_WAY = 0.2, 0.75  # the constants above: 0.2 / 0.95 is the least, at x = 0.55 half is there
TURNS, TURNED = (
    3.0,
    9.0,
)  # of x; models of several features stay below 3.5, one that turns over reaches 10 and more
MOST_LEFT_OUT = 400  # patients whose contribution is looked at: a mean over them needs no more
ALIGNING = 5
FEWEST = 3  # patients seen in several repeats


@dataclass(frozen=True)
class Training:
    """By what the variance of a score exceeds that of fixed predictions, 1.2 to 2, and how that is known.

    `turning`, 0 to 1, says whether models turn over from one training part to the next.
    """

    factor: float
    source: str
    turning: float = 0.0


_UNSEEN = Training(ONE_REPEAT, "a fixed factor: one repeat shows no variation")


def refitted(panel: Panel) -> bool:
    """Whether the predictions come from more than one fitted model: cross-validation, not a fixed model."""
    return sum(1 for _ in panel.blocks()) > 1


def training_of(metric: Metric, panels: Sequence[Panel], moment: Moment) -> Training | None:
    """Return what training adds to the variance of a score, or of a difference of two; None for a fixed model.

    Parameters
    ----------
    metric : Metric
    panels : sequence of one or two Panel
        Of one model; or of two models for the same patients, predicted in the same repeats and folds.
    moment : Moment
    """
    first = panels[0]
    if not refitted(first):
        return None
    if (first.valid.sum(axis=0) > 1).sum() < FEWEST:
        return _UNSEEN
    found = _contributions([_pooled(panel, metric) for panel in panels], metric, moment)
    found = found[:, np.isfinite(found).sum(axis=0) > 1]
    if found.shape[1] < FEWEST:  # the metric does not exist within a repeat
        return _UNSEEN
    between_repeats = float(np.mean(np.nanvar(found, axis=0, ddof=1)))
    between_patients = float(np.var(np.nanmean(found, axis=0), ddof=1))
    if not between_patients > 0:
        return _UNSEEN
    outside = _share_outside(first)
    x = between_repeats / (outside * (1.0 - outside)) / between_patients
    turning = float(np.clip((x - TURNS) / (TURNED - TURNS), 0.0, 1.0))
    return Training(1.0 + (x + LUCK) / (x + LUCK + HALF_WAY), "from what changes between repeats", turning)


def widened(
    found: Interval, training: Training | None, metric: Metric, *, difference: bool = False
) -> Interval:
    """Return an interval for the larger variance that training brings, on a scale on which it stays inside its range.

    Shares and probability scores are stretched on the logit scale, ratios on the log scale, differences of shares and
    correlations on Fisher's z scale.
    """
    ends = np.array([found.low, found.high])
    if training is None or not np.isfinite([found.value, *ends]).all() or found.low == found.high:
        return found
    to, back = _scale(metric, difference)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        middle = to(np.array([found.value]))
        wide = back(middle + np.sqrt(training.factor) * (to(ends) - middle))
    # an end at the edge of the range, or a value there, has nowhere to go
    wide = np.where(np.isnan(wide), ends, wide)
    low, high = min(float(wide[0]), found.low), max(float(wide[1]), found.high)
    note = f"{found.note}, variance x {training.factor:.2f} for what another training cohort would change"
    narrow = found.p_at

    def p_at(truth: float) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            nearer = back(middle + (to(np.array([truth])) - middle) / np.sqrt(training.factor))
        return np.nan if narrow is None or np.isnan(nearer[0]) else narrow(float(nearer[0]))

    return lifted(
        Interval(found.value, low, high, f"{note} ({training.source})", p_at),
        up=0.0 if difference else turned_over(found.value, training, metric),
    )


def turned_over(value: float, training: Training | None, metric: Metric) -> float:
    """Return how far a ranking score lies below 0.5 because the models of one cohort contradict each other."""
    if training is None or metric.useless != 0.5 or metric.best != "high" or not value < 0.5:
        return 0.0
    return training.turning * (0.5 - value)


def lifted(found: Interval, *, up: float = 0.0, down: float = 0.0) -> Interval:
    """Return an interval whose ends are moved outwards by `up` and `down`, with a p-value that agrees."""
    if not (up > 0 or down > 0) or np.isnan(found.low):
        return found
    narrow = found.p_at

    def p_at(truth: float) -> float:
        if narrow is None:
            return np.nan
        nearer = max(truth - up, found.value) if truth > found.value else min(truth + down, found.value)
        return narrow(nearer)

    note = f"{found.note}, and to what a score of 0.5 would get: the models turn over with who trains them"
    return Interval(found.value, found.low - down, found.high + up, note, p_at)


_UNIT = {
    "harrell_c", "uno_c", "auc_t", "antolini_c", "ordinal_c", "roc_auc", "pr_auc", "brier", "brier_t", "ibs", "rps",
    "accuracy", "within_one", "sensitivity", "specificity", "balanced_accuracy", "ppv", "npv", "f1",
}  # fmt: skip
_SIGNED = {"mcc", "quadratic_kappa", "kappa", "spearman"}
_POSITIVE = {"observed_expected", "rmse", "mae"}

Scale = Callable[[FloatArray], FloatArray]


def _scale(metric: Metric, difference: bool) -> tuple[Scale, Scale]:  # noqa: FBT001
    if metric.name in (_UNIT if difference else _SIGNED):
        return np.arctanh, np.tanh
    if not difference and metric.name in _UNIT:
        return (lambda v: np.log(v) - np.log1p(-v)), (lambda v: 1.0 / (1.0 + np.exp(-v)))
    if not difference and metric.name in _POSITIVE:
        return np.log, np.exp
    return (lambda v: v), (lambda v: v)


def _share_outside(panel: Panel) -> float:
    """Return the share of patients who did not train the model that predicts a patient, mean over predictions."""
    sizes = np.array([rows.size for _, rows in panel.blocks()], dtype=np.float64)
    share = float((sizes**2).sum() / sizes.sum() / panel.n)
    return min(max(share, 1.0 / panel.n), 1.0 - 1.0 / panel.n)


def _pooled(panel: Panel, metric: Metric) -> Panel:
    """Return a panel in which patients of all folds can be compared, so that repeats differ by their models only.

    Within folds a patient would be compared with others in each repeat, and this would look like training noise. Only
    this variance is taken from pooled folds; the score itself never is.
    """
    score = _aligned(panel) if metric.eats == "risk" else panel.score
    return replace(panel, fold=np.where(panel.valid, 0, -1), score=np.where(panel.valid, score, np.nan))


def _aligned(panel: Panel) -> FloatArray:
    """Return risks on one scale: spread 1 in each fold, and shifted to what other folds' models say of its patients."""
    score = panel.score.copy()
    blocks = list(panel.blocks())
    for repeat, rows in blocks:
        spread = float(score[repeat, rows].std())
        score[repeat, rows] = (score[repeat, rows] - score[repeat, rows].mean()) / (
            spread if spread > 0 else 1.0
        )
    count = np.maximum(panel.valid.sum(axis=0), 1)
    for _ in range(ALIGNING):
        typical = np.where(panel.valid, score, 0.0).sum(axis=0) / count
        for repeat, rows in blocks:
            score[repeat, rows] -= (score[repeat, rows] - typical[rows]).mean()
    return score


def _contributions(panels: Sequence[Panel], metric: Metric, moment: Moment) -> FloatArray:
    """Return each patient's pseudo-value in each repeat, shape (R, m); NaN where not predicted."""
    first = panels[0]
    n, repeats = first.n, first.fold.shape[0]
    asked = np.arange(n)
    if n > MOST_LEFT_OUT:
        asked = np.sort(np.random.default_rng(n).choice(n, MOST_LEFT_OUT, replace=False))
    weights = np.ones((len(asked) + 1, n))
    weights[np.arange(len(asked)), asked] = 0.0  # the last row leaves out nobody
    found = np.full((repeats, len(asked)), np.nan)
    for repeat in range(repeats):
        values = _difference([_repeat(panel, repeat) for panel in panels], metric, moment, weights)
        there = first.valid[repeat]
        m = int(there.sum())
        found[repeat] = np.where(there[asked], m * values[-1] - (m - 1) * values[:-1], np.nan)
    return found


def _difference(panels: Sequence[Panel], metric: Metric, moment: Moment, weights: FloatArray) -> FloatArray:
    values = metric.values(panels[0], weights, moment)
    return values - metric.values(panels[1], weights, moment) if len(panels) > 1 else values


def _repeat(panel: Panel, repeat: int) -> Panel:
    one = slice(repeat, repeat + 1)
    return replace(
        panel,
        fold=panel.fold[one],
        score=panel.score[one],
        survival=None if panel.survival is None else panel.survival[one],
        levels=None if panel.levels is None else panel.levels[one],
    )
