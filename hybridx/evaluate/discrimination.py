r"""Discrimination from pairs of patients: Harrell C, Uno C, AUC(t), ROC AUC, under many weightings at once.

Each is a ratio of weighted pair counts, summed over the pairs that one fitted model ranked (the same test fold):

.. math:: C_b = \frac{\sum_{ij} v_{bi} w_{bj} K_{ij} S_{ij}}{\sum_{ij} v_{bi} w_{bj} K_{ij}}

with K = 1 where i must come before j, S = 1, 1/2 or 0 as the model ranks i above, level with or below j, w the weight
of a patient in resample b, and v = w times what inverse probability of censoring adds. Two matrix products per fold
give all resamples. Risks of different folds come from different models on different scales and are never compared.
Folds are weighted by their pairs (a mean of fold values would give a fold with one event the weight of a fold with
ten), and repeats are averaged.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import censoring_curves

__all__ = ["auc_t_values", "harrell_values", "roc_auc_values", "uno_values"]

# Risks closer than this count as level, as in scikit-survival; of the largest risk where all are small, so that no unit
# in which a risk comes makes all patients level.
TIED = 1e-8

PairRule = Callable[[npt.NDArray[np.intp]], npt.NDArray[np.bool_]]


def harrell_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return Harrell's C under each row of weights, shape (B,)."""
    return _pair_ratio(panel, weights, weights, _event_first(panel))


def uno_values(panel: Panel, weights: FloatArray, tau_days: float) -> FloatArray:
    """Return Uno's C up to `tau_days`; the censoring distribution is estimated anew in each resample."""
    time, event = panel.outcome.time_days, panel.outcome.event
    inverse = _inverse_censoring(panel, weights, event & (time < tau_days))
    return _pair_ratio(panel, weights * inverse**2, weights, _event_first(panel))


def auc_t_values(panel: Panel, weights: FloatArray, time_days: float) -> FloatArray:
    """Return the cumulative/dynamic AUC at a time: those with the event by then against those still free of it."""
    time, event = panel.outcome.time_days, panel.outcome.event
    case, control = event & (time <= time_days), time > time_days

    def rule(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        return np.asarray(case[rows][:, None] & control[rows][None, :])

    return _pair_ratio(panel, weights * _inverse_censoring(panel, weights, case), weights, rule)


def roc_auc_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return the area under the ROC curve: responders against non-responders."""
    responder = panel.outcome.value == 1.0

    def rule(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        return np.asarray(responder[rows][:, None] & ~responder[rows][None, :])

    return _pair_ratio(panel, weights, weights, rule)


def _event_first(panel: Panel) -> PairRule:
    """Pairs in which i is known to fail before j; an event precedes a censoring on the same day."""
    time, event = panel.outcome.time_days, panel.outcome.event

    def rule(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        t, e = time[rows], event[rows]
        later = t[None, :] > t[:, None]
        censored_same_day = (t[None, :] == t[:, None]) & ~e[None, :]
        return np.asarray(e[:, None] & (later | censored_same_day))

    return rule


def _inverse_censoring(panel: Panel, weights: FloatArray, who: npt.NDArray[np.bool_]) -> FloatArray:
    """Return 1 / G(T_i) for `who` and 0 elsewhere, shape (B, n); NaN where G is 0 for someone drawn."""
    time = panel.outcome.time_days
    remaining = censoring_curves(time, panel.outcome.event, weights).at(time)
    with np.errstate(divide="ignore"):
        inverse = np.where(who, 1.0 / remaining, 0.0)
    return np.where(np.isinf(inverse), np.where(weights > 0, np.nan, 0.0), inverse)


def _pair_ratio(panel: Panel, first: FloatArray, second: FloatArray, rule: PairRule) -> FloatArray:
    repeats = panel.fold.shape[0]
    tied = TIED * min(1.0, float(np.abs(panel.score[panel.valid]).max(initial=0.0)))
    above = np.zeros((repeats, second.shape[0]))
    total = np.zeros_like(above)
    for repeat, rows in panel.blocks():
        pairs = rule(rows).astype(np.float64)
        if not pairs.any():
            continue
        difference = panel.score[repeat, rows][:, None] - panel.score[repeat, rows][None, :]
        ranked = pairs * np.where(np.abs(difference) <= tied, 0.5, difference > 0)
        v, w = first[:, rows], second[:, rows]
        above[repeat] += np.einsum("bj,bj->b", v @ ranked, w)
        total[repeat] += np.einsum("bj,bj->b", v @ pairs, w)
    ratio = np.divide(above, total, out=np.full_like(above, np.nan), where=total > 0)
    return mean_over_repeats(ratio)
