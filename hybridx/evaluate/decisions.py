r"""Net benefit: what treating by a model is worth, counted in true positives, at a stated threshold of probability.

.. math:: NB(p_t) = \frac{1}{\sum w} \left[ TP - \frac{p_t}{1 - p_t} FP \right]

A threshold says how many unnecessary treatments one would accept for a necessary one. In survival the patients flagged
(probability of the event by t at or above the threshold) have the event by t as their own Kaplan-Meier curve says, so
those censored before t count for as long as they were seen.

With late entry those seen are survivors: how many are flagged, and how many of them have the event, is then counted
with the weights of those whose state at t is known (`hybridx.evaluate.weighted_km.standing_for`), over all asked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import standing_for, survival_curves

__all__ = ["net_benefit_values", "treat_all_values"]

LEVEL = 1e-12  # 1 - 0.8 is no less than 0.2


def net_benefit_values(
    panel: Panel, weights: FloatArray, time_days: float | None, thresholds: npt.ArrayLike
) -> FloatArray:
    """Return the net benefit of treating whom the model flags, shape (B, len(thresholds)), averaged over repeats.

    Parameters
    ----------
    panel : Panel
    weights : array, shape (B, n)
    time_days : float or None
        None for a response: who is likely to respond is treated.
    thresholds : array of float in (0, 1)

    Returns
    -------
    array
        NaN where the follow-up of the patients flagged ends before `time_days`, unless all had the event by then.

    Source
    ------
    Vickers AJ, Elkin EB. Med Decis Making 2006. doi:10.1177/0272989X06295361. Vickers AJ et al. BMC Med Inform Decis
    Mak 2008. doi:10.1186/1472-6947-8-53 (survival). Checked against dcurves 1.1.7 to 1e-12
    (`tests/reference/net_benefit.py`).
    """
    cuts = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    probability = panel.score if time_days is None else 1.0 - panel.survival_at(time_days)
    parts = []
    for repeat in range(panel.fold.shape[0]):
        valid = panel.valid[repeat] & ~np.isnan(probability[repeat])
        w, p = weights * valid, np.where(valid, probability[repeat], -1.0)
        total = w.sum(axis=1)
        values = np.full((weights.shape[0], len(cuts)), np.nan)
        standing = None if time_days is None else standing_for(panel.outcome, w, time_days)
        seen: dict[int, tuple[FloatArray, FloatArray]] = {}
        for k, cut in enumerate(cuts):
            flagged = p >= cut - LEVEL
            size = int(flagged.sum())  # flagged groups are nested: as many are the same
            if size not in seen:
                seen[size] = _positives(panel, w, time_days, flagged, standing)
            true, false = seen[size]
            values[:, k] = true - false * cut / (1.0 - cut)
        parts.append(
            np.divide(values, total[:, None], out=np.full_like(values, np.nan), where=total[:, None] > 0)
        )
    return mean_over_repeats(np.stack(parts))


def treat_all_values(
    panel: Panel, weights: FloatArray, time_days: float | None, thresholds: npt.ArrayLike
) -> FloatArray:
    """Return the net benefit of treating everybody whom the model could be asked about, (B, len(thresholds))."""
    cuts = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    everyone = panel.predicted
    w = weights * everyone
    standing = None if time_days is None else standing_for(panel.outcome, w, time_days)
    true, false = _positives(panel, w, time_days, everyone, standing)
    total = np.maximum(w.sum(axis=1), 1e-300)
    return np.asarray((true[:, None] - false[:, None] * cuts / (1.0 - cuts)) / total[:, None])


def _positives(
    panel: Panel,
    weights: FloatArray,
    time_days: float | None,
    flagged: npt.NDArray[np.bool_],
    standing: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Return true and false positives among the flagged under each row of weights, each (B,)."""
    w = weights[:, flagged]
    count = w.sum(axis=1)
    if time_days is None:
        true = w @ panel.outcome.value[flagged]
        return true, count - true
    if not flagged.any():
        return count, count
    time, event = panel.outcome.time_days[flagged], panel.outcome.event[flagged]
    if standing is not None:
        known = standing[:, flagged]
        with_event = event & (time <= time_days)
        return known[:, with_event].sum(axis=1), known[:, ~with_event].sum(axis=1)
    survival = survival_curves(time, event, w).at(time_days)[:, 0]
    followed = (w[:, time >= time_days].sum(axis=1) > 0) | (survival <= 0.0) | (count == 0)
    survival = np.where(followed, survival, np.nan)
    return count * (1.0 - survival), count * survival
