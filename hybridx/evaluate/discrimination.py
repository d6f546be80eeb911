r"""Discrimination from pairs of patients: Harrell C, Uno C, AUC(t), ROC AUC, under many weightings at once.

Each is a ratio of weighted pair counts, summed over the pairs that one fitted model ranked (the same test fold):

.. math:: C_b = \frac{\sum_{ij} v_{bi} w_{bj} K_{ij} S_{ij}}{\sum_{ij} v_{bi} w_{bj} K_{ij}}

with K = 1 where i must come before j, S = 1, 1/2 or 0 as the model ranks i above, level with or below j, w the weight
of a patient in resample b, and v = w times what inverse probability of censoring adds. Sorting takes the place of the
n x n pairs: O(n log n) for each resample. Risks of different folds come from different models on different scales and
are never compared. Folds are weighted by their pairs (a mean of fold values would give a fold with one event the weight
of a fold with ten), and repeats are averaged.

**Delayed entry** (`Outcome.entry_days` e): Harrell and Uno compare i with j only if j was under observation when i had
the event, e_j < T_i, as R's `survival::concordance` does for ``Surv(start, stop, event)``; AUC(t) takes as controls
those under observation at t. Uno and AUC(t) then weigh by the probability of being under observation, which late entry
lowers as censoring does (see `hybridx.evaluate.weighted_km`).

**Competing events**: `Outcome.event` is what counts, whatever its cause. For one cause see `hybridx.evaluate.causes`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import inverse_observed
from hybridx.models.concordance import weighted_pairs

__all__ = [
    "auc_t_values",
    "case_control",
    "harrell_values",
    "roc_auc_values",
    "share",
    "tolerance",
    "uno_values",
]

# Risks closer than this count as level, as in scikit-survival; of the largest risk where all are small, so that no unit
# in which a risk comes makes all patients level. Level is not transitive (a with b and b with c, but a above c), and is
# judged here pair by pair, as scikit-survival judges it: merging near risks into one rank would change such chains.
TIED = 1e-8


def harrell_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return Harrell's C under each row of weights, shape (B,)."""
    return _time_ordered(panel, weights, weights, panel.outcome.event)


def uno_values(panel: Panel, weights: FloatArray, tau_days: float) -> FloatArray:
    """Return Uno's C up to `tau_days`; the censoring distribution is estimated anew in each resample."""
    y = panel.outcome
    asks = y.event & (y.time_days < tau_days)
    return _time_ordered(panel, weights * inverse_observed(y, weights, asks) ** 2, weights, asks)


def auc_t_values(panel: Panel, weights: FloatArray, time_days: float) -> FloatArray:
    """Return the cumulative/dynamic AUC at a time: those with the event by then against those still free of it."""
    y = panel.outcome
    case, control = y.event & (y.time_days <= time_days), y.time_days > time_days
    if y.entry_days is not None:
        control &= ~(y.entry_days > time_days)  # NaN: from the start
    return case_control(panel, weights * inverse_observed(y, weights, case), weights, case, control)


def roc_auc_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return the area under the ROC curve: responders against non-responders."""
    responder = panel.outcome.value == 1.0
    return case_control(panel, weights, weights, responder, ~responder)


def tolerance(score: FloatArray) -> float:
    """Return how far apart two risks may be to count as level."""
    return TIED * min(1.0, float(np.abs(score).max(initial=0.0)))


def _time_ordered(
    panel: Panel, first: FloatArray, second: FloatArray, asks: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return the share of pairs ranked rightly where i has the event before j."""
    y, tied = panel.outcome, tolerance(panel.score[panel.valid])
    sums = np.zeros((2, panel.fold.shape[0], len(second)))
    for repeat, rows in panel.blocks():
        v = first[:, rows]
        sums[:, repeat] += weighted_pairs(
            y.time_days[rows],
            y.event[rows],
            panel.score[repeat, rows],
            v,
            v if first is second else second[:, rows],
            asks=asks[rows],
            entry=None if y.entry_days is None else y.entry_days[rows],
            tied=tied,
        )
    return share(sums[0], sums[1])


def case_control(
    panel: Panel,
    first: FloatArray,
    second: FloatArray,
    case: npt.NDArray[np.bool_],
    control: npt.NDArray[np.bool_],
) -> FloatArray:
    """Return the share of pairs ranked rightly between cases and controls.

    All cases are given day 1 with an event and all controls day 2: then every case comes before every control.
    """
    tied = tolerance(panel.score[panel.valid])
    sums = np.zeros((2, panel.fold.shape[0], len(second)))
    for repeat, rows in panel.blocks():
        rows = rows[case[rows] | control[rows]]  # noqa: PLW2901 - the others are in no pair
        v = first[:, rows]
        sums[:, repeat] += weighted_pairs(
            np.where(case[rows], 1.0, 2.0),
            case[rows],
            panel.score[repeat, rows],
            v,
            v if first is second else second[:, rows],
            tied=tied,
        )
    return share(sums[0], sums[1])


def share(above: FloatArray, total: FloatArray) -> FloatArray:
    """Return above / total of each repeat, averaged over repeats, shape (B,); NaN where there is no pair at all."""
    ratio = np.divide(above, total, out=np.full_like(above, np.nan), where=total > 0)
    return mean_over_repeats(ratio)
