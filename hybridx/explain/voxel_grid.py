"""A map on the encoder's box of 3 mm voxels, laid onto the grid of the image that was read: sums stay what they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from hybridx.imaging import Grid

__all__ = ["box_grid", "onto_image"]

FloatArray = npt.NDArray[np.float64]

_ALIGNED = 1e-3  # largest sine between an image's axes and the patient's, below which voxels overlap as boxes


def box_grid(edge: int, spacing_mm: float, centre_mm: tuple[float, float, float]) -> Grid:
    """Return the grid of a box of `edge` voxels along each of the patient's axes around a point."""
    half = spacing_mm * (edge - 1) / 2
    x, y, z = (c - half for c in centre_mm)
    return Grid((edge, edge, edge), (spacing_mm,) * 3, (x, y, z))


def onto_image(values: FloatArray, box: Grid, image: Grid) -> tuple[FloatArray, float]:
    """Deal the values of box voxels out to the image voxels that they cover, in proportion to the volume shared.

    Parameters
    ----------
    values : array of float, shape (z, y, x)
        One number per voxel of `box`, whose axes are the patient's.
    box, image : Grid

    Returns
    -------
    (array of float, float)
        One number per voxel of the image, shape (z, y, x), and the sum of what lies outside the image. The two add up
        to the sum of `values`.
    """
    axes = image.axes
    if np.abs(np.abs(axes) - np.round(np.abs(axes))).max() > _ALIGNED:
        return _resampled(values, box, image)
    whole = values.transpose(2, 1, 0)  # x, y, z of the patient
    shares = []
    for axis in range(3):  # of the patient
        own = int(np.argmax(np.abs(axes[axis])))  # the image's axis that runs along it
        start, step = image.origin[axis], image.spacing[own] * np.sign(axes[axis, own])
        centre = start + step * np.arange(image.size[own])
        shares.append(
            _overlap(centre, image.spacing[own], box.origin[axis], box.spacing[axis], box.size[axis])
        )
    laid = np.einsum("ai,bj,ck,ijk->abc", *shares, whole, optimize=True)
    order = [
        int(np.argmax(np.abs(axes[:, own]))) for own in range(3)
    ]  # the patient's axis behind each image axis
    result = np.ascontiguousarray(laid.transpose(order).transpose(2, 1, 0))
    return result, float(values.sum() - result.sum())


def _overlap(centre: FloatArray, width: float, origin: float, step: float, count: int) -> FloatArray:
    """Return which share of each box voxel (columns) lies in each image voxel (rows), along one axis."""
    start = origin - step / 2 + step * np.arange(count)
    low = np.maximum(centre[:, None] - width / 2, start[None])
    high = np.minimum(centre[:, None] + width / 2, start[None] + step)
    return np.asarray(np.clip(high - low, 0.0, None) / step)


def _resampled(values: FloatArray, box: Grid, image: Grid) -> tuple[FloatArray, float]:
    """Interpolate a map onto a tilted image; what is gained and lost at the edges is set right for each sign."""
    found = np.zeros(image.size[::-1])
    lost = 0.0
    for sign in (1.0, -1.0):
        part = np.clip(sign * values, 0.0, None)
        source = sitk.GetImageFromArray(part)
        source.SetSpacing(box.spacing)  # type: ignore[no-untyped-call]
        source.SetOrigin(box.origin)  # type: ignore[no-untyped-call]
        moved = sitk.GetArrayFromImage(
            sitk.Resample(
                source,
                image.size,
                sitk.Transform(),  # type: ignore[no-untyped-call]
                sitk.sitkLinear,
                image.origin,
                image.spacing,
                image.direction,
                0.0,
                sitk.sitkFloat64,
            )
        )
        moved *= image.voxel_ml / box.voxel_ml
        index = np.rint(image.index(_centres(box))).astype(int)
        there = ((index >= 0) & (index < np.asarray(image.size))).all(axis=1)
        wanted = float(part.transpose(2, 1, 0).ravel()[there].sum())
        got = float(moved.sum())
        found += sign * (moved * (wanted / got) if got > 0 else moved)
        lost += sign * (float(part.sum()) - (wanted if got > 0 else 0.0))
    return found, lost


def _centres(grid: Grid) -> FloatArray:
    steps = np.stack(np.meshgrid(*[np.arange(n) for n in grid.size], indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(grid.points(steps))
