r"""Runs of equal grey level along the 13 directions, counted in one scan that looks back one step.

At every voxel and direction the place `k` of the voxel in its run is one more than its predecessor's, or 1. Let
:math:`C_{ik}` be how often level `i` stands at place `k`: every run of length :math:`\ge k` contributes one, so
:math:`C_{ik} - C_{i,k+1}` runs have length `k`. No run is ever walked, and the tables of several directions or slices
add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["DIRECTIONS", "PLANAR", "count_places", "extents", "table_entries"]

_ROWS = ((0, -1), (-1, -1), (-1, 0), (-1, 1))
DIRECTIONS = np.array([(0, 0, -1), *((z, y, x) for z, y in _ROWS for x in (-1, 0, 1))], dtype=np.int64)
"""Steps (z, y, x) to the predecessor; the first four stay in the slice."""

PLANAR = 4
"""Directions in the slice."""


@compiled
def _follow(row: Any, before: Any, places_before: Any, places: Any, table: Any) -> None:
    """Place each voxel of a line in its run, from the line before; then count."""
    for x in range(len(row)):
        places[x] = np.uint16(places_before[x] + np.uint16(1)) if before[x] == row[x] else np.uint16(1)
    for x in range(len(row)):
        table[row[x], places[x]] += np.uint32(1)


@compiled
def extents(levels: Any) -> Any:
    """Where the lesion begins and ends (+ 1) in each line, shape (z, y, 2); 0 and 0 in empty lines."""
    depth, height, width = levels.shape
    extent = np.zeros((depth, height, 2), np.int64)
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            row, left, right = levels[z, y], 1, width - 1
            while left < right and row[left] == 0:
                left += 1
            while right > left and row[right - 1] == 0:
                right -= 1
            if left < right:
                extent[z, y, 0], extent[z, y, 1] = left, right
    return extent


@compiled
def count_places(levels: Any, tables: Any) -> None:
    """Add how often each level stands at each place of a run to `tables`, shape (directions, rows, longest run + 2).

    `levels` are rows of the tables in two bytes, framed by zeros on all six sides. With four tables only directions in
    the slice are followed, with thirteen all.
    """
    depth, height, width = levels.shape
    extent = extents(levels)
    directions = tables.shape[0]
    places = np.zeros((2, directions, height, width), np.uint16)
    for z in range(1, depth - 1):
        now = z & 1
        for y in range(1, height - 1):
            row, table, place = levels[z, y], tables[0], np.uint16(0)
            for x in range(extent[z, y, 0], extent[z, y, 1]):
                place = np.uint16(place + np.uint16(1)) if row[x] == row[x - 1] else np.uint16(1)
                table[row[x], place] += np.uint32(1)
        for direction in range(1, directions):
            line, shift = (direction - 1) // 3, (direction - 1) % 3 - 1
            back, up = (0, -1) if line == 0 else (1, line - 2)
            source = now if line == 0 else 1 - now
            for y in range(1, height - 1):
                left, right = extent[z, y, 0], extent[z, y, 1]
                if left < right:
                    _follow(
                        levels[z, y, left:right],
                        levels[z - back, y + up, left + shift : right + shift],
                        places[source, direction, y + up, left + shift : right + shift],
                        places[now, direction, y, left:right],
                        tables[direction],
                    )


@compiled
def table_entries(tables: Any, weights: Any, values: Any) -> Any:
    """Sum the tables by each row of `weights` and return the matrices as (offsets, level, length, count).

    `values` are the grey levels of rows 1, 2, ...

    A walk along the lengths of a level stops at the first place that no voxel has: empty cells are never visited.
    """
    groups, directions = weights.shape
    rows, longest = tables.shape[1], tables.shape[2]
    offsets = np.zeros(groups + 1, np.int64)
    level = np.empty(0, np.int64)
    length = np.empty(0, np.int64)
    count = np.empty(0, np.float64)
    for fill in range(2):
        if fill:
            level = np.empty(offsets[groups], np.int64)
            length = np.empty(offsets[groups], np.int64)
            count = np.empty(offsets[groups], np.float64)
        at = 0
        for group in range(groups):
            for row in range(1, rows):
                for place in range(1, longest - 1):
                    total, alive = 0.0, False
                    for direction in range(directions):
                        weight = weights[group, direction]
                        here = tables[direction, row, place]
                        if weight != 0.0 and here > 0:
                            alive = True
                            total += weight * (
                                np.float64(here) - np.float64(tables[direction, row, place + 1])
                            )
                    if not alive:
                        break
                    if total > 0.0:
                        if fill:
                            level[at], length[at], count[at] = values[row - 1], place, total
                        at += 1
            offsets[group + 1] = at
    return offsets, level, length, count
