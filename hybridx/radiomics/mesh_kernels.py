"""One pass over a mask, compiled: which cubes its surface crosses, its moments, and where its rows begin and end."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["farthest", "hull_of_planes", "plane_ends", "scan", "widest_in_planes"]


@compiled
def scan(padded: Any) -> Any:
    """Scan a mask with a border of zeros.

    Returns the number of 2 x 2 x 2 cubes of each of the 256 patterns (bit 4 z + 2 y + x of a pattern is the cube's
    corner (z, y, x)), the sums of their positions (256, 3), the voxels' count and sums of z, y, x, zz, yy, xx, zy, zx,
    yx, and the first and last voxel of each row, shape (z, y), -1 where a row is empty.
    """
    nz, ny, nx = padded.shape
    counts = np.zeros(256, np.int64)
    places = np.zeros((256, 3), np.int64)
    sums = np.zeros(10, np.int64)
    first = np.full((nz, ny), -1, np.int32)
    last = np.full((nz, ny), -1, np.int32)
    column = np.empty(nx, np.uint8)
    for z in range(nz - 1):
        for y in range(ny - 1):
            a, b = padded[z, y], padded[z, y + 1]
            c, d = padded[z + 1, y], padded[z + 1, y + 1]
            for x in range(nx):
                column[x] = a[x] | b[x] << 2 | c[x] << 4 | d[x] << 6
            for x in range(nx - 1):
                code = np.int64(column[x]) | np.int64(column[x + 1]) << 1
                if code == 255:
                    counts[255] += 1
                elif code != 0:
                    counts[code] += 1
                    places[code, 0] += z
                    places[code, 1] += y
                    places[code, 2] += x
            n = sx = sxx = 0
            for x in range(nx):
                inside = np.int64(a[x])
                n += inside
                sx += inside * x
                sxx += inside * x * x
            if n:
                x = 0
                while not a[x]:
                    x += 1
                first[z, y] = x
                x = nx - 1
                while not a[x]:
                    x -= 1
                last[z, y] = x
                row = (n, n * z, n * y, sx, n * z * z, n * y * y, sxx, n * z * y, sx * z, sx * y)
                for k in range(10):
                    sums[k] += row[k]
    return counts, places, sums, first, last


@compiled
def _chain(rows: Any, ends: Any, side: int, keep: Any) -> int:
    """Keep the corners of the convex hull of points (row, end) sorted by row, on the side of small (1) or big ends."""
    n = 0
    for k in range(len(rows)):
        while n >= 2:
            i, j = keep[n - 2], keep[n - 1]
            turn = (rows[j] - rows[i]) * (ends[k] - ends[i]) - (ends[j] - ends[i]) * (rows[k] - rows[i])
            if turn * side > 0:
                break
            n -= 1
        keep[n] = k
        n += 1
    return n


@compiled
def _corners(first: Any, last: Any, points: Any) -> int:
    """Write the corners (row, end) of the convex hull of one plane's rows into points; return their number."""
    n = 0
    rows = np.empty(len(first), np.int64)
    low = np.empty(len(first), np.int64)
    high = np.empty(len(first), np.int64)
    for r in range(len(first)):
        if first[r] >= 0:
            rows[n], low[n], high[n] = r, first[r], last[r]
            n += 1
    keep = np.empty(n, np.int64)
    m = 0
    for side in (1, -1):
        ends = low[:n] if side == 1 else high[:n]
        for k in keep[: _chain(rows[:n], ends, side, keep)]:
            points[m, 0], points[m, 1] = rows[k], ends[k]
            m += 1
    return m


@compiled
def hull_of_planes(first: Any, last: Any) -> Any:
    """Return the corners (plane, row, end) of the convex hull of each plane from the ends of its rows, shape (n, 3)."""
    planes, rows = first.shape
    out = np.empty((planes * rows * 2, 3), np.int64)
    points = np.empty((rows * 2, 2), np.int64)
    n = 0
    for p in range(planes):
        m = _corners(first[p], last[p], points)
        for k in range(m):
            out[n + k, 0], out[n + k, 1], out[n + k, 2] = p, points[k, 0], points[k, 1]
        n += m
    return out[:n].copy()


