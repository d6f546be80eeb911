"""Weighted counts of pairs in O(n log n), and Harrell's C for choosing and for scikit-learn's ``score``.

The reported C, with its interval, is in `evaluate`; it counts with `weighted_pairs` too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["harrell_c", "weighted_pairs"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# Weightings counted in one walk: their sums at one node of the tree fill 512 bytes, eight lines of cache.
ABREAST = 64


def harrell_c(time_days: npt.ArrayLike, event: npt.ArrayLike, risk: npt.ArrayLike) -> float:
    """Return the share of usable pairs in which the patient with the earlier event has the higher risk.

    A pair is usable when the earlier of its two times is an event (at equal times: event against censored). Equal risks
    count one half; patients without risk (NaN) are left out; without usable pairs the answer is NaN.
    """
    time, happened, score = np.asarray(time_days, float), np.asarray(event, bool), np.asarray(risk, float)
    there = ~np.isnan(score)
    once = np.ones((1, int(there.sum())))
    above, total = weighted_pairs(time[there], happened[there], score[there], once, once)
    return float(above[0] / total[0]) if total[0] else float("nan")


def weighted_pairs(
    time: FloatArray,
    event: BoolArray,
    score: FloatArray,
    first: FloatArray,
    second: FloatArray,
    *,
    asks: BoolArray | None = None,
    entry: FloatArray | None = None,
    tied: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    r"""Return the weight of rightly ranked pairs and of all pairs, under B weightings at once.

    .. math:: \sum_{ij} v_i w_j K_{ij} S_{ij}, \qquad \sum_{ij} v_i w_j K_{ij}

    K = 1 where i has the event while j is followed: :math:`e_j < t_i < t_j`, or :math:`t_i = t_j` with j censored;
    S = 1, 1/2 or 0 as the score of i is above, level with or below that of j.

    Parameters
    ----------
    time, event : arrays, shape (n,)
    score : array, shape (n,) or (G, n)
        Finite; higher is worse. G rankings of the same patients: the sums of all are added up.
    first, second : arrays, shape (B, n)
        Weights v of the earlier and w >= 0 of the later one; any real numbers. Pass one array twice where they are the
        same.
    asks : array of bool, shaped like `score`, optional
        The i that count (in each ranking); by default all events.
    entry : array, shape (n,), optional
        Delayed entry e; NaN: from the start.
    tied : float
        Scores no further apart than this are level. Each pair is judged by its own difference, as if all n x n
        differences were written down.

    Returns
    -------
    tuple of arrays, each of shape (B,)

    Notes
    -----
    One sort, then at most 2 log2(n) additions per patient and weighting.
    """
    from hybridx.models.ranking_kernels import rank_bounds, sum_pairs  # noqa: PLC0415 - numba loads for 0.5 s

    order = np.argsort(time, kind="stable")
    # indexing copies: one layout and nothing read-only, so that each kernel is compiled once
    time, event, scores = time[order], event[order], np.atleast_2d(score)[:, order]
    asked = np.broadcast_to(event, scores.shape) if asks is None else np.atleast_2d(asks)[:, order]
    start, leaving = _late(time, None if entry is None else entry[order])
    rankings = [
        (np.array(askers), rank_bounds(np.array(each), np.argsort(each), float(tied)))
        for askers, each in zip(asked, scores, strict=True)
    ]
    above, total = np.zeros(len(second)), np.zeros(len(second))
    for k in range(0, len(second), ABREAST):
        rows = slice(k, k + ABREAST)
        w = second[rows].T[order]
        v = w if first is second else first[rows].T[order]
        for askers, bounds in rankings:
            found = sum_pairs(time, event, askers, bounds, leaving, start, v, w)
            above[rows] += found[0]
            total[rows] += found[1]
    return above, total


def _late(time: FloatArray, entry: FloatArray | None) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Return entries without NaN, and the rows that enter when others may already have had an event, last first."""
    if entry is None:
        return np.empty(0), np.empty(0, dtype=np.intp)
    start = np.where(np.isnan(entry), -np.inf, entry)
    order = np.argsort(-start, kind="stable")
    return start, order[start[order] >= time.min(initial=np.inf)]
