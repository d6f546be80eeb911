"""The grey level of every intensity between nearly equidistant edges, exactly, and how often each level occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled

__all__ = ["count_each", "level_array"]


@compiled
def level_array(values: Any, edges: npt.NDArray[np.float64], runs: Any, array: npt.NDArray[np.int32]) -> Any:
    """Write k where ``edges[k - 1] <= value < edges[k]``: by division, and by the edges themselves near to one.

    `values` are those in the runs, in the order of the array, which holds zeros. Returns how often each level occurs.
    Two rows of counters: neighbours are often of one level, whose counter would have to be waited for.
    """
    last = len(edges) - 2
    scale = (last + 1) / (edges[-1] - edges[0])
    off = 0.0
    for k in range(len(edges)):
        off = max(off, abs((edges[k] - edges[0]) * scale - k))
    counts = np.zeros((2, last + 1))
    i = 0
    for r in range(len(runs)):
        line = array[runs[r, 0], runs[r, 1], runs[r, 2] : runs[r, 3]]
        inside = values[i : i + len(line)]
        i += len(line)
        if _near(inside, edges, scale, 2.0 * off + 1e-9, line):
            _exact(inside, edges, scale, line)
        for x in range(len(line)):
            counts[x & 1, line[x] - 1] += 1.0
    return counts[0] + counts[1]


@compiled
def _near(values: Any, edges: Any, scale: float, margin: float, line: Any) -> bool:
    """Write levels by division; say whether a value lies so near to an edge that rounding may decide, or outside."""
    lowest, low, high, top = edges[0], 1.0, 0.0, np.int32(0)
    for x in range(len(values)):
        place = (values[x] - lowest) * scale
        k = np.int32(place)
        part = place - k
        low, high, top = min(low, part), max(high, part), max(top, k)
        line[x] = k + 1
    return not (low > margin and high < 1.0 - margin and top < len(edges) - 1)


@compiled
def _exact(values: Any, edges: Any, scale: float, line: Any) -> None:
    last = len(edges) - 2
    for x in range(len(values)):
        value = values[x]
        k = min(max(int((value - edges[0]) * scale), 0), last)
        while k > 0 and value < edges[k]:
            k -= 1
        while k < last and value >= edges[k + 1]:
            k += 1
        line[x] = k + 1


@compiled
def count_each(levels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.float64]:
    """Return how many voxels have the levels 1 to `count`; numpy's bincount would copy the array into 64 bits first."""
    found = np.zeros(count)
    for level in levels:
        if level > 0:
            found[level - 1] += 1.0
    return found
