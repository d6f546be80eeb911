"""Zones of equal grey level found in one scan over the voxels, all levels at once, with their size and distance.

Each voxel joins the zones of those of its 13 neighbours already scanned that have its level. Neighbours that touch
each other share a zone already, so one of each touching group is enough: which, a table says for every pattern of equal
neighbours. Zones that meet are joined under the earlier number (union-find). No image of labels is kept, only two
slices of it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.run_kernels import DIRECTIONS, extents

__all__ = ["border_distance", "label_zones", "witnesses", "zone_entries"]

_DENSE = 1024  # zones up to this size are counted in an array, the few beyond in a list


@functools.cache
def witnesses() -> npt.NDArray[np.uint32]:
    """Name, for each pattern of equal neighbours (bit = direction), one neighbour of every touching group.

    Four bits hold a direction counted from 1, the lowest first. Those that touch most others are asked first, so one
    is nearly always enough.
    """
    touching = np.abs(DIRECTIONS[:, None] - DIRECTIONS[None]).max(axis=2) <= 1
    patterns = np.arange(2 ** len(DIRECTIONS))
    kept, names, at = (np.zeros(len(patterns), np.int64) for _ in range(3))
    for bit in np.argsort(-touching.sum(axis=1), kind="stable"):
        near = sum(1 << int(other) for other in np.flatnonzero(touching[bit]))
        new = (patterns >> bit & 1).astype(bool) & (kept & near == 0)
        kept |= new.astype(np.int64) << bit
        names |= np.where(new, (bit + 1) << at, 0)
        at += 4 * new
    return names.astype(np.uint32)


@compiled
def border_distance(inside: Any, planar: bool) -> Any:  # noqa: FBT001
    """City-block distance to the nearest voxel outside, 1 on the border, in two sweeps; beyond the array is outside."""
    depth, height, width = inside.shape
    distance = np.zeros((depth, height, width), np.uint16)
    nothing = np.zeros(width, np.uint16)
    far = np.full(width, 65_534, np.uint16)
    for z in range(depth):
        for y in range(height):
            row = distance[z, y]
            up = distance[z, y - 1] if y > 0 else nothing
            back = far if planar else (distance[z - 1, y] if z > 0 else nothing)
            for x in range(width):
                row[x] = np.uint16(min(up[x], back[x]) + 1) if inside[z, y, x] else np.uint16(0)
            row[0] = min(row[0], np.uint16(1))
            for x in range(1, width):
                row[x] = min(row[x], np.uint16(row[x - 1] + 1))
    for z in range(depth - 1, -1, -1):
        for y in range(height - 1, -1, -1):
            row = distance[z, y]
            down = distance[z, y + 1] if y + 1 < height else nothing
            front = far if planar else (distance[z + 1, y] if z + 1 < depth else nothing)
            for x in range(width):
                row[x] = min(row[x], np.uint16(min(down[x], front[x]) + 1))
            row[width - 1] = min(row[width - 1], np.uint16(1))
            for x in range(width - 2, -1, -1):
                row[x] = min(row[x], np.uint16(row[x + 1] + 1))
    return distance


@compiled
def _patterns(levels: Any, z: int, y: int, planar: bool, patterns: Any) -> None:  # noqa: FBT001
    """Which neighbours already scanned have the voxel's level, one bit for each direction, along a line."""
    width = levels.shape[2]
    row = levels[z, y]
    one = np.uint16(1)
    for x in range(1, width - 1):
        patterns[x] = np.uint16(row[x - 1] == row[x])
    lines = 1 if planar else 4
    for line in range(lines):
        before = levels[z, y - 1] if line == 0 else levels[z - 1, y + line - 2]
        low = np.uint16(1 + 3 * line)
        for x in range(1, width - 1):
            here = row[x]
            bits = (
                np.uint16(before[x - 1] == here)
                | (np.uint16(before[x] == here) << one)
                | (np.uint16(before[x + 1] == here) << np.uint16(2))
            )
            patterns[x] |= np.uint16(bits << low)


