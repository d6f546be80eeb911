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

__all__ = ["MOST_LEVELS", "Grid", "check_distances", "directions", "ends_of_row", "level_grid"]

MOST_LEVELS = 2**22
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
    """

    flat: npt.NDArray[np.unsignedinteger]
    box: Integers
    values: Integers
    voxels: int

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
    ranks = np.zeros(int(levels.count) + 1, dtype=np.int64)
    corners = np.empty(6, dtype=np.int64)
    voxels = survey(array if array.size else np.zeros((1, 1, 1), dtype=np.int32), ranks, corners)
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
    copy_ranks(array, corners, ranks.astype(padded.dtype), pads, padded)
    step = padded.shape[1] * padded.shape[2]
    first = pads[0] * step + pads[1] * padded.shape[2] + pads[2]
    box = np.array([first, *(high - low), step, padded.shape[2]], dtype=np.int64)
    return Grid(padded.ravel(), box, values, int(voxels))


@compiled
def survey(array: Any, present: Any, corners: Any) -> int:
    """Mark the levels that occur and find the lesion's box; the number of voxels, or -1 if a level is out of range."""
    slices, rows, columns = array.shape
    last = len(present) - 1
    corners[0], corners[1], corners[2] = slices, rows, columns
    corners[3] = corners[4] = corners[5] = 0
    voxels = 0
    for z in range(slices):
        for y in range(rows):
            row = array[z, y]
            lowest = highest = row[0]
            for x in range(columns):
                lowest, highest = min(lowest, row[x]), max(highest, row[x])
            if lowest < 0 or highest > last:
                return -1
            if highest == 0:
                continue
            for x in range(columns):
                present[np.uint64(row[x])] = 1
                voxels += row[x] != 0
            left, right = 0, columns
            while row[left] == 0:
                left += 1
            while row[right - 1] == 0:
                right -= 1
            corners[0], corners[3] = min(corners[0], z), z + 1
            corners[1], corners[4] = min(corners[1], y), max(corners[4], y + 1)
            corners[2], corners[5] = min(corners[2], left), max(corners[5], right)
    return voxels


@compiled
def ends_of_row(flat: Any, left: int, right: int) -> Any:
    """Return where the lesion begins and ends between two places of a row; the same place twice where it is not."""
    while left < right and flat[left] == 0:
        left += 1
    while left < right and flat[right - 1] == 0:
        right -= 1
    return left, right


@compiled
def copy_ranks(array: Any, corners: Any, ranks: Any, pads: Any, padded: Any) -> None:
    """Write the rank of each voxel's level into the padded box; `ranks` has the type of the box, and 0 for 0."""
    width = corners[5] - corners[2]
    for z in range(corners[0], corners[3]):
        for y in range(corners[1], corners[4]):
            row = array[z, y, corners[2] : corners[5]]
            out = padded[z - corners[0] + pads[0], y - corners[1] + pads[1], pads[2] : pads[2] + width]
            for x in range(width):
                out[x] = ranks[np.uint64(row[x])]
