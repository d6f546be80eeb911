"""Convolution along one axis in a window of each row only: what filters cost where a lesion fills a third of its box.

A window is where a row's values are wanted, from its first voxel to before its last. Taps are added in the order of
`hybridx.radiomics.filter_fir`, whose values these are to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.box_kernel import ends
from hybridx.radiomics.filter_boundaries import source_indices
from hybridx.radiomics.roi import Mask

__all__ = ["convolve_thrice", "convolve_windows", "widened", "windows_of"]

Array = npt.NDArray[Any]
Windows = npt.NDArray[np.int64]


def windows_of(mask: Mask) -> Windows:
    """Return where each row's marked voxels begin and end, shape (z, y, 2)."""
    windows = np.zeros((*mask.shape[:2], 2), dtype=np.int64)
    _find(np.ascontiguousarray(mask), windows)
    return windows


def widened(windows: Windows, length: int, axis: int) -> Windows:
    """Return what a convolution along z or y with so many taps reads of a periodic image, to fill the windows."""
    size = windows.shape[axis]
    table = source_indices(size, length - 1 - length // 2, length // 2, "periodise")
    nothing = windows[..., 0] >= windows[..., 1]
    left = np.where(nothing, np.iinfo(np.int64).max, windows[..., 0])
    right = np.where(nothing, 0, windows[..., 1])
    low, high = left.copy(), right.copy()
    for tap in range(length):
        # as many places as the axis is long: each voxel once
        to = (slice(None),) * axis + (table[tap : tap + size],)
        low[to] = np.minimum(low[to], left)
        high[to] = np.maximum(high[to], right)
    return np.stack([np.minimum(low, high), high], axis=-1)


def convolve_windows(
    image: Array, kernels: Sequence[Array], axis: int, windows: Windows, out: Sequence[Array]
) -> None:
    """Convolve a periodic image along one axis with several kernels of one length, in windows.

    Parameters
    ----------
    image : ndarray, shape (z, y, x), contiguous
    kernels : sequence of ndarray, each of shape (n,)
    axis : {0, 1, 2}
    windows : ndarray of int64, shape (z, y, 2)
        Of the response.
    out : sequence of ndarray, shape (z, y, x), contiguous
        Of the precision to work in, one a kernel; stays as it is outside the windows.
    """
    taps = np.ascontiguousarray(np.stack(list(kernels)), dtype=out[0].dtype)
    length = taps.shape[1]
    table = source_indices(image.shape[axis], length - 1 - length // 2, length // 2, "periodise")
    kernel = (_across_slices, _across_rows, _along_rows)[axis]
    kernel(image, taps, table, windows, tuple(out))


def convolve_thrice(
    image: Array,
    kernels: tuple[Array, Array, Sequence[Array]],
    windows: Sequence[Windows],
    out: Sequence[Array],
) -> None:
    """Convolve along x with one kernel, along y with another, and along z with each of two, slice by slice.

    The slices that one of the response is made of stay in the cache, and nothing else of the partial results is held.

    Parameters
    ----------
    image : ndarray, shape (z, y, x), contiguous
        Periodic.
    kernels : tuple
        Of one length: for x, for y, and those for z.
    windows : sequence of ndarray of int64, shape (z, y, 2)
        Of what is made along x, along y, and of the response: each wide enough for the next.
    out : sequence of ndarray, shape (z, y, x), contiguous
        Of the precision to work in, one a kernel for z; stays as it is outside the windows.
    """
    kind = out[0].dtype
    along_x, along_y, along_z = (np.ascontiguousarray(np.atleast_2d(taps), dtype=kind) for taps in kernels)
    length = along_z.shape[1]
    tables = tuple(source_indices(n, length - 1 - length // 2, length // 2, "periodise") for n in image.shape)
    _thrice(image, (along_x, along_y, along_z), tables, tuple(windows), tuple(out))


@compiled
def _thrice(image: Any, taps: Any, tables: Any, windows: Any, out: Any) -> None:
    length = taps[2].shape[1]
    rows, columns = image.shape[1], image.shape[2]
    plane = np.empty((1, rows, columns), dtype=out[0].dtype)
    made = np.empty(
        (length, rows, columns), dtype=out[0].dtype
    )  # slice p of the periodic image in place p % length
    held = np.full(length, -1, np.int64)
    for z in range(image.shape[0]):
        wanted = windows[2][z]
        if not (wanted[:, 0] < wanted[:, 1]).any():
            continue
        for p in range(z, z + length):
            k = p % length
            if held[k] != p:
                s = tables[0][p]
                _along_rows(image[s : s + 1], taps[0], tables[2], windows[0][s : s + 1], (plane,))
                _across_rows(plane, taps[1], tables[1], windows[1][s : s + 1], (made[k : k + 1],))
                held[k] = p
        _over_slices(made, z, taps[2], wanted, out)


@compiled
def _over_slices(made: Any, z: int, taps: Any, windows: Any, out: Any) -> None:
    filters, length = taps.shape
    first = z + length - 1  # of the slices; the last has the first tap
    for y in range(len(windows)):
        left, right = windows[y, 0], windows[y, 1]
        if left >= right:
            continue
        for f in range(filters):
            to, w = out[f][z, y, left:right], taps[f]
            t = 0
            if length >= 6:
                _six(
                    made[first % length, y, left:right],
                    made[(first - 1) % length, y, left:right],
                    made[(first - 2) % length, y, left:right],
                    made[(first - 3) % length, y, left:right],
                    made[(first - 4) % length, y, left:right],
                    made[(first - 5) % length, y, left:right],
                    w,
                    to,
                )
                t = 6
            while t < length:
                _add(made[(first - t) % length, y, left:right], w[t], t == 0, to)
                t += 1


@compiled
def _find(mask: Any, windows: Any) -> None:
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            windows[z, y] = ends(mask[z, y])


@compiled
def _along_rows(image: Any, taps: Any, table: Any, windows: Any, out: Any) -> None:
    filters, length = taps.shape
    last = length - 1
    line = np.zeros(table.size, dtype=taps.dtype)
    for z in range(image.shape[0]):
        for y in range(image.shape[1]):
            left, right = windows[z, y, 0], windows[z, y, 1]
            if left >= right:
                continue
            row, n = image[z, y], right - left
            for i in range(left, right + last):
                line[i] = row[table[i]]
            p = line[left:]
            for f in range(filters):
                to, w = out[f][z, y, left:right], taps[f]
                t = 0
                if length >= 6:
                    q = p[last - 5 :]
                    _six(q[5:], q[4:], q[3:], q[2:], q[1:], q, w, to)
                    t = 6
                while t < length:
                    _add(p[last - t : last - t + n], w[t], t == 0, to)
                    t += 1


@compiled
def _across_rows(image: Any, taps: Any, table: Any, windows: Any, out: Any) -> None:
    filters, length = taps.shape
    for z in range(image.shape[0]):
        plane = image[z]
        for y in range(image.shape[1]):
            left, right = windows[z, y, 0], windows[z, y, 1]
            if left >= right:
                continue
            source = table[y : y + length][::-1]
            for f in range(filters):
                to, w = out[f][z, y, left:right], taps[f]
                t = 0
                if length >= 6:
                    _six(
                        plane[source[0], left:right],
                        plane[source[1], left:right],
                        plane[source[2], left:right],
                        plane[source[3], left:right],
                        plane[source[4], left:right],
                        plane[source[5], left:right],
                        w,
                        to,
                    )
                    t = 6
                while t < length:
                    _add(plane[source[t], left:right], w[t], t == 0, to)
                    t += 1


@compiled
def _across_slices(image: Any, taps: Any, table: Any, windows: Any, out: Any) -> None:
    filters, length = taps.shape
    for z in range(image.shape[0]):
        source = table[z : z + length][::-1]
        for y in range(image.shape[1]):
            left, right = windows[z, y, 0], windows[z, y, 1]
            if left >= right:
                continue
            for f in range(filters):
                to, w = out[f][z, y, left:right], taps[f]
                t = 0
                if length >= 6:
                    _six(
                        image[source[0], y, left:right],
                        image[source[1], y, left:right],
                        image[source[2], y, left:right],
                        image[source[3], y, left:right],
                        image[source[4], y, left:right],
                        image[source[5], y, left:right],
                        w,
                        to,
                    )
                    t = 6
                while t < length:
                    _add(image[source[t], y, left:right], w[t], t == 0, to)
                    t += 1


@compiled
def _six(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, taps: Any, out: Any) -> None:  # noqa: PLR0917
    """Fill `out` with six weighted rows."""
    w0, w1, w2, w3, w4, w5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    for j in range(out.size):
        out[j] = ((((w0 * a[j] + w1 * b[j]) + w2 * c[j]) + w3 * d[j]) + w4 * e[j]) + w5 * f[j]


@compiled
def _add(row: Any, weight: Any, first: bool, out: Any) -> None:  # noqa: FBT001
    if first:
        for j in range(out.size):
            out[j] = weight * row[j]
    else:
        for j in range(out.size):
            out[j] += weight * row[j]
