"""Counts of the neighbourhood matrices: grey tone difference (NGTDM) and grey level dependence (NGLDM).

One walk over the voxels serves both. Neighbours are taken a row at a time, so that sums, counts and comparisons run
over runs of memory; where all 26 neighbours are asked for, a whole row is worked out in vectors of two bytes.
Differences are added as whole numbers, apart by number of neighbours, and divided once at the end: the sums are exact
and do not depend on the order of voxels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled
from hybridx.radiomics.matrix_grid import ROW, whole_vectors

__all__ = ["count_neighbours"]

_LARGEST_SUM = 2**16 // 27  # levels up to here: 27 of them add up in two bytes


@compiled
def count_neighbours(  # noqa: PLR0917 - compiled code takes no keywords
    ranks: Any,
    heights: Any,
    box: Any,
    ends: Any,
    first_slice: int,
    end_slice: int,
    steps: Any,
    alpha: int,
    highest: int,
    alike: Any,
    apart: Any,
) -> None:
    """Add the voxels of the slices to both tables, shape (levels that occur, neighbours + 1).

    alike[r, k] counts voxels of rank r + 1 with k neighbours whose level differs by at most alpha. apart[r, k] sums,
    over those with k neighbours in the lesion, |k times their level - the sum of the neighbours' levels|; voxels
    without any are counted in apart[r, 0]. `steps` holds one of each pair of opposite neighbours; `highest` is the
    highest level (no bound may leave the type of the levels).
    """
    cube = highest < _LARGEST_SUM and _is_cube(steps, box)
    short = np.empty(3 * ROW if cube else 0, dtype=np.uint16)
    total = np.empty(box[3], dtype=np.uint32)
    known, near = np.empty(box[3], dtype=np.uint16), np.empty(box[3], dtype=np.uint16)
    low, high = np.empty(box[3], dtype=heights.dtype), np.empty(box[3], dtype=heights.dtype)
    for z in range(first_slice, end_slice):
        for y in range(box[2]):
            row = box[0] + z * box[4] + y * box[5]
            right = row + ends[z, y, 1]
            if cube:
                for left in range(row + ends[z, y, 0], right, ROW):
                    width = min(right - left, ROW)
                    whole = whole_vectors(width, len(heights) - left - box[4] - box[5] - 1)
                    _cube(heights, left, whole, box[4], box[5], np.uint16(alpha), np.uint16(highest), short)
                    _add(ranks, heights, left, width, short, short[ROW:], short[2 * ROW :], alike, apart)
            else:
                left = row + ends[z, y, 0]
                width = right - left
                _each(heights, left, width, steps, alpha, highest, total, known, near, low, high)
                _add(ranks, heights, left, width, total, known, near, alike, apart)


@compiled
def _is_cube(steps: Any, box: Any) -> bool:
    """Whether the steps lead to the 26 neighbours that touch a voxel."""
    if len(steps) != 13 or box[0] < box[4] + box[5] + 1:
        return False
    at, wrong = 0, 0
    for z in range(2):
        for y in range(-z, 2):
            for x in range(-1 if z or y else 1, 2):
                wrong += steps[at] != z * box[4] + y * box[5] + x
                at += 1
    return wrong == 0


@compiled
def _add(  # noqa: PLR0917
    ranks: Any, heights: Any, left: int, width: int, total: Any, known: Any, near: Any, alike: Any, apart: Any
) -> None:
    """Add the voxels of a row to both tables."""
    columns = alike.shape[1]
    many, far = alike.reshape(alike.size), apart.reshape(apart.size)
    for x in range(width):
        rank = np.int64(ranks[np.uint64(left + x)])
        if rank:
            at, neighbours = (rank - 1) * columns, np.int64(known[x])
            many[np.uint64(at + near[x])] += 1
            if neighbours:
                level = np.int64(heights[np.uint64(left + x)])
                far[np.uint64(at + neighbours)] += abs(level * neighbours - np.int64(total[x]))
            else:
                far[np.uint64(at)] += 1


@compiled
def _cube(  # noqa: PLR0917
    heights: Any, left: int, width: int, area: int, line: int, alpha: Any, highest: Any, out: Any
) -> None:
    """Sum of the levels of 26 neighbours, how many are in the lesion, and how many are alike, along a row."""
    one = np.uint16(1)
    a, b, c = left - area - line, left - area, left - area + line
    d, e = left - line, left + line
    f, g, h = left + area - line, left + area, left + area + line
    for x in range(width):
        level = heights[np.uint64(left + x)]
        low = np.uint16(level - min(alpha, np.uint16(level - one)))
        span = np.uint16(min(np.uint16(level + alpha), highest) - low)
        total, known, near = _line(heights, left + x, low, span)
        total, known, near = np.uint16(total - level), np.uint16(known - one), np.uint16(near - one)
        for first in (a, b, c, d, e, f, g, h):
            more = _line(heights, first + x, low, span)
            total, known, near = (
                np.uint16(total + more[0]),
                np.uint16(known + more[1]),
                np.uint16(near + more[2]),
            )
        out[np.uint64(x)] = total
        out[np.uint64(ROW + x)] = known
        out[np.uint64(2 * ROW + x)] = near


@compiled
def _line(heights: Any, middle: int, low: Any, span: Any) -> Any:
    """Sum of three levels, how many are not 0, and how many lie from `low` on within `span`."""
    a, b, c = heights[np.uint64(middle - 1)], heights[np.uint64(middle)], heights[np.uint64(middle + 1)]
    total = np.uint16(np.uint16(a + b) + c)
    known = np.uint16(np.uint16(a != 0) + np.uint16(b != 0)) + np.uint16(c != 0)
    near = np.uint16(np.uint16(a - low) <= span) + np.uint16(np.uint16(b - low) <= span)
    return total, np.uint16(known), np.uint16(near + np.uint16(np.uint16(c - low) <= span))


@compiled
def _each(  # noqa: PLR0917
    heights: Any,
    left: int,
    width: int,
    steps: Any,
    alpha: int,
    highest: int,
    total: Any,
    known: Any,
    near: Any,
    low: Any,
    high: Any,
) -> None:
    """Do what `_cube` does for any neighbours, one pair of opposite ones after the other."""
    for x in range(width):
        here = np.int64(heights[left + x])
        low[x], high[x] = max(here - alpha, 1), min(here + alpha, highest)
    total[:width] = 0
    known[:width] = 0
    near[:width] = 0
    for e in range(len(steps)):
        ahead = heights[left + steps[e] : left + steps[e] + width]
        behind = heights[left - steps[e] : left - steps[e] + width]
        for x in range(width):
            a, b = ahead[x], behind[x]
            total[x] += a + b
            known[x] += np.uint16(a != 0) + np.uint16(b != 0)
            near[x] += np.uint16((a >= low[x]) & (a <= high[x])) + np.uint16((b >= low[x]) & (b <= high[x]))
