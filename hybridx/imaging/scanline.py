"""Which voxel centres of a slice lie inside a closed contour, and which lie on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["cover", "fill_plane"]

Bools = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]

CENTRED = 0.02  # of a voxel: corners this close to centres are meant to be there
ON_EDGE = 1e-3  # of a voxel: corners are written with a few decimals
NESTED = 0.9  # share of a contour inside others, from which it is a hole in them or an island in their hole
APART = 0.1  # share up to which it is a part of its own


def cover(ring: Points, shape: tuple[int, int]) -> tuple[tuple[slice, slice], Bools, Bools]:
    """Find the voxel centres that a closed contour holds, by the even-odd rule.

    Parameters
    ----------
    ring : ndarray, shape (n_points, 2)
        Corners (x, y) in voxel indices; a last corner that repeats the first changes nothing.
    shape : tuple of int
        Rows and columns of the slice.

    Returns
    -------
    tuple
        The part of the slice around the contour; centres inside; centres inside or on the contour. The two differ only
        for a contour whose corners all are voxel centres: it was drawn through the outermost voxels of a mask. On any
        other a centre lies by chance, and goes to one side as the crossing rule has it.

    Examples
    --------
    >>> square = np.array([[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]])
    >>> place, inner, outer = cover(square, (6, 6))
    >>> int(inner.sum()), int(outer.sum())
    (1, 9)
    """
    near = np.round(ring)
    if float(np.abs(ring - near).max()) <= CENTRED:
        ring = near
    low = np.maximum(np.floor(ring.min(axis=0) - ON_EDGE).astype(int), 0)
    high = np.minimum(np.ceil(ring.max(axis=0) + ON_EDGE).astype(int) + 1, [shape[1], shape[0]])
    if (high <= low).any():
        nothing = np.zeros((0, 0), dtype=bool)
        return (slice(0, 0), slice(0, 0)), nothing, nothing
    rows, columns = int(high[1] - low[1]), int(high[0] - low[0])
    start = ring - low
    end = np.roll(start, -1, axis=0)
    upward = start[:, 1] <= end[:, 1]
    bottom, top = np.where(upward[:, None], start, end), np.where(upward[:, None], end, start)
    flips = np.zeros((rows, columns + 1), dtype=np.int32)
    # half-open in y: a corner on a row counts for one of its two edges
    at, x = _crossings(bottom, top, np.ceil(bottom[:, 1]), np.ceil(top[:, 1]) - 1.0, rows)
    np.add.at(flips, (at, np.clip(np.floor(x).astype(int) + 1, 0, columns)), 1)
    inside = (np.cumsum(flips[:, :columns], axis=1) % 2).astype(bool)
    place = (slice(low[1], high[1]), slice(low[0], high[0]))
    if ring is not near:
        return place, inside, inside
    edge = _on_edge(bottom, top, rows, columns)
    return place, inside & ~edge, inside | edge


def _crossings(
    bottom: Points, top: Points, first: Points, last: Points, rows: int
) -> tuple[npt.NDArray[np.int_], Points]:
    """Cross each edge with the rows from its first to its last: row and x of every crossing."""
    first, last = np.maximum(first, 0.0).astype(int), np.minimum(last, rows - 1.0).astype(int)
    counts = np.maximum(last - first + 1, 0)
    edge = np.repeat(np.arange(len(bottom)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    height = top[edge, 1] - bottom[edge, 1]
    share = np.clip((row - bottom[edge, 1]) / np.where(height > 0.0, height, 1.0), 0.0, 1.0)
    return row, bottom[edge, 0] + share * (top[edge, 0] - bottom[edge, 0])


def _on_edge(bottom: Points, top: Points, rows: int, columns: int) -> Bools:
    """Mark centres that lie on the contour itself, as on contours drawn from voxel to voxel."""
    found = np.zeros((rows, columns), dtype=bool)
    flat = top[:, 1] - bottom[:, 1] < ON_EDGE
    steep = ~flat
    row, x = _crossings(
        bottom[steep],
        top[steep],
        np.ceil(bottom[steep, 1] - ON_EDGE),
        np.floor(top[steep, 1] + ON_EDGE),
        rows,
    )
    near = np.round(x).astype(int)
    hit = (np.abs(x - near) <= ON_EDGE) & (near >= 0) & (near < columns)
    found[row[hit], near[hit]] = True
    for one, other in zip(bottom[flat], top[flat], strict=True):
        y = round(float(one[1]))
        if abs(float(one[1]) - y) <= ON_EDGE and 0 <= y < rows:
            left, right = sorted((float(one[0]), float(other[0])))
            found[y, max(int(np.ceil(left - ON_EDGE)), 0) : max(int(np.floor(right + ON_EDGE)) + 1, 0)] = True
    return found


def fill_plane(plane: npt.NDArray[np.uint8], rings: list[Points], *, flip: bool = False) -> int:
    """Fill the contours of one slice.

    A contour inside another is a hole, one inside a hole an island, and so on. Contours that cross are parts of one
    structure and joined, unless they are declared to flip each other (``CLOSEDPLANAR_XOR``). Where contours run from
    voxel centre to voxel centre, as some programs draw them, the voxels on the line belong to what is filled.

    Parameters
    ----------
    plane : ndarray of uint8, shape (rows, columns)
        Changed in place.
    rings : list of ndarray, shape (n_points, 2)
        Corners (x, y) in voxel indices.
    flip : bool
        Whether each contour flips what it covers.

    Returns
    -------
    int
        How many contours cross others.
    """
    crossing = 0
    seen = np.zeros(plane.shape, dtype=bool)
    for ring in sorted(rings, key=lambda one: -abs(_area(one))):
        place, inner, outer = cover(ring, plane.shape)
        part, core = plane[place], inner if inner.any() else outer
        if not core.any():
            continue
        share = float(seen[place][core].mean())
        if flip:
            part ^= inner
        elif share >= NESTED and float(part[core].mean()) >= 0.5:
            part[inner] = 0
        else:
            crossing += int(APART < share < NESTED)
            part[outer] = 1
        seen[place] |= inner
    return crossing


def _area(ring: Points) -> float:
    x, y = (ring - ring[0]).T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
