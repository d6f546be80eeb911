"""Where a mask begins and ends, row by row, and what lies inside it, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["corners", "ends", "gather", "runs_of"]


@compiled
def corners(mask: Any, found: Any) -> None:
    """Write the first marked voxel and the one after the last along z, y and x; zeros and sizes stay where none is."""
    slices, rows, columns = mask.shape
    low_z, low_y, low_x, high_z, high_y, high_x = slices, rows, columns, 0, 0, 0
    for z in range(slices):
        for y in range(rows):
            row = mask[z, y]
            marked = row[0]
            for x in range(columns):
                marked |= row[x]
            if not marked:
                continue
            left, right = 0, columns
            while not row[left]:
                left += 1
            while not row[right - 1]:
                right -= 1
            low_z, high_z = min(low_z, z), z + 1
            low_y, high_y = min(low_y, y), max(high_y, y + 1)
            low_x, high_x = min(low_x, left), max(high_x, right)
    found[0, 0], found[0, 1] = low_z, high_z
    found[1, 0], found[1, 1] = low_y, high_y
    found[2, 0], found[2, 1] = low_x, high_x


@compiled
def ends(row: Any) -> Any:
    """Return the first marked voxel of a row and the one after the last; the same twice where none is."""
    left, right = 0, len(row)
    while left < right and not row[left]:
        left += 1
    while left < right and not row[right - 1]:
        right -= 1
    return left, right


@compiled
def runs_of(mask: Any) -> Any:
    """Return every run of marked voxels of a row as (z, y, first, one after the last), shape (n, 4), in order."""
    n = 0
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            row = mask[z, y]
            n += row[0]
            for x in range(1, len(row)):
                n += row[x] > row[x - 1]
    runs = np.empty((n, 4), np.int64)
    k = 0
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            row = mask[z, y]
            left, right = ends(row)
            while left < right:
                last = left + 1
                while last < right and row[last]:
                    last += 1
                runs[k, 0], runs[k, 1], runs[k, 2], runs[k, 3] = z, y, left, last
                k += 1
                left = last
                while left < right and not row[left]:
                    left += 1
    return runs


@compiled
def gather(image: Any, runs: Any, values: Any) -> None:
    """Write the intensities in the runs, in the order of the array."""
    n = 0
    for k in range(len(runs)):
        z, y, left, right = runs[k, 0], runs[k, 1], runs[k, 2], runs[k, 3]
        line = image[z, y, left:right]
        for x in range(right - left):
            values[n + x] = line[x]
        n += right - left
