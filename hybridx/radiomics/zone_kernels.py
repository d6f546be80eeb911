"""Zones of equal grey level found in one scan over the voxels, all levels at once, with their size and distance.

Each voxel joins the zones of those of its 13 neighbours already scanned that have its level. Neighbours that touch
each other share a zone already, so one of each touching group is enough: which, a table says for every pattern of equal
neighbours. A voxel takes its neighbour's number as it stands, and numbers that differ are joined under the earlier one
(union-find); sizes are gathered at the end. No image of labels is kept, only two slices of it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.radiomics.level_blocks import Integers, Matrices
from hybridx.radiomics.matrix_grid import whole_vectors
from hybridx.radiomics.roi import Mask
from hybridx.radiomics.run_kernels import DIRECTIONS

__all__ = ["border_distance", "label_zones", "witnesses", "zone_entries"]

_DENSE = 1024  # zones up to this size are counted in an array, the few beyond in a list


@functools.cache
def witnesses() -> npt.NDArray[np.uint32]:
    """Name, for each pattern of equal neighbours (bit = direction), one neighbour of every touching group.

    Four bits hold a direction counted from 1, the lowest first. The predecessor in the row comes first where it is
    equal: it has joined all that lie before or beside both, and those beyond that touch one of them. Then those that
    touch most others, so one is nearly always enough.
    """
    touching = np.abs(DIRECTIONS[:, None] - DIRECTIONS[None]).max(axis=2) <= 1
    beside, beyond = DIRECTIONS[:, 2] == 0, DIRECTIONS[:, 2] > 0
    patterns = np.arange(2 ** len(DIRECTIONS))
    kept, names, at = (np.zeros(len(patterns), np.int64) for _ in range(3))
    for bit in [0, *np.argsort(-touching[1:].sum(axis=1), kind="stable") + 1]:
        near = _bits(touching[bit])
        known = ~beyond[bit] | (patterns & _bits(touching[bit] & beside) != 0)
        new = (patterns >> bit & 1).astype(bool) & (kept & near == 0) & ~((kept & 1 == 1) & known)
        kept |= new.astype(np.int64) << bit
        names |= np.where(new, (bit + 1) << at, 0)
        at += 4 * new
    return names.astype(np.uint32)


def _bits(directions: npt.NDArray[np.bool_]) -> int:
    return sum(1 << int(other) for other in np.flatnonzero(directions))


def border_distance(inside: Mask, *, planar: bool) -> npt.NDArray[np.uint16]:
    """City-block distance to the nearest voxel outside, 1 on the border, framed by zeros; beyond the array is outside.

    With `planar` within each slice. Two sweeps.
    """
    distance = np.zeros([edge + 2 for edge in inside.shape], np.uint16)
    distance[1:-1, 1:-1, 1:-1][inside] = 65_534
    _sweep(distance, np.full(distance.shape[2], 65_534, np.uint16), planar)
    return distance


@compiled
def _sweep(distance: Any, far: Any, planar: bool) -> None:  # noqa: FBT001
    depth, height, width = distance.shape
    one = np.uint16(1)
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            row, up, back = distance[z, y], distance[z, y - 1], far if planar else distance[z - 1, y]
            for x in range(1, width - 1):
                row[x] = min(row[x], np.uint16(min(up[x], back[x]) + one))
            for x in range(1, width - 1):
                row[x] = min(row[x], np.uint16(row[x - 1] + one))
    for z in range(depth - 2, 0, -1):
        for y in range(height - 2, 0, -1):
            row, down, front = distance[z, y], distance[z, y + 1], far if planar else distance[z + 1, y]
            for x in range(1, width - 1):
                row[x] = min(row[x], np.uint16(min(down[x], front[x]) + one))
            for x in range(width - 2, 0, -1):
                row[x] = min(row[x], np.uint16(row[x + 1] + one))


@compiled
def _three(levels: Any, middle: int, level: Any, low: Any) -> Any:
    """Which of three neighbours in a row have the level, as bits from `low` on."""
    none = np.uint16(0)
    found = low if levels[np.uint64(middle - 1)] == level else none
    found |= np.uint16(low * np.uint16(2)) if levels[np.uint64(middle)] == level else none
    return np.uint16(
        found | (np.uint16(low * np.uint16(4)) if levels[np.uint64(middle + 1)] == level else none)
    )


@compiled
def _patterns(levels: Any, first: int, width: int, row: int, area: int, asked: Any, patterns: Any) -> None:  # noqa: PLR0917
    """Which neighbours already scanned have the voxel's level, one bit for each direction, along a row."""
    for x in range(width):
        here = first + x
        level = levels[np.uint64(here)]
        found = np.uint16(levels[np.uint64(here - 1)] == level)
        found |= _three(levels, here - row, level, np.uint16(1 << 1))
        found |= _three(levels, here - area - row, level, np.uint16(1 << 4))
        found |= _three(levels, here - area, level, np.uint16(1 << 7))
        found |= _three(levels, here - area + row, level, np.uint16(1 << 10))
        patterns[x] = found & asked


