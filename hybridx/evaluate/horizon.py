"""Which times an evaluation looks at: a horizon, the end of reliable follow-up, and the grid between."""

from __future__ import annotations

import math

import numpy as np

from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.registry import Moment
from hybridx.evaluate.weighted_km import censoring_curves, late_entry
from hybridx.terms.text import DAYS_PER_MONTH

__all__ = ["LANDMARK_MONTHS", "moment_of", "months", "time_grid", "times_of"]

LANDMARK_MONTHS = (3, 6, 12, 18, 24, 36, 48, 60, 84, 120)
GRID_STEPS = 60
AT_RISK_HORIZON = 10  # a probability at a horizon is checked on those still followed then
AT_RISK_TAU = 5


def months(days: float) -> str:
    """Say a time in months: ``24 months``, ``7.5 months``."""
    value = days / DAYS_PER_MONTH
    return f"{value:.0f} months" if abs(value - round(value)) < 0.05 else f"{value:.1f} months"


def moment_of(y: Outcome, horizon_days: float | None = None) -> tuple[Moment, str]:
    """Settle horizon, tau and grid of a survival outcome, and say how.

    tau is the last time at which at least 5 patients and a tenth of them are still followed. The horizon, unless
    given, is the longest of 3, 6, 12, 18, 24, 36, 48, 60, 84, 120 months that is neither beyond tau nor beyond the
    median follow-up (reverse Kaplan-Meier), with at least 10 patients (and a tenth) at risk and 5 events before it;
    if there is none, the median observed time.

    Patients with late entry count from it on.

    Only follow-up enters these choices, no prediction.

    Raises
    ------
    InputError
        `horizon_days` is not a time at which anyone is followed, or nothing happened before it.
    """
    time, event = y.time_days, y.event
    tau = _tau(y)
    if horizon_days is None:
        horizon, how = _default_horizon(y, tau)
    else:
        horizon, how = float(horizon_days), "as asked"
        at_risk, events = _followed_at(y, horizon), int(np.sum(event & (time <= horizon)))
        if not (math.isfinite(horizon) and horizon > 0 and at_risk >= 2 and events >= 1):
            msg = (
                f"horizon_days={horizon_days!r}: {at_risk} patients are followed beyond it and {events} events lie "
                f"before it. Choose a time up to {tau:.0f} days ({months(tau)}), where enough are still followed."
            )
            raise InputError(msg)
    at_risk = _followed_at(y, horizon)
    grid = np.linspace(tau / GRID_STEPS, tau, GRID_STEPS)
    moment = Moment(horizon, tau, tuple(np.unique(grid).tolist()))
    sentence = (
        f"Horizon {months(horizon)} ({how}), {at_risk} patients still followed then; Uno C and IBS look at the first "
        f"{months(tau)}."
    )
    return moment, sentence


def times_of(y: Outcome, horizon_days: float | None = None) -> tuple[Moment, FloatArray, list[str]]:
    """Settle the times of an outcome of any kind: the moment, where its curves are predicted, and a sentence about it.

    Parameters
    ----------
    y : Outcome
        Of the patients whose follow-up decides.
    horizon_days : float, optional
        See `moment_of`.

    Returns
    -------
    tuple of Moment, array, list of str
        The array holds days for survival, the ranks of its levels for an ordinal outcome, and is empty where one number
        is predicted. Nothing is said where nothing was chosen.
    """
    if y.kind != "survival":
        return Moment(), np.arange(len(y.levels), dtype=np.float64), []
    moment, sentence = moment_of(y, horizon_days)
    return moment, time_grid(moment), [sentence]


def time_grid(moment: Moment) -> FloatArray:
    """Return the days at which survival is predicted: the grid, the horizon, and the usual months before its end."""
    end = max(moment.grid_days[-1], moment.horizon_days or 0.0)
    usual = [m * DAYS_PER_MONTH for m in LANDMARK_MONTHS if m * DAYS_PER_MONTH <= end]
    return np.unique(np.array([*moment.grid_days, moment.horizon_days or end, *usual], dtype=np.float64))


def _followed_at(y: Outcome, days: float) -> int:
    """Return how many patients have entered by a time and are followed beyond it."""
    entry = late_entry(y)
    here = y.time_days > days
    return int(np.sum(here if entry is None else here & (entry <= days)))


def _tau(y: Outcome) -> float:
    """Return the last patient's time that is reached by 5 patients and a tenth of them; the best reached if none is."""
    least, falling = max(AT_RISK_TAU, math.ceil(0.1 * len(y))), np.sort(y.time_days)[::-1]
    entry = late_entry(y)
    if entry is None:
        return float(falling[least - 1])
    at_risk = (
        len(y) - np.searchsorted(falling[::-1], falling) - (len(y) - np.searchsorted(np.sort(entry), falling))
    )
    enough = np.flatnonzero(at_risk >= min(least, int(at_risk.max())))
    return float(falling[enough[0]])


def median_follow_up(y: Outcome) -> float:
    """Return the median follow-up in days (reverse Kaplan-Meier); NaN where fewer than half were ever censored.

    Source: Schemper M, Smith TL. Control Clin Trials 1996. doi:10.1016/0197-2456(96)00075-x
    """
    followed = censoring_curves(y.time_days, y.event, np.ones((1, len(y))), late_entry(y))
    below = np.flatnonzero(followed.values[0] <= 0.5)
    return float(followed.times[below[0]]) if below.size else math.nan


def _default_horizon(y: Outcome, tau: float) -> tuple[float, str]:
    time, event = y.time_days, y.event
    reached = median_follow_up(y)
    follow_up = tau if math.isnan(reached) else reached
    least = max(AT_RISK_HORIZON, math.ceil(0.1 * len(time)))
    for mark in reversed(LANDMARK_MONTHS):
        days = mark * DAYS_PER_MONTH
        enough = _followed_at(y, days) >= least and np.sum(event & (time <= days)) >= min(5, event.sum())
        if days <= min(tau, follow_up) and enough:
            return days, f"the longest usual one within the median follow-up of {months(follow_up)}"
    middle = float(min(np.median(time), tau))
    first_event = float(time[event].min())
    return max(middle, first_event), "the median observed time; no usual horizon has enough follow-up"
