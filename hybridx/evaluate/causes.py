r"""Scores for one of several competing events: who relapses, among patients who may die first.

Two questions, two ways to count:

* *Does the model rank the hazard of this cause?* Take `cause_specific` outcomes (other events are censorings) and any
  survival metric. A patient who died at T says nothing about later relapses.
* *Does it rank, and get right, the probability of the event?* A patient who died can never relapse, which makes
  them a "later than everyone". These functions count so: Wolbers' C, AUC(t), Brier(t) and observed incidence.

Censoring is weighed by G, the probability of not being censored, estimated anew in each resample; an event of any cause
ends the follow-up without being a censoring. Late entry is refused: a weight for patients with a competing event, who
would have to be under observation beyond it, has not been worked out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.evaluate.discrimination import case_control, share, tolerance
from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import (
    StepCurves,
    cumulative_incidence,
    inverse_observed,
    inverse_observed_at,
    late_entry,
)
from hybridx.models.competing_causes import cause_specific, stated_causes
from hybridx.models.concordance import weighted_pairs
from hybridx.terms.text import check_name

__all__ = [
    "cause_auc_t_values",
    "cause_brier_t_values",
    "cause_specific",
    "incidence_curves",
    "wolbers_values",
]

BoolArray = npt.NDArray[np.bool_]


def incidence_curves(y: Outcome, weights: FloatArray, cause: str) -> StepCurves:
    """Return one minus the Aalen-Johansen incidence of a cause under each row of weights; late entry is used.

    Source
    ------
    Checked against lifelines 0.30.3 and `hybridx.models.AalenJohansen` to 1e-10.
    """
    own, _ = _told_apart(y, cause)
    return cumulative_incidence(y.time_days, y.event, own, weights, late_entry(y))


def wolbers_values(panel: Panel, weights: FloatArray, cause: str, tau_days: float = np.inf) -> FloatArray:
    r"""Return the C-index of a cause's incidence for its events before `tau_days`, shape (B,).

    i with the event of the cause at T_i is compared with j still followed then (weight :math:`G(T_i)^{-2}`) and with j
    who by then had another event (weight :math:`G(T_i)^{-1} G(T_j)^{-1}`).

    Source
    ------
    Wolbers M et al. Concordance for prognostic models with competing risks. Biostatistics 2014.
    doi:10.1093/biostatistics/kxt059. Checked against its definition pair by pair to 1e-12, and against R pec
    2022.05.04 to 1e-10 where no two patients share a day (to 0.001 where many do: pec counts such pairs otherwise).
    """
    y = _without_entry(panel.outcome)
    own, other = _told_apart(y, cause)
    asks = own & (y.time_days < tau_days)
    early, late = weights * inverse_observed(y, weights, asks), weights * inverse_observed(y, weights, other)
    squared = np.divide(early**2, weights, out=np.zeros_like(early), where=weights > 0)
    tied = tolerance(panel.score[panel.valid])
    sums = np.zeros((2, panel.fold.shape[0], len(weights)))
    for repeat, rows in panel.blocks():
        time, score = y.time_days[rows], panel.score[repeat, rows]
        sums[:, repeat] += weighted_pairs(
            time, y.event[rows], score, squared[:, rows], weights[:, rows], asks=asks[rows], tied=tied
        )
        # time reversed: whoever had another event before i, or on that day, comes after i
        sums[:, repeat] += weighted_pairs(
            -time, own[rows], score, early[:, rows], late[:, rows], asks=asks[rows], tied=tied
        )
    return share(sums[0], sums[1])


def cause_auc_t_values(panel: Panel, weights: FloatArray, cause: str, time_days: float) -> FloatArray:
    """Return AUC(t) of a cause: those with its event by then against those without any, or with another one by then.

    Source
    ------
    Blanche P, Dartigues JF, Jacqmin-Gadda H. Stat Med 2013. doi:10.1002/sim.5958 (its second definition of controls).
    Checked against that definition pair by pair to 1e-12, and against R riskRegression 2022.11.28 to 1e-10, which reads
    the censoring curve just before the day of an event, not at it: they differ by who is censored on that very day.
    """
    y = _without_entry(panel.outcome)
    own, other = _told_apart(y, cause)
    by_then, free = y.time_days <= time_days, y.time_days > time_days
    event_weight = weights * inverse_observed(y, weights, y.event & by_then)
    at_time = inverse_observed_at(y, weights, np.array([time_days]))
    control_weight = np.where(free, weights * at_time, event_weight)
    return case_control(panel, event_weight, control_weight, own & by_then, free | (other & by_then))


def cause_brier_t_values(panel: Panel, weights: FloatArray, cause: str, times: FloatArray) -> FloatArray:
    """Return the Brier score of the incidence of a cause, given as `Panel.survival` = 1 - incidence, shape (B, T).

    Patients with another event by t are known not to have had this one, weighted by 1 / G of their time.

    Source
    ------
    Schoop R et al. Quantifying the predictive accuracy of time-to-event models in the presence of competing risks.
    Biom J 2011. doi:10.1002/bimj.201000073. Checked against its definition patient by patient to 1e-12, and against R
    riskRegression 2022.11.28 to 1e-10 (for ties as `cause_auc_t_values`).
    """
    y = _without_entry(panel.outcome)
    own, other = _told_apart(y, cause)
    at_event, at_times = inverse_observed(y, weights, y.event), inverse_observed_at(y, weights, times)
    at_event = np.where(np.isnan(at_event), 0.0, at_event)
    by_then = y.time_days[:, None] <= times[None, :]
    free_of_it = np.stack([panel.survival_at(float(t)) for t in times], axis=2)
    scores = []
    for repeat in range(panel.fold.shape[0]):
        valid = panel.valid[repeat]
        s, w = np.where(valid[:, None], free_of_it[repeat], 0.0), weights * valid
        known = s**2 * (own[:, None] & by_then) + (1.0 - s) ** 2 * (other[:, None] & by_then)
        total = (w * at_event) @ known + (w @ ((1.0 - s) ** 2 * ~by_then)) * at_times
        size = w.sum(axis=1, keepdims=True)
        scores.append(np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0))
    return mean_over_repeats(np.stack(scores))


def _told_apart(y: Outcome, cause: str) -> tuple[BoolArray, BoolArray]:
    """Return who had the event of this cause, and who had another one."""
    check_name(cause, stated_causes(y), f"cause of {y.endpoint!r}")
    own = y.event & (np.asarray(y.cause) == cause)
    return np.asarray(own), np.asarray(y.event & ~own)


def _without_entry(y: Outcome) -> Outcome:
    if late_entry(y) is not None:
        msg = (
            f"{y.endpoint!r} has late entry, for which scores of one of several competing events are not worked out. "
            "Use cause_specific(outcome, cause) with harrell_c, uno_c, auc_t or brier_t."
        )
        raise InputError(msg)
    return y