@compiled
def _root(parent: Any, label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@compiled
def _joined(parent: Any, labels: Any, at: int, steps: Any, named: int) -> Any:
    """Join the zones of the named neighbours under the earliest number, and return it."""
    zone = _root(parent, labels[at + steps[(named & 15) - 1]])
    named >>= 4
    while named:
        other = _root(parent, labels[at + steps[(named & 15) - 1]])
        zone, other = min(zone, other), max(zone, other)
        parent[other] = zone
        named >>= 4
    return zone


@compiled
def label_zones(levels: Any, voxels: int, distance: Any, planar: bool, names: Any, moves: Any) -> Any:  # noqa: FBT001, PLR0917
    """Find the zones: (level, size, distance) of each, and where the zones of each slice begin.

    `levels` are framed by zeros on all six sides. `distance` has the shape inside the frame, or is empty, and the
    zone's distance then has no meaning. With `planar` zones stay in their slice. `names` are the `witnesses`, `moves`
    the directions (z, y, x).
    """
    depth, height, width = levels.shape
    extent, plane = extents(levels), height * width
    labels, patterns = np.zeros(2 * plane, np.int32), np.zeros(width, np.uint16)
    level, size = np.empty(voxels + 1, np.int32), np.empty(voxels + 1, np.int32)
    nearest, parent = np.empty(voxels + 1, np.int32), np.empty(voxels + 1, np.int32)
    begins, found = np.zeros(depth - 1, np.int64), np.int64(0)
    for z in range(1, depth - 1):
        begins[z - 1] = found
        here = (z & 1) * plane
        # the slice before lies in the other half of `labels`
        steps = (plane - 2 * here) * -moves[:, 0] + width * moves[:, 1] + moves[:, 2]
        for y in range(1, height - 1):
            left, right = extent[z, y]
            if left < right:
                _patterns(levels, z, y, planar, patterns)
            for x in range(left, right):
                if levels[z, y, x] == 0:
                    continue
                at = here + y * width + x
                named = np.int64(names[patterns[x]])
                if named:
                    zone = _joined(parent, labels, at, steps, named)
                else:
                    found += 1
                    zone = found
                    parent[zone], level[zone], size[zone], nearest[zone] = zone, levels[z, y, x], 0, 65_535
                labels[at] = zone
                size[zone] += 1
                if distance.size:
                    nearest[zone] = min(nearest[zone], distance[z - 1, y - 1, x - 1])
    begins[depth - 2] = found
    return _roots(parent, level, size, nearest, found, begins)


@compiled
def _roots(parent: Any, level: Any, size: Any, nearest: Any, found: int, begins: Any) -> Any:  # noqa: PLR0917
    """Gather what the joined numbers hold, keep one of each zone, and renumber where slices begin."""
    for label in range(found, 0, -1):
        if parent[label] != label:
            over = parent[label]
            size[over] += size[label]
            nearest[over] = min(nearest[over], nearest[label])
    kept, plane = 0, 0
    for label in range(1, found + 1):
        while plane < len(begins) and begins[plane] < label:
            begins[plane] = kept
            plane += 1
        if parent[label] == label:
            level[kept], size[kept], nearest[kept] = level[label], size[label], nearest[label]
            kept += 1
    while plane < len(begins):
        begins[plane] = kept
        plane += 1
    return level[:kept].copy(), size[:kept].copy(), nearest[:kept].copy(), begins


@compiled
def _by_level(level: Any, value: Any, starts: Any, order: Any) -> None:
    """Write the values level by level into `order`; level r's lie between starts[r - 1] and starts[r]."""
    starts[:] = 0
    for zone in range(len(level)):
        starts[level[zone] + 1] += 1
    for row in range(1, len(starts)):
        starts[row] += starts[row - 1]
    for zone in range(len(level)):
        order[starts[level[zone]]] = value[zone]
        starts[level[zone]] += 1


@compiled
def _cells(values: Any, dense: Any, out_value: Any, out_count: Any, first: int) -> int:
    """Count equal values into cells from `first` on; return where they end."""
    highest, end = 0, first
    for v in values:
        if v < len(dense):
            dense[v] += 1
            highest = max(highest, v)
            continue
        known = first
        while known < end and out_value[known] != v:
            known += 1
        if known == end:
            out_value[end], out_count[end] = v, 0.0
            end += 1
        out_count[known] += 1.0
    for v in range(1, highest + 1):
        if dense[v] > 0:
            out_value[end], out_count[end] = v, np.float64(dense[v])
            dense[v] = 0
            end += 1
    return end


@compiled
def zone_entries(level: Any, value: Any, begins: Any, values: Any) -> Any:
    """Count zones of equal level and value in each part of the list; the matrices as (offsets, level, value, count).

    `values` are the grey levels of rows 1, 2, ... Sorted by level through one count; within a level through an array
    for small values and a short list of the few that are larger, so memory goes with the zones.
    """
    parts, zones, rows = len(begins) - 1, len(level), len(values)
    offsets = np.zeros(parts + 1, np.int64)
    out_level, out_value, out_count = np.empty(zones, np.int64), np.empty(zones, np.int64), np.empty(zones)
    order, starts, dense = (
        np.empty(zones, np.int32),
        np.zeros(rows + 2, np.int64),
        np.zeros(_DENSE + 1, np.int64),
    )
    cells = np.int64(0)  # a plain 0 is a type of its own, compiled for itself
    for part in range(parts):
        here = slice(begins[part], begins[part + 1])
        _by_level(level[here], value[here], starts, order)
        for row in range(1, rows + 1):
            end = _cells(order[starts[row - 1] : starts[row]], dense, out_value, out_count, cells)
            out_level[cells:end] = values[row - 1]
            cells = end
        offsets[part + 1] = cells
    return offsets, out_level[:cells].copy(), out_value[:cells].copy(), out_count[:cells].copy()
