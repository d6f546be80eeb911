"""Riesz transforms: derivatives that keep every frequency at its strength, along the axes or along the structure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import factorial, prod
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts load where they run: a tenth of a second for each that a filter has no use for

from hybridx.errors import SettingsError
from hybridx.radiomics.filter_boundaries import BOUNDARIES
from hybridx.radiomics.filter_mean import check_positive
from hybridx.radiomics.gaussian_filters import laplacian_margin, laplacian_of_gaussian
from hybridx.radiomics.roi import Floats
from hybridx.radiomics.wavelet_simoncelli import simoncelli_weights
from hybridx.radiomics.whole_image import WholeImage
from hybridx.radiomics.whole_spectrum import Places, Spectrum, Weights, places_of
from hybridx.terms.text import check_name

__all__ = ["riesz", "riesz_margin"]

_BASES = ("simoncelli", "laplacian_of_gaussian", "none")
_CHUNK = 2**17  # voxels whose tensors are diagonalised at once


def riesz(
    image: Floats | WholeImage,
    spacing: Sequence[float],
    box: Sequence[slice] | None = None,
    *,
    order: Sequence[int],
    of: str = "simoncelli",
    level: int = 1,
    sigma: float | None = None,
    truncate: float = 4.0,
    steer_sigma: float | None = None,
    boundary: str = "mirror",
) -> Floats:
    r"""Show ramps (order 1) and ridges (order 2) of one scale, along the axes or along the local structure.

    .. math:: \hat R_l(\nu) = (-i)^L \sqrt{\frac{L!}{l_1!\,l_2!\,l_3!}}\;
              \frac{\nu_1^{l_1}\nu_2^{l_2}\nu_3^{l_3}}{\lVert\nu\rVert^L},\quad L = l_1 + l_2 + l_3

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x), or WholeImage
        Taken as periodic: the transform lives in Fourier space.
    spacing : sequence of float, (z, y, x)
        mm; frequencies are those of the space, not of the grid.
    box : sequence of slice, (z, y, x), optional
        Where the response is wanted; no transformed images of the whole are made for it.
    order : sequence of int
        Times to derive along x, y and z, such as (2, 0, 0); two numbers work slice by slice.
    of : {'simoncelli', 'laplacian_of_gaussian', 'none'}
        What is transformed: the image under this filter, or as it is.
    level : int
        Of Simoncelli's wavelet.
    sigma, truncate : float
        Of the Laplacian of a Gaussian, mm and widths.
    steer_sigma : float, optional
        Derive along the main directions of the structure around each voxel in place of x, y, z: those of the
        structure tensor (products of first-order transforms) averaged with a Gaussian of this width in mm, the
        direction of strongest change first, each pointing up the slope.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}
        For the two Gaussians.

    Returns
    -------
    ndarray of float64, shape (z, y, x)
        Of the box's shape.

    Source
    ------
    IBSI filters (AYRS), doi:10.1148/radiol.231319; Unser M, Van De Ville D, doi:10.1109/TIP.2009.2031235.

    Examples
    --------
    >>> import numpy as np
    >>> phase = 2 * np.pi * np.arange(15) / 5
    >>> wave = np.cos(phase) * np.ones((3, 3, 1))
    >>> bool(np.allclose(riesz(wave, (1, 1, 1), order=(1, 0, 0), of="none"), np.sin(phase)))
    True
    """
    powers = _check(order, of, sigma, steer_sigma)
    check_name(boundary, BOUNDARIES, "boundary condition")
    dimensions = len(powers)
    source = WholeImage.of(image)
    box = source.everything if box is None else box
    if sigma is not None and of == "laplacian_of_gaussian":
        gaussian = {"sigma": sigma, "truncate": truncate, "dimensions": dimensions}
        source = _laplacian(source, spacing, gaussian, boundary)
    spectrum = source.spectrum(dimensions, range(box[0].start, box[0].stop))
    transfer = simoncelli_weights(source.shape, dimensions, level) if of == "simoncelli" else None
    if transfer is not None and steer_sigma is not None:  # many components: weighed once
        spectrum, transfer = spectrum.weighted(transfer), None
    transform = _Transform(spectrum, spacing, transfer)
    along_axes = powers[::-1]  # letters run x, y, z; axes run z, y, x
    scale = np.sqrt(factorial(sum(powers)) / prod(factorial(power) for power in powers))
    if steer_sigma is None:
        return scale * transform(along_axes, places_of(box))
    return scale * _steered(transform, along_axes[::-1], box, float(steer_sigma), boundary)


def _laplacian(
    image: WholeImage, spacing: Sequence[float], gaussian: dict[str, Any], boundary: str
) -> WholeImage:
    """Filter an image slab by slab with the Laplacian of a Gaussian."""
    reach = laplacian_margin(spacing, **gaussian)[0]

    def slab(first: int, last: int) -> Floats:
        wide, inner = image.around(first, last, reach, boundary)
        return laplacian_of_gaussian(wide, spacing, boundary=boundary, **gaussian)[inner]

    return WholeImage(image.shape, slab)


def riesz_margin(_spacing: Sequence[float], **_others: object) -> None:
    """Return None: a response depends on the whole image."""


class _Transform:
    """Riesz components of one image, each without its factor: powers of frequency along (..., y, x) over its length."""

    def __init__(self, spectrum: Spectrum, spacing: Sequence[float], transfer: Weights | None) -> None:
        self.axes = tuple(range(3 - spectrum.dimensions, 3))
        self.spacing = tuple(spacing)
        self.shape = spectrum.shape
        self.spectrum = spectrum
        self.transfer = transfer
        self.frequencies = []
        for axis in self.axes:
            size, edge = self.shape[axis], spacing[axis]
            grid = scipy.fft.rfftfreq(size, edge) if axis == 2 else scipy.fft.fftfreq(size, edge)
            self.frequencies.append(grid.reshape([-1 if other == axis else 1 for other in range(3)]))

    def __call__(self, powers: Sequence[int], places: Places) -> Floats:
        return self.spectrum.respond(lambda rows: self._weights(powers, rows), places)

    def _weights(self, powers: Sequence[int], rows: slice) -> npt.NDArray[np.inexact]:
        cut = [
            grid[:, rows] if axis == 1 else grid
            for axis, grid in zip(self.axes, self.frequencies, strict=True)
        ]
        length = np.sqrt(sum(grid**2 for grid in cut))
        length[length == 0] = np.inf  # a level has no direction
        weight = (-1j) ** sum(powers) / length ** sum(powers)
        for axis, grid, power in zip(self.axes, self.frequencies, powers, strict=True):
            factor = grid**power
            size = self.shape[axis]
            if power % 2 and size % 2 == 0:
                # the highest frequency has no sign, so an odd power of it is zero
                factor = factor.copy()
                factor.reshape(-1)[size // 2] = 0.0
            weight = weight * (factor[:, rows] if axis == 1 else factor)
        return weight if self.transfer is None else weight * self.transfer(rows)


def _steered(
    transform: _Transform, powers: Sequence[int], box: Sequence[slice], sigma: float, boundary: str
) -> Floats:
    """Derive `powers` times along the first, second (third) main direction of the structure at each voxel."""
    n = len(transform.axes)
    shape = tuple(part.stop - part.start for part in box)
    frames = _frames(transform, box, sigma, boundary)
    total = sum(powers)
    result = np.zeros(shape)
    places = places_of(box)
    components = {
        monomial: transform(monomial, places)
        for monomial in itertools.product(range(total + 1), repeat=n)
        if sum(monomial) == total
    }
    for part, directions in frames:
        polynomial: dict[tuple[int, ...], Floats] = {(0,) * n: np.ones(directions.shape[0])}
        for which, power in enumerate(powers):
            for _ in range(power):
                polynomial = _times(polynomial, directions[:, which])
        for monomial, weight in polynomial.items():
            result.reshape(-1)[part] += weight * components[monomial].reshape(-1)[part]
    return result


def _frames(
    transform: _Transform, box: Sequence[slice], sigma: float, boundary: str
) -> Iterator[tuple[slice, Floats]]:
    """Yield a stretch of voxels and their main directions, shape (voxels, direction, axis), strongest change first."""
    n = len(transform.axes)
    widths = [0.0] * 3
    for axis in transform.axes:
        widths[axis] = sigma / transform.spacing[axis]
    wide, inner = [], []
    for part, width, size in zip(box, widths, transform.shape, strict=True):
        reach = int(4.0 * width + 0.5)  # where SciPy's Gaussian ends
        where = np.arange(part.start - reach, part.stop + reach, dtype=np.intp)
        if boundary == "periodise":
            wide.append(where % size)
            inner.append(slice(reach, reach + part.stop - part.start))
        else:
            low = max(0, part.start - reach)
            wide.append(where[(where >= 0) & (where < size)])
            inner.append(slice(part.start - low, part.stop - low))
    mode = {"mirror": "reflect", "nearest": "nearest", "periodise": "wrap", "zero": "constant"}[boundary]
    around: Places = (wide[0], wide[1], wide[2])
    slopes = [transform([int(i == j) for j in range(n)], around) for i in range(n)]
    tensor = {
        (i, j): scipy.ndimage.gaussian_filter(slopes[i] * slopes[j], widths, mode=mode)[tuple(inner)].reshape(
            -1
        )
        for i in range(n)
        for j in range(i + 1)
    }
    flat = [np.ascontiguousarray(slope[tuple(inner)]).reshape(-1) for slope in slopes]
    del slopes
    for start in range(0, flat[0].size, _CHUNK):
        part = slice(start, start + _CHUNK)
        matrices = np.stack(
            [np.stack([tensor[max(i, j), min(i, j)][part] for j in range(n)], axis=-1) for i in range(n)],
            axis=-2,
        )
        _, vectors = np.linalg.eigh(matrices)
        directions = np.swapaxes(vectors, 1, 2)[:, ::-1]  # eigh sorts upwards, and has vectors in columns
        uphill = np.einsum("vda,av->vd", directions, np.stack([slope[part] for slope in flat]))
        yield part, directions * np.where(uphill < 0, -1.0, 1.0)[:, :, None]


def _times(polynomial: dict[tuple[int, ...], Floats], direction: Floats) -> dict[tuple[int, ...], Floats]:
    """Multiply a polynomial in the frequencies by one linear in them, voxel by voxel."""
    product: dict[tuple[int, ...], Floats] = {}
    for monomial, weight in polynomial.items():
        for axis in range(direction.shape[1]):
            raised = tuple(power + (other == axis) for other, power in enumerate(monomial))
            term = weight * direction[:, axis]
            product[raised] = product[raised] + term if raised in product else term
    return product


def _check(order: Sequence[int], of: str, sigma: float | None, steer_sigma: float | None) -> tuple[int, ...]:
    check_name(of, _BASES, "filter to transform")
    powers = tuple(int(power) for power in order)
    if len(powers) not in (2, 3) or min(powers) < 0 or sum(powers) < 1 or list(powers) != list(order):
        msg = (
            f"order is {tuple(order)!r}; it must be two or three whole numbers, not all 0, such as (2, 0, 0)."
        )
        raise SettingsError(msg)
    if of == "laplacian_of_gaussian":
        if sigma is None:
            msg = "A Riesz transform of 'laplacian_of_gaussian' needs sigma, the width of its Gaussian in mm."
            raise SettingsError(msg)
        check_positive(sigma, "sigma")
    elif sigma is not None:
        msg = f"sigma is {sigma!r}, yet only 'laplacian_of_gaussian' has one; this is a transform of {of!r}."
        raise SettingsError(msg)
    if steer_sigma is not None:
        check_positive(steer_sigma, "steer_sigma")
    return powers
