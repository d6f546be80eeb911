"""The tables of co-occurrence, runs and neighbourhoods as the compiled kernels count them, on a GPU.

Whole numbers throughout, so every cell equals that of the CPU. Each direction is one gather and one histogram over the
voxels of all lesions at once; a run's places are found by doubling, in as many steps as its length has bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from hybridx.radiomics.matrix_grid import Integers
from hybridx.radiomics.torch_batch import Batch, counted

__all__ = ["neighbour_tables", "pair_tables", "place_tables"]


def _parts(batch: Batch, *, by_slice: bool) -> tuple[torch.Tensor, int]:
    """Which table each voxel counts in, and how many tables there are: one a lesion, or one a slice."""
    if not by_slice:
        return batch.lesion, len(batch.grids)
    return batch.lesion * batch.depth + batch.plane, len(batch.grids) * batch.depth


def pair_tables(batch: Batch, offsets: Integers, *, by_slice: bool = False) -> npt.NDArray[np.uint32]:
    """Count voxels by their level and their neighbour's, as `pair_kernels.count_pairs` does.

    Parameters
    ----------
    batch : Batch
        The lesions.
    offsets : ndarray of int64, shape (directions, 3)
        One of each pair of opposite neighbours, voxels (z, y, x).
    by_slice : bool
        Tables of each slice.

    Returns
    -------
    ndarray of uint32, shape (lesions, parts, directions, ranks + 1, ranks + 1)
        Row and column 0 are empty.
    """
    part, parts = _parts(batch, by_slice=by_slice)
    size, here = batch.rows, batch.ranks[batch.inside].long()
    found = np.empty((parts, len(offsets), size, size), np.uint32)
    for direction, offset in enumerate(offsets):
        there = batch.ranks[batch.inside + batch.step(offset)].long()
        cells = ((part * size + here) * size + there)[there > 0]
        found[:, direction] = counted(cells, (parts, size, size)).cpu().numpy()
    return found.reshape(len(batch.grids), parts // len(batch.grids), len(offsets), size, size)


def place_tables(batch: Batch, steps: Integers, *, by_slice: bool = False) -> npt.NDArray[np.uint32]:
    """Count voxels by their level and place in a run, as `run_kernels.count_places` does.

    Parameters
    ----------
    batch : Batch
        The lesions.
    steps : ndarray of int64, shape (directions, 3)
        To the predecessor, voxels (z, y, x).
    by_slice : bool
        Tables of each slice.

    Returns
    -------
    ndarray of uint32, shape (lesions, parts, directions, ranks + 1, longest run + 2)
    """
    part, parts = _parts(batch, by_slice=by_slice)
    longest = max(max(grid.shape) for grid in batch.grids)
    here = batch.ranks[batch.inside]
    shape = (parts, batch.rows, longest + 2)
    found = np.empty((parts, len(steps), batch.rows, longest + 2), np.uint32)
    for direction, offset in enumerate(steps):
        place = _behind(batch, here, batch.step(offset)) + 1
        cells = (part * shape[1] + here.long()) * shape[2] + place
        found[:, direction] = counted(cells, shape).cpu().numpy()
    return found.reshape(len(batch.grids), parts // len(batch.grids), len(steps), *shape[1:])


def _behind(batch: Batch, here: torch.Tensor, step: int) -> torch.Tensor:
    """How many voxels of its run lie behind each voxel.

    Within `reach` at first one; a voxel with as many as that adds what the voxel `reach` behind it has.
    """
    behind = torch.zeros_like(batch.ranks)
    at = (batch.ranks[batch.inside + step] == here).int()
    reach = 1
    while bool((full := at == reach).any()):
        behind[batch.inside] = at
        further = behind[torch.where(full, batch.inside + reach * step, batch.inside)]
        at = torch.where(full, at + further, at)
        reach *= 2
    return at.long()


def neighbour_tables(
    batch: Batch, offsets: Integers, alpha: int = 0, *, by_slice: bool = False
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count like neighbours and differences from them by level, as `neighbour_counts.count_neighbours` does.

    Parameters
    ----------
    batch : Batch
        The lesions.
    offsets : ndarray of int64, shape (directions, 3)
        One of each pair of opposite neighbours, voxels (z, y, x).
    alpha : int
        Largest difference of levels that counts as alike.
    by_slice : bool
        Tables of each slice.

    Returns
    -------
    tuple of ndarray of int64, shapes (lesions, parts, ranks, 2 × directions + 1)
        Voxels by number of like neighbours, and differences by number of neighbours (`count_neighbours`).
    """
    part, parts = _parts(batch, by_slice=by_slice)
    rank = batch.ranks[batch.inside].long() - 1
    heights = _heights(batch)
    here = heights[batch.inside]
    total, known, near = (torch.zeros_like(here) for _ in range(3))
    for offset in [*offsets, *-offsets]:
        there = heights[batch.inside + batch.step(offset)]
        total += there
        known += there > 0
        near += (there > 0) & ((there - here).abs() <= alpha)
    shape = (parts, batch.rows - 1, 2 * len(offsets) + 1)
    row = (part * shape[1] + rank) * shape[2]
    alike = counted(row + near, shape)
    apart = torch.zeros(int(np.prod(shape)), dtype=torch.int64, device=here.device)
    # a voxel without neighbours is counted in column 0
    apart.index_add_(0, row + known, torch.where(known > 0, (here * known - total).abs(), 1))
    wanted = (len(batch.grids), parts // len(batch.grids), *shape[1:])
    return alike.cpu().numpy().reshape(wanted), apart.cpu().numpy().reshape(wanted)


def _heights(batch: Batch) -> torch.Tensor:
    """Grey level of every voxel of the padded boxes, 0 outside."""
    table = np.zeros((len(batch.grids), batch.rows), np.int64)
    for row, grid in zip(table, batch.grids, strict=True):
        row[1 : len(grid.values) + 1] = grid.values
    names = torch.from_numpy(table).to(batch.ranks.device)
    images = batch.ranks.reshape(len(batch.grids), -1).long()
    return torch.gather(names, 1, images).reshape(-1)