@compiled
def widest_in_planes(first: Any, last: Any, row_mm: float, end_mm: float, grown: bool) -> float:  # noqa: FBT001
    """Return the largest squared distance of two points in any one plane.

    Grown points are voxels and stand for the four points half a voxel from their centre in the plane.
    """
    planes, rows = first.shape
    points = np.empty((rows * 2, 2), np.int64)
    best = 0.0
    for p in range(planes):
        m = _corners(first[p], last[p], points)
        for i in range(m):
            for j in range(i + 1):
                dr = abs(points[i, 0] - points[j, 0]) * row_mm
                de = abs(points[i, 1] - points[j, 1]) * end_mm
                if not grown:
                    best = max(best, dr * dr + de * de)
                    continue
                along = (dr + row_mm) ** 2 + de * de
                across = dr * dr + (de + end_mm) ** 2
                corner = (dr + row_mm / 2) ** 2 + (de + end_mm / 2) ** 2
                best = max(best, along, across, corner)
    return best


@compiled
def farthest(voxels: Any, edges: Any, reach: Any) -> float:
    """Return the largest squared distance of mesh vertices, half a voxel along an axis from these voxels.

    Voxels (n, 3) by falling distance from a point in their middle, `reach` in mm: two that lie nearer to it than the
    best pair is wide are never compared.
    """
    longest = max(edges[0], edges[1], edges[2])
    best, width = longest * longest, longest
    for i in range(len(voxels)):
        if 2.0 * reach[i] + longest < width:
            break
        for j in range(i + 1, len(voxels)):
            if reach[i] + reach[j] + longest < width:
                break
            a = abs(voxels[i, 0] - voxels[j, 0]) * edges[0]
            b = abs(voxels[i, 1] - voxels[j, 1]) * edges[1]
            c = abs(voxels[i, 2] - voxels[j, 2]) * edges[2]
            # both vertices away from each other along one axis, or each along its own
            u, v, w = a + edges[0] / 2.0, b + edges[1] / 2.0, c + edges[2] / 2.0
            along = max(
                (a + edges[0]) ** 2 + b * b + c * c,
                a * a + (b + edges[1]) ** 2 + c * c,
                a * a + b * b + (c + edges[2]) ** 2,
            )
            across = max(u * u + v * v + c * c, u * u + b * b + w * w, a * a + v * v + w * w)
            if max(along, across) > best:
                best = max(along, across)
                width = np.sqrt(best)
    return best


@compiled
def _extend(first: Any, last: Any, plane: int, row: int, end: int) -> None:
    if first[plane, row] < 0:
        first[plane, row] = last[plane, row] = end
    first[plane, row] = min(first[plane, row], end)
    last[plane, row] = max(last[plane, row], end)


@compiled
def plane_ends(padded: Any) -> Any:
    """Return where rows begin and end in planes that `scan` does not see, -1 for empty rows.

    Of voxels in planes of one x, as (x, z); then of faces between a voxel inside and its neighbour outside along z, as
    (z, y), along y, as (y, z), and along x, as (x, z). Each as a pair of first and last.
    """
    nz, ny, nx = padded.shape
    sides = np.full((nx, nz), -1, np.int32), np.full((nx, nz), -1, np.int32)
    along_z = np.full((nz, ny), -1, np.int32), np.full((nz, ny), -1, np.int32)
    along_y = np.full((ny, nz), -1, np.int32), np.full((ny, nz), -1, np.int32)
    along_x = np.full((nx, nz), -1, np.int32), np.full((nx, nz), -1, np.int32)
    for z in range(nz - 1):
        for y in range(ny - 1):
            here, next_y, next_z = padded[z, y], padded[z, y + 1], padded[z + 1, y]
            for x in range(nx - 1):
                if here[x]:
                    _extend(sides[0], sides[1], x, z, y)
                if here[x] != next_z[x]:
                    _extend(along_z[0], along_z[1], z, y, x)
                if here[x] != next_y[x]:
                    _extend(along_y[0], along_y[1], y, z, x)
                if here[x] != here[x + 1]:
                    _extend(along_x[0], along_x[1], x, z, y)
    return sides, along_z, along_y, along_x
