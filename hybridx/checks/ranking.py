"""How well one column alone ranks the patients: C or AUC with its interval, adjusted p-values, rank correlations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from hybridx.cohort.outcome import Outcome
from hybridx.models.concordance import weighted_pairs

__all__ = ["aucs", "concordance", "holm", "rank_correlation"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
RESAMPLES = 400


def concordance(y: Outcome, values: FloatArray, *, seed: int = 0) -> tuple[float, float, float]:
    """Return C (survival) or AUC (response) of a column with its 95 % percentile interval; NaN values are left out.

    0.5: ranks nobody; below 0.5: higher values go with a later event, or without response.
    """
    there = np.isfinite(values)
    x = np.asarray(values[there], dtype=np.float64)
    if y.kind == "survival":
        time, event = y.time_days[there], y.event[there]
    else:  # a responder comes before every other patient
        event = np.asarray(y.value[there] == 1.0)
        time = np.where(event, 1.0, 2.0)
    n = len(x)
    if n < 2 or not event.any():
        return np.nan, np.nan, np.nan
    drawn = np.random.default_rng((seed, n)).multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES)
    weights = np.vstack([np.ones((1, n)), drawn]).astype(np.float64)
    above, total = weighted_pairs(time, event, x, weights, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        c = np.where(total > 0, above / total, np.nan)
    if np.isnan(c[0]):
        return np.nan, np.nan, np.nan
    low, high = np.nanquantile(c[1:], [0.025, 0.975]) if np.isfinite(c[1:]).any() else (np.nan, np.nan)
    return float(c[0]), float(low), float(high)


def aucs(ranks: FloatArray, flag: BoolArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Return how well each column tells flagged patients from others, and the size of the smaller group.

    Parameters
    ----------
    ranks : array, shape (n, p)
        Average ranks within each column among the patients who have a value, NaN elsewhere.
    flag : array of bool, shape (n,)

    Returns
    -------
    tuple of arrays, each of shape (p,)
        The AUC is NaN where a group is empty.
    """
    there = ~np.isnan(ranks)
    ones, zeros = (there & flag[:, None]).sum(axis=0), (there & ~flag[:, None]).sum(axis=0)
    total = np.where(there & flag[:, None], ranks, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (total - ones * (ones + 1) / 2) / (ones * zeros)
    return np.asarray(auc), np.minimum(ones, zeros)


def rank_correlation(values: FloatArray, other: FloatArray) -> float:
    """Return Spearman's correlation over the rows where both are there; NaN below three rows or without variation."""
    both = np.isfinite(values) & np.isfinite(other)
    if both.sum() < 3:
        return float("nan")
    a, b = rankdata(values[both]), rankdata(other[both])
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / size) if size > 0 else float("nan")


def holm(p: npt.ArrayLike) -> FloatArray:
    """Return p-values adjusted for their number, after Holm.

    Source
    ------
    Holm S. Scand J Stat 1979, 6:65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
