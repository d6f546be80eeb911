"""Grey level run length matrix: how long equal grey levels stay equal along a line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.level_blocks import Matrices, joined, level_blocks, stacked
from hybridx.radiomics.matrix_grid import Grid, level_grid
from hybridx.radiomics.roi import Features, Levels
from hybridx.radiomics.run_kernels import DIRECTIONS, PLANAR, count_places, table_entries
from hybridx.radiomics.zone_features import EMPTY, N_STATISTICS, matrix_statistics, mean_features
from hybridx.terms.text import check_name

__all__ = ["AGGREGATIONS", "glrlm", "run_features", "run_matrices"]

AGGREGATIONS = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")

_SIZES = ("sre", "lre", "lgre", "hgre", "srlge", "srhge", "lrlge", "lrhge")
_SPREADS = ("glnu", "glnu_norm", "rlnu", "rlnu_norm", "r_perc", "gl_var", "rl_var", "rl_entr")
_NAMES = _SIZES + _SPREADS
TABLE_BYTES = 64 * 2**20
"""Most that the tables of one block of levels take; more levels are counted block by block."""
CACHE_BYTES = 4 * 2**20
"""Slices are counted together as long as their tables stay near the processor."""


def run_matrices(grid: Grid, weights: npt.NDArray[np.float64], *, by_slice: bool = False) -> Matrices:
    """Count runs along 4 or 13 directions and add the directions up into matrices.

    Parameters
    ----------
    grid : Grid
        The lesion's levels with a margin of one voxel.
    weights : ndarray of float, shape (matrices, 4 or 13)
        How much each direction adds to each matrix.
    by_slice : bool
        Matrices of each slice for itself, slice after slice (4 directions only).

    Returns
    -------
    tuple of ndarray
        Offsets (matrices + 1), and level, length and count of every cell that is not empty.
    """
    longest, directions, depth = max(grid.shape), weights.shape[1], grid.shape[0]
    row = 4 * directions * (longest + 2)
    most = max(1, TABLE_BYTES // row)
    step = max(1, CACHE_BYTES // (row * (len(grid.values) + 1))) if by_slice else depth
    parts = []
    for first in range(0, depth, step):
        planes = slice(first, first + step + 2)
        blocks = []
        for volume, values in level_blocks(grid, most, planes):
            shape = (len(volume) - 2 if by_slice else 1, directions, len(values) + 1, longest + 2)
            tables = np.zeros(shape, np.uint32)
            count_places(volume, grid.ends[first : first + len(volume) - 2], tables)
            blocks.append(table_entries(tables, weights, values))
        parts.append(joined(blocks))
    return stacked(parts)


def glrlm(levels: Levels, aggregation: str | Sequence[str] = "3D_avg") -> Features:
    """Describe how long runs of equal grey level are, and in which grey levels the long ones lie.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels, any spacing (runs count voxels, not mm).
    aggregation : str or sequence of str, default "3D_avg"
        ``2D_avg``, ``2D_comb`` (per slice, 4 directions averaged or merged, then averaged over slices), ``2_5D_avg``,
        ``2_5D_comb`` (slices merged first), ``3D_avg``, ``3D_comb`` (13 directions). 2.5-D and 3-D share one pass.

    Returns
    -------
    Features
        Sixteen values per aggregation, ``rlm_sre_3D_avg`` and so on; NaN with the reason for a lesion without voxels.

    Raises
    ------
    SettingsError
        If an aggregation is unknown.

    Notes
    -----
    Memory: two bytes per voxel of the lesion's box, two slices of 26 bytes per voxel, and at most 64 MiB of tables
    (more levels are counted in blocks); matrices are kept as cells that are not empty.

    Source
    ------
    Galloway 1975, doi:10.1016/S0146-664X(75)80008-6; Zwanenburg et al. 2020 (IBSI), doi:10.1148/radiol.2020191145.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridx.radiomics import Levels
    >>> array = np.array([[[1, 1, 2], [1, 2, 2]]], dtype=np.int32)
    >>> lesion = Levels(array, 2, array > 0, (1.0, 1.0, 1.0))
    >>> round(glrlm(lesion, "3D_comb").values["rlm_r_perc_3D_comb"], 3)
    0.923
    """
    wanted = [aggregation] if isinstance(aggregation, str) else list(aggregation)
    for name in wanted:
        check_name(name, AGGREGATIONS, "aggregation of a run length matrix")
    grid = level_grid(levels)
    if not grid.voxels:
        tags = [f"rlm_{tag}_{name}" for name in wanted for tag in _NAMES]
        return Features(dict.fromkeys(tags, float("nan")), dict.fromkeys(tags, EMPTY))
    return run_features(functools.partial(run_matrices, grid), wanted)


def run_features(matrices: Callable[..., Matrices], wanted: Sequence[str]) -> Features:
    """Describe a lesion from a function that gives its matrices as `run_matrices` does, wherever it counts them.

    Parameters
    ----------
    matrices : callable
        Of `weights` and `by_slice`.
    wanted : sequence of str
        From `AGGREGATIONS`.
    """
    statistics = _volume_statistics(matrices, wanted) | _slice_statistics(matrices, wanted)
    found = Features({})
    for name in wanted:
        found |= mean_features([f"rlm_{tag}_{name}" for tag in _NAMES], statistics[name])
    return found


def _statistics(matrices: Matrices) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = matrix_statistics(*matrices, np.zeros(len(matrices[0]) - 1))
    return found


def _volume_statistics(
    matrices: Callable[..., Matrices], wanted: Sequence[str]
) -> dict[str, npt.NDArray[np.float64]]:
    """2.5-D and 3-D: the four directions in the slice are the first four of the thirteen."""
    three = any(name.startswith("3D") for name in wanted)
    if not three and not any(name.startswith("2_5D") for name in wanted):
        return {}
    n = len(DIRECTIONS) if three else PLANAR
    weights = np.vstack([np.eye(n), np.arange(n) < PLANAR, np.ones(n)])
    every = _statistics(matrices(weights, by_slice=False))
    return {
        "2_5D_avg": every[:PLANAR],
        "2_5D_comb": every[n : n + 1],
        "3D_avg": every[:n],
        "3D_comb": every[n + 1 :],
    }


def _slice_statistics(
    matrices: Callable[..., Matrices], wanted: Sequence[str]
) -> dict[str, npt.NDArray[np.float64]]:
    """2-D: matrices of each slice for itself."""
    if not any(name.startswith("2D") for name in wanted):
        return {}
    weights = np.vstack([np.eye(PLANAR), np.ones(PLANAR)])
    every = _statistics(matrices(weights, by_slice=True)).reshape(-1, PLANAR + 1, N_STATISTICS)
    return {"2D_avg": every[:, :PLANAR].reshape(-1, N_STATISTICS), "2D_comb": every[:, PLANAR]}
