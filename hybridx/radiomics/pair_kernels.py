"""Pairs of neighbours by their grey levels: the counts of co-occurrence matrices.

Neighbours mostly differ by a few levels. Of the 13 directions 12 lie three in a row, so one count of (level, three
small differences) stands for three pairs, and the differences of a whole row are worked out in vectors; pairs that
lie further apart are counted one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled
from hybridx.radiomics.matrix_grid import APART, LOWEST_BIT, ROW, whole_vectors

__all__ = ["count_pairs"]

_CODED = 12  # directions that lie three in a row


@compiled
def count_pairs(  # noqa: PLR0917 - compiled code takes no keywords
    flat: Any, box: Any, ends: Any, first_slice: int, end_slice: int, steps: Any, tables: Any
) -> None:
    """Add to tables[d, rank here, rank there] each voxel of the slices with its neighbour in direction d.

    `flat`, `box` and `ends` are a `Grid`'s. Row and column 0 have no meaning.
    """
    alone, size = len(steps), tables.shape[1]
    bits = _bits(flat, box, ends, first_slice, end_slice, steps, size) if _in_threes(steps) else 0
    if bits:
        alone -= _CODED
        joint = np.zeros(4 * size * ((1 << 3 * bits) + APART), dtype=np.uint32)
        _count_threes(flat, box, ends, first_slice, end_slice, steps[alone:], bits, joint, tables[alone:])
        _marginalise(joint, bits, tables[alone:])
    _count_alone(flat, box, ends, first_slice, end_slice, steps[:alone], tables)


@compiled
def _in_threes(steps: Any) -> bool:
    """Whether the last twelve directions lie three in a row."""
    first = len(steps) - _CODED
    if first < 0:
        return False
    apart = 0
    for d in range(first, len(steps), 3):
        apart += steps[d + 1] != steps[d] + 1 or steps[d + 2] != steps[d] + 2
    return apart == 0


@compiled
def _bits(  # noqa: PLR0917
    flat: Any, box: Any, ends: Any, first_slice: int, end_slice: int, steps: Any, size: int
) -> int:
    """Choose how many bits a difference gets, from one row in 128: 3, 4, or 0 where counting alone takes less time.

    Adding the joint counts up must not take longer than they save, and few pairs may lie further apart.
    """
    voxels = seen = far = further = 0
    for z in range(first_slice, end_slice):
        for y in range(box[2]):
            left, right = ends[z, y, 0], ends[z, y, 1]
            voxels += right - left
            if (y + 11 * z) & 127:
                continue
            row = box[0] + z * box[4] + y * box[5]
            for d in range(len(steps) - _CODED, len(steps), 5):
                for p in range(row + left, row + right):
                    here, there = np.int32(flat[np.uint64(p)]), np.int32(flat[np.uint64(p + steps[d])])
                    apart = abs(here - there) if here != 0 and there != 0 else np.int32(0)
                    far += int(apart > 3)
                    further += int(apart > 7)
                seen += right - left
    if size << 9 > voxels:
        return 0
    if 25 * far <= seen:
        return 3
    return 4 if 25 * further <= seen and size << 12 <= voxels else 0


@compiled
def _count_alone(  # noqa: PLR0917
    flat: Any, box: Any, ends: Any, first_slice: int, end_slice: int, steps: Any, tables: Any
) -> None:
    """Count each direction for itself.

    Row and column 0 collect neighbours outside the lesion, which is cheaper than asking. Four directions at a time:
    their tables are independent, so that increments of equal cells (flat regions) do not wait for each other.
    """
    many, size = len(steps), tables.shape[1]
    cells = tables.reshape(tables.size)
    area = size * size
    one = np.uint32(1)
    for z in range(first_slice, end_slice):
        for y in range(box[2]):
            row = box[0] + z * box[4] + y * box[5]
            left, right = row + ends[z, y, 0], row + ends[z, y, 1]
            for d in range(0, many - 3, 4):
                a, b, c, e = steps[d], steps[d + 1], steps[d + 2], steps[d + 3]
                base = d * area
                for p in range(left, right):
                    here = base + np.int64(flat[np.uint64(p)]) * size
                    cells[np.uint64(here + flat[np.uint64(p + a)])] += one
                    cells[np.uint64(here + area + flat[np.uint64(p + b)])] += one
                    cells[np.uint64(here + 2 * area + flat[np.uint64(p + c)])] += one
                    cells[np.uint64(here + 3 * area + flat[np.uint64(p + e)])] += one
            for d in range(many // 4 * 4, many):
                a = steps[d]
                base = d * area
                for p in range(left, right):
                    here = base + np.int64(flat[np.uint64(p)]) * size
                    cells[np.uint64(here + flat[np.uint64(p + a)])] += one


@compiled
def _count_threes(  # noqa: PLR0917
    flat: Any,
    box: Any,
    ends: Any,
    first_slice: int,
    end_slice: int,
    steps: Any,
    bits: int,
    joint: Any,
    tables: Any,
) -> None:
    """Count (rank, three differences) of four times three directions in `joint`, and what lies further in `tables`."""
    size = tables.shape[1]
    area, stride = size * size, (1 << 3 * bits) + APART
    wide = size * stride
    cells = tables.reshape(tables.size)
    codes = np.empty(5 * ROW, dtype=np.uint16)
    first, second, third, fourth, far = (
        codes[:ROW],
        codes[ROW:],
        codes[2 * ROW :],
        codes[3 * ROW :],
        codes[4 * ROW :],
    )
    one, room = np.uint32(1), len(flat) - steps[_CODED - 1]
    for z in range(first_slice, end_slice):
        for y in range(box[2]):
            row = box[0] + z * box[4] + y * box[5]
            right = row + ends[z, y, 1]
            for left in range(row + ends[z, y, 0], right, ROW):
                width = min(right - left, ROW)
                _code(flat, left, whole_vectors(width, room - left), steps, bits, codes)
                for x in range(width):
                    rank = np.int64(flat[np.uint64(left + x)])
                    here = rank * stride
                    joint[np.uint64(here + first[x])] += one
                    joint[np.uint64(here + wide + second[x])] += one
                    joint[np.uint64(here + 2 * wide + third[x])] += one
                    joint[np.uint64(here + 3 * wide + fourth[x])] += one
                    rest = np.int64(far[x])
                    while rest:
                        d = np.int64(LOWEST_BIT[rest])
                        rest &= rest - 1
                        there = np.int64(flat[np.uint64(left + x + steps[d])])
                        cells[np.uint64(d * area + rank * size + there)] += one


@compiled
def _code(flat: Any, left: int, width: int, steps: Any, bits: int, codes: Any) -> None:  # noqa: PLR0917
    """Code the differences of a row from its neighbours, three by three, and which are too large."""
    one = np.uint16(1)
    top = np.uint16((1 << bits) - 1)
    a, b, c, d = steps[0], steps[3], steps[6], steps[9]
    for x in range(width):
        p = left + x
        level = flat[np.uint64(p)]
        low = np.uint16(level - (top >> one))
        first, far = _three(flat, p + a, low, top, bits, 0)
        second, more = _three(flat, p + b, low, top, bits, 3)
        far |= more
        third, more = _three(flat, p + c, low, top, bits, 6)
        far |= more
        fourth, more = _three(flat, p + d, low, top, bits, 9)
        far |= more
        codes[np.uint64(x)] = first
        codes[np.uint64(ROW + x)] = second
        codes[np.uint64(2 * ROW + x)] = third
        codes[np.uint64(3 * ROW + x)] = fourth
        codes[np.uint64(4 * ROW + x)] = far if level != 0 else np.uint16(0)


@compiled
def _three(flat: Any, there: int, low: Any, top: Any, bits: int, direction: int) -> Any:  # noqa: PLR0917
    """Differences of three neighbours in one number, and a bit for each in the lesion that is too far away."""
    none = np.uint16(0)
    a, b, c = flat[np.uint64(there)], flat[np.uint64(there + 1)], flat[np.uint64(there + 2)]
    i, j, k = min(np.uint16(a - low), top), min(np.uint16(b - low), top), min(np.uint16(c - low), top)
    far = np.uint16(1 << direction) if (i == top) & (a != 0) else none
    far |= np.uint16(2 << direction) if (j == top) & (b != 0) else none
    far |= np.uint16(4 << direction) if (k == top) & (c != 0) else none
    return np.uint16(i | np.uint16(j << np.uint16(bits)) | np.uint16(k << np.uint16(2 * bits))), np.uint16(
        far
    )


@compiled
def _marginalise(joint: Any, bits: int, tables: Any) -> None:
    """Add joint counts to the tables of their directions; the highest code stands for what is counted elsewhere."""
    top = (1 << bits) - 1
    half, at = top >> 1, 0
    for d in range(0, _CODED, 3):
        for rank in range(tables.shape[1]):
            for k in range(top + 1):
                for j in range(top + 1):
                    for i in range(top + 1):
                        count = joint[np.uint64(at)]
                        at += 1
                        if count and rank:
                            if i < top and rank + i > half:
                                tables[d, rank, rank + i - half] += count
                            if j < top and rank + j > half:
                                tables[d + 1, rank, rank + j - half] += count
                            if k < top and rank + k > half:
                                tables[d + 2, rank, rank + k - half] += count
            at += APART
