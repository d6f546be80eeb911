r"""Kaplan-Meier for many weightings of the same patients at once: the heart of every resampled survival metric.

A bootstrap resample is a vector of weights (how often each patient was drawn). With B resamples as the rows of a
matrix, one pass over the distinct times gives B curves.

**Delayed entry.** A patient counts among those at risk from the entry on (left truncation, as in R's
``Surv(start, stop, event)``). Scores that weigh for censoring then need the probability K of being under observation,
entered and not yet censored, in place of G, the probability of not being censored. With R(u) at risk at u out of N,

.. math:: K(u^-) = R(u) / (N S(u^-)), \qquad K(t) = R(t^+) / (N S(t))

up to a constant (the share of all patients who live to enter), which no score depends on: with these weights those who
had the event by t and those followed beyond it stand for N patients in all. Without late entry, R(u) / (N S(u^-)) is
G(u^-), the Kaplan-Meier curve of censoring. It holds if entry, like censoring, is independent of event and
predictions. Where early events empty the risk set while others enter later, S is 0 from there on and the score is NaN:
measure times from a later origin then.

Source: Wang MC. Nonparametric estimation from cross-sectional survival data. JASA 1991;86:130-143. Checked by
simulation against a population in which everybody was seen (tests/evaluate/test_ranking_entry.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from hybridx.cohort.outcome import Outcome

__all__ = [
    "StepCurves",
    "censoring_curves",
    "cumulative_incidence",
    "inverse_observed",
    "inverse_observed_at",
    "kaplan_meier",
    "late_entry",
    "standing_for",
    "survival_curves",
]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

DUST = 1e-13  # of all weight


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
        return self._steps(when, "right")

    def before(self, when: npt.ArrayLike) -> FloatArray:
        """Return the curves just before some times, shape (B, len(when))."""
        return self._steps(when, "left")

    def _steps(self, when: npt.ArrayLike, side: Literal["left", "right"]) -> FloatArray:
        index = np.searchsorted(self.times, np.atleast_1d(when), side=side)
        padded = np.concatenate([np.ones((self.values.shape[0], 1)), self.values], axis=1)
        return np.asarray(padded[:, index])


def late_entry(y: Outcome) -> FloatArray | None:
    """Return when each patient came under observation (-inf: from the start), or None if nobody came too late for any.

    An entry before everybody's first time changes no risk set.
    """
    if (
        y.entry_days is None
        or not len(y)
        or not np.nanmax(y.entry_days, initial=-np.inf) >= y.time_days.min()
    ):
        return None
    return np.where(np.isnan(y.entry_days), -np.inf, y.entry_days)


def inverse_observed(y: Outcome, weights: FloatArray, who: BoolArray) -> FloatArray:
    """Return the inverse probability of seeing each patient's event, for `who`, and 0 elsewhere, shape (B, n).

    1 / G(T_i) as in scikit-survival, or 1 / K(T_i^-) with late entry; NaN where that is undefined for someone drawn.
    """
    entry = late_entry(y)
    if entry is None:
        remaining = censoring_curves(y.time_days, y.event, weights).at(y.time_days)
        with np.errstate(divide="ignore"):
            inverse = np.where(who, 1.0 / remaining, 0.0)
        return np.where(np.isinf(inverse), np.where(weights > 0, np.nan, 0.0), inverse)
    times, events, _, at_risk = _counts(y.time_days, y.event, weights, entry)
    curves = StepCurves(times, _product(events, at_risk))
    index = np.searchsorted(times, y.time_days)
    alive, there = curves.before(y.time_days), at_risk[:, index]
    drawn = who & (weights > 0)
    known = drawn & (alive > 0)
    total = weights.sum(axis=1, keepdims=True)
    inverse = np.divide(total * alive, there, out=np.zeros_like(alive), where=known)
    return np.where(drawn & ~known, np.nan, inverse)


def inverse_observed_at(y: Outcome, weights: FloatArray, times: FloatArray) -> FloatArray:
    """Return the inverse probability of being under observation at some times, shape (B, len(times)).

    0 where nobody is left who could need it, as in scikit-survival.
    """
    entry = late_entry(y)
    if entry is None:
        with np.errstate(divide="ignore"):
            inverse = 1.0 / censoring_curves(y.time_days, y.event, weights).at(times)
        return np.where(np.isinf(inverse), 0.0, inverse)
    there = (entry[:, None] <= times) & (y.time_days[:, None] > times)
    followed = weights @ there.astype(np.float64)
    alive = survival_curves(y.time_days, y.event, weights, entry).at(times)
    total = weights.sum(axis=1, keepdims=True)
    inverse = np.divide(total * alive, followed, out=np.zeros_like(alive), where=followed > 0)
    return np.where((followed > 0) & (alive <= 0), np.nan, inverse)


def standing_for(y: Outcome, weights: FloatArray, time_days: float) -> FloatArray | None:
    """Return weights with which those whose state at a time is known stand for everybody, (B, n).

    None without late entry. Those seen are not a sample of everybody when entry is late: who dies early is missed.
    Shares and means of them, such as that of the patients flagged or of a predicted probability, need these weights.
    The weights of those with an event by `time_days` add up to their Kaplan-Meier share of the whole. NaN where nobody
    stands for the rest.
    """
    entry = late_entry(y)
    if entry is None:
        return None
    failed = y.event & (y.time_days <= time_days)
    followed = (entry <= time_days) & (y.time_days > time_days)
    alive = inverse_observed_at(y, weights, np.array([time_days]))
    standing = weights * (inverse_observed(y, weights, failed) + np.where(followed, alive, 0.0))
    whole = np.isclose(standing.sum(axis=1), weights.sum(axis=1), rtol=1e-6)
    return np.where(whole[:, None], standing, np.nan)


def _counts(
    time: FloatArray, event: BoolArray, weights: FloatArray, entry: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return distinct times, and per weighting: events, censorings, patients at risk at each."""
    from hybridx.evaluate.km_kernels import count_days  # noqa: PLC0415 - numba takes its time to load

    times, day = np.unique(time, return_inverse=True)
    # who enters on a day is not yet at risk on that day
    arrival = np.full(len(time), -1) if entry is None else np.searchsorted(times, entry, side="right") - 1
    drawn = np.array(weights, dtype=np.float64, order="C")
    counts = count_days(day, arrival, np.array(event), drawn, len(times), DUST)
    return times, *counts


