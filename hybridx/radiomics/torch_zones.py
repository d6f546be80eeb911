"""Zones of equal grey level and distances to the border on a GPU, the same lists as the compiled scan gives.

Every voxel points to the earliest voxel of its zone that it knows of. In each round it hears of its neighbours' and of
what those it points to point to (pointer jumping), and tells the voxel it points to; rounds go with the logarithm of
a zone's length, not with its length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from hybridx.radiomics.roi import Mask
from hybridx.radiomics.run_kernels import DIRECTIONS, PLANAR
from hybridx.radiomics.torch_batch import Batch
from hybridx.radiomics.zones import Zones

__all__ = ["border_distances", "components", "label_zones"]


def components(batch: Batch, *, planar: bool) -> torch.Tensor:
    """Return, for each voxel inside, the earliest voxel of its zone (both as places in the list), shape (voxels,)."""
    inside, count = batch.inside, len(batch.inside)
    number = torch.zeros_like(batch.ranks, dtype=torch.int64)
    own = torch.arange(count, device=inside.device)
    number[inside] = own
    here = batch.ranks[inside]
    equal = []
    for offset in DIRECTIONS[: PLANAR if planar else len(DIRECTIONS)]:
        place = inside + batch.step(offset)
        same = batch.ranks[place] == here
        equal.append(torch.stack([own[same], number[place[same]]]).int())
    first, second = torch.cat(equal, dim=1)
    points = own
    while True:
        further = points[points]
        heard = further.clone()
        heard.scatter_reduce_(0, first.long(), further[second], "amin")
        heard.scatter_reduce_(0, second.long(), further[first], "amin")
        told = points.clone()
        told.scatter_reduce_(0, points, heard, "amin")
        told = torch.minimum(told, torch.minimum(heard, further))
        if torch.equal(told, points):
            return points
        points = told


def border_distances(masks: Sequence[Mask], device: torch.device) -> list[dict[bool, torch.Tensor]]:
    """City-block distance to the nearest voxel outside, by mask, in the slice (True) and in the volume (False).

    One axis after the other: the nearest in a line, of what the axes before have found.
    """
    found = []
    for mask in masks:
        inside = torch.from_numpy(np.pad(mask, 1)).to(device)
        distance = torch.where(inside, sum(inside.shape), 0).int()
        distance = _along(_along(distance, 2), 1)
        core = (slice(1, -1),) * 3
        # the frame before the first and after the last slice belongs to no slice
        found.append({True: distance[core], False: _along(distance, 0)[core]})
    return found


def _along(distance: torch.Tensor, axis: int) -> torch.Tensor:
    shape = [1, 1, 1]
    shape[axis] = distance.shape[axis]
    place = torch.arange(distance.shape[axis], device=distance.device, dtype=torch.int32).reshape(shape)
    before = torch.cummin(distance - place, axis).values + place
    after = torch.flip(torch.cummin(torch.flip(distance + place, [axis]), axis).values, [axis]) - place
    return torch.minimum(before, after)


def label_zones(batch: Batch, *, planar: bool, distance: Sequence[torch.Tensor] | None = None) -> list[Zones]:
    """Find the zones of every lesion, in the order in which a scan meets them.

    Parameters
    ----------
    batch : Batch
        The lesions.
    planar : bool
        Zones stay in their slice.
    distance : sequence of Tensor, optional
        Distances to the border in each lesion's box.

    Returns
    -------
    list of Zones
        One for each lesion.
    """
    points = components(batch, planar=planar)
    roots, zone, size = torch.unique(points, return_inverse=True, return_counts=True)
    nearest = torch.full_like(roots, 65_535)
    if distance is not None:
        deep = torch.zeros((len(batch.grids), *batch.shape), dtype=torch.int64, device=points.device)
        for image, own in zip(deep, distance, strict=True):
            image[tuple(slice(batch.margin, batch.margin + edge) for edge in own.shape)] = own
        nearest.scatter_reduce_(0, zone, deep.reshape(-1)[batch.inside], "amin")
    level, lesion, plane = (each[roots] for each in (batch.ranks[batch.inside], batch.lesion, batch.plane))
    columns = [each.cpu().numpy() for each in (lesion, plane, level, size, nearest)]
    found = []
    for number, grid in enumerate(batch.grids):
        mine = columns[0] == number
        _, planes, levels, sizes, deepest = (column[mine].astype(np.int32) for column in columns)
        begins = np.searchsorted(planes, np.arange(grid.shape[0] + 1)).astype(np.int64)
        found.append(Zones(levels, sizes, deepest, begins, grid.values))
    return found
