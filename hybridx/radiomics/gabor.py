"""Gabor's filter: a wave under a Gaussian, in slices along one or three axes, in one or all directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy  # its parts load where they run: a tenth of a second for each that a filter has no use for

from hybridx.errors import SettingsError
from hybridx.radiomics.filter_boundaries import source_indices
from hybridx.radiomics.filter_mean import check_positive
from hybridx.radiomics.roi import Floats
from hybridx.terms.text import check_name

__all__ = ["gabor", "gabor_margin"]

Complex: TypeAlias = npt.NDArray[np.complex128]

_WIDTHS = 6.0  # the Gaussian ends here: exp(-18) = 2e-8 of its height
_CHUNK = (
    2**21
)  # numbers of a padded stack of slices in work at once (16 MiB each of image, spectrum and response)


@dataclass(frozen=True)
class _Wave:
    """A wave under a Gaussian: widths in mm, direction in degrees, and which parts of it are asked for."""

    sigma: float
    wavelength: float
    gamma: float
    theta: float = 0.0
    response: str = "modulus"

    def __post_init__(self) -> None:
        check_positive(self.sigma, "sigma")
        check_positive(self.wavelength, "wavelength")
        check_positive(self.gamma, "gamma", "parts of sigma")

    def half(self, edge: float) -> int:
        """Voxels of this edge from the centre to where the Gaussian ends, whichever way it is turned."""
        return int(np.ceil(_WIDTHS * self.sigma * max(1.0, 1.0 / self.gamma) / edge))

    def kernels(self, edges: Sequence[float], halves: Sequence[int]) -> list[Floats]:
        """Sample the real and the imaginary part in a plane, as far as the response needs them."""
        rows, columns = (np.arange(-half, half + 1) * edge for half, edge in zip(halves, edges, strict=True))
        angle = np.deg2rad(self.theta)
        first = columns[None, :] * np.cos(angle) + rows[:, None] * np.sin(angle)
        second = rows[:, None] * np.cos(angle) - columns[None, :] * np.sin(angle)
        envelope = np.exp(-(first**2 + (self.gamma * second) ** 2) / (2.0 * self.sigma**2))
        phase = 2.0 * np.pi * first / self.wavelength
        every: dict[str, list[np.ufunc]] = {
            "real": [np.cos],
            "imaginary": [np.sin],
            "modulus": [np.cos, np.sin],
        }
        parts = every[self.response]
        return [envelope * part(phase) for part in parts]


def gabor(
    image: Floats,
    spacing: Sequence[float],
    box: Sequence[slice] | None = None,
    *,
    sigma: float,
    wavelength: float,
    gamma: float = 1.0,
    theta: float = 0.0,
    rotation_invariant: bool = False,
    delta_theta: float = 45.0,
    pooling: str = "mean",
    planes: str = "axial",
    response: str = "modulus",
    boundary: str = "mirror",
) -> Floats:
    r"""Find stripes of one width and direction.

    .. math:: g(k) = \exp\Big(-\frac{\tilde k_1^2 + \gamma^2\tilde k_2^2}{2\sigma^2}
              + \frac{2\pi i\,\tilde k_1}{\lambda}\Big),\quad
              \tilde k_1 = k_1\cos\theta + k_2\sin\theta,\; \tilde k_2 = k_2\cos\theta - k_1\sin\theta

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x)
    spacing : sequence of float, (z, y, x)
        mm.
    box : sequence of slice, (z, y, x), optional
        Where the response is wanted; of each stack of slices, those through it are filtered.
    sigma : float
        Width of the Gaussian along the wave, mm; across it the width is sigma / gamma.
    wavelength : float
        mm.
    gamma : float
        Aspect ratio; above 1 the Gaussian is narrower across the wave.
    theta : float
        Direction of the wave, degrees from the first axis of the plane (x in an axial one) towards the second.
    rotation_invariant : bool
        Pool over directions `delta_theta` apart all around the circle.
    delta_theta : float
        Degrees; a whole number of steps must make a circle.
    pooling : {'mean', 'max'}
        Over directions and planes.
    planes : {'axial', 'orthogonal'}
        Slices along z alone, or along each of the three axes.
    response : {'modulus', 'real', 'imaginary'}
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray of float64, shape (z, y, x)
        Of the box's shape.

    Source
    ------
    IBSI filters (Q88H), doi:10.1148/radiol.231319; reference values of phase 2, configurations 5.A and 5.B.

    Examples
    --------
    >>> import numpy as np
    >>> stripes = np.cos(2 * np.pi / 4 * np.arange(32)) * np.ones((1, 32, 1))
    >>> along, across = (gabor(stripes, (1, 1, 1), sigma=3.0, wavelength=4.0, theta=t).mean() for t in (0, 90))
    >>> bool(along > 100 * across)
    True
    """
    check_name(pooling, ("mean", "max"), "pooling")
    check_name(planes, ("axial", "orthogonal"), "choice of planes")
    check_name(response, ("modulus", "real", "imaginary"), "response")
    circle = _angles(theta, delta_theta, response)
    angles = circle if rotation_invariant else [theta]
    waves = [_Wave(sigma, wavelength, gamma, angle, response) for angle in angles]
    normals = (0,) if planes == "axial" else (0, 1, 2)
    pixels = np.asarray(image, dtype=np.float64)
    box = [slice(0, size) for size in pixels.shape] if box is None else box
    pooled: Floats | None = None
    for normal in normals:
        one = _plane(pixels, spacing, box, normal, waves, boundary=boundary, pooling=pooling)
        pooled = _pool(pooled, one, pooling)
    assert pooled is not None  # noqa: S101  (there is always one plane)
    return pooled if pooling == "max" else pooled / (len(normals) * len(angles))


def gabor_margin(
    spacing: Sequence[float], *, sigma: float, gamma: float = 1.0, planes: str = "axial", **others: Any
) -> tuple[int, int, int]:
    """Return how many voxels around a region its filtered values depend on, per axis (z, y, x)."""
    wave = _Wave(sigma, others["wavelength"], gamma)
    check_name(planes, ("axial", "orthogonal"), "choice of planes")
    z, y, x = (wave.half(edge) for edge in spacing)
    return (0 if planes == "axial" else z, y, x)


def _plane(
    image: Floats,
    spacing: Sequence[float],
    box: Sequence[slice],
    normal: int,
    waves: Sequence[_Wave],
    *,
    boundary: str,
    pooling: str,
) -> Floats:
    """Respond in slices along `normal`, pooled (added up, for a mean) over the waves."""
    across, along = (axis for axis in (0, 1, 2) if axis != normal)  # second and first axis of the plane
    halves = [waves[0].half(spacing[axis]) for axis in (across, along)]
    stack = np.moveaxis(image, normal, 0)[box[normal]]
    tables = []  # where the slices' voxels come from: the box and as much around it as a kernel sees
    for axis, half in zip((across, along), halves, strict=True):
        table = source_indices(image.shape[axis], half, half, boundary)
        tables.append(table[box[axis].start : box[axis].stop + 2 * half])
    size = [scipy.fft.next_fast_len(len(table), real=True) for table in tables]
    first, second = (slice(2 * half, len(table)) for half, table in zip(halves, tables, strict=True))
    edges = (spacing[across], spacing[along])
    kernels = [[scipy.fft.rfft2(part, s=size) for part in wave.kernels(edges, halves)] for wave in waves]
    result = np.empty((len(stack), first.stop - first.start, second.stop - second.start))
    step = max(1, _CHUNK // (size[0] * size[1]))
    for start in range(0, len(stack), step):
        spectrum = scipy.fft.rfft2(_slab(stack[start : start + step], tables), s=size)
        pooled: Floats | None = None
        for parts in kernels:
            responses = [_back(spectrum * part, size[1], (first, second)) for part in parts]
            pooled = _pool(pooled, np.hypot(*responses) if len(responses) == 2 else responses[0], pooling)
        result[start : start + step] = pooled
    return np.ascontiguousarray(np.moveaxis(result, 0, normal))


def _slab(slices: Floats, tables: Sequence[npt.NDArray[np.int64]]) -> Floats:
    rows, columns = tables
    slab = slices[:, np.maximum(rows, 0)][:, :, np.maximum(columns, 0)]
    slab[:, rows < 0] = 0.0
    slab[:, :, columns < 0] = 0.0
    return slab


def _back(spectrum: Complex, columns: int, inside: tuple[slice, slice]) -> Floats:
    """Transform back, and leave the margin out as soon as it is no longer needed."""
    rows = scipy.fft.ifft(spectrum, axis=1, overwrite_x=True)[:, inside[0]]
    response: Floats = scipy.fft.irfft(rows, n=columns, axis=2)[:, :, inside[1]]
    return response


def _pool(pooled: Floats | None, one: Floats, pooling: str) -> Floats:
    if pooled is None:
        return one
    return np.maximum(pooled, one) if pooling == "max" else np.add(pooled, one)


def _angles(theta: float, step: float, response: str) -> list[float]:
    """Directions all around the circle; half of it where a wave and its opposite give the same response."""
    check_positive(step, "delta_theta", "degrees")
    count = round(360.0 / step)
    if abs(360.0 / step - count) > 1e-9 * count:
        msg = f"delta_theta is {step!r} degrees; a whole number of steps must make 360, such as 45 or 22.5."
        raise SettingsError(msg)
    if response != "imaginary" and count % 2 == 0:
        count //= 2
    return [theta + step * k for k in range(count)]
