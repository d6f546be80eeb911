"""Peaks: the mean of a sphere of one millilitre, around the hottest voxel and anywhere in the lesion."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.roi import Features, Floats, Mask, Roi
from hybridx.radiomics.statistics import EMPTY

__all__ = ["SPHERE_RADIUS_MM", "local_intensity", "sphere_peaks"]

SPHERE_ML = 1.0
SPHERE_RADIUS_MM = (3.0 * SPHERE_ML * 1000.0 / (4.0 * math.pi)) ** (1.0 / 3.0)  # 6.2035
NAMES = ("loc_peak_loc", "loc_peak_glob")


def local_intensity(roi: Roi) -> Features:
    """Measure a lesion's intensity peaks as IBSI does.

    Parameters
    ----------
    roi : Roi
        Spheres are centred on its intensity mask and reach up to 6.2 mm out of it, so the cut-out should have that
        margin.

    Returns
    -------
    Features
        In the unit of the image: ``loc_peak_loc``, the mean of the sphere around the brightest voxel (of several, the
        largest mean), and ``loc_peak_glob``, the largest mean of the spheres around all voxels.

    Source
    ------
    IBSI reference manual 3.2 (VJGA, 0F91), doi:10.1148/radiol.2020191145; checked against its digital phantom.

    Examples
    --------
    >>> ones = np.ones((5, 5, 5), bool)
    >>> local_intensity(Roi(np.full((5, 5, 5), 3.0), ones, ones, (4.0, 4.0, 4.0))).values["loc_peak_glob"]
    3.0
    """
    if not roi.intensity.any():
        return Features(dict.fromkeys(NAMES, math.nan), dict.fromkeys(NAMES, EMPTY))
    everywhere, at_maximum = sphere_peaks(roi.image, roi.intensity, roi.spacing)
    return Features({"loc_peak_loc": at_maximum, "loc_peak_glob": everywhere})


def sphere_peaks(image: Floats, inside: Mask, spacing: tuple[float, float, float]) -> tuple[float, float]:
    """Return the largest mean of a 1 mL sphere around any voxel inside, and around the brightest voxel inside.

    A voxel belongs to a sphere when its centre lies within 6.2 mm (IBSI's rule). The sphere may reach out of the
    lesion; it is cut at the border of the array, and voxels that are not finite do not count.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Finite inside.
    inside : ndarray of bool, shape (z, y, x)
        At least one voxel.
    spacing : tuple of float, (z, y, x)
        mm.

    Returns
    -------
    tuple of float
        Global and local peak, in the unit of the image.
    """
    from hybridx.radiomics.local_intensity_kernels import sphere_sums  # noqa: PLC0415 -- compiles on first use

    reach = _reach(spacing, inside.shape)
    where, complete = _cut(inside, reach)
    lesion = np.ascontiguousarray(inside[where])  # one memory layout, one compilation
    # away from the mean, so that rounding in the running sums is that of the differences
    level = float(image[inside].mean())
    values = image[where] - level
    finite = np.isfinite(values)
    if complete and finite.all():
        count: Floats | float = float(_voxels(reach))
    else:
        values = np.where(finite, values, 0.0)
        count = sphere_sums(finite.astype(np.float64), lesion, reach)[lesion]
    means = sphere_sums(values, lesion, reach)[lesion] / count
    own = values[lesion]
    return float(means.max()) + level, float(means[own == own.max()].max()) + level


def _reach(spacing: tuple[float, float, float], shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return how many voxels the sphere extends along x at dz slices and dy rows from its centre; -1: none.

    No farther than the array does, whose voxels may be a thousandth of a millimetre wide.
    """
    squared = SPHERE_RADIUS_MM**2
    counts = [min(int(SPHERE_RADIUS_MM // edge), n - 1) for edge, n in zip(spacing, shape, strict=True)]
    z, y, x = (np.arange(n + 1) * edge for n, edge in zip(counts, spacing, strict=True))
    return np.array([(dz**2 + y[:, None] ** 2 + x**2 <= squared).sum(axis=1) - 1 for dz in z], dtype=np.int64)


def _voxels(reach: npt.NDArray[np.int64]) -> int:
    twice = np.ones(reach.shape, dtype=np.int64)
    twice[1:] *= 2
    twice[:, 1:] *= 2
    return int((twice * np.where(reach >= 0, 2 * reach + 1, 0)).sum())


def _cut(inside: Mask, reach: npt.NDArray[np.int64]) -> tuple[tuple[slice, ...], bool]:
    """Return the box of the lesion with the sphere's margin, and whether the array holds all of that margin."""
    margins = (reach.shape[0] - 1, reach.shape[1] - 1, int(reach[0, 0]))
    where = []
    complete = True
    for axis, margin in enumerate(margins):
        others = tuple(a for a in range(3) if a != axis)
        index = np.flatnonzero(inside.any(axis=others))
        low, high = int(index[0]) - margin, int(index[-1]) + 1 + margin
        complete &= low >= 0 and high <= inside.shape[axis]
        where.append(slice(max(low, 0), min(high, inside.shape[axis])))
    return tuple(where), complete
