"""The Laplacian of a recursive Gaussian, as ITK and with it pyradiomics compute it, compiled.

A Gaussian of any width costs the same: each line is swept forwards and backwards by a recursion of fourth order
(Deriche) with Farneback and Westin's constants. ITK stores single precision between its sweeps; so does this, since
a grey level one bin off is a different texture.

Source: Farneback G, Westin CF. Improving Deriche-style recursive Gaussian filters. J Math Imaging Vis 2006;26:293-299,
doi:10.1007/s10851-006-8464-z. Checked against SimpleITK 2.5.7 (LaplacianRecursiveGaussianImageFilter).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.roi import Floats

__all__ = ["gradient_magnitude", "recursive_laplacian"]

Singles = npt.NDArray[np.float32]

# Amplitudes of the cosines and sines of two damped oscillations, for a Gaussian and for its second derivative;
# both have the frequencies and dampings below, hence one recursion.
_SMOOTH = ((1.3530, 1.8151), (-0.3531, 0.0902))
_SECOND = ((-1.3563, 5.2318), (0.3446, -2.2355))
_FREQUENCY = (0.6681, 2.0787)
_DAMPING = (-1.3932, -1.3732)

_LANES = 64  # lines swept side by side, in vector registers


class _Sweep(NamedTuple):
    """Recursion of one line: weights of input (forwards, backwards) and output, and the edges' steady state."""

    forward: Floats
    backward: Floats
    feedback: Floats
    steady: Floats


def recursive_laplacian(image: npt.NDArray[Any], spacing: Sequence[float], sigma: float) -> Singles:
    """Filter with ITK's Laplacian of a recursive Gaussian, normalised across scales.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        At least four voxels along each axis; beyond its edges the last voxel goes on.
    spacing : sequence of float, (z, y, x)
        mm.
    sigma : float
        Width of the Gaussian, mm.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
    """
    # The first sweep reads the image as it is: in double precision if it does not fit into single.
    exact = np.can_cast(image.dtype, np.float32, "safe")
    source = np.ascontiguousarray(image, dtype=np.float32 if exact else np.float64)
    total = np.zeros(source.shape, dtype=np.float32)
    first, second = np.empty_like(total), np.empty_like(total)
    for derived in (2, 1, 0):
        others = [axis for axis in (2, 1, 0) if axis != derived]
        _sweep_axis(source, first, derived, _sweep(sigma / spacing[derived], scale=sigma))
        _sweep_axis(first, second, others[0], _sweep(sigma / spacing[others[0]]))
        _sweep_axis(
            second, total, others[1], _sweep(sigma / spacing[others[1]]), divisor=spacing[derived] ** 2
        )
    return total


def _sweep(sigma: float, scale: float | None = None) -> _Sweep:
    """Coefficients for a width in voxels; sums that must hold for a Gaussian (or its derivative) hold exactly."""
    smooth, feedback = _transfer(sigma, _SMOOTH)
    if scale is not None:
        second, _ = _transfer(sigma, _SECOND)
        # A second derivative sums to 0 and has second moment 2.
        mixture = -_two_sided(second, feedback) / _two_sided(smooth, feedback)
        forward = second + mixture * smooth
        forward = forward * scale**2 / _second_moment(forward, feedback)
    else:
        forward = smooth / _two_sided(smooth, feedback)
    backward = np.append(forward[1:], 0.0) - feedback[1:] * forward[0]
    total = feedback.sum()
    return _Sweep(forward, backward, feedback[1:], np.array([forward.sum() / total, backward.sum() / total]))


