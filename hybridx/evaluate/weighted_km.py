"""Kaplan-Meier for many weightings of the same patients at once: the heart of every resampled survival metric.

A bootstrap resample is a vector of weights (how often each patient was drawn). With B resamples as the rows of a
matrix, one pass over the distinct times gives B curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

__all__ = ["StepCurves", "censoring_curves", "kaplan_meier", "survival_curves"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StepCurves:
    """B right-continuous step functions that share their jump times.

    Parameters
    ----------
    times : array, shape (K,)
        Days, increasing; before the first the curves are 1.
    values : array, shape (B, K)
    """

    times: FloatArray
    values: FloatArray

    def at(self, when: npt.ArrayLike) -> FloatArray:
        """Return the curves at some times, shape (B, len(when))."""
        index = np.searchsorted(self.times, np.atleast_1d(when), side="right")
        padded = np.concatenate([np.ones((self.values.shape[0], 1)), self.values], axis=1)
        return np.asarray(padded[:, index])


def _counts(
    time: FloatArray, event: BoolArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return distinct times, and per weighting: events, censorings, patients at risk at each."""
    order = np.argsort(time, kind="stable")
    times, starts = np.unique(time[order], return_index=True)
    sorted_weights = weights[:, order]
    events = np.add.reduceat(sorted_weights * event[order], starts, axis=1)
    all_ends = np.add.reduceat(sorted_weights, starts, axis=1)
    at_risk = np.cumsum(all_ends[:, ::-1], axis=1)[:, ::-1]
    return times, events, all_ends - events, at_risk


def _product(ends: FloatArray, at_risk: FloatArray) -> FloatArray:
    hazard = np.divide(ends, at_risk, out=np.zeros_like(ends), where=at_risk > 0)
    return np.asarray(np.cumprod(1.0 - hazard, axis=1))


def survival_curves(time: FloatArray, event: BoolArray, weights: FloatArray) -> StepCurves:
    """Return the Kaplan-Meier curve under each row of weights.

    Parameters
    ----------
    time, event : arrays, shape (n,)
    weights : array, shape (B, n)
        Non-negative; zero leaves a patient out.
    """
    times, events, _, at_risk = _counts(time, event, weights)
    return StepCurves(times, _product(events, at_risk))


def censoring_curves(time: FloatArray, event: BoolArray, weights: FloatArray) -> StepCurves:
    """Return G(t), the probability of not being censored by t, under each row of weights.

    A patient whose event ties with another's censoring is taken to leave first, as in scikit-survival.
    """
    times, events, censored, at_risk = _counts(time, event, weights)
    return StepCurves(times, _product(censored, at_risk - events))


def kaplan_meier(
    time: FloatArray, event: BoolArray, *, level: float = 0.95
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return times, survival, and a log-log (Kalbfleisch-Prentice) interval with Greenwood's variance.

    Returns
    -------
    tuple of arrays, each of shape (K,)
        ``times, survival, low, high``; the interval is NaN where survival is 0 (undefined there).

    Source
    ------
    Checked against lifelines 0.30.3 and scikit-survival 0.28.0 to 1e-10.
    """
    times, events, _, at_risk = (np.atleast_2d(a)[0] for a in _counts(time, event, np.ones((1, len(time)))))
    survival = np.cumprod(1.0 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
        log_survival = np.log(survival)
        width = ndtri(0.5 + level / 2) * np.sqrt(variance) / np.abs(log_survival)
        low, high = survival ** np.exp(width), survival ** np.exp(-width)
    before = survival >= 1.0  # nothing has happened yet: no uncertainty from events
    low, high = np.where(before, 1.0, low), np.where(before, 1.0, high)
    gone = survival <= 0.0
    low[gone], high[gone] = np.nan, np.nan
    return times, survival, low, high