@compiled
def _root(parent: Any, label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@compiled
def _nearest(levels: Any, labels: Any, distance: Any, width: int, nearest: Any) -> None:
    """Take what the voxels of a row are away from the border into their zones."""
    for x in range(width):
        if levels[x]:
            zone = np.uint64(labels[x])
            nearest[zone] = min(nearest[zone], distance[x])


@compiled
def _joined(parent: Any, zone: int, other: int) -> int:
    """Join two zones under the earlier number, and return it."""
    zone, other = _root(parent, zone), _root(parent, other)
    if other < zone:
        zone, other = other, zone
    parent[other] = zone
    return zone


def label_zones(
    levels: npt.NDArray[np.uint16],
    ends: Integers,
    voxels: int,
    distance: npt.NDArray[np.uint16],
    *,
    planar: bool,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32], Integers]:
    """Find the zones: (level, size, distance) of each, and where the zones of each slice begin.

    `levels` are framed by zeros on all six sides, and lie between `ends` (slices, rows, 2) of each row within the
    frame. `distance` has the same shape as `levels`, or is empty, and the zone's distance then has no meaning. With
    `planar` zones stay in their slice.
    """
    depth, height, width = levels.shape
    zones = np.empty((4, voxels + 1), np.int32)
    begins = np.zeros(depth - 1, np.int64)
    work = (
        np.zeros(2 * height * width, np.int32),
        np.zeros(width + 32, np.uint16),
        np.zeros(len(DIRECTIONS) + 1, np.int64),
    )
    shape = np.array((height * width, width), np.int64)
    asked = np.uint16(15 if planar else 2 ** len(DIRECTIONS) - 1)
    lesion = (levels.reshape(-1), shape, ends, distance.reshape(-1))
    kept = _label(*lesion, asked, witnesses(), DIRECTIONS, *work, zones, begins)
    level, size, nearest = (zones[row, :kept].copy() for row in range(3))
    return level, size, nearest, begins


@compiled
def _label(  # noqa: PLR0917 - compiled code takes no keywords
    levels: Any,
    shape: Any,
    ends: Any,
    distance: Any,
    asked: Any,
    names: Any,
    moves: Any,
    labels: Any,
    patterns: Any,
    steps: Any,
    zones: Any,
    begins: Any,
) -> Any:
    """Fill `zones` (level, size, distance, number joined under) and `begins`; return how many zones there are."""
    level, size, nearest, parent = zones[0], zones[1], zones[2], zones[3]
    area, line, found = shape[0], shape[1], np.int64(0)
    for z in range(len(ends)):
        begins[z] = found
        here = (z & 1) * area
        for move in range(len(moves)):
            # the slice before lies in the other half of `labels`
            steps[move + 1] = (2 * here - area) * moves[move, 0] + line * moves[move, 1] + moves[move, 2]
        for y in range(len(ends[z])):
            first = (z + 1) * area + (y + 1) * line + 1 + ends[z, y, 0]
            width = ends[z, y, 1] - ends[z, y, 0]
            if width == 0:
                continue
            whole = whole_vectors(width, len(levels) - first)
            _patterns(levels, first, whole, line, area, asked, patterns)
            at = first - (z + 1) * area + here
            for x in range(width):
                rank = levels[np.uint64(first + x)]
                if rank == 0:
                    continue
                named = np.int64(names[patterns[np.uint64(x)]])
                if named:
                    zone = labels[np.uint64(at + x + steps[np.uint64(named & 15)])]
                    named >>= 4
                    while named:
                        other = labels[np.uint64(at + x + steps[np.uint64(named & 15)])]
                        named >>= 4
                        if other != zone:
                            zone = _joined(parent, zone, other)
                else:
                    found += 1
                    zone = np.int32(found)
                    parent[zone], level[zone], size[zone], nearest[zone] = zone, rank, 0, 65_535
                labels[np.uint64(at + x)] = zone
                size[np.uint64(zone)] += 1
            if len(distance):
                _nearest(levels[first:], labels[at:], distance[first:], width, nearest)
    begins[len(ends)] = found
    return _roots(parent, level, size, nearest, found, begins)


