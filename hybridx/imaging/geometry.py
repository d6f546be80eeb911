"""From one grid to another, and to the part that matters."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from hybridx.errors import InputError
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image
from hybridx.terms import check_name

__all__ = ["bounding_box", "crop", "resample"]

INTERPOLATORS = {"linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline, "nearest": sitk.sitkNearestNeighbor}
BACKGROUND = {"ct": -1000.0}  # air; no uptake (0) elsewhere
Box = tuple[slice, slice, slice]


def resample(
    image: Image,
    *,
    spacing: float | tuple[float, float, float] | None = None,
    reference: Image | Grid | None = None,
    interpolator: str | None = None,
    fill: float | None = None,
) -> Image:
    """Put an image on another grid.

    Parameters
    ----------
    image : Image
        What to resample.
    spacing : float or tuple of float (x, y, z), optional
        New voxel edges in mm; the new grid shares the centre of the old one (IBSI's rule: no shift of the lesion).
    reference : Image or Grid, optional
        Take this grid instead. Give one of `spacing` and `reference`.
    interpolator : {"linear", "bspline", "nearest"}, optional
        Default: nearest for a mask, else linear (b-splines overshoot at sharp PET edges and invent negative SUV).
    fill : float, optional
        Value outside the old grid. Default: -1000 for CT, else 0.

    Returns
    -------
    Image
        float32, or uint8 for a mask.

    Raises
    ------
    InputError
        None or both of `spacing` and `reference`, or a spacing that is not positive.
    SettingsError
        Unknown interpolator.

    Source
    ------
    IBSI reference manual, section 2.4 (grid alignment by centre), doi:10.1148/radiol.2020191145.

    Examples
    --------
    >>> image = Image(np.ones((4, 4, 4), np.float32), spacing=(2.0, 2.0, 2.0))
    >>> resample(image, spacing=1.0).grid.size
    (8, 8, 8)
    """
    if (spacing is None) == (reference is None):
        msg = "resample wants exactly one of spacing= and reference=."
        raise InputError(msg)
    name = interpolator or ("nearest" if image.is_mask else "linear")
    check_name(name, INTERPOLATORS, "interpolator")
    if spacing is not None:
        grid = _centred(image.grid, spacing)
    elif isinstance(reference, Image):
        grid = reference.grid
    else:
        assert reference is not None  # noqa: S101 - settled above, said for the type checker
        grid = reference
    outside = BACKGROUND.get(image.modality, 0.0) if fill is None else fill
    moved = sitk.Resample(
        image.to_sitk(),
        grid.size,
        sitk.Transform(),
        INTERPOLATORS[name],
        grid.origin,
        grid.spacing,
        grid.direction,
        outside,
    )
    return Image.from_sitk(moved, image.modality, image.unit)


def _centred(old: Grid, spacing: float | tuple[float, float, float]) -> Grid:
    wanted = np.broadcast_to(np.asarray(spacing, dtype=np.float64), (3,))
    if not (np.isfinite(wanted).all() and (wanted > 0).all()):
        msg = f"spacing={spacing!r} is not positive; voxel edges in mm are wanted."
        raise InputError(msg)
    # rounded first: 59 * 3.27 / 3.27 must not become 60 voxels by floating point
    size = np.ceil(np.round(np.asarray(old.extent_mm) / wanted, 6)).astype(int)
    centre = old.points([(np.asarray(old.size) - 1) / 2])[0]
    first = centre - old.axes @ ((size - 1) / 2 * wanted)
    x, y, z = (int(n) for n in size)
    return Grid((x, y, z), _triple(wanted), _triple(first), old.direction)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def bounding_box(mask: Image, margin_mm: float = 0.0) -> Box:
    """Find the smallest box of voxels that holds the lesion.

    Parameters
    ----------
    mask : Image
        1 inside.
    margin_mm : float
        Added on every side, cut at the border of the volume.

    Returns
    -------
    tuple of slice
        For the array, in the order z, y, x.

    Raises
    ------
    InputError
        The mask is empty.
    """
    margins = [int(np.ceil(margin_mm / edge)) for edge in reversed(mask.spacing)]
    box = []
    for axis, (margin, length) in enumerate(zip(margins, mask.array.shape, strict=True)):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(mask.array.any(axis=others))
        if not len(inside):
            msg = "The mask is empty: there is no box around nothing."
            raise InputError(msg)
        box.append(slice(max(0, int(inside[0]) - margin), min(length, int(inside[-1]) + 1 + margin)))
    return box[0], box[1], box[2]


def crop(image: Image, box: Box) -> Image:
    """Cut a box out of an image; the voxels stay where they are in the patient."""
    z, y, x = (part.start or 0 for part in box)
    grid = image.grid
    array = np.ascontiguousarray(image.array[box])
    depth, height, width = array.shape
    origin = _triple(grid.points([(x, y, z)])[0])
    return image.with_array(array, Grid((width, height, depth), grid.spacing, origin, grid.direction))
