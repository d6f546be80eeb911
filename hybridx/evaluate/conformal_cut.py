"""Survival ranges of a cohort's own patients: cut-offs of held-out curves, learnt for each patient from the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.conformal_survival import CUTS, FEWEST, JUST_BEFORE, day_of
from hybridx.evaluate.weighted_km import censoring_curves, late_entry

__all__ = ["survival_ranges"]

FloatArray = npt.NDArray[np.float64]


def survival_ranges(
    curves: FloatArray, days: FloatArray, y: Outcome, level: float
) -> tuple[dict[str, FloatArray], str]:
    """Return ``low`` and ``high`` (days) of each patient's time; high is infinite where follow-up carries no end.

    Parameters
    ----------
    curves : array, shape (n, T)
        Held-out probabilities of being free of the event at `days`.
    days : array, shape (T,)
        Rising; beyond the last, bounds end.
    y : Outcome
        Of the same patients; unknown ones are told a range and teach nothing.
    level : float
        Coverage; half of the rest is left out on either side.

    Returns
    -------
    dict of str to array, str
        The ends, or nothing and the reason (see `CohortConformal`).
    """
    if late_entry(y[y.known]) is not None:
        return {}, "late entry"
    known = y.known
    if int(y.event[known].sum()) <= FEWEST:
        return {}, "too few"
    grid = np.concatenate([[0.0], days])
    falling = np.minimum.accumulate(
        np.column_stack([np.ones(len(curves)), np.clip(curves, 0.0, 1.0)]), axis=1
    )
    bound = np.column_stack(
        [day_of(falling, grid, cut) for cut in CUTS.tolist()]
    )  # (n, cuts), inf: never so low
    time, event = np.where(known, y.time_days, 0.0), y.event & known
    once = np.ones((1, int(known.sum())))
    censoring = censoring_curves(y.time_days[known], y.event[known], once)
    stands_for = 1.0 / np.maximum(censoring.at(time * JUST_BEFORE)[0], 1e-12)
    seen = event & (time <= grid[-1])
    missed = (seen * stands_for)[:, None] * (time[:, None] < np.minimum(bound, grid[-1]))
    finite = np.isfinite(bound)
    still = np.maximum(censoring.at(np.where(finite, bound, 0.0).ravel())[0].reshape(bound.shape), 1e-12)
    outlived = (known[:, None] & finite & (time[:, None] > bound)) / still
    # the patient's own row is taken out, the 1 stands for the patient
    others = (known.sum() - known)[:, None]
    alpha = (1.0 - level) / 2.0
    early = (1.0 + missed.sum(axis=0) - missed) / (others + 1) <= alpha
    late = (1.0 + outlived.sum(axis=0) - outlived) / (others + 1) > alpha
    rows = np.arange(len(curves))
    low_cut = np.where(early.any(axis=1), early.argmax(axis=1), len(CUTS) - 1)
    high_cut = np.where(late.any(axis=1), late.argmax(axis=1), len(CUTS)) - 1  # -1: none holds
    low = np.minimum(bound[rows, low_cut], grid[-1])
    high = np.where(high_cut < 0, np.inf, bound[rows, np.maximum(high_cut, 0)])
    return {"low": low, "high": high}, ""
