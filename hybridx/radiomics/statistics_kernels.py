"""Moments and order statistics of a lesion's intensities in four passes, compiled: no sort of the whole lesion."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["absolute_deviation", "central_sums", "inner_sum", "of_buckets", "range_and_sum"]


@compiled
def range_and_sum(values: Any) -> Any:
    """Return the sum, the smallest and the largest value."""
    total = 0.0
    low, high = np.inf, -np.inf
    for v in values:
        total += v
    for v in values:
        low, high = min(low, v), max(high, v)
    return total, low, high


@compiled
def central_sums(values: Any, mean: float, low: float, scale: float, buckets: int) -> Any:
    """Return the sums of the deviations' 2nd, 3rd, 4th power and size, of the values' squares, and the buckets' sizes.

    Bucket of a value: ``int((value - low) * scale)``; it grows with the value, so ranks can be looked up in it.
    """
    counts = np.zeros(buckets, np.int64)
    s2 = s3 = s4 = s1 = squares = 0.0
    for v in values:
        counts[int((v - low) * scale)] += 1
        d = v - mean
        dd = d * d
        s2 += dd
        s3 += dd * d
        s4 += dd * dd
        s1 += abs(d)
        squares += v * v
    return s2, s3, s4, s1, squares, counts


@compiled
def of_buckets(values: Any, low: float, scale: float, slot: Any, sizes: Any) -> Any:
    """Collect the values of the buckets with a slot >= 0, slot after slot."""
    starts = np.zeros(len(sizes) + 1, np.int64)
    for k in range(len(sizes)):
        starts[k + 1] = starts[k] + sizes[k]
    out = np.empty(starts[-1])
    fill = starts[:-1].copy()
    for v in values:
        k = slot[int((v - low) * scale)]
        if k >= 0:
            out[fill[k]] = v
            fill[k] += 1
    return out, starts


@compiled
def inner_sum(values: Any, centre: float, low: float, high: float) -> Any:
    """Return the sum of distances to the centre, and number and sum of the values between low and high."""
    distance = total = 0.0
    n = 0
    for v in values:
        distance += abs(v - centre)
        if low <= v <= high:
            total += v
            n += 1
    return distance, n, total


@compiled
def absolute_deviation(values: Any, centre: float, low: float, high: float) -> Any:
    """Return the sum of the distances to the centre of the values between low and high."""
    total = 0.0
    for v in values:
        if low <= v <= high:
            total += abs(v - centre)
    return total
