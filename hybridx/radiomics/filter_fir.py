r"""Convolution along one axis, compiled: the work under wavelets, Laws' kernels, means and Laplacians of Gaussians.

A response is :math:`r(k) = \sum_j h(j) f(k - j + c)`, with the centre `c` in the middle (right of it for an even
number of taps), so that the response of an impulse is the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.filter_boundaries import source_indices
from hybridx.radiomics.roi import Floats

__all__ = ["convolve_axis", "convolve_axis_many"]

Array = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]

_BLOCK = 256  # columns at a time: a block of every tap's row stays in the first cache


def convolve_axis(
    image: Floats, taps: Sequence[float] | Floats, axis: int, boundary: str = "mirror"
) -> Floats:
    """Convolve along one axis.

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x)
    taps : sequence of float, shape (n,)
        The kernel, in the order of its response to an impulse.
    axis : {0, 1, 2}
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}
        What stands beyond the edge.

    Returns
    -------
    ndarray of float64, shape (z, y, x)
    """
    return cast("Floats", convolve_axis_many(image, [np.asarray(taps, dtype=np.float64)], axis, boundary)[0])


def convolve_axis_many(
    image: Array, kernels: Sequence[Array], axis: int, boundary: str = "mirror", out: Sequence[Array] = ()
) -> tuple[Array, ...]:
    """Convolve along one axis with several kernels of one length, reading the image once.

    Parameters
    ----------
    image : ndarray of float64 or float32, shape (z, y, x)
        Single precision is kept; anything else is worked on in double.
    kernels : sequence of ndarray, each of shape (n,)
    axis : {0, 1, 2}
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}
    out : sequence of ndarray, optional
        Contiguous arrays to write to, one a kernel; fresh memory costs as much time as filling it.

    Returns
    -------
    tuple of ndarray of the image's precision, shape (z, y, x)
        One a kernel.
    """
    dtype = image.dtype if image.dtype == np.float32 else np.dtype(np.float64)
    taps = np.ascontiguousarray(np.stack([np.asarray(kernel, dtype=dtype) for kernel in kernels]))
    length = taps.shape[1]
    after = length // 2
    size = image.shape[axis]
    table = source_indices(size, length - 1 - after, after, boundary)
    outer = int(np.prod(image.shape[:axis], dtype=np.int64))
    inner = int(np.prod(image.shape[axis + 1 :], dtype=np.int64))
    source = np.ascontiguousarray(image, dtype=dtype).reshape(outer, size, inner)
    responses = tuple(out) or tuple(np.empty(image.shape, dtype=dtype) for _ in kernels)
    if axis == image.ndim - 1:
        lines = tuple(response.reshape(outer, size) for response in responses)
        _along_lines(source[:, :, 0], taps, table, lines)
    else:
        _across_rows(
            source, taps, table, tuple(response.reshape(outer, size, inner) for response in responses)
        )
    return responses


# Taps are added one after the other, the first first: in single precision the order is part of the result, and this
# is the order in which PyWavelets adds. Several to a sweep, since each sweep reads and writes the row it adds to.


@compiled
def _along_lines(source: Array, taps: Array, table: Indices, targets: tuple[Array, ...]) -> None:
    lines, size = source.shape
    filters, length = taps.shape
    padded = np.zeros(table.size, dtype=source.dtype)
    for line in range(lines):
        for i in range(table.size):
            if table[i] >= 0:
                padded[i] = source[line, table[i]]
        for f in range(filters):
            out = targets[f][line]
            for j in range(size):
                out[j] = 0.0
            t = 0
            while t + 4 <= length:
                w0, w1, w2, w3 = taps[f, t], taps[f, t + 1], taps[f, t + 2], taps[f, t + 3]
                p = padded[length - 4 - t :]
                for j in range(size):
                    out[j] = (((out[j] + w0 * p[j + 3]) + w1 * p[j + 2]) + w2 * p[j + 1]) + w3 * p[j]
                t += 4
            while t < length:
                w0 = taps[f, t]
                p = padded[length - 1 - t :]
                for j in range(size):
                    out[j] += w0 * p[j]
                t += 1


@compiled
def _across_rows(source: Array, taps: Array, table: Indices, targets: tuple[Array, ...]) -> None:
    outer, size, inner = source.shape
    filters, length = taps.shape
    padded = np.zeros((table.size, _BLOCK), dtype=source.dtype)  # rows of zeros stay so
    for o in range(outer):
        for start in range(0, inner, _BLOCK):
            stop = min(start + _BLOCK, inner)
            for i in range(table.size):
                if table[i] >= 0:
                    row, lane = source[o, table[i], start:stop], padded[i]
                    for j in range(row.size):
                        lane[j] = row[j]
            for i in range(size):
                for f in range(filters):
                    _add_rows(padded[i : i + length], taps[f], targets[f][o, i, start:stop])


@compiled
def _add_rows(rows: Array, taps: Array, out: Array) -> None:
    """Fill `out` with the weighted rows, the last row with the first tap; six taps are added in one sweep."""
    length, last = taps.size, taps.size - 1
    if length >= 6:
        w0, w1, w2, w3, w4, w5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
        r0, r1, r2, r3, r4, r5 = (
            rows[last], rows[last - 1], rows[last - 2], rows[last - 3], rows[last - 4], rows[last - 5]
        )  # fmt: skip
        for j in range(out.size):
            out[j] = ((((w0 * r0[j] + w1 * r1[j]) + w2 * r2[j]) + w3 * r3[j]) + w4 * r4[j]) + w5 * r5[j]
        t = 6
    else:
        w0, r0 = taps[0], rows[last]
        for j in range(out.size):
            out[j] = w0 * r0[j]
        t = 1
    while t + 4 <= length:
        w0, w1, w2, w3 = taps[t], taps[t + 1], taps[t + 2], taps[t + 3]
        r0, r1, r2, r3 = rows[last - t], rows[last - t - 1], rows[last - t - 2], rows[last - t - 3]
        for j in range(out.size):
            out[j] = (((out[j] + w0 * r0[j]) + w1 * r1[j]) + w2 * r2[j]) + w3 * r3[j]
        t += 4
    while t < length:
        w0, r0 = taps[t], rows[last - t]
        for j in range(out.size):
            out[j] += w0 * r0[j]
        t += 1
