r"""Runs of equal grey level along the 13 directions, counted in one scan that looks back one step.

At every voxel and direction the place `k` of the voxel in its run is one more than its predecessor's, or 1. Let
:math:`C_{ik}` be how often level `i` stands at place `k`: every run of length :math:`\ge k` contributes one, so
:math:`C_{ik} - C_{i,k+1}` runs have length `k`. No run is ever walked, and the tables of several directions or slices
add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.level_blocks import Integers, Matrices
from hybridx.radiomics.roi import Floats

__all__ = ["DIRECTIONS", "PLANAR", "count_places", "extents", "table_entries"]

_ROWS = ((0, -1), (-1, -1), (-1, 0), (-1, 1))
DIRECTIONS = np.array([(0, 0, -1), *((z, y, x) for z, y in _ROWS for x in (-1, 0, 1))], dtype=np.int64)
"""Steps (z, y, x) to the predecessor; the first four stay in the slice."""

PLANAR = 4
"""Directions in the slice."""


@compiled
def extents(levels: Any, extent: Any) -> None:
    """Fill in where the lesion begins and ends (+ 1) in each line, shape (z, y, 2), zeros before."""
    depth, height, width = levels.shape
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            row, left, right = levels[z, y], 1, width - 1
            while left < right and row[left] == 0:
                left += 1
            while right > left and row[right - 1] == 0:
                right -= 1
            extent[z, y, 0] = left
            extent[z, y, 1] = right


@compiled
def _follow(row: Any, before: Any, places_before: Any, places: Any) -> None:
    """Place each voxel of a line in its run, from the line before."""
    for x in range(len(row)):
        # read before the comparison: a load that depends on it would keep the loop from running 16 voxels at once
        further = np.uint16(places_before[x] + np.uint16(1))
        places[x] = further if before[x] == row[x] else np.uint16(1)


@compiled
def _count_along(row: Any, before: Any, table: Any) -> None:
    """Place and count along the line itself."""
    place = np.uint16(0)
    for x in range(len(row)):
        place = np.uint16(place * np.uint16(before[x] == row[x])) + np.uint16(1)
        table[row[x], place] += np.uint32(1)


@compiled
def _count_three(row: Any, places: Any, tables: Any) -> None:
    """Count three directions side by side: the same cell twice in a row would wait for itself."""
    first, second, third = places[0], places[1], places[2]
    table, other, last = tables[0], tables[1], tables[2]
    for x in range(len(row)):
        level = row[x]
        table[level, first[x]] += np.uint32(1)
        other[level, second[x]] += np.uint32(1)
        last[level, third[x]] += np.uint32(1)


def count_places(levels: npt.NDArray[np.uint16], tables: npt.NDArray[np.uint32]) -> None:
    """Add how often each level stands at each place of a run to `tables`.

    `levels` are rows of the tables in two bytes, framed by zeros on all six sides. `tables` have shape (parts,
    directions, rows, longest run + 2): one part for the volume or one for each slice; with four directions only those
    in the slice are followed, with thirteen all.
    """
    depth, height, width = levels.shape
    places = np.zeros((2, tables.shape[1], height, width), np.uint16)
    _count(levels, np.zeros((depth, height, 2), np.int64), places, tables)


@compiled
def _count(levels: Any, extent: Any, places: Any, tables: Any) -> None:
    depth, height = levels.shape[:2]
    parts, directions = tables.shape[:2]
    extents(levels, extent)
    for z in range(1, depth - 1):
        now, part = z & 1, tables[z - 1 if parts > 1 else 0]
        for line in range((directions - 1) // 3):
            back, up = (0, -1) if line == 0 else (1, line - 2)
            source, first = now if line == 0 else 1 - now, 1 + 3 * line
            for y in range(1, height - 1):
                left, right = extent[z, y, 0], extent[z, y, 1]
                if left == right:
                    continue
                row = levels[z, y, left:right]
                for shift in range(3):
                    there = slice(left + shift - 1, right + shift - 1)
                    _follow(
                        row,
                        levels[z - back, y + up, there],
                        places[source, first + shift, y + up, there],
                        places[now, first + shift, y, left:right],
                    )
                _count_three(row, places[now, first : first + 3, y, left:right], part[first : first + 3])
                if line == 0:
                    _count_along(row, levels[z, y, left - 1 : right - 1], part[0])


@compiled
def _runs(tables: Any, weights: Any, row: int, place: int) -> float:
    """Weighted number of runs of a level that end at a place; -1 where no voxel has it."""
    total, alive = 0.0, False
    for direction in range(len(weights)):
        here = tables[direction, row, place]
        if weights[direction] != 0.0 and here > 0:
            alive = True
            beyond = tables[direction, row, place + 1]
            total += weights[direction] * (np.float64(here) - np.float64(beyond))
    return total if alive else -1.0


def table_entries(tables: npt.NDArray[np.uint32], weights: Floats, values: Integers) -> Matrices:
    """Sum the tables of each part by each row of `weights`: matrices as (offsets, level, length, count).

    `values` are the grey levels of rows 1, 2, ... A walk along the lengths of a level stops at the first place that no
    voxel has: empty cells are never visited. Two walks, one to count the cells.
    """
    offsets = np.zeros(len(tables) * len(weights) + 1, np.int64)
    nothing = np.empty(0, np.int64)
    _walk(tables, weights, values, offsets, nothing, nothing, np.empty(0))
    cells = int(offsets[-1])
    found = offsets, np.empty(cells, np.int64), np.empty(cells, np.int64), np.empty(cells)
    if cells:
        _walk(tables, weights, values, *found)
    return found


@compiled
def _walk(  # noqa: PLR0917 - compiled code takes no keywords
    tables: Any, weights: Any, values: Any, offsets: Any, level: Any, length: Any, count: Any
) -> None:
    """Count the cells of each matrix, and write them down where there is room."""
    groups, rows, longest = len(weights), tables.shape[2], tables.shape[3]
    at = np.int64(0)
    for matrix in range(len(offsets) - 1):
        part, group = tables[matrix // groups], weights[matrix % groups]
        for row in range(1, rows):
            for place in range(1, longest - 1):
                runs = _runs(part, group, row, place)
                if runs < 0.0:
                    break
                if runs > 0.0:
                    if len(level):
                        level[at], length[at], count[at] = values[row - 1], place, runs
                    at += 1
        offsets[matrix + 1] = at
