"""The grey level of every intensity between nearly equidistant edges, exactly, and how often each level occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.box_kernel import ends

__all__ = ["count_each", "level_array"]


@compiled
def level_array(values: Any, edges: npt.NDArray[np.float64], mask: Any, array: npt.NDArray[np.int32]) -> int:
    """Write k where ``edges[k - 1] <= value < edges[k]``: a guess by division, then the edges themselves decide.

    `values` are those inside the mask, in the order of the array, which holds zeros. Returns the highest level.
    """
    last, highest = len(edges) - 2, 0
    scale = (last + 1) / (edges[-1] - edges[0])
    i = 0
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            row, line = mask[z, y], array[z, y]
            left, right = ends(row)
            for x in range(left, right):
                if not row[x]:
                    continue
                value = np.float64(values[i])
                i += 1
                k = int((value - edges[0]) * scale)
                k = min(max(k, 0), last)
                while k > 0 and value < edges[k]:
                    k -= 1
                while k < last and value >= edges[k + 1]:
                    k += 1
                line[x] = k + 1
                highest = max(highest, k + 1)
    return highest


@compiled
def count_each(levels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.float64]:
    """Return how many voxels have the levels 1 to `count`; numpy's bincount would copy the array into 64 bits first."""
    found = np.zeros(count)
    for level in levels:
        if level > 0:
            found[level - 1] += 1.0
    return found
