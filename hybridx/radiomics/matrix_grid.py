"""The lesion's grey levels as texture matrices walk over them: cut to its box, padded, levels numbered without gaps.

Padding lets every neighbour be read at a fixed distance in memory, without asking whether the image ends there;
a neighbour outside the lesion is level 0. Numbering only the levels that occur keeps matrices as small as the
lesion makes them. Memory: two bytes a voxel of the padded box (four when more than 65,535 levels occur), kept as long
as the levels live, so that all families of an image walk over one box.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.errors import InputError, SettingsError
from hybridx.radiomics.roi import Levels

__all__ = [
    "MOST_LEVELS",
    "Grid",
    "check_distances",
    "directions",
    "ends_of_row",
    "level_grid",
    "whole_vectors",
]

MOST_LEVELS = 2**22
_STRIDE = 16  # voxels of background skipped at once
_VECTOR = 32  # voxels of two bytes in the widest registers
ROW = 1024
"""Voxels of a row that are worked on at once; results lie this far apart in one array, which spares vectors checks."""
APART = 16
"""Counts left free behind those of each level: at powers of two apart the most frequent would share a place in the
processor's memory."""
LOWEST_BIT = np.array([0] + [(bits & -bits).bit_length() - 1 for bits in range(1, 2**12)], dtype=np.uint8)
"""Number of the lowest bit of twelve that is set."""
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """A padded box of grey levels in one run of memory.

    Parameters
    ----------
    flat : ndarray of uint16 or uint32
        0 outside the lesion, else the rank (from 1) of the voxel's level among those that occur.
    box : ndarray of int64, shape (6,)
        Index of the box's first voxel in `flat`; slices, rows and columns of the box; step of a slice and of a row.
    values : ndarray of int64, shape (levels that occur,)
        The grey level of each rank, rising.
    voxels : int
        In the lesion.
    ends : ndarray of int64, shape (slices, rows, 2)
        The columns of the box between which the lesion lies in each row (begin, end); equal where it does not.
    """

    flat: npt.NDArray[np.unsignedinteger]
    box: Integers
    values: Integers
    voxels: int
    ends: Integers

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the box."""
        return int(self.box[1]), int(self.box[2]), int(self.box[3])

    def steps(self, offsets: Integers) -> Integers:
        """Distances in memory of neighbours at `offsets`, shape (n, 3), in voxels (z, y, x)."""
        return np.asarray(offsets @ np.array([self.box[4], self.box[5], 1]), dtype=np.int64)


def check_distances(distances: int | Iterable[int]) -> tuple[int, ...]:
    """Return the distances as rising whole numbers.

    Raises
    ------
    SettingsError
        If there is none, or one is not a whole number of at least 1.
    """
    found = (distances,) if isinstance(distances, int | np.integer) else tuple(distances)
    if not found or any(isinstance(d, bool) or d != int(d) or d < 1 for d in found):
        msg = f"distances is {distances!r}; wanted one or more whole numbers of voxels, at least 1: 1 or (1, 2)."
        raise SettingsError(msg)
    return tuple(sorted({int(distance) for distance in found}))


def directions(distances: Iterable[int], shape: tuple[int, int, int], *, planar: bool) -> Integers:
    """One of each pair of opposite neighbours at the Chebyshev distances, shape (n, 3), those within a slice first.

    Neighbours further away than the box is wide are left out: no voxel has them.

    Examples
    --------
    >>> len(directions([1], (9, 9, 9), planar=False)), len(directions([2], (9, 9, 9), planar=False))
    (13, 49)
    >>> directions([1], (1, 9, 9), planar=False).tolist()
    [[0, 0, 1], [0, 1, -1], [0, 1, 0], [0, 1, 1]]
    """
    wanted = set(distances)
    reach = [min(max(wanted), size - 1) for size in shape]
    if planar:
        reach[0] = 0
    found = [
        offset
        for offset in itertools.product(*(range(-r, r + 1) for r in reach))
        if offset > (0, 0, 0) and max(map(abs, offset)) in wanted
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 3)


_REMEMBERED: WeakKeyDictionary[Levels, dict[int, Grid]] = WeakKeyDictionary()


def level_grid(levels: Levels, margin: int = 1) -> Grid:
    """Cut the levels to the lesion's box and pad them by `margin` voxels, once for each lesion.

    Raises
    ------
    InputError
        If a level is below 0 or above `levels.count`, or levels could be more than `MOST_LEVELS`.
    """
    known = _REMEMBERED.setdefault(levels, {})
    if margin not in known:
        known[margin] = _padded(levels, margin)
    return known[margin]


def _padded(levels: Levels, margin: int) -> Grid:
    if levels.count > MOST_LEVELS:
        msg = f"{levels.count!r} grey levels; wanted at most {MOST_LEVELS:,}. Choose wider bins."
        raise InputError(msg)
    array = np.ascontiguousarray(levels.array, dtype=np.int32)
    array = array if array.size else np.zeros((1, 1, 1), dtype=np.int32)
    ranks = np.zeros(int(levels.count) + 1, dtype=np.int64)
    corners = np.empty(6, dtype=np.int64)
    ends = np.empty((*array.shape[:2], 2), dtype=np.int64)
    voxels = survey(array, ranks, corners, ends)
    if voxels < 0:
        msg = (
            f"Grey levels run from {int(array.min())} to {int(array.max())}; "
            f"wanted 0 outside the lesion and 1 to {levels.count!r} (`count`) inside."
        )
        raise InputError(msg)
    if voxels == 0:
        corners[:] = 0
    values = np.flatnonzero(ranks[1:]) + 1
    ranks[0], ranks[values] = 0, np.arange(1, len(values) + 1)
    low, high = corners[:3], corners[3:]
    # Beyond the box a margin holds nothing but zeros, so none need be wider than the box.
    pads = np.minimum(margin, np.maximum(high - low - 1, 1))
    padded = np.zeros(high - low + 2 * pads, dtype=np.uint16 if len(values) < 2**16 else np.uint32)
    ends = np.ascontiguousarray(ends[low[0] : high[0], low[1] : high[1]])
    copy_ranks(array, corners, ranks.astype(padded.dtype), pads, ends, padded)
    step = padded.shape[1] * padded.shape[2]
    first = pads[0] * step + pads[1] * padded.shape[2] + pads[2]
    box = np.array([first, *(high - low), step, padded.shape[2]], dtype=np.int64)
    return Grid(padded.ravel(), box, values, int(voxels), ends)


@compiled
def survey(array: Any, present: Any, corners: Any, ends: Any) -> int:
    """Mark the levels that occur, find the lesion's box and its ends in each row; the number of voxels, or -1.

    It is -1 if a level is out of range.
    """
    slices, rows, columns = array.shape
    last = len(present) - 1
    corners[0], corners[1], corners[2] = slices, rows, columns
    corners[3] = corners[4] = corners[5] = 0
    voxels = 0
    for z in range(slices):
        for y in range(rows):
            row = array[z, y]
            left, right = lesion_in(row)
            ends[z, y, 0], ends[z, y, 1] = left, right
            if left == right:
                continue
            lowest = highest = row[left]
            inside = np.int32(0)
            for x in range(left, right):
                lowest, highest = min(lowest, row[x]), max(highest, row[x])
                inside += np.int32(row[x] != 0)
            if lowest < 0 or highest > last:
                return -1
            voxels += int(inside)
            for x in range(left, right):
                present[np.uint64(row[x])] = 1
            corners[0], corners[3] = min(corners[0], z), z + 1
            corners[1], corners[4] = min(corners[1], y), max(corners[4], y + 1)
            corners[2], corners[5] = min(corners[2], left), max(corners[5], right)
    return voxels


@compiled
def lesion_in(row: Any) -> Any:
    """Return where the lesion begins and ends in a row; the same place twice where it is not."""
    left, right = 0, len(row)
    while left + _STRIDE <= right and not _any(row, left):
        left += _STRIDE
    while left + _STRIDE <= right and not _any(row, right - _STRIDE):
        right -= _STRIDE
    while left < right and row[left] == 0:
        left += 1
    while left < right and row[right - 1] == 0:
        right -= 1
    return left, right


@compiled
def ends_of_row(flat: Any, left: int, right: int) -> Any:
    """Return where the lesion begins and ends between two places of a row; the same place twice where it is not."""
    while left < right and flat[left] == 0:
        left += 1
    while left < right and flat[right - 1] == 0:
        right -= 1
    return left, right


@compiled
def _any(row: Any, first: int) -> bool:
    found = row[first]
    for x in range(1, _STRIDE):
        found |= row[first + x]
    return found != 0


@compiled
def copy_ranks(array: Any, corners: Any, ranks: Any, pads: Any, ends: Any, padded: Any) -> None:  # noqa: PLR0917
    """Write the rank of each voxel's level into the padded box, which holds zeros; `ranks` has its type.

    `ends` comes in columns of the array and is turned into columns of the box.
    """
    every = ranks[len(ranks) - 1] == len(ranks) - 1  # levels without gaps are their own ranks
    for z in range(len(ends)):
        for y in range(len(ends[z])):
            left, right = ends[z, y, 0], ends[z, y, 1]
            if left == right:
                ends[z, y] = 0
                continue
            row = array[z + corners[0], y + corners[1], left:right]
            ends[z, y, 0], ends[z, y, 1] = left - corners[2], right - corners[2]
            begin = left - corners[2] + pads[2]
            out = padded[z + pads[0], y + pads[1], begin : begin + right - left]
            if every:
                for x in range(right - left):
                    out[x] = row[x]
                continue
            for x in range(right - left):
                out[x] = ranks[np.uint64(row[x])]


@compiled
def whole_vectors(width: int, room: int) -> int:
    """Round the voxels of a row up to whole vectors, if memory goes on for that long: a loop without a remainder.

    Rows of a lesion are short; what a loop does one by one after its vectors would take longer than they do.
    """
    whole = (width + _VECTOR - 1) // _VECTOR * _VECTOR
    return whole if whole <= room else width