def _transfer(
    sigma: float, amplitudes: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[Floats, Floats]:
    """Numerator (4) and denominator (5) in powers of one step back of the one-sided response."""
    tops, bottoms = [], []
    for (cosine, sine), frequency, damping in zip(amplitudes, _FREQUENCY, _DAMPING, strict=True):
        angle, decay = frequency / sigma, np.exp(damping / sigma)
        tops.append(np.array([cosine, decay * (sine * np.sin(angle) - cosine * np.cos(angle))]))
        bottoms.append(np.array([1.0, -2.0 * decay * np.cos(angle), decay**2]))
    top = np.convolve(tops[0], bottoms[1]) + np.convolve(tops[1], bottoms[0])
    return top, np.convolve(bottoms[0], bottoms[1])


def _two_sided(top: Floats, bottom: Floats) -> float:
    """Sum over all integers of the even response whose one-sided half is top / bottom."""
    return float(2.0 * top.sum() / bottom.sum() - top[0])


def _second_moment(top: Floats, bottom: Floats) -> float:
    """Half the second moment of the two-sided response, from the derivatives of top / bottom at one."""
    n, d = np.arange(top.size), np.arange(bottom.size)
    n0, n1, n2 = top.sum(), (n * top).sum(), (n**2 * top).sum()
    d0, d1, d2 = bottom.sum(), (d * bottom).sum(), (d**2 * bottom).sum()
    return float((n2 * d0**2 - n0 * d2 * d0 - 2.0 * n1 * d1 * d0 + 2.0 * n0 * d1**2) / d0**3)


def _sweep_axis(
    source: npt.NDArray[Any], target: Singles, axis: int, sweep: _Sweep, divisor: float = 0.0
) -> None:
    """Run one recursion along `axis`; with a divisor, add what it divides to the target in place of storing."""
    size, shape = source.shape[axis], source.shape
    if axis == 2:
        _sweep_lines(source.reshape(-1, size), target.reshape(-1, size), sweep, divisor)
    else:
        outer = 1 if axis == 0 else shape[0]
        _sweep_rows(source.reshape(outer, size, -1), target.reshape(outer, size, -1), sweep, divisor)


@compiled
def _sweep_rows(source: npt.NDArray[Any], target: Singles, sweep: _Sweep, divisor: float) -> None:
    outer, size, inner = source.shape
    x, ahead, back = np.zeros((size + 8, _LANES)), np.zeros((size + 8, _LANES)), np.zeros((size + 8, _LANES))
    for o in range(outer):
        for start in range(0, inner, _LANES):
            lanes = min(_LANES, inner - start)
            for i in range(size):
                row, lane = source[o, i, start : start + lanes], x[i + 4]
                for j in range(lanes):
                    lane[j] = row[j]
            _recur(x, ahead, back, sweep)
            for i in range(size):
                out, one, two = target[o, i, start : start + lanes], ahead[i + 4], back[i + 4]
                if divisor == 0.0:
                    for j in range(lanes):
                        out[j] = one[j] + two[j]
                else:
                    for j in range(lanes):
                        out[j] = out[j] + np.float64(np.float32(one[j] + two[j])) / divisor


@compiled
def _sweep_lines(source: npt.NDArray[Any], target: Singles, sweep: _Sweep, divisor: float) -> None:
    lines, size = source.shape
    x, ahead, back = np.zeros((size + 8, _LANES)), np.zeros((size + 8, _LANES)), np.zeros((size + 8, _LANES))
    for start in range(0, lines, _LANES):
        lanes = min(_LANES, lines - start)
        for j in range(lanes):
            row = source[start + j]
            for i in range(size):
                x[i + 4, j] = row[i]
        _recur(x, ahead, back, sweep)
        for j in range(lanes):
            out = target[start + j]
            if divisor == 0.0:
                for i in range(size):
                    out[i] = ahead[i + 4, j] + back[i + 4, j]
            else:
                for i in range(size):
                    out[i] = out[i] + np.float64(np.float32(ahead[i + 4, j] + back[i + 4, j])) / divisor


@compiled
def _recur(x: Floats, ahead: Floats, back: Floats, sweep: _Sweep) -> None:
    """Sweep forwards and backwards, every lane by itself; rows 4 to the fourth from the end hold the lines."""
    n0, n1, n2, n3 = sweep.forward[0], sweep.forward[1], sweep.forward[2], sweep.forward[3]
    m1, m2, m3, m4 = sweep.backward[0], sweep.backward[1], sweep.backward[2], sweep.backward[3]
    d1, d2, d3, d4 = sweep.feedback[0], sweep.feedback[1], sweep.feedback[2], sweep.feedback[3]
    size = x.shape[0] - 8
    for i in range(4):  # the edges' voxels go on for ever: the recursion begins in its steady state
        for j in range(_LANES):
            x[i, j] = x[4, j]
            x[size + 4 + i, j] = x[size + 3, j]
            ahead[i, j] = x[4, j] * sweep.steady[0]
            back[size + 4 + i, j] = x[size + 3, j] * sweep.steady[1]
    for i in range(4, size + 4):
        for j in range(_LANES):
            ahead[i, j] = (n0 * x[i, j] + n1 * x[i - 1, j] + n2 * x[i - 2, j] + n3 * x[i - 3, j]) - (
                d1 * ahead[i - 1, j] + d2 * ahead[i - 2, j] + d3 * ahead[i - 3, j] + d4 * ahead[i - 4, j]
            )
    for i in range(size + 3, 3, -1):
        for j in range(_LANES):
            back[i, j] = (m1 * x[i + 1, j] + m2 * x[i + 2, j] + m3 * x[i + 3, j] + m4 * x[i + 4, j]) - (
                d1 * back[i + 1, j] + d2 * back[i + 2, j] + d3 * back[i + 3, j] + d4 * back[i + 4, j]
            )


def gradient_magnitude(image: npt.NDArray[Any], spacing: Sequence[float]) -> Singles:
    """Return the length of the gradient from central differences, as ITK does.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Beyond its edges the last voxel goes on.
    spacing : sequence of float, (z, y, x)
        mm; ones for a gradient per voxel.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
    """
    z, y, x = (0.5 / edge for edge in spacing)
    return _gradient(np.ascontiguousarray(image), z, y, x)


@compiled
def _gradient(image: npt.NDArray[Any], along_z: float, along_y: float, along_x: float) -> Singles:
    nz, ny, nx = image.shape
    length = np.empty(image.shape, dtype=np.float32)
    for k in range(nz):
        above, below = image[min(k + 1, nz - 1)], image[max(k - 1, 0)]
        for j in range(ny):
            up, down = above[j], below[j]
            ahead, behind = image[k, min(j + 1, ny - 1)], image[k, max(j - 1, 0)]
            row, out = image[k, j], length[k, j]
            for i in range(nx):
                right, left = row[min(i + 1, nx - 1)], row[max(i - 1, 0)]
                z = (np.float64(up[i]) - np.float64(down[i])) * along_z
                y = (np.float64(ahead[i]) - np.float64(behind[i])) * along_y
                x = (np.float64(right) - np.float64(left)) * along_x
                out[i] = math.sqrt(x * x + y * y + z * z)
    return length