@compiled
def _roots(parent: Any, level: Any, size: Any, nearest: Any, found: int, begins: Any) -> Any:  # noqa: PLR0917
    """Gather what the joined numbers hold, keep one of each zone, and renumber where slices begin."""
    for label in range(found, 0, -1):
        over = parent[label]
        if over != label:
            size[over] += size[label]
            nearest[over] = min(nearest[over], nearest[label])
    kept, plane = np.int64(0), np.int64(0)
    for label in range(1, found + 1):
        while begins[plane] < label:
            begins[plane] = kept
            plane += 1
        if parent[label] == label:
            level[kept], size[kept], nearest[kept] = level[label], size[label], nearest[label]
            kept += 1
    for rest in range(plane, len(begins)):
        begins[rest] = kept
    return kept


def zone_entries(
    level: npt.NDArray[np.int32], value: npt.NDArray[np.int32], begins: Integers, values: Integers
) -> Matrices:
    """Count zones of equal level and value in each part of the list; the matrices as (offsets, level, value, count).

    `values` are the grey levels of rows 1, 2, ... Sorted by level through one count; within a level through an array
    for small values and a short list of the few that are larger, so memory goes with the zones.
    """
    zones, offsets = len(level), np.zeros(len(begins), np.int64)
    found = np.empty(zones, np.int64), np.empty(zones, np.int64), np.empty(zones)
    work = np.empty(zones, np.int32), np.zeros(len(values) + 2, np.int64), np.zeros(_DENSE + 1, np.int64)
    _entries(level, value, begins, values, *work, offsets, *found)
    cells = offsets[-1]
    return offsets, found[0][:cells], found[1][:cells], found[2][:cells]


@compiled
def _entries(  # noqa: PLR0917 - compiled code takes no keywords
    level: Any,
    value: Any,
    begins: Any,
    values: Any,
    order: Any,
    starts: Any,
    dense: Any,
    offsets: Any,
    out_level: Any,
    out_value: Any,
    out_count: Any,
) -> None:
    cells = np.int64(0)  # a plain 0 is a type of its own, compiled for itself
    for part in range(len(begins) - 1):
        _by_level(level, value, begins[part], begins[part + 1], starts, order)
        for row in range(1, len(values) + 1):
            end = _cells(order, starts[row - 1], starts[row], dense, out_value, out_count, cells)
            for cell in range(cells, end):
                out_level[cell] = values[row - 1]
            cells = end
        offsets[part + 1] = cells


@compiled
def _by_level(level: Any, value: Any, first: int, last: int, starts: Any, order: Any) -> None:  # noqa: PLR0917
    """Write the values level by level into `order`; level r's lie between starts[r - 1] and starts[r]."""
    for row in range(len(starts)):
        starts[row] = 0
    for zone in range(first, last):
        starts[level[zone] + 1] += 1
    for row in range(1, len(starts)):
        starts[row] += starts[row - 1]
    for zone in range(first, last):
        order[starts[level[zone]]] = value[zone]
        starts[level[zone]] += 1


@compiled
def _cells(  # noqa: PLR0917 - compiled code takes no keywords
    order: Any, start: int, stop: int, dense: Any, out_value: Any, out_count: Any, first: int
) -> int:
    """Count equal values into cells from `first` on; return where they end."""
    highest, end = np.int64(0), first
    for at in range(start, stop):
        v = order[at]
        if v <= _DENSE:
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
            out_value[end], out_count[end] = v, dense[v]
            dense[v] = 0
            end += 1
    return end
