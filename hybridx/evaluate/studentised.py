r"""Bootstrap-t: intervals of scores whose spread depends on the very patients that make them large.

A few patients far off make most of a squared error, and a sample without them shows both a small error and a small
spread. Resamples of patients are therefore compared in units of their own standard error s, on a scale (log) on which
it changes little:

.. math:: t^*_b = (\theta^*_b - \hat\theta) / s^*_b, \qquad
          [\hat\theta - t^*_{1 - \alpha/2} \, s, \; \hat\theta - t^*_{\alpha/2} \, s]

With errors of t with 5 degrees of freedom, 95 % intervals of the RMSE so made cover it in 88 % of samples of 60 and
94 % of 200 patients (BCa 86 and 92 %), those of R2 in 91 and 93 % (88.5 and 91.5 %): patients that were never seen
cannot be made up for, and `heavy_tails` says so (`tests/reference/decision_interval_coverage.py`).

Source
------
Efron B, Tibshirani RJ. An Introduction to the Bootstrap. 1993, chapter 12; Hall P. Ann Stat 1988.
doi:10.1214/aos/1176350933
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hybridx.evaluate.intervals import CELLS, DEFINED, Interval, Resamples
from hybridx.evaluate.panel import FloatArray, Panel

__all__ = ["ScoreWithError", "heavy_tails", "studentised"]

# panel, weights (B, n) -> the score on its working scale and its standard error there, each (B,)
ScoreWithError = Callable[[Panel, FloatArray], tuple[FloatArray, FloatArray]]
Back = Callable[[float], float]

FAR_SHARE = 0.05  # of patients
HEAVY = 0.38  # of the squared error made by these; 0.28 if errors are normal, 0.45 for t with 5 degrees of freedom


def studentised(
    resamples: Resamples,
    score: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    back: Back,
    keep: npt.NDArray[np.bool_],
) -> Interval:
    """Return the value of a score and its bootstrap-t interval.

    Parameters
    ----------
    resamples : Resamples
    score : callable
        Weights (B, m) of the kept patients to the score on its working scale and its standard error, each (B,).
    back : callable
        From the working scale to the score's own; monotone.
    keep : array of bool, shape (n,)
        Patients that take part.
    """
    m = int(keep.sum())
    if m == 0:
        return Interval(np.nan, np.nan, np.nan, "nobody has a prediction")
    value, error = (float(part[0]) for part in score(np.ones((1, m))))
    if not np.isfinite(value):
        return Interval(np.nan, np.nan, np.nan, "undefined on these patients")
    if not error > 0:
        return Interval(back(value), np.nan, np.nan, "no interval: all errors are the same")
    size = max(1, CELLS // m)
    parts = [
        score(resamples.counts[start : start + size, keep].astype(np.float64))
        for start in range(0, resamples.count, size)
    ]
    values, errors = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    defined = np.isfinite(values) & (errors > 0)
    if defined.mean() < DEFINED:
        missing = int((~defined).sum())
        note = f"no interval: undefined in {missing} of {resamples.count} resamples"
        return Interval(back(value), np.nan, np.nan, note)
    t = np.sort((values[defined] - value) / errors[defined])
    tails = np.quantile(t, [0.5 - resamples.level / 2, 0.5 + resamples.level / 2])
    ends = sorted(back(value - float(tail) * error) for tail in tails)

    def p_at(truth: float) -> float:
        # the scale is monotone: find where the supposed truth lies between the score's resampled distances
        place = np.array([back(value - float(step) * error) for step in t])
        share = float(np.mean(np.sort(place) < truth))
        return float(np.clip(2 * min(share, 1 - share), 2.0 / (len(t) + 1), 1.0))

    return Interval(
        back(value), ends[0], ends[1], f"bootstrap-t, {resamples.count} resamples of patients", p_at
    )


def heavy_tails(panel: Panel) -> str:
    """Return what to add to the method where few patients make most of the squared error; empty where they do not."""
    told = np.where(panel.valid, panel.score, np.nan)
    squared = np.sort(np.nanmean((told - panel.outcome.value) ** 2, axis=0))[::-1]
    far = int(np.ceil(FAR_SHARE * panel.n))
    share = float(squared[:far].sum() / max(squared.sum(), 1e-300))
    if panel.n < 2 * far or share < HEAVY:
        return ""
    return (
        f"; heavy tails: {far} of {panel.n} patients make {100 * share:.0f} % of the squared error, expect "
        "such an interval to miss the truth about twice as often as it says, or more"
    )
