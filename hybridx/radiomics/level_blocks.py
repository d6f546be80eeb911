"""Grey levels handed out in blocks that fit a table or two bytes; matrices of different levels never meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.matrix_grid import Grid

__all__ = ["MAX_ROWS", "Matrices", "joined", "level_blocks", "padded", "stacked"]

Integers: TypeAlias = npt.NDArray[np.int64]
Matrices: TypeAlias = tuple[Integers, Integers, Integers, npt.NDArray[np.float64]]
"""Matrices as cells that are not empty: offsets (matrices + 1), and level, value and count of each cell, by level."""

MAX_ROWS = 65_535  # what two bytes hold beside 0


def padded(grid: Grid) -> npt.NDArray[np.unsignedinteger]:
    """View the grid as an array with its frame of one voxel of zeros."""
    return grid.flat.reshape(tuple(edge + 2 for edge in grid.shape))


def level_blocks(
    grid: Grid, most: int = MAX_ROWS, planes: slice = slice(None)
) -> Iterator[tuple[npt.NDArray[np.uint16], Integers]]:
    """Hand out at most `most` levels at a time, numbered from 1, with the grey levels of the numbers.

    Parameters
    ----------
    grid : Grid
        The lesion's levels with a margin of one voxel.
    most : int
        Levels in a block; nearly always all of them.
    planes : slice
        Slices of the padded grid.
    """
    volume, ranks = padded(grid)[planes], len(grid.values)
    most = min(most, MAX_ROWS)
    if ranks <= most:
        yield volume, grid.values
        return
    for first in range(0, ranks, most):
        rows = min(most, ranks - first)
        inside = (volume > first) & (volume <= first + rows)
        yield np.where(inside, volume - first, 0).astype(np.uint16), grid.values[first : first + rows]


def joined(blocks: Sequence[Matrices]) -> Matrices:
    """Put the matrices of consecutive blocks of levels together."""
    if len(blocks) == 1:
        return blocks[0]
    offsets = np.sum([block[0] for block in blocks], axis=0)
    parts = [
        [
            tuple(cells[o[m] : o[m + 1]] for cells in (level, value, count))
            for o, level, value, count in blocks
        ]
        for m in range(len(offsets) - 1)
    ]
    level, value, count = (np.concatenate([block[k] for part in parts for block in part]) for k in range(3))
    return offsets, level, value, count


def stacked(parts: Sequence[Matrices]) -> Matrices:
    """Put the matrices of consecutive slices one after the other."""
    if len(parts) == 1:
        return parts[0]
    before = np.cumsum([0] + [int(part[0][-1]) for part in parts])
    offsets = np.concatenate(
        [[0], *(part[0][1:] + start for part, start in zip(parts, before, strict=False))]
    )
    level, value, count = (np.concatenate([part[k] for part in parts]) for k in (1, 2, 3))
    return offsets, level, value, count
