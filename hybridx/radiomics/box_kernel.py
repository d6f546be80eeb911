"""Where a mask begins and ends, in one pass, compiled."""

from __future__ import annotations

from typing import Any

from hybridx.compute.compiled import compiled

__all__ = ["corners"]


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
