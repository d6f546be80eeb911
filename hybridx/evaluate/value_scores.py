"""Continuous outcomes (% change, absorbed dose): error in the outcome's unit, R2 out of fold, ranks, calibration.

Predictions are in one unit, whatever model made them, so errors of all folds are pooled; ranks are compared within a
fold only, as a fold's model may sit a little higher or lower than the next.

`log_rmse` and `log_unexplained` give scores of squared errors on a log scale with their standard error, from the
influence of each patient, for intervals by `hybridx.evaluate.studentised`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats

__all__ = [
    "log_rmse",
    "log_unexplained",
    "mae_values",
    "mean_error_values",
    "r2_values",
    "rmse_values",
    "spearman_values",
    "value_slope_values",
]


def rmse_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return the root mean squared error, in the outcome's unit, shape (B,)."""
    return _mean_of(panel, weights, lambda told, truth: (told - truth) ** 2, root=True)


def mae_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return the mean absolute error, in the outcome's unit, shape (B,)."""
    return _mean_of(panel, weights, lambda told, truth: np.abs(told - truth))


def mean_error_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return calibration in the large: the mean of outcome minus prediction, 0 is right, shape (B,)."""
    return _mean_of(panel, weights, lambda told, truth: truth - told)


def r2_values(panel: Panel, weights: FloatArray) -> FloatArray:
    r"""Return R2 out of fold, shape (B,): 1 - sum of squared errors over that of the mean of the patients scored.

    Below 0 the model is worse than telling everyone that mean. The mean is taken after the fact: no prediction could
    have used it, which makes 0 a little harder to reach than it sounds.
    """
    truth = panel.outcome.value
    parts = []
    for repeat in range(panel.fold.shape[0]):
        told, w, total = _part(panel, repeat, weights)
        around = w @ truth**2 - (w @ truth) ** 2 / total
        error = w @ (truth - told) ** 2
        parts.append(1.0 - np.divide(error, around, out=np.full_like(error, np.nan), where=around > 1e-12))
    return mean_over_repeats(np.stack(parts))


def value_slope_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return the calibration slope: outcome regressed on prediction, 1 is right, below 1 the model exaggerates."""
    truth = panel.outcome.value
    parts = []
    for repeat in range(panel.fold.shape[0]):
        told, w, total = _part(panel, repeat, weights)
        mean = (w @ told) / total
        spread = w @ told**2 - total * mean**2
        shared = w @ (told * truth) - mean * (w @ truth)
        scale = max(float(np.abs(told).max(initial=0.0)), 1.0)
        some = spread > 1e-12 * scale**2 * total
        parts.append(np.divide(shared, spread, out=np.full_like(shared, np.nan), where=some))
    return mean_over_repeats(np.stack(parts))


def spearman_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return Spearman's rank correlation within folds, shape (B,): covariances of ranks summed over folds.

    With one fold it is the usual one (ties take the mean of their ranks, a weight is a number of copies).
    """
    truth = panel.outcome.value
    sums = np.zeros((3, panel.fold.shape[0], weights.shape[0]))
    for repeat, rows in panel.blocks():
        w = weights[:, rows]
        total = np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
        a, b = (_ranks(values, w) for values in (panel.score[repeat, rows], truth[rows]))
        a, b = (r - (w * r).sum(axis=1, keepdims=True) / total for r in (a, b))
        for k, product in enumerate((a * b, a * a, b * b)):
            sums[k, repeat] += (w * product).sum(axis=1)
    spread = np.sqrt(sums[1] * sums[2])
    ratio = np.divide(sums[0], spread, out=np.full_like(spread, np.nan), where=spread > 1e-12)
    return mean_over_repeats(ratio)


def log_rmse(panel: Panel, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the log of the root mean squared error and its standard error, each (B,)."""

    def of_repeat(told: FloatArray, w: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        squared = (panel.outcome.value - told) ** 2
        root = np.sqrt(w @ squared / total)
        return root, (squared - root[:, None] ** 2) / np.maximum(2 * root[:, None], 1e-300)

    return _on_log_scale(panel, weights, of_repeat)


def log_unexplained(panel: Panel, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log(1 - R2) and its standard error, each (B,)."""

    def of_repeat(told: FloatArray, w: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        truth = panel.outcome.value
        squared, around = (truth - told) ** 2, (truth - (w @ truth / total)[:, None]) ** 2
        spread = (w * around).sum(axis=1) / total
        some = spread > 1e-12
        ratio = np.divide(w @ squared / total, spread, out=np.full_like(spread, np.nan), where=some)
        with np.errstate(invalid="ignore", divide="ignore"):
            return ratio, (squared - ratio[:, None] * around) / spread[:, None]

    return _on_log_scale(panel, weights, of_repeat)


def _on_log_scale(
    panel: Panel,
    weights: FloatArray,
    of_repeat: Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]],
) -> tuple[FloatArray, FloatArray]:
    """Return the log of the mean over repeats of a score, and its standard error from each patient's influence."""
    repeats = panel.fold.shape[0]
    scores, influence = [], np.zeros(weights.shape)
    for repeat in range(repeats):
        told, w, total = _part(panel, repeat, weights)
        score, own = of_repeat(told, w, total)
        share = np.where(total > 1e-200, 1.0 / total, np.nan)[:, None] * panel.valid[repeat]
        scores.append(np.where(total > 1e-200, score, np.nan))
        influence += share * np.where(np.isfinite(own), own, 0.0) / repeats
    mean = mean_over_repeats(np.stack(scores))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt((weights * influence**2).sum(axis=1)) / mean
        return np.where(mean > 0, np.log(mean), np.nan), error


def _mean_of(
    panel: Panel,
    weights: FloatArray,
    cost: Callable[[FloatArray, FloatArray], FloatArray],
    *,
    root: bool = False,
) -> FloatArray:
    parts = []
    for repeat in range(panel.fold.shape[0]):
        told, w, total = _part(panel, repeat, weights)
        mean = (w @ cost(told, panel.outcome.value)) / total
        parts.append(np.where(total > 1e-200, np.sqrt(mean) if root else mean, np.nan))
    return mean_over_repeats(np.stack(parts))


def _ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return mid-ranks under each row of weights, shape (B, m)."""
    order = np.argsort(values, kind="stable")
    _, starts, group = np.unique(values[order], return_index=True, return_inverse=True)
    sizes = np.add.reduceat(weights[:, order], starts, axis=1)
    middle = np.cumsum(sizes, axis=1) - sizes / 2.0
    ranks = np.empty(weights.shape)
    ranks[:, order] = middle[:, group]
    return ranks


def _part(panel: Panel, repeat: int, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    valid: npt.NDArray[np.bool_] = panel.valid[repeat]
    w = weights * valid
    return np.where(valid, panel.score[repeat], 0.0), w, np.maximum(w.sum(axis=1), 1e-300)