def _product(ends: FloatArray, at_risk: FloatArray) -> FloatArray:
    from hybridx.evaluate.km_kernels import product_limit  # noqa: PLC0415 - numba takes its time to load

    return np.asarray(product_limit(ends, at_risk))


def survival_curves(
    time: FloatArray, event: BoolArray, weights: FloatArray, entry: FloatArray | None = None
) -> StepCurves:
    """Return the Kaplan-Meier curve under each row of weights.

    Parameters
    ----------
    time, event : arrays, shape (n,)
    weights : array, shape (B, n)
        Non-negative; zero leaves a patient out.
    entry : array, shape (n,), optional
        Delayed entry in days; -inf: from the start (see `late_entry`).
    """
    times, events, _, at_risk = _counts(time, event, weights, entry)
    return StepCurves(times, _product(events, at_risk))


def censoring_curves(
    time: FloatArray, event: BoolArray, weights: FloatArray, entry: FloatArray | None = None
) -> StepCurves:
    """Return G(t), the probability of not being censored by t, under each row of weights.

    With late entry: of not being censored by t, once entered, if leaving does not depend on when one came.

    A patient whose event ties with another's censoring is taken to leave first, as in scikit-survival.
    """
    times, events, censored, at_risk = _counts(time, event, weights, entry)
    return StepCurves(times, _product(censored, at_risk - events))


def cumulative_incidence(
    time: FloatArray,
    event: BoolArray,
    own: BoolArray,
    weights: FloatArray,
    entry: FloatArray | None = None,
) -> StepCurves:
    """Return one minus the Aalen-Johansen incidence of the events `own` among all events, under each row of weights.

    One minus, since `StepCurves` start at 1.
    """
    times, events, _, at_risk = _counts(time, event, weights, entry)
    hits = _counts(time, own, weights, entry)[1]
    alive = StepCurves(times, _product(events, at_risk)).before(times)
    steps = np.divide(alive * hits, at_risk, out=np.zeros_like(hits), where=at_risk > 0)
    return StepCurves(times, 1.0 - np.cumsum(steps, axis=1))


def kaplan_meier(
    time: FloatArray, event: BoolArray, *, entry: FloatArray | None = None, level: float = 0.95
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return times, survival, and a log-log (Kalbfleisch-Prentice) interval with Greenwood's variance.

    Returns
    -------
    tuple of arrays, each of shape (K,)
        ``times, survival, low, high``; the interval is NaN where survival is 0 (undefined there).

    Source
    ------
    Checked against lifelines 0.30.3 (with delayed entry too) and scikit-survival 0.28.0 to 1e-10.
    """
    once = np.ones((1, len(time)))
    times, events, _, at_risk = (np.atleast_2d(a)[0] for a in _counts(time, event, once, entry))
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
