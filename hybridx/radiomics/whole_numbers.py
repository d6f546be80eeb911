"""Linear interpolation of an image in whole numbers, whose values are cut off after it as ITK cuts them off.

The last bit of a sum decides what is cut off, so sums are taken in ITK's order: along x, then y, then z, each
``a + (b - a) * d``. What remains are the last bits of the positions: where these could decide, nothing is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.roi import Floats

__all__ = ["cut_off_linear"]

# of an intensity of at most 16 bits: positions are known to 1e-13 of a voxel
CLOSE = 1e-9


def cut_off_linear(voxels: npt.NDArray[Any], positions: Sequence[Floats]) -> npt.NDArray[Any] | None:
    """Interpolate as ITK does and cut off what follows the point.

    Parameters
    ----------
    voxels : ndarray of whole numbers of at most 16 bits, shape (z, y, x)
        Beyond its border the last voxel goes on.
    positions : sequence of ndarray
        Along z, y, x, rising, in voxels.

    Returns
    -------
    ndarray of the same type or None
        None where a value lies so near to a whole number that only ITK knows on which side, unless all voxels
        around it are equal.

    Source
    ------
    Checked against SimpleITK 2.5.7 (``Resample`` with ``sitkLinear``): equal in every voxel.
    """
    low = [
        np.clip(np.floor(at), 0, n - 1).astype(np.int64)
        for at, n in zip(positions, voxels.shape, strict=True)
    ]
    high = [np.minimum(index + 1, n - 1) for index, n in zip(low, voxels.shape, strict=True)]
    rest = [np.maximum(at - index, 0.0) for at, index in zip(positions, low, strict=True)]
    found = np.empty([len(at) for at in positions], dtype=voxels.dtype)
    return found if _blend(voxels, *low, *high, *rest, found) else None


@compiled
def _blend(  # noqa: PLR0917 - compiled code takes no keywords
    voxels: Any,
    low_z: Any,
    low_y: Any,
    low_x: Any,
    high_z: Any,
    high_y: Any,
    high_x: Any,
    rest_z: Any,
    rest_y: Any,
    rest_x: Any,
    found: Any,
) -> bool:
    """Slice by slice; two slices of the old grid, interpolated within themselves, are kept."""
    depth, height, width = found.shape
    first, last = low_y[0], high_y[-1]
    lines = np.empty((last - first + 1, width))
    planes = np.empty((2, height, width))
    held = np.full(2, -1, np.int64)
    for k in range(depth):
        for z in (low_z[k], high_z[k]):
            if held[z & 1] == z:
                continue
            held[z & 1] = z
            for y in range(first, last + 1):
                _along(voxels[z, y], low_x, high_x, rest_x, lines[y - first])
            for j in range(height):
                one, two, part = lines[low_y[j] - first], lines[high_y[j] - first], rest_y[j]
                line = planes[z & 1, j]
                for i in range(width):
                    line[i] = one[i] + (two[i] - one[i]) * part
        before, after, part = planes[low_z[k] & 1], planes[high_z[k] & 1], rest_z[k]
        for j in range(height):
            if _between(before[j], after[j], part, found[k, j]):
                for i in range(width):
                    value = before[j, i] + (after[j, i] - before[j, i]) * part
                    if abs(value - np.rint(value)) < CLOSE and not _equal(
                        voxels, low_z[k], high_z[k], low_y[j], high_y[j], low_x[i], high_x[i]
                    ):
                        return False
    return True


@compiled
def _along(row: Any, low: Any, high: Any, rest: Any, line: Any) -> None:
    for i in range(len(line)):
        one = np.float64(row[low[i]])
        line[i] = one + (np.float64(row[high[i]]) - one) * rest[i]


@compiled
def _between(before: Any, after: Any, part: float, line: Any) -> bool:
    """Interpolate, cut off, and say whether a value lies near to a whole number."""
    nearest = 1.0
    for i in range(len(line)):
        value = before[i] + (after[i] - before[i]) * part
        line[i] = np.int32(value)
        nearest = min(nearest, abs(value - np.rint(value)))
    return nearest < CLOSE


@compiled
def _equal(voxels: Any, z: int, above: int, y: int, below: int, x: int, right: int) -> bool:  # noqa: PLR0917
    """Whether the eight voxels around a point are equal: ITK's sums are then exact, wherever the point lies."""
    value = voxels[z, y, x]
    for k in (z, above):
        for j in (y, below):
            if voxels[k, j, x] != value or voxels[k, j, right] != value:
                return False
    return True
