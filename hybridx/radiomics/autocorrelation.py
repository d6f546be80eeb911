"""Moran's I and Geary's C: are voxels near each other alike? Over all pairs of voxels, without visiting the pairs.

Both weigh every pair of voxels with the inverse of its distance. 800,000 voxels have 3e11 pairs; but the sum over pairs
is a sum over displacements of weight times correlation of the image with itself, which Fourier's transform makes a
product. That is exact (to rounding), for any form of lesion. Small lesions are summed pair by pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import fft

from hybridx.radiomics.roi import Features, Floats, Mask, Roi
from hybridx.radiomics.statistics import EMPTY, FLAT

__all__ = ["autocorrelation"]

PAIRWISE = 500  # voxels up to which pairs are faster
CACHE_BYTES = 2**20  # of columns that are transformed together, to stay in a core's own cache
WORKING_BYTES = 256 * 2**20  # of spectra held at a time; lesions that need more go through it in parts
NAMES = ("morph_moran_i", "morph_geary_c")


def autocorrelation(roi: Roi) -> Features:
    """Measure how alike near voxels are.

    Memory: weights and deviations take 16 bytes per voxel of the lesion's box, spectra 256 MB.

    Parameters
    ----------
    roi : Roi
        Its intensity mask counts.

    Returns
    -------
    Features
        ``morph_moran_i`` (1: like next to like; about 0: no order; negative: like far from like) and
        ``morph_geary_c`` (below 1: like next to like; 1: no order). NaN for one voxel and for equal intensities.

    Source
    ------
    Moran 1950, doi:10.2307/2332142; Geary 1954, doi:10.2307/2986645; weights of IBSI, doi:10.1148/radiol.2020191145.
    Checked against its digital phantom and against the sum over pairs to 1e-10.
    """
    n = int(roi.intensity.sum())
    if n < 2:
        reason = EMPTY if n == 0 else "one voxel has no neighbour"
        return Features(dict.fromkeys(NAMES, math.nan), dict.fromkeys(NAMES, reason))
    values = roi.values
    if values.min() == values.max():
        return Features(dict.fromkeys(NAMES, math.nan), dict.fromkeys(NAMES, FLAT))
    deviations = values - values.mean()
    deviations /= np.abs(
        deviations
    ).max()  # both are free of the unit: 1e-300 squared would be 0, 1e300 infinite
    spread = float(deviations @ deviations)
    weight, product, difference = (
        _by_pairs(roi, deviations) if n <= PAIRWISE else _by_spectra(roi, deviations)
    )
    moran = n / weight * product / spread
    geary = (n - 1) / (2.0 * weight) * difference / spread
    return Features(dict(zip(NAMES, (moran, geary), strict=True)))


def _by_pairs(roi: Roi, deviations: Floats) -> tuple[float, float, float]:
    from hybridx.radiomics.autocorrelation_kernels import pair_sums  # noqa: PLC0415 -- compiles on first use

    positions = np.argwhere(roi.intensity) * np.asarray(roi.spacing)
    weight, product, difference = pair_sums(positions, deviations)
    return 2.0 * weight, 2.0 * product, 2.0 * difference  # each pair both ways


def _by_spectra(roi: Roi, deviations: Floats) -> tuple[float, float, float]:
    """Return the sums over ordered pairs of w, w d_i d_j and w (d_i - d_j)²."""
    from hybridx.radiomics.autocorrelation_kernels import power_sums  # noqa: PLC0415 -- compiles on first use

    where = _box(roi.intensity)
    inside = roi.intensity[where]
    # half the period of the transform: no displacement inside the box reaches round to another
    half = tuple(fft.next_fast_len(size, real=True) for size in inside.shape)
    weights = _weight_spectrum(half, roi.spacing)
    image = np.zeros(inside.shape)
    image[inside] = deviations
    total = 8.0 * math.prod(half)
    sums = np.zeros(3)
    for columns, spectra in _spectra(inside, image, half):
        sums += power_sums(*spectra, weights[:, :, columns], _multiplicity(half, columns))
    weight, product, alone = (float(s) / total for s in sums)
    return weight, product, 2.0 * (alone - product)


def _box(mask: Mask) -> tuple[slice, slice, slice]:
    found = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        index = np.flatnonzero(mask.any(axis=others))
        found.append(slice(int(index[0]), int(index[-1]) + 1))
    return found[0], found[1], found[2]


def _weight_spectrum(half: tuple[int, int, int], spacing: tuple[float, float, float]) -> Floats:
    """Transform 1 / distance, which is even along each axis, so an eighth of it is enough."""
    squared = [(np.arange(n + 1) * edge) ** 2 for n, edge in zip(half, spacing, strict=True)]
    distance = np.sqrt(squared[0][:, None, None] + squared[1][:, None] + squared[2])
    distance[0, 0, 0] = np.inf  # a voxel is not its own neighbour
    return fft.dctn(np.divide(1.0, distance, out=distance), type=1, overwrite_x=True)


def _spectra(
    inside: Mask, image: Floats, half: tuple[int, int, int]
) -> Iterator[tuple[slice, list[npt.NDArray[np.complex128]]]]:
    """Yield the transforms of mask, image and squared image, a few columns (frequencies along x) at a time."""
    nz, ny, _ = inside.shape
    held = max(1, WORKING_BYTES // (16 * 3 * nz * ny))
    together = max(1, CACHE_BYTES // (16 * 4 * half[0] * half[1]))
    for start in range(0, half[2] + 1, held):
        stop = min(start + held, half[2] + 1)
        along = _columns(inside, image, half[2], start, stop)
        for first in range(start, stop, together):
            last = min(first + together, stop)
            parts = along[..., first - start : last - start]
            yield (
                slice(first, last),
                [fft.fft(fft.fft(p, 2 * half[1], axis=1), 2 * half[0], axis=0) for p in parts],
            )


def _columns(inside: Mask, image: Floats, half: int, start: int, stop: int) -> npt.NDArray[np.complex128]:
    """Transform along x and keep some columns, slice by slice so that the rest is never held."""
    nz, ny, _ = inside.shape
    along = np.empty((3, nz, ny, stop - start), dtype=np.complex128)
    for z in range(nz):
        for k, plane in enumerate((inside[z].astype(np.float64), image[z], image[z] ** 2)):
            along[k, z] = fft.rfft(plane, 2 * half, axis=1)[:, start:stop]
    return along


def _multiplicity(half: tuple[int, int, int], columns: slice) -> Floats:
    """Return how often a frequency along x stands for itself and its mirror image."""
    k = np.arange(columns.start, columns.stop)
    return np.where((k == 0) | (k == half[2]), 1.0, 2.0)
