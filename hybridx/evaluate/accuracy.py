"""Accuracy of probabilities: Brier(t) with inverse probability of censoring weights, its integral, and plain Brier."""

from __future__ import annotations

import numpy as np

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import censoring_curves

__all__ = ["brier_t_values", "brier_values", "ibs_values"]


def brier_t_values(panel: Panel, weights: FloatArray, times: FloatArray) -> FloatArray:
    r"""Return the Brier score at each time under each row of weights, shape (B, len(times)).

    .. math:: \frac{1}{\sum w} \sum_i w_i \left[ S_i(t)^2 \frac{1(T_i \le t, d_i)}{G(T_i)}
              + (1 - S_i(t))^2 \frac{1(T_i > t)}{G(t)} \right]

    G is the Kaplan-Meier curve of censoring among the patients scored, all folds together and anew in each resample:
    it is a nuisance of follow-up, involves no prediction, and a fold of seven patients cannot estimate it.
    """
    time, event = panel.outcome.time_days, panel.outcome.event
    censoring = censoring_curves(time, event, weights)
    with np.errstate(divide="ignore"):
        at_event = np.where(event, 1.0 / censoring.at(time), 0.0)  # (B, n)
        at_times = 1.0 / censoring.at(times)  # (B, T)
    # Beyond the follow-up of a resample G is 0: nobody is left who could need the weight, as in scikit-survival.
    at_event[np.isinf(at_event)] = 0.0
    at_times[np.isinf(at_times)] = 0.0
    case = event[:, None] & (time[:, None] <= times[None, :])
    control = time[:, None] > times[None, :]
    survival = np.stack([panel.survival_at(float(t)) for t in times], axis=2)  # (R, n, T)
    scores = []
    for repeat in range(panel.fold.shape[0]):
        valid = panel.valid[repeat]
        s = np.where(valid[:, None], survival[repeat], 0.0)
        w = weights * valid
        failed = (w * at_event) @ (s**2 * case)
        alive = (w @ ((1.0 - s) ** 2 * control)) * at_times
        total = w.sum(axis=1, keepdims=True)
        scores.append(np.divide(failed + alive, total, out=np.full_like(failed, np.nan), where=total > 0))
    return mean_over_repeats(np.stack(scores))


def ibs_values(panel: Panel, weights: FloatArray, times: FloatArray) -> FloatArray:
    """Return the integral of Brier(t) over `times` divided by their span (trapezoids), shape (B,)."""
    scores = brier_t_values(panel, weights, times)
    return np.asarray(np.trapezoid(scores, times, axis=1) / (times[-1] - times[0]))


def brier_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return the mean squared error of the probability of response, shape (B,)."""
    response = panel.outcome.value
    scores = []
    for repeat in range(panel.fold.shape[0]):
        w = weights * panel.valid[repeat]
        squared = np.where(panel.valid[repeat], (panel.score[repeat] - response) ** 2, 0.0)
        total = w.sum(axis=1)
        scores.append(np.divide(w @ squared, total, out=np.full_like(total, np.nan), where=total > 0))
    return mean_over_repeats(np.stack(scores))
