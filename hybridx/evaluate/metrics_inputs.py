"""What the metrics as functions share: arrays checked and made a panel, one metric of it measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.cohort.outcome import Outcome, as_outcome
from hybridx.errors import InputError
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment, measure, metric_named
from hybridx.terms.estimate import Estimate

__all__ = [
    "followed",
    "one",
    "response_outcome",
    "response_probabilities",
    "survival_outcome",
    "survival_probabilities",
]


def one(name: str, panel: Panel, moment: Moment, *, resamples: int, level: float, seed: int) -> Estimate:
    """Return one metric, by name, of a panel with its interval."""
    metric = metric_named(name, panel.outcome.kind)
    return measure(metric, panel, moment, Resamples(panel.n, resamples, seed, level))


def survival_outcome(outcome: Any) -> Outcome:
    """Return a survival outcome, or say of what kind it is instead."""
    y = as_outcome(outcome)
    if y.kind != "survival":
        msg = f"{y.endpoint!r} is a {y.kind} outcome; this metric takes survival outcomes."
        raise InputError(msg)
    return y


def survival_probabilities(outcome: Any, survival: Any, times: Any) -> Panel:
    """Return the panel of survival probabilities (n, T) at times that somebody's follow-up reaches."""
    return followed(Panel.single(survival_outcome(outcome), survival=survival, times=times), np.max(times))


def response_probabilities(outcome: Outcome, probability: Any) -> Panel:
    """Return the panel of probabilities of response, refusing what is none."""
    panel = Panel.single(outcome, probability)
    if np.nanmin(panel.score, initial=0.0) < 0 or np.nanmax(panel.score, initial=1.0) > 1:
        msg = "The probability of response lies in [0, 1]; log-odds and classes with other codes are not accepted here."
        raise InputError(msg)
    return panel


def followed(panel: Panel, time_days: Any) -> Panel:
    """Refuse a time that nobody's follow-up reaches: whatever a score said there would rest on no patient."""
    end = float(panel.outcome.time_days.max(initial=0.0))
    if not 0 < float(time_days) <= end:
        msg = f"time_days={float(time_days):g}: wanted a day > 0 up to the end of follow-up, {end:g}."
        raise InputError(msg)
    return panel


def response_outcome(outcome: Any) -> Outcome:
    """Return a response, or say of what kind the outcome is instead."""
    y = as_outcome(outcome)
    if y.kind != "response":
        msg = f"{y.endpoint!r} is a {y.kind} outcome; this metric takes responses (1 responder, 0 not)."
        raise InputError(msg)
    return y
