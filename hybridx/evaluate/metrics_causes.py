"""Scores for one of several competing events as functions: arrays in, an `Estimate` with its interval out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hybridx.evaluate.causes import (
    cause_auc_t_values,
    cause_brier_t_values,
    cause_specific,
    wolbers_values,
)
from hybridx.evaluate.intervals import Resamples, perfect_ranking
from hybridx.evaluate.metrics_inputs import followed, survival_outcome, survival_probabilities
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.terms.estimate import Estimate

__all__ = ["cause_auc_t", "cause_brier_t", "wolbers_c"]


def wolbers_c(
    outcome: Any,
    risk: Any,
    cause: str,
    *,
    tau_days: float | None = None,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return Wolbers' C: how often the **risk** is higher in who has this event than in who has it later, or never.

    A patient with another event first never has this one. For the hazard of the cause instead, other events censored,
    use ``harrell_c(cause_specific(outcome, cause), risk)``.

    Parameters
    ----------
    outcome : Outcome, n rows
        With causes; late entry is refused.
    risk : array of float, shape (n,) or (R, n)
        Higher is worse, for example the predicted incidence of `cause` at a time.
    cause : str
        The event that counts.
    tau_days : float, optional
        Events from here on are not looked at.
    fold, resamples, level, seed
        As in `hybridx.evaluate.metrics.harrell_c`.

    Source
    ------
    Wolbers M et al. Biostatistics 2014. doi:10.1093/biostatistics/kxt059.

    Examples
    --------
    >>> from hybridx.cohort.outcome import Outcome
    >>> y = Outcome.survival([10, 20, 30, 40], [1, 1, 1, 0], cause=["relapse", "death", "relapse", ""])
    >>> wolbers_c(y, [4, 1, 3, 2], "relapse").value
    1.0
    """
    panel = Panel.single(survival_outcome(outcome), risk, fold=fold)
    tau = np.inf if tau_days is None else float(tau_days)
    return _estimate(
        panel,
        cause,
        lambda w: wolbers_values(panel, w, cause, tau),
        Resamples(panel.n, resamples, seed, level),
    )


def cause_auc_t(
    outcome: Any,
    risk: Any,
    cause: str,
    time_days: float,
    *,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return how well **risk** tells who has the event of `cause` by `time_days` from who has none, or another one.

    Parameters as in `wolbers_c`.

    Source
    ------
    Blanche P, Dartigues JF, Jacqmin-Gadda H. Stat Med 2013. doi:10.1002/sim.5958.
    """
    panel = followed(Panel.single(survival_outcome(outcome), risk, fold=fold), time_days)
    return _estimate(
        panel,
        cause,
        lambda w: cause_auc_t_values(panel, w, cause, time_days),
        Resamples(panel.n, resamples, seed, level),
    )


def cause_brier_t(
    outcome: Any,
    incidence: Any,
    cause: str,
    time_days: float,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the Brier score of the **probability of an event of `cause`** by `time_days`, lower is better.

    Parameters
    ----------
    incidence : array of float, shape (n,)
        Predicted cumulative incidence, in [0, 1]; not one minus a survival probability.

    Source
    ------
    Schoop R et al. Biom J 2011. doi:10.1002/bimj.201000073.
    """
    free_of_it = 1.0 - np.asarray(incidence, dtype=np.float64)[:, None]
    panel = survival_probabilities(survival_outcome(outcome), free_of_it, [time_days])
    at = np.array([float(time_days)])
    return _estimate(
        panel,
        cause,
        lambda w: cause_brier_t_values(panel, w, cause, at)[:, 0],
        Resamples(panel.n, resamples, seed, level),
        ranking=False,
    )


def _estimate(
    panel: Panel,
    cause: str,
    values: Callable[[FloatArray], FloatArray],
    resamples: Resamples,
    *,
    ranking: bool = True,
) -> Estimate:
    n_events = cause_specific(panel.outcome, cause).n_events
    part = panel.predicted
    found = resamples.interval(lambda w: values(_whole(w, part)), part)
    if ranking:
        found = perfect_ranking(found, n_events, resamples.level)
    return Estimate(
        found.value, found.low, found.high, resamples.level, int(part.sum()), n_events, found.note
    )


def _whole(weights: FloatArray, part: np.typing.NDArray[np.bool_]) -> FloatArray:
    """Return weights of all patients, 0 for those without a prediction."""
    whole = np.zeros((len(weights), len(part)))
    whole[:, part] = weights
    return whole
