"""Decisions as functions: net benefit, and a response at a stated threshold; see `hybridx.evaluate.metrics`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.cohort.outcome import as_outcome
from hybridx.errors import InputError
from hybridx.evaluate.classification import learnt_thresholds, shifted_to_half
from hybridx.evaluate.metrics_inputs import (
    one,
    response_outcome,
    response_probabilities,
    survival_probabilities,
)
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment
from hybridx.evaluate.threshold_table import check_threshold
from hybridx.terms.estimate import Estimate

__all__ = [
    "balanced_accuracy",
    "mcc",
    "net_benefit",
    "npv",
    "ppv",
    "sensitivity",
    "specificity",
]


def net_benefit(
    outcome: Any,
    probability: Any,
    threshold: float,
    time_days: float | None = None,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the net benefit of treating whom a model puts at `threshold` or above: true positives per patient.

    False positives count against them at the odds of the threshold. Treating nobody is 0; whether the model beats
    treating everybody, `Result.decision_curve` says.

    Parameters
    ----------
    outcome : Outcome
        Survival, or response.
    probability : array of float, shape (n,)
        Survival: probability of being **event-free** at `time_days`. Response: probability of **response**.
    threshold : float in (0, 1)
        Of the probability of the event, or of response.
    time_days : float, optional
        Needed for a survival outcome.
    resamples, level, seed
        Of the interval.

    Source
    ------
    Vickers AJ, Elkin EB. Med Decis Making 2006. doi:10.1177/0272989X06295361. Checked against dcurves 1.1.7 to 1e-12.

    Examples
    --------
    >>> net_benefit([1, 0, 1, 0, 1, 0] * 20, [0.9, 0.2, 0.6, 0.6, 0.8, 0.1] * 20, 0.5).value
    0.3333333333333333
    """
    check_threshold(threshold, rules=())
    y = as_outcome(outcome)
    if y.kind == "response":
        panel = response_probabilities(y, probability)
    elif time_days is None:
        msg = "net_benefit of a survival outcome belongs to a time: give `time_days`."
        raise InputError(msg)
    else:
        panel = survival_probabilities(y, np.asarray(probability, dtype=np.float64)[:, None], [time_days])
    moment = Moment(horizon_days=time_days, threshold=threshold)
    return one("net_benefit", panel, moment, resamples=resamples, level=level, seed=seed)


def sensitivity(
    outcome: Any, probability: Any, threshold: float | str = 0.5, *, fold: Any = None, **settings: Any
) -> Estimate:
    """Return the share of responders who are called responders.

    Parameters
    ----------
    outcome : Outcome or array of 0/1, n rows
        Response.
    probability : array of float, shape (n,) or (R, n)
        Probability of **response**; NaN where there is none.
    threshold : float or {"prevalence", "youden"}
        From which probability a patient is called a responder: stated, or learnt for each fold on the patients of the
        other folds (their share of responders; the best sum of sensitivity and specificity).
    fold : array of int, same shape as `probability`, optional
        Needed for a threshold that is learnt.
    **settings
        ``resamples``, ``level``, ``seed`` of the interval: BCa, or Clopper-Pearson where all were called rightly.

    Source
    ------
    Checked against scikit-learn 1.9.1 to 1e-12, as are the five below.

    Examples
    --------
    >>> sensitivity([1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.2, 0.4, 0.3, 0.6]).value
    0.6666666666666666
    """
    return _at("sensitivity", outcome, probability, threshold, fold, **settings)


def specificity(
    outcome: Any, probability: Any, threshold: float | str = 0.5, *, fold: Any = None, **settings: Any
) -> Estimate:
    """Return the share of non-responders who are called non-responders; parameters as `sensitivity`."""
    return _at("specificity", outcome, probability, threshold, fold, **settings)


def ppv(
    outcome: Any, probability: Any, threshold: float | str = 0.5, *, fold: Any = None, **settings: Any
) -> Estimate:
    """Return the share of responders among those called responders; parameters as `sensitivity`."""
    return _at("ppv", outcome, probability, threshold, fold, **settings)


def npv(
    outcome: Any, probability: Any, threshold: float | str = 0.5, *, fold: Any = None, **settings: Any
) -> Estimate:
    """Return the share of non-responders among those called non-responders; parameters as `sensitivity`."""
    return _at("npv", outcome, probability, threshold, fold, **settings)


def balanced_accuracy(
    outcome: Any, probability: Any, threshold: float | str = 0.5, *, fold: Any = None, **settings: Any
) -> Estimate:
    """Return the mean of sensitivity and specificity; parameters as `sensitivity`."""
    return _at("balanced_accuracy", outcome, probability, threshold, fold, **settings)


def mcc(
    outcome: Any, probability: Any, threshold: float | str = 0.5, *, fold: Any = None, **settings: Any
) -> Estimate:
    """Return Matthews' correlation of called and true response, -1 to 1; 0 where all are called the same.

    Parameters as `sensitivity`.
    """
    return _at("mcc", outcome, probability, threshold, fold, **settings)


def _at(
    name: str,
    outcome: Any,
    probability: Any,
    threshold: float | str,
    fold: Any,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    y = response_outcome(outcome)
    response_probabilities(y, probability)  # refuses what is no probability
    check_threshold(threshold)
    panel = Panel.single(y, probability, fold=fold)
    if isinstance(threshold, str):
        panel, threshold = shifted_to_half(panel, learnt_thresholds(panel, threshold)), 0.5
    return one(name, panel, Moment(threshold=float(threshold)), resamples=resamples, level=level, seed=seed)
