"""Local binary patterns in a volume: the bright part of a sphere around each voxel, in spherical harmonics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts load where they run: a tenth of a second for each that a filter has no use for

from hybridx.errors import SettingsError
from hybridx.radiomics.roi import Floats, Mask

__all__ = ["SPLINE_REACH", "icosphere", "spherical_patterns"]

Complex = npt.NDArray[np.complex128]

SPLINE_REACH = 14  # voxels after which a cubic spline has forgotten a value, to 1e-8 of it
_CHUNK = 4096  # voxels of the lesion in work at once: 42 samples each take 1.4 MB


def spherical_patterns(
    image: npt.NDArray[Any], mask: Mask, levels: int = 2, radius: float = 1.0, subdivision: int = 1
) -> Iterator[tuple[str, Floats]]:
    """Describe the sphere around each voxel of a lesion: how its bright part is shaped, and how peaked it is.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Interpolated by cubic splines, and in whole numbers where the image is in whole numbers (as pyradiomics
        does); zero beyond the edges.
    mask : ndarray of bool, shape (z, y, x)
    levels : int
        Degrees 0 to levels - 1 of spherical harmonics, one image for each.
    radius : float
        Of the sphere, voxels.
    subdivision : int
        How often the icosahedron of sample points is refined.

    Yields
    ------
    (str, ndarray of float64, shape (z, y, x))
        'm1', 'm2', ... and 'k' (excess kurtosis of the samples, -3 where all are equal); 0 outside the mask.

    Source
    ------
    Banerjee J et al. 3D LBP-based rotationally invariant region description. ACCV Workshops 2012,
    doi:10.1007/978-3-642-37410-4_3. Checked against pyradiomics 3.0.1 with SciPy 1.14.1 and trimesh, to 1e-6 (kurtosis
    of single-precision images, which is single there, to 1e-5); later versions of SciPy lack what it imports for it.
    Its exchange of the two angles is kept, so the result is not blind to rotation.
    """
    if (
        int(levels) != levels
        or levels < 1
        or int(subdivision) != subdivision
        or subdivision < 0
        or not radius > 0
    ):
        msg = f"LBP3D got levels {levels!r}, radius {radius!r}, subdivision {subdivision!r}; wanted at least 1, > 0, 0."
        raise SettingsError(msg)
    points = icosphere(int(subdivision), radius)
    harmonics = _harmonics(points / radius, int(levels))
    places = np.argwhere(mask)
    spline = scipy.ndimage.spline_filter(image, order=3, output=np.float64)
    found = np.empty((len(places), int(levels) + 1))
    for start in range(0, len(places), _CHUNK):
        some = places[start : start + _CHUNK]
        where = (some[:, None, :] + points[None, :, :]).transpose(2, 0, 1)
        dtype = image.dtype if image.dtype.kind in "iu" or image.dtype == np.float32 else np.float64
        samples = scipy.ndimage.map_coordinates(spline, where, order=3, prefilter=False, output=dtype)
        centre = image[tuple(some.T)]
        bright = (samples >= centre[:, None]).astype(np.float64)
        found[start : start + _CHUNK] = np.column_stack([_strengths(bright, harmonics), _kurtosis(samples)])
    for column, name in enumerate([*(f"m{degree + 1}" for degree in range(int(levels))), "k"]):
        response = np.zeros(image.shape)
        response[mask] = found[:, column]
        yield name, response


def icosphere(subdivision: int, radius: float = 1.0) -> Floats:
    """Return the corners of an icosahedron on a sphere, each face split in four `subdivision` times.

    Every split ends with the push out to the sphere that trimesh makes, so that the last bit is its: at the border of
    an image it decides whether a sample is inside.
    """
    golden = (1.0 + np.sqrt(5.0)) / 2.0
    plane = np.array([(0.0, a, b * golden) for a in (-1, 1) for b in (-1, 1)])
    corners = np.concatenate([np.roll(plane, turn, axis=1) for turn in (2, 0, 1)]) / np.sqrt(2.0 + golden)
    edge = 2.0 / np.sqrt(2.0 + golden)
    near = np.abs(np.linalg.norm(corners[:, None] - corners[None], axis=2) - edge) < 1e-9
    faces = [
        (a, b, c)
        for a in range(12)
        for b in range(a)
        for c in range(b)
        if near[a, b] and near[b, c] and near[a, c]
    ]
    if subdivision == 0:
        return _pushed_out(corners, radius)
    for _ in range(subdivision):
        middle: dict[tuple[int, int], int] = {}
        points = list(corners)
        split = []
        for a, b, c in faces:
            x, y, z = (_midpoint(points, middle, one, two) for one, two in ((a, b), (b, c), (a, c)))
            split += [(a, x, z), (b, x, y), (c, y, z), (x, y, z)]
        faces = split
        corners = _pushed_out(np.array(points), radius)
    return corners


def _midpoint(points: list[Floats], known: dict[tuple[int, int], int], one: int, two: int) -> int:
    key = (min(one, two), max(one, two))
    if key not in known:
        known[key] = len(points)
        points.append((points[one] + points[two]) / 2.0)
    return known[key]


def _pushed_out(points: Floats, radius: float) -> Floats:
    length = np.sqrt(np.dot(points**2, [1.0, 1.0, 1.0]))[:, None]
    return np.asarray(points + points / length * (radius - length))


def _harmonics(directions: Floats, levels: int) -> list[Complex]:
    """Spherical harmonics of each degree, shape (points, orders), with pyradiomics' angles (polar and azimuth)."""
    first = np.arccos(np.clip(directions[:, 2], -1.0, 1.0))
    second = np.arctan2(directions[:, 1], directions[:, 0])
    degrees = []
    for n in range(levels):
        orders = []
        for m in range(-n, n + 1):
            legendre = scipy.special.lpmv(abs(m), n, np.cos(second))
            ratio = scipy.special.factorial(n - abs(m)) / scipy.special.factorial(n + abs(m))
            sign = (-1.0) ** m if m < 0 else 1.0
            size = np.sqrt((2 * n + 1) / (4.0 * np.pi) * ratio)
            orders.append(sign * size * legendre * np.exp(1j * m * first))
        degrees.append(np.stack(orders, axis=1))
    return degrees


def _strengths(bright: Floats, harmonics: list[Complex]) -> Floats:
    """Norm over the sphere of the bright part's share of each degree, shape (voxels, degrees)."""
    columns = [_counted(harmonics[0])[bright.sum(axis=1).astype(np.intp)]]
    for basis in harmonics[1:]:
        shares = bright @ basis
        # Squares, not squared absolute values: the sum over the points is a quadratic form in the shares.
        columns.append(np.sqrt(((shares @ (basis.T @ basis)) * shares).sum(axis=1).astype(complex)).real)
    return np.column_stack(columns)


def _counted(basis: Complex) -> Floats:
    """Strength of degree 0 by the number of bright points, summed as there: grey levels begin at these values."""
    points, one = len(basis), float(basis[0, 0].real)
    shares = np.concatenate([[0.0], np.cumsum(np.full(points, one))]) * one
    return np.asarray(
        np.sqrt(np.cumsum(np.repeat((shares * shares)[:, None], points, axis=1), axis=1)[:, -1])
    )


def _kurtosis(samples: npt.NDArray[Any]) -> Floats:
    centred = samples.astype(np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    second, fourth = (centred**2).mean(axis=1), (centred**4).mean(axis=1)
    peaked = np.divide(fourth, second**2, out=np.zeros_like(second), where=second != 0)
    return np.asarray(peaked - 3.0)
