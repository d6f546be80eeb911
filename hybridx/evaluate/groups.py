"""Risk groups from out-of-fold predictions.

Patients are ranked by what models that never saw them predicted: the probability of the event by the horizon (mean over
repeats) or, without probabilities, the mean rank of their risk within the fold. Cut points are quantiles of these
predictions; outcomes do not enter. No log-rank p-value is given: out-of-fold groups of one cohort are not independent,
and the test is anticonservative on them (Simon RM et al. Brief Bioinform 2011. doi:10.1093/bib/bbr001).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats

__all__ = ["GROUP_NAMES", "group_of", "percentile_of", "ranking"]

GROUP_NAMES = {2: ("low", "high"), 3: ("low", "intermediate", "high")}
EVENTS_FOR_THIRDS = 30  # ten events per group, else two groups


def ranking(panel: Panel, horizon_days: float | None) -> FloatArray:
    """Return what ranks patients: higher is worse, likelier to respond, or more of a value; NaN where unpredicted."""
    if panel.outcome.kind != "survival":
        return panel.mean_probability()
    if panel.survival is not None and horizon_days is not None:
        return panel.mean_event_probability(horizon_days)
    ranks = np.full(panel.score.shape, np.nan)
    for repeat, rows in panel.blocks():
        ranks[repeat, rows] = percentile_of(panel.score[repeat, rows])
    return mean_over_repeats(ranks)


def group_of(values: FloatArray, n_groups: int) -> npt.NDArray[np.str_]:
    """Cut values at their quantiles into `n_groups` named groups; ``""`` where NaN."""
    there = ~np.isnan(values)
    names = np.array(GROUP_NAMES[n_groups])
    cuts = np.quantile(values[there], np.arange(1, n_groups) / n_groups) if there.any() else np.empty(0)
    index = np.searchsorted(cuts, np.where(there, values, 0.0), side="left")
    return np.where(there, names[index], "")


def percentile_of(values: FloatArray) -> FloatArray:
    """Return each value's percentile among all (mid-rank), 0 to 100; NaN stays NaN."""
    there = values[~np.isnan(values)]
    below = (there[None, :] < values[:, None]).sum(axis=1)
    level = (there[None, :] == values[:, None]).sum(axis=1)
    return np.where(np.isnan(values), np.nan, 100.0 * (below + 0.5 * level) / max(len(there), 1))
