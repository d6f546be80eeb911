"""The grey level of every intensity between nearly equidistant edges, exactly, and how often each level occurs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled

__all__ = ["assign_levels", "count_each"]


@compiled
def assign_levels(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Return k where ``edges[k - 1] <= value < edges[k]``: a guess by division, then the edges themselves decide."""
    found = np.empty(len(values), dtype=np.int32)
    last = len(edges) - 2
    scale = (last + 1) / (edges[-1] - edges[0])
    for i in range(len(values)):
        value = values[i]
        k = int((value - edges[0]) * scale)
        k = min(max(k, 0), last)
        while k > 0 and value < edges[k]:
            k -= 1
        while k < last and value >= edges[k + 1]:
            k += 1
        found[i] = k + 1
    return found


@compiled
def count_each(levels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.float64]:
    """Return how many voxels have the levels 1 to `count`; numpy's bincount would copy the array into 64 bits first."""
    found = np.zeros(count)
    for level in levels:
        if level > 0:
            found[level - 1] += 1.0
    return found
