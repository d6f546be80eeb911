"""The sixteen statistics that grey-level matrices of runs, zone sizes and zone distances have in common.

A matrix is kept as its cells that are not empty: (level, value, count), sorted by level. 5,000 levels and ten million
voxels therefore cost what the voxels cost, never levels times largest zone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled
from hybridx.radiomics.level_blocks import Integers
from hybridx.radiomics.roi import Features, Floats

__all__ = ["EMPTY", "N_STATISTICS", "matrix_statistics", "mean_features"]

N_STATISTICS = 16
EMPTY = "the lesion has no voxel"
_DENSE = 4096  # values up to here are counted in an array, the few beyond pair by pair


def matrix_statistics(
    offsets: Integers, level: Integers, value: Integers, count: Floats, voxels: Floats
) -> Floats:
    """Return the statistics of each matrix, shape (matrices, 16); rows of NaN where a matrix is empty.

    In order: small and large value emphasis, low and high grey level emphasis, the four joint emphases (small low,
    small high, large low, large high), grey level non-uniformity and the same normalised, value non-uniformity and the
    same normalised, percentage of `voxels`, variance of levels and of values, entropy in bits.
    Where `voxels` is 0 the values themselves count them (runs and zones; distances do not).
    """
    out = np.full((len(offsets) - 1, N_STATISTICS), np.nan)
    _statistics(
        offsets, level, value, count, voxels, np.flatnonzero(value > _DENSE), np.zeros(_DENSE + 1), out
    )
    return out


@compiled
def _statistics(  # noqa: PLR0917 - compiled code takes no keywords
    offsets: Any, level: Any, value: Any, count: Any, voxels: Any, beyond: Any, margin: Any, out: Any
) -> None:
    """Fill `out`; arrays are made outside, which halves the time to compile."""
    for matrix in range(len(out)):
        start, end = offsets[matrix], offsets[matrix + 1]
        if start == end:
            continue
        row = out[matrix]
        for statistic in range(N_STATISTICS):
            row[statistic] = 0.0
        total = mean_level = mean_value = 0.0
        for c in range(start, end):
            total += count[c]
            mean_level += count[c] * level[c]
            mean_value += count[c] * value[c]
        mean_level, mean_value = mean_level / total, mean_value / total
        in_level, entropy, highest = 0.0, 0.0, np.int64(0)
        for c in range(start, end):
            i2, j2, n = np.float64(level[c]) ** 2, np.float64(value[c]) ** 2, count[c]
            row[0] += n / j2
            row[1] += n * j2
            row[2] += n / i2
            row[3] += n * i2
            row[4] += n / (i2 * j2)
            row[5] += n * i2 / j2
            row[6] += n * j2 / i2
            row[7] += n * i2 * j2
            row[13] += n * (level[c] - mean_level) ** 2
            row[14] += n * (value[c] - mean_value) ** 2
            entropy -= n * np.log2(n / total)
            in_level += n
            if c + 1 == end or level[c + 1] != level[c]:
                row[8] += in_level**2
                in_level = 0.0
            if value[c] <= _DENSE:
                margin[value[c]] += n
                highest = max(highest, value[c])
        for v in range(1, highest + 1):
            row[10] += margin[v] ** 2
            margin[v] = 0.0
        if len(beyond):
            row[10] += _equal_pairs(value, count, beyond, start, end)
        row[9], row[11] = row[8] / total**2, row[10] / total**2
        row[12] = total / (voxels[matrix] if voxels[matrix] > 0.0 else mean_value * total)
        row[15] = entropy
        for statistic in range(N_STATISTICS):
            if statistic not in (9, 11, 12):
                row[statistic] /= total


@compiled
def _equal_pairs(value: Any, count: Any, beyond: Any, start: int, end: int) -> float:
    """Sum of squared margins over the values beyond the array: all pairs of cells with equal value."""
    total = 0.0
    for place in range(len(beyond)):
        a = beyond[place]
        if start <= a < end:
            total += count[a] ** 2
            for b in beyond[:place]:
                if b >= start and value[a] == value[b]:
                    total += 2.0 * count[a] * count[b]
    return total


def mean_features(tags: list[str], statistics: Floats) -> Features:
    """Average each statistic over the matrices that are not empty; at least one must be."""
    present = statistics[~np.isnan(statistics[:, 0])]
    return Features(dict(zip(tags, present.mean(axis=0).tolist(), strict=True)))
