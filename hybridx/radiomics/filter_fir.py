r"""Convolution along one axis, compiled: the work under wavelets, Laws' kernels, means and Laplacians of Gaussians.

A response is :math:`r(k) = \sum_j h(j) f(k - j + c)`, with the centre `c` in the middle (right of it for an even
number of taps), so that the response of an impulse is the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.filter_boundaries import source_indices
from hybridx.radiomics.roi import Floats

__all__ = ["convolve_axis", "convolve_axis_many"]

Array = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]

_BLOCK = 512  # columns at a time: a block of every tap's row stays in the first cache


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
    return convolve_axis_many(image, [np.asarray(taps, dtype=np.float64)], axis, boundary)[0]


def convolve_axis_many(
    image: Floats, kernels: Sequence[Floats], axis: int, boundary: str = "mirror"
) -> Floats:
    """Convolve along one axis with several kernels of one length, reading the image once.

    Parameters
    ----------
    image : ndarray of float64 or float32, shape (z, y, x)
        Single precision is kept; anything else is worked on in double.
    kernels : sequence of ndarray, each of shape (n,)
    axis : {0, 1, 2}
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray of the image's precision, shape (kernels, z, y, x)
        Each kernel's response is a contiguous array.
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
    target = np.empty((len(kernels), outer, size, inner), dtype=dtype)
    if axis == image.ndim - 1:
        _along_lines(source[:, :, 0], taps, table, target[:, :, :, 0])
    else:
        _across_rows(source, taps, table, target)
    return target.reshape(len(kernels), *image.shape)


# Taps are added one after the other, the first first: in single precision the order is part of the result, and this
# is the order in which PyWavelets adds. Four to a sweep, since each sweep reads and writes the row it adds to.


@compiled
def _along_lines(source: Array, taps: Array, table: Indices, target: Array) -> None:
    lines, size = source.shape
    filters, length = taps.shape
    padded = np.zeros(table.size, dtype=source.dtype)
    for line in range(lines):
        for i in range(table.size):
            if table[i] >= 0:
                padded[i] = source[line, table[i]]
        for f in range(filters):
            out = target[f, line]
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
def _across_rows(source: Array, taps: Array, table: Indices, target: Array) -> None:
    outer, size, inner = source.shape
    filters, length = taps.shape
    for o in range(outer):
        for start in range(0, inner, _BLOCK):
            stop = min(start + _BLOCK, inner)
            for i in range(size):
                for f in range(filters):
                    out = target[f, o, i, start:stop]
                    for j in range(out.size):
                        out[j] = 0.0
                    _add_taps(source[o, :, start:stop], taps[f], table[i : i + length], out)


@compiled
def _add_taps(rows: Array, taps: Array, places: Indices, out: Array) -> None:
    """Add the weighted rows at `places`, the last place with the first tap; a place of -1 is a row of zeros."""
    length = taps.size
    t = 0
    while t < length:
        last = length - 1 - t
        if t + 4 <= length and places[last - 3 : last + 1].min() >= 0:
            w0, w1, w2, w3 = taps[t], taps[t + 1], taps[t + 2], taps[t + 3]
            r0, r1, r2, r3 = (
                rows[places[last]],
                rows[places[last - 1]],
                rows[places[last - 2]],
                rows[places[last - 3]],
            )
            for j in range(out.size):
                out[j] = (((out[j] + w0 * r0[j]) + w1 * r1[j]) + w2 * r2[j]) + w3 * r3[j]
            t += 4
        else:
            if places[last] >= 0:
                w0 = taps[t]
                r0 = rows[places[last]]
                for j in range(out.size):
                    out[j] += w0 * r0[j]
            t += 1
