"""Accuracy of probabilities: Brier(t) with inverse probability of censoring weights, its integral, and plain Brier."""

from __future__ import annotations

import numpy as np

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import inverse_observed, inverse_observed_at, late_entry

__all__ = ["brier_t_values", "brier_values", "ibs_values"]


def brier_t_values(panel: Panel, weights: FloatArray, times: FloatArray) -> FloatArray:
    r"""Return the Brier score at each time under each row of weights, shape (B, len(times)).

    .. math:: \frac{1}{\sum w} \sum_i w_i \left[ S_i(t)^2 \frac{1(T_i \le t, d_i)}{G(T_i)}
              + (1 - S_i(t))^2 \frac{1(T_i > t)}{G(t)} \right]

    G is the Kaplan-Meier curve of censoring among the patients scored, all folds together and anew in each resample:
    it is a nuisance of follow-up, involves no prediction, and a fold of seven patients cannot estimate it. With delayed
    entry it is the probability of being under observation (see `hybridx.evaluate.weighted_km`), and the second term
    takes those under observation at t.
    """
    y = panel.outcome
    time, entry = y.time_days, late_entry(y)
    case = y.event[:, None] & (time[:, None] <= times[None, :])
    control = time[:, None] > times[None, :]
    at_event = inverse_observed(y, weights, y.event)  # (B, n)
    at_times = inverse_observed_at(y, weights, times)  # (B, T)
    unknown = np.isnan(at_event)
    at_event[unknown] = 0.0  # G is 0 for the last ones only, who could need no weight, as in scikit-survival
    if entry is not None:
        control &= entry[:, None] <= times[None, :]
        at_times[unknown.astype(np.float64) @ case > 0] = np.nan
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
