"""Accuracy of probabilities: Brier(t) with inverse probability of censoring weights, its integral, and plain Brier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import inverse_observed, inverse_observed_at, late_entry, survival_curves

__all__ = ["brier_t_values", "brier_values", "ibs_skill_values", "ibs_values"]


def brier_t_values(panel: Panel, weights: FloatArray, times: FloatArray) -> FloatArray:
    r"""Return the Brier score at each time under each row of weights, shape (B, len(times)).

    .. math:: \frac{1}{\sum w} \sum_i w_i \left[ S_i(t)^2 \frac{1(T_i \le t, d_i)}{G(T_i)}
              + (1 - S_i(t))^2 \frac{1(T_i > t)}{G(t)} \right]

    G is the Kaplan-Meier curve of censoring among the patients scored, all folds together and anew in each resample:
    it is a nuisance of follow-up, involves no prediction, and a fold of seven patients cannot estimate it. With delayed
    entry it is the probability of being under observation (see `hybridx.evaluate.weighted_km`), and the second term
    takes those under observation at t.
    """
    weighing = _Weighing.of(panel, weights, times)
    survival = np.stack([panel.survival_at(float(t)) for t in times], axis=2)  # (R, n, T)
    scores = []
    for repeat in range(panel.fold.shape[0]):
        valid = panel.valid[repeat]
        scores.append(weighing.score(weights * valid, np.where(valid[:, None], survival[repeat], 0.0)))
    return mean_over_repeats(np.stack(scores))


def ibs_values(panel: Panel, weights: FloatArray, times: FloatArray) -> FloatArray:
    """Return the integral of Brier(t) over `times` divided by their span (trapezoids), shape (B,)."""
    return _integral(brier_t_values(panel, weights, times), times)


def ibs_skill_values(panel: Panel, weights: FloatArray, times: FloatArray) -> FloatArray:
    r"""Return how much lower the integrated Brier score is than that of the Kaplan-Meier curve, shape (B,).

    .. math:: 1 - IBS / IBS_{KM}

    1 is perfect, 0 no better than one curve for everybody, below 0 worse. The reference never saw the patients it is
    scored on: each fold gets the curve of the other folds of its repeat, which in a cross-validation is the training
    part, and like the model it is not refitted in resamples. Predictions of a single fold (a test set, a new cohort)
    leave no others: there it is the curve of the patients scored, in each resample anew, the best that one curve
    can do on them, so that the skill is, if anything, too low.

    Source
    ------
    Graf E et al. Stat Med 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5 (there
    R^2, with the pooled curve as reference).
    """
    weighing = _Weighing.of(panel, weights, times)
    scores = []
    for repeat in range(panel.fold.shape[0]):
        w = weights * panel.valid[repeat]
        curves = _curves_of_others(panel, repeat, times)
        scores.append(weighing.own_curve(w) if curves is None else weighing.score(w, curves))
    reference = _integral(mean_over_repeats(np.stack(scores)), times)
    ours = ibs_values(panel, weights, times)
    ratio = np.divide(ours, reference, out=np.full_like(ours, np.nan), where=reference > 0)
    return np.asarray(1.0 - ratio)


@dataclass(frozen=True, eq=False)
class _Weighing:
    """What inverse probability of censoring makes of each patient at each time, in each resample."""

    outcome: Outcome
    times: FloatArray
    case: FloatArray  # (n, T)
    control: FloatArray  # (n, T)
    at_event: FloatArray  # (B, n)
    at_times: FloatArray  # (B, T)

    @classmethod
    def of(cls, panel: Panel, weights: FloatArray, times: FloatArray) -> _Weighing:
        y = panel.outcome
        time, entry = y.time_days, late_entry(y)
        case = y.event[:, None] & (time[:, None] <= times[None, :])
        control = time[:, None] > times[None, :]
        at_event = inverse_observed(y, weights, y.event)
        at_times = inverse_observed_at(y, weights, times)
        unknown = np.isnan(at_event)
        at_event[unknown] = (
            0.0  # G is 0 for the last ones only, who could need no weight, as in scikit-survival
        )
        if entry is not None:
            control &= entry[:, None] <= times[None, :]
            at_times[unknown.astype(np.float64) @ case > 0] = np.nan
        return cls(y, times, case.astype(np.float64), control.astype(np.float64), at_event, at_times)

    def score(self, w: FloatArray, survival: FloatArray) -> FloatArray:
        """Return Brier(t) of probabilities (n, T), shape (B, T)."""
        failed = (w * self.at_event) @ (survival**2 * self.case)
        alive = (w @ ((1.0 - survival) ** 2 * self.control)) * self.at_times
        return self._mean(failed + alive, w)

    def own_curve(self, w: FloatArray) -> FloatArray:
        """Return Brier(t) of the Kaplan-Meier curve of the same patients in each resample, shape (B, T)."""
        y = self.outcome
        survival = survival_curves(y.time_days, y.event, w, late_entry(y)).at(self.times)
        failed = ((w * self.at_event) @ self.case) * survival**2
        alive = (w @ self.control) * self.at_times * (1.0 - survival) ** 2
        return self._mean(failed + alive, w)

    @staticmethod
    def _mean(total: FloatArray, w: FloatArray) -> FloatArray:
        size = w.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0))


def _integral(scores: FloatArray, times: FloatArray) -> FloatArray:
    return np.asarray(np.trapezoid(scores, times, axis=1) / (times[-1] - times[0]))


def _curves_of_others(panel: Panel, repeat: int, times: FloatArray) -> FloatArray | None:
    """Return the Kaplan-Meier curve of the other folds for each patient, shape (n, T), or None for a single fold."""
    y, valid, fold = panel.outcome, panel.valid[repeat], panel.fold[repeat]
    folds = np.unique(fold[valid])
    if len(folds) < 2:
        return None
    others = np.stack([valid & (fold != f) for f in folds]).astype(np.float64)
    curves = survival_curves(y.time_days, y.event, others, late_entry(y)).at(times)
    own = np.minimum(np.searchsorted(folds, fold), len(folds) - 1)
    return np.asarray(np.where(valid[:, None], curves[own], 0.0))


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
