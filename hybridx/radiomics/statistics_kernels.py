"""Moments and order statistics of a lesion's intensities in a few passes, compiled: no sort of the whole lesion."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled, compiled_sums

__all__ = ["absolute_deviation", "central_sums", "count_buckets", "inner_sum", "of_buckets", "range_and_sum"]


@compiled_sums
def range_and_sum(values: Any) -> Any:
    """Return the sum, the smallest and the largest value."""
    total = 0.0
    low, high = np.inf, -np.inf
    for v in values:
        total += v
        low, high = min(low, v), max(high, v)
    return total, low, high


@compiled_sums
def central_sums(values: Any, mean: float) -> Any:
    """Return the sums of the deviations' 2nd, 3rd, 4th power and size, and of the values' squares."""
    s2 = s3 = s4 = s1 = squares = 0.0
    for v in values:
        d = v - mean
        dd = d * d
        s2 += dd
        s3 += dd * d
        s4 += dd * dd
        s1 += abs(d)
        squares += v * v
    return s2, s3, s4, s1, squares


@compiled
def count_buckets(values: Any, low: float, scale: float, buckets: int, owners: Any) -> Any:
    """Write every value's bucket, ``int((value - low) * scale)`` or the nearest, and return how many values each has.

    It grows with the value, so ranks can be looked up in it. Two rows of counters: neighbours in space are often in
    one bucket, whose counter would have to be waited for.
    """
    last = np.float64(buckets - 1)
    for i in range(len(values)):
        place = (values[i] - low) * scale
        owners[i] = np.int16(min(max(place, 0.0), last))
    counts = np.zeros((2, buckets), np.int64)
    one, other = counts[0], counts[1]
    even = len(values) // 2 * 2
    for i in range(0, even, 2):
        one[np.uint16(owners[i])] += 1
        other[np.uint16(owners[i + 1])] += 1
    if even < len(values):
        one[np.uint16(owners[even])] += 1
    for k in range(buckets):
        one[k] += other[k]
    return one


@compiled
def of_buckets(values: Any, owners: Any, slot: Any, sizes: Any) -> Any:
    """Collect the values of the buckets with a slot >= 0, slot after slot."""
    starts = np.zeros(len(sizes) + 1, np.int64)
    for k in range(len(sizes)):
        starts[k + 1] = starts[k] + sizes[k]
    out = np.empty(starts[-1])
    fill = starts[:-1].copy()
    for i in range(len(values)):
        k = slot[np.uint16(owners[i])]
        if k >= 0:
            out[fill[k]] = values[i]
            fill[k] += 1
    return out, starts


@compiled_sums
def inner_sum(values: Any, centre: float, low: float, high: float) -> Any:
    """Return the sum of distances to the centre, and number and sum of the values between low and high."""
    distance = total = n = 0.0
    for v in values:
        distance += abs(v - centre)
        within = (v >= low) & (v <= high)
        total += v if within else 0.0
        n += 1.0 if within else 0.0
    return distance, n, total


@compiled_sums
def absolute_deviation(values: Any, centre: float, low: float, high: float) -> Any:
    """Return the sum of the distances to the centre of the values between low and high."""
    total = 0.0
    for v in values:
        total += abs(v - centre) if (v >= low) & (v <= high) else 0.0
    return total
