"""To the grid of the analysis by IBSI's rule: centres aligned, image linear or cubic, mask linear with a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.roi import Floats, Mask

__all__ = ["Axis", "aligned_axis", "interpolate", "interpolate_mask"]

ORDERS = {"nearest": 0, "linear": 1, "bspline": 3}
# the influence of a voxel on cubic spline coefficients falls by 0.268 a voxel: 1e-16 after this many
SPLINE_REACH = 28
SLACK = 1e-6  # of a voxel: half a voxel of lesion is half, whatever the last bits of a weight say


@dataclass(frozen=True, eq=False)
class Axis:
    """New voxel centres along one axis.

    Parameters
    ----------
    positions : ndarray (n,)
        Where the new centres lie, in voxels of the old grid.
    spacing : float
        New edge, mm.
    """

    positions: Floats
    spacing: float

    def around(self, low: int, high: int, margin: int) -> slice:
        """Return the new voxels that can hold anything of the old voxels low to high - 1, and a margin."""
        inside = np.flatnonzero((self.positions > low - 1) & (self.positions < high))
        if not len(inside):
            inside = np.array([int(np.argmin(np.abs(self.positions - (low + high - 1) / 2)))])
        return slice(max(0, int(inside[0]) - margin), min(len(self.positions), int(inside[-1]) + 1 + margin))


def aligned_axis(count: int, old: float, new: float) -> Axis:
    """Lay new voxels over an axis so that the centres of the two grids coincide.

    Parameters
    ----------
    count : int
        Old voxels.
    old, new : float
        Edges, mm; a new edge of 0 keeps the old one.

    Source
    ------
    IBSI reference manual, section 2.4: as many voxels as cover the old extent, rounded up.

    Examples
    --------
    >>> aligned_axis(4, 2.0, 3.0).positions
    array([0. , 1.5, 3. ])
    """
    if new == 0 or np.isclose(old, new, rtol=1e-6, atol=0):
        return Axis(np.arange(count, dtype=np.float64), old)
    # rounded first: 59 * 3.27 / 3.27 must not become 60 voxels by floating point
    fresh = int(np.ceil(np.round(count * old / new, 6)))
    return Axis(np.float64(count - 1) / 2 + (np.arange(fresh) - (fresh - 1) / 2) * (new / old), new)


def interpolate(array: npt.NDArray[Any], positions: Sequence[Floats], interpolator: str) -> Floats:
    """Interpolate an image at the points of a grid whose axes are its own.

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
        The image; beyond its border the last voxel goes on.
    positions : sequence of ndarray
        Along z, y, x, in voxels of `array`.
    interpolator : {"linear", "bspline", "nearest"}
        ``bspline`` is the cubic spline through the voxels.

    Returns
    -------
    ndarray of float64, shape (len(z), len(y), len(x))

    Notes
    -----
    Only the box around the points is read. Linear, cubic and nearest interpolation are products of three
    one-dimensional ones, so that memory stays at a few times the larger of the two boxes.
    """
    order = ORDERS[interpolator]
    reach = SPLINE_REACH if order == 3 else 1
    box, local = [], []
    for length, at in zip(array.shape, positions, strict=True):
        low = max(0, int(np.floor(at[0])) - reach)
        high = min(length, int(np.ceil(at[-1])) + reach + 1)
        box.append(slice(low, high))
        local.append(at - low)
    found = array[tuple(box)].astype(np.float64)
    # the axis that grows least goes first, so that the others' work stays small
    for axis in sorted(range(3), key=lambda one: len(local[one]) / found.shape[one]):
        at = local[axis]
        if not np.array_equal(at, np.round(at)) or len(at) != found.shape[axis]:
            found = _along(found, at, axis, order)
    return found


def interpolate_mask(mask: Mask, positions: Sequence[Floats], threshold: float) -> Mask:
    """Return the new voxels of which at least `threshold` is lesion, after linear interpolation."""
    return np.asarray(interpolate(mask, positions, "linear") >= threshold - SLACK)


def _along(array: Floats, at: Floats, axis: int, order: int) -> Floats:
    if order == 3 and array.shape[axis] > 1:
        from scipy import ndimage  # noqa: PLC0415 - loads for cubic interpolation only

        array = ndimage.spline_filter1d(array, order=3, axis=axis, mode="mirror")
    at = np.clip(at, 0, array.shape[axis] - 1)
    first = np.floor(at).astype(np.intp) if order else np.floor(at + 0.5).astype(np.intp)
    rest = at - first
    last = array.shape[axis] - 1
    places, weights = [], []
    for offset, weight in _weights(rest, order):
        if weight.any():
            index = _mirrored(first + offset, last) if order == 3 else np.minimum(first + offset, last)
            places.append(index)
            weights.append(weight)
    return _blended(array, np.stack(places), np.stack(weights), axis)


def _blended(array: Floats, places: npt.NDArray[np.intp], weights: Floats, axis: int) -> Floats:
    from hybridx.radiomics.interpolation_kernels import blend, blend_lines  # noqa: PLC0415 - compiles on first use

    array = np.ascontiguousarray(array)
    found = np.empty((*array.shape[:axis], places.shape[1], *array.shape[axis + 1 :]))
    if axis == 2:
        blend_lines(array.reshape(-1, array.shape[2]), places, weights, found.reshape(-1, found.shape[2]))
    else:
        inner = int(np.prod(array.shape[axis + 1 :]))
        outer = int(np.prod(array.shape[:axis]))
        blend(
            array.reshape(outer, array.shape[axis], inner),
            places,
            weights,
            found.reshape(outer, places.shape[1], inner),
        )
    return found


def _weights(rest: Floats, order: int) -> list[tuple[int, Floats]]:
    if order == 0:
        return [(0, np.ones_like(rest))]
    if order == 1:
        return [(0, 1 - rest), (1, rest)]
    other = 1 - rest
    return [
        (-1, other**3 / 6),
        (0, 2 / 3 - rest**2 + rest**3 / 2),
        (1, 2 / 3 - other**2 + other**3 / 2),
        (2, rest**3 / 6),
    ]


def _mirrored(index: npt.NDArray[np.intp], last: int) -> npt.NDArray[np.intp]:
    if last == 0:
        return np.zeros_like(index)
    index = np.abs(index)
    return np.where(index > last, 2 * last - index, index)
