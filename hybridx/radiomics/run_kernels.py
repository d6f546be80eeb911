r"""Runs of equal grey level along the 13 directions, counted in one scan that looks back and ahead one step.

At every voxel and direction the place `k` of the voxel in its run is one more than its predecessor's, or 1. Let
:math:`C_{ik}` be how often level `i` stands at place `k`: every run of length :math:`\ge k` contributes one, so
:math:`C_{ik} - C_{i,k+1}` runs have length `k`. No run is ever walked, and the tables of several directions or slices
add up.

Of the 13 directions 12 lead to three predecessors in a row. Their places are kept in one number, so that a whole row is
followed in vectors, and one count of (level, three places) stands for three; of runs longer than that holds, only the
end is counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.level_blocks import Integers, Matrices
from hybridx.radiomics.matrix_grid import APART, LOWEST_BIT, ROW, whole_vectors
from hybridx.radiomics.roi import Floats

__all__ = ["DIRECTIONS", "PLANAR", "count_places", "table_entries"]

_ROWS = ((0, -1), (-1, -1), (-1, 0), (-1, 1))
DIRECTIONS = np.array([(0, 0, -1), *((z, y, x) for z, y in _ROWS for x in (-1, 0, 1))], dtype=np.int64)
"""Steps (z, y, x) to the predecessor; the first four stay in the slice."""

PLANAR = 4
"""Directions in the slice."""
_FIELD = 5  # bits of each of three places in one number
_MOST = 2**_FIELD - 1  # a place this far on, or further
_ENDS = 12  # bits below are for the joint count of three places
_SLACK = 64  # vectors run on behind the last row of a slice


def count_places(levels: npt.NDArray[np.uint16], ends: Integers, tables: npt.NDArray[np.uint32]) -> None:
    """Fill in how often each level stands at each place of a run; row 0 of the tables has no meaning.

    `levels` are rows of the tables in two bytes, framed by zeros on all six sides, and lie between `ends` (slices,
    rows, 2) of each row within the frame. `tables` hold zeros and have shape (parts, directions, rows, longest run +
    2): one part for the volume or one for each slice; with four directions only those in the slice are followed, with
    thirteen all.
    """
    parts, directions, rows, _ = tables.shape
    height, width = levels.shape[1:]
    groups, voxels = (directions - 1) // 3, int((ends[..., 1] - ends[..., 0]).sum()) // parts
    # adding the joint counts up must not take longer than the counting
    bits = 3 if rows << 9 <= voxels else 2 if rows << 6 <= voxels else 1
    joint = np.zeros(groups * rows * ((1 << 3 * bits) + APART), np.uint32)
    places = np.zeros(2 * groups * (height * width + _SLACK) + 1, np.uint16)
    shape = np.array((height * width, width), np.int64)
    _count(levels.reshape(-1), shape, ends, bits, places, joint, tables)


@compiled
def _count(  # noqa: PLR0917 - compiled code takes no keywords
    levels: Any, shape: Any, ends: Any, bits: int, places: Any, joint: Any, tables: Any
) -> None:
    parts, many, rows, longest = tables.shape
    area, line = shape[0], shape[1]
    stride = (1 << 3 * bits) + APART
    cells, wide = tables.reshape(tables.size), rows * stride
    work = np.zeros(5 * ROW, np.uint16)
    for z in range(len(ends)):
        base = z * many * rows * longest if parts > 1 else 0
        for y in range(len(ends[z])):
            start = (z + 1) * area + (y + 1) * line + 1
            end, place, previous = start + ends[z, y, 1], 0, 0
            for first in range(start + ends[z, y, 0], end, ROW):
                width = min(end - first, ROW)
                whole = whole_vectors(width, len(levels) - first - area - line - 1)
                at = _follow_row(levels, first, whole, area, line, z, bits, places, work, many > PLANAR)
                for x in range(width):
                    rank = np.int64(levels[np.uint64(first + x)])
                    place = place + 1 if rank == previous else 1
                    previous = int(rank)
                    cells[np.uint64(base + rank * longest + place)] += np.uint32(1)
                    here = rank * stride
                    joint[np.uint64(here + work[x])] += np.uint32(1)
                    if many > PLANAR:
                        joint[np.uint64(here + wide + work[np.uint64(ROW + x)])] += np.uint32(1)
                        joint[np.uint64(here + 2 * wide + work[np.uint64(2 * ROW + x)])] += np.uint32(1)
                        joint[np.uint64(here + 3 * wide + work[np.uint64(3 * ROW + x)])] += np.uint32(1)
                    ended = np.int64(work[np.uint64(4 * ROW + x)])
                    while ended:
                        d = np.int64(LOWEST_BIT[ended])
                        ended &= ended - 1
                        own = at + d // 3 * (area + _SLACK) + x
                        length = 1 + (np.int64(places[np.uint64(own)]) >> _FIELD * (d % 3) & _MOST)
                        if length > _MOST:
                            length = _length(levels, first + x, _step(d, area, line))
                        cells[np.uint64(base + ((d + 1) * rows + rank) * longest + length)] += np.uint32(1)
        if parts > 1 or z + 1 == len(ends):
            _marginalise(joint, bits, tables[z if parts > 1 else 0])


@compiled
def _step(direction: int, area: int, line: int) -> int:
    """Distance in memory to the predecessor, which lies before."""
    group = direction // 3
    middle = line if group == 0 else area - (group - 2) * line
    return middle + 1 - direction % 3


@compiled
def _length(levels: Any, at: int, step: int) -> int:
    """Length of the run that ends here."""
    length = 1
    while levels[np.uint64(at - length * step)] == levels[np.uint64(at)]:
        length += 1
    return length


@compiled
def _follow_row(  # noqa: PLR0917
    levels: Any,
    first: int,
    width: int,
    area: int,
    line: int,
    z: int,
    bits: int,
    places: Any,
    work: Any,
    beyond: bool,  # noqa: FBT001
) -> int:
    """Follow the runs of a row from the rows before; return where in `places` the first of its own lies.

    The slice before lies in the other half of `places`.
    """
    plane = area + _SLACK
    half = len(places) // 2
    own = (z & 1) * half + first - (z + 1) * area
    there = (1 - (z & 1)) * half + first - (z + 1) * area
    _follow(levels, first, width, line, places, own, own - line, bits, work, 0)
    if beyond:
        for group in range(1, 4):
            across = (group - 2) * line
            source = there + group * plane + across
            into = own + group * plane
            _follow(levels, first, width, area - across, places, into, source, bits, work, group * ROW)
    _part(work, width)
    return own


@compiled
def _follow(  # noqa: PLR0917
    levels: Any,
    first: int,
    width: int,
    back: int,
    places: Any,
    own: int,
    source: int,
    bits: int,
    work: Any,
    out: int,
) -> None:
    """Place each voxel of a row in its runs from three predecessors in a row, the middle one `back` before.

    Into `work` go the three places, those of too many bits as the highest, and in bits above which of the latter end
    here. (Few places are written, so that few must be shown not to overlap before vectors run.)
    """
    none, one, most = np.uint16(0), np.uint16(1), np.uint16(_MOST)
    five, ten = np.uint16(_FIELD), np.uint16(2 * _FIELD)
    top, second, third = np.uint16((1 << bits) - 1), np.uint16(bits), np.uint16(2 * bits)
    before, after = first - back, first + back
    for x in range(width):
        level = levels[np.uint64(first + x)]
        i = np.uint16(places[np.uint64(source + x - 1)] & most)
        j = np.uint16((places[np.uint64(source + x)] >> five) & most)
        k = np.uint16((places[np.uint64(source + x + 1)] >> ten) & most)
        i = min(np.uint16(i + one), most) if levels[np.uint64(before + x - 1)] == level else none
        j = min(np.uint16(j + one), most) if levels[np.uint64(before + x)] == level else none
        k = min(np.uint16(k + one), most) if levels[np.uint64(before + x + 1)] == level else none
        places[np.uint64(own + x)] = i | np.uint16(j << five) | np.uint16(k << ten)
        ended = np.uint16(1 << _ENDS) if (i >= top) & (levels[np.uint64(after + x + 1)] != level) else none
        ended |= np.uint16(2 << _ENDS) if (j >= top) & (levels[np.uint64(after + x)] != level) else none
        ended |= np.uint16(4 << _ENDS) if (k >= top) & (levels[np.uint64(after + x - 1)] != level) else none
        codes = min(i, top) | np.uint16(min(j, top) << second) | np.uint16(min(k, top) << third)
        work[np.uint64(out + x)] = codes | (ended if level != 0 else none)


@compiled
def _part(work: Any, width: int) -> None:
    """Part the places from the ends of runs, which go together into the last row."""
    low = np.uint16((1 << _ENDS) - 1)
    for x in range(width):
        first, second = work[np.uint64(x)], work[np.uint64(ROW + x)]
        third, fourth = work[np.uint64(2 * ROW + x)], work[np.uint64(3 * ROW + x)]
        ended = np.uint16(first >> np.uint16(_ENDS)) | np.uint16(
            np.uint16(second >> np.uint16(_ENDS)) << np.uint16(3)
        )
        ended |= np.uint16(np.uint16(third >> np.uint16(_ENDS)) << np.uint16(6))
        ended |= np.uint16(np.uint16(fourth >> np.uint16(_ENDS)) << np.uint16(9))
        work[np.uint64(x)], work[np.uint64(ROW + x)] = first & low, second & low
        work[np.uint64(2 * ROW + x)], work[np.uint64(3 * ROW + x)] = third & low, fourth & low
        work[np.uint64(4 * ROW + x)] = ended


@compiled
def _marginalise(joint: Any, bits: int, tables: Any) -> None:
    """Move joint counts into the tables of their directions, and turn ends of long runs into places."""
    top, at = (1 << bits) - 1, 0
    for d in range(1, len(tables), 3):
        for rank in range(tables.shape[1]):
            for table in tables[d : d + 3]:
                for place in range(tables.shape[2] - 2, top + 1, -1):
                    table[rank, place - 1] += table[rank, place]
            for k in range(top + 1):
                for j in range(top + 1):
                    for i in range(top + 1):
                        count = joint[np.uint64(at)]
                        joint[np.uint64(at)] = 0
                        at += 1
                        if count:
                            if i < top:
                                tables[d, rank, i + 1] += count
                            if j < top:
                                tables[d + 1, rank, j + 1] += count
                            if k < top:
                                tables[d + 2, rank, k + 1] += count
            at += APART


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
