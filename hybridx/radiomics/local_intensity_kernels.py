"""Sums over a sphere around every voxel, compiled: a sphere is discs, a disc is runs, a run is two ends of a sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["sphere_sums"]


@compiled
def _runs(totals: Any, half: int, out: Any) -> None:
    """Write the sum of the voxels within half a run of each voxel of a row; what lies outside the row counts 0."""
    n = len(out)
    inner = n - half
    for x in range(min(half, n)):
        out[x] = totals[min(x + half + 1, n)]
    for x in range(half, inner):
        out[x] = totals[x + half + 1] - totals[x - half]
    for x in range(max(inner, half), n):
        out[x] = totals[n] - totals[max(x - half, 0)]


@compiled
def _disc(  # noqa: PLR0917 -- a kernel has no keywords to save
    runs: Any, reach: Any, y: int, low: int, high: int, line: Any
) -> None:
    """Write the sums of the disc around the voxels low to high of row y, four runs at a time."""
    rows = runs.shape[1]
    halves = np.empty(2 * len(reach), np.int64)
    places = np.empty(2 * len(reach), np.int64)
    n = 0
    for dy in range(len(reach)):
        for place in (y - dy, y + dy):
            if reach[dy] >= 0 and 0 <= place < rows and (dy > 0 or n == 0):
                halves[n], places[n] = reach[dy], place
                n += 1
    for x in range(low, high):
        line[x] = 0.0
    k = 0
    while k + 4 <= n:
        a, b = runs[halves[k], places[k]], runs[halves[k + 1], places[k + 1]]
        c, d = runs[halves[k + 2], places[k + 2]], runs[halves[k + 3], places[k + 3]]
        for x in range(low, high):
            line[x] += (a[x] + b[x]) + (c[x] + d[x])
        k += 4
    while k < n:
        a = runs[halves[k], places[k]]
        for x in range(low, high):
            line[x] += a[x]
        k += 1


@compiled
def _spans(inside: Any) -> Any:
    """Return where each row begins and ends (begin nx, end 0: it is empty)."""
    nz, ny, nx = inside.shape
    spans = np.empty((nz, ny, 2), np.int64)
    for z in range(nz):
        for y in range(ny):
            low, high = nx, 0
            for x in range(nx):
                if inside[z, y, x]:
                    low = min(low, x)
                    high = x + 1
            spans[z, y, 0], spans[z, y, 1] = low, high
    return spans


@compiled
def _disc_to_both(  # noqa: PLR0917 -- a kernel has no keywords to save
    runs: Any, reach: Any, y: int, spans: Any, below: int, above: int, line: Any, out: Any
) -> None:
    """Add the sums of the disc around the voxels of row y to the slices below and above (-1: there is none)."""
    low, high = len(line), 0
    for target in (below, above):
        if target >= 0:
            low, high = min(low, spans[target, y, 0]), max(high, spans[target, y, 1])
    if high <= low:
        return
    _disc(runs, reach, y, low, high, line)
    for target in (below, above):
        if target >= 0:
            sums = out[target, y]
            for x in range(low, high):
                sums[x] += line[x]


@compiled
def sphere_sums(image: Any, inside: Any, reach: Any) -> Any:
    """Return the sum of the voxels in the sphere around each voxel inside, shape (z, y, x); outside the image counts 0.

    ``reach[dz, dy]`` is how many voxels the sphere goes to either side along x at a distance of dz slices and dy rows;
    -1 where it has none. Discs of one distance to either side are the same, and so are runs. Elsewhere than between
    the first and the last voxel inside of a row the sums are not complete.
    """
    nz, ny, nx = image.shape
    spans = _spans(inside)
    out = np.zeros((nz, ny, nx))
    wanted = np.zeros(reach.max() + 1, np.uint8)
    for half in reach.flat:
        if half >= 0:
            wanted[half] = 1
    runs = np.empty((len(wanted), ny, nx))
    totals = np.zeros(nx + 1)
    line = np.empty(nx)
    for z in range(nz):
        for y in range(ny):
            total = 0.0
            for x in range(nx):
                total += image[z, y, x]
                totals[x + 1] = total
            for half in range(len(wanted)):
                if wanted[half]:
                    _runs(totals, half, runs[half, y])
        for y in range(ny):  # all discs of a row one after the other: its runs stay in the cache
            for dz in range(len(reach)):
                below, above = z - dz if z >= dz > 0 else -1, z + dz if z + dz < nz else -1
                _disc_to_both(runs, reach[dz], y, spans, below, above, line, out)
    return out
