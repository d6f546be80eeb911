"""Features of co-occurrence matrices that are too large to hold: one row at a time, from voxels sorted by grey level.

A row of 5,000 grey levels needs the neighbours of the voxels of one level only. Memory: about 35 bytes a voxel of the
lesion for the sorting, and at most `WORKSPACE` bytes for margins and rows (more only where one matrix alone needs it:
56 bytes a grey level between the lowest and the highest).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled
from hybridx.radiomics.glcm_kernels import LOGS, finish, times_log
from hybridx.radiomics.matrix_grid import Grid, Integers
from hybridx.radiomics.roi import Floats

__all__ = ["WORKSPACE", "features_by_rows"]

WORKSPACE = 2**26


def features_by_rows(
    grid: Grid,
    steps: Integers,
    weights: Floats,
    levels: int,
    *,
    symmetric: bool = True,
    plane: int | None = None,
) -> Floats:
    """Features of the matrices Σ_d weights[m, d] counts[d], shape (m, 25), of the lesion or of one slice of it.

    Parameters
    ----------
    grid : Grid
        The lesion's levels.
    steps : ndarray of int64, shape (d,)
        Distances in memory of the neighbours.
    weights : ndarray, shape (m, d)
        Of each direction in each matrix.
    levels : int
        Number of grey levels that normalised differences are divided by.
    symmetric : bool
        Count each pair from both of its voxels.
    plane : int, optional
        The slice of the box whose voxels are counted; all when absent.
    """
    step = int(grid.box[4])
    start = 0 if plane is None else (int(grid.box[0]) // step + plane) * step
    stop = len(grid.flat) if plane is None else start + step
    found = np.flatnonzero(grid.flat[start:stop])
    ranks = grid.flat[start:stop][found]
    order = found[np.argsort(ranks, kind="stable")] + start
    starts = np.zeros(len(grid.values) + 1, dtype=np.int64)
    np.cumsum(np.bincount(ranks, minlength=len(grid.values) + 1)[1:], out=starts[1:])
    each = 8 * (4 * len(grid.values) + 3 * int(grid.values[-1] - grid.values[0] + 1))
    at_once = max(1, WORKSPACE // each)
    out = np.empty((len(weights), 25))
    for first in range(0, len(weights), at_once):
        part = weights[first : first + at_once]
        which, direction = np.nonzero(part)
        amounts = part[which, direction]
        table = steps[direction], which, amounts
        row_features(
            grid.flat,
            order,
            starts,
            *table,
            symmetric,
            grid.values,
            levels,
            LOGS,
            out[first : first + at_once],
        )
    return out


@compiled
def row_features(  # noqa: PLR0917 - compiled code takes no keywords
    flat: Any,
    order: Any,
    starts: Any,
    steps: Any,
    matrices: Any,
    amounts: Any,
    symmetric: bool,  # noqa: FBT001
    values: Any,
    levels: int,
    logs: Any,
    out: Any,
) -> None:
    """Features out[m] of matrices to which neighbour step e adds amounts[e] in matrix matrices[e]."""
    many, total = len(values), out.shape[0]
    spread = values[many - 1] - values[0]
    rows, columns = np.zeros((total, many)), np.zeros((total, many))
    sums, differences = np.zeros((total, 2 * spread + 1)), np.zeros((total, spread + 1))
    cells = np.zeros((total, 3))
    counts = np.zeros(total * (many + 1))
    touched = np.empty(total * (many + 1), dtype=np.int64)
    for i in range(many):
        filled = 0
        for q in range(starts[i], starts[i + 1]):
            for e in range(len(steps)):
                for side in range(2 if symmetric else 1):
                    rank = np.int64(flat[order[q] - steps[e] if side else order[q] + steps[e]])
                    if rank == 0:
                        continue
                    cell = matrices[e] * (many + 1) + rank
                    if counts[cell] == 0:
                        touched[filled] = cell
                        filled += 1
                    counts[cell] += amounts[e]
        here = values[i] - values[0]
        for t in range(filled):
            m, j = touched[t] // (many + 1), touched[t] % (many + 1) - 1
            count = counts[touched[t]]
            counts[touched[t]] = 0
            there = values[j] - values[0]
            rows[m, i] += count
            columns[m, j] += count
            sums[m, here + there] += count
            differences[m, abs(here - there)] += count
            cells[m, 0] += count * count
            cells[m, 1] += times_log(count, logs)
            cells[m, 2] = max(cells[m, 2], count)
    for m in range(total):
        three = (cells[m, 0], cells[m, 1], cells[m, 2])
        finish(rows[m], columns[m], sums[m], differences[m], three, values, levels, logs, out[m])
