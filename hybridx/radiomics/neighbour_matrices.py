"""Neighbourhood matrices of a lesion and their features: one walk over the voxels for NGTDM and NGLDM together.

Memory: beside the padded box (two bytes a voxel, twice where some grey levels do not occur) 16 bytes for each grey
level that occurs and each number of neighbours: 1 MB for 5,000 levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError, SettingsError
from hybridx.radiomics.matrix_grid import Grid, Integers, check_distances, directions, level_grid
from hybridx.radiomics.neighbour_counts import count_neighbours
from hybridx.radiomics.neighbour_kernels import (
    DEPENDENCE,
    TONE,
    dependence_features,
    slice_features,
    tone_features,
)
from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.terms.text import check_name

__all__ = ["AGGREGATIONS", "check_alpha", "named", "neighbour_features", "neighbour_tables", "starting"]

AGGREGATIONS = ("2D", "2_5D", "3D")
NO_VOXEL = "the lesion has no voxel"
NO_NEIGHBOUR = "no voxel has a neighbour"
_UNDEFINED = {
    "coarseness": "every voxel has the mean level of its neighbours",
    "contrast": "voxels with neighbours have one grey level",
    "busyness": "shares of the grey levels times the levels do not differ",
    "strength": "every voxel has the mean level of its neighbours",
}


def check_alpha(alpha: float) -> float:
    """Return the largest difference that counts as alike.

    Raises
    ------
    SettingsError
        If it is not a number of at least 0.
    """
    if isinstance(alpha, bool) or not alpha >= 0 or alpha == float("inf"):
        msg = f"alpha (gldm_a) is {alpha!r}; wanted a number of grey levels, at least 0."
        raise SettingsError(msg)
    return alpha


def neighbour_tables(
    grid: Grid, offsets: Integers, alpha: int = 0, planes: tuple[Floats, Floats] | None = None
) -> tuple[Integers, Integers]:
    """Count, by level, like neighbours and differences from neighbours: the tables of `count_neighbours`.

    Parameters
    ----------
    grid : Grid
        The lesion's levels.
    offsets : ndarray of int64, shape (n, 3)
        One of each pair of opposite neighbours, voxels (z, y, x).
    alpha : int
        Largest difference of levels that counts as alike.
    planes : pair of ndarray, shapes (slices, 5) and (slices, 17), optional
        Filled with the features of each slice where given; the offsets then lie within a slice.
    """
    if 2 * len(offsets) * int(grid.values[-1]) >= 2**32:
        msg = f"The highest grey level is {int(grid.values[-1])}: sums of neighbours overflow. Choose wider bins."
        raise InputError(msg)
    alpha = min(alpha, int(grid.values[-1]))
    shape = (len(grid.values), 2 * len(offsets) + 1)
    alike, apart = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    walk = (grid.flat, _heights(grid), grid.box, grid.ends)
    if planes is None:
        count_neighbours(
            *walk, 0, grid.shape[0], grid.steps(offsets), alpha, int(grid.values[-1]), alike, apart
        )
    else:
        slice_features(*walk, grid.steps(offsets), alpha, grid.values, False, alike, apart, *planes)
    return alike, apart


def _heights(grid: Grid) -> npt.NDArray[np.unsignedinteger]:
    """Return the grey level of each voxel of the padded box, which is its rank where every level occurs."""
    if len(grid.values) == grid.values[-1]:
        return grid.flat
    kind = np.uint16 if grid.values[-1] < 2**16 else np.uint32
    return np.concatenate([[0], grid.values]).astype(kind)[grid.flat]


def neighbour_features(
    levels: Levels,
    aggregation: str | Sequence[str] = "3D",
    distance: int | Iterable[int] = 1,
    alpha: int = 0,
) -> Features:
    """How each voxel differs from its neighbours: NGTDM and NGLDM together, for one walk over the voxels.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    aggregation : str or sequence of str
        ``"2D"`` averages features over slices, ``"2_5D"`` merges the slices' matrices, ``"3D"`` has neighbours in all
        directions.
    distance : int or iterable of int
        All voxels within this Chebyshev distance (the largest of several) are neighbours; IBSI's reference values are
        for 1.
    alpha : int
        Coarseness: the largest difference of levels that counts as alike (NGLDM); IBSI's reference values are for 0.

    Returns
    -------
    Features
        ``ngt_<feature>_<aggregation>`` and ``ngl_<feature>_<aggregation>``.

    Raises
    ------
    SettingsError
        If an aggregation is not known, a distance is no whole number of at least 1, or alpha is below 0.
    InputError
        If a level lies outside 0 to `levels.count`.

    Examples
    --------
    >>> levels = np.array([[[1, 2, 1], [2, 2, 1]]], dtype=np.int32)
    >>> found = neighbour_features(Levels(levels, 2, levels > 0, (1.0, 1.0, 1.0)))
    >>> round(found.values["ngt_coarseness_3D"], 3), round(found.values["ngl_lde_3D"], 3)
    (0.517, 0.306)
    """
    asked = [aggregation] if isinstance(aggregation, str) else list(aggregation)
    for name in asked:
        check_name(name, AGGREGATIONS, "aggregation of neighbourhood matrices")
    reach, alpha = max(check_distances(distance)), int(check_alpha(alpha))
    grid = level_grid(levels, reach)
    found = Features({})
    for name, (tone, dependence) in _blocks(grid, asked, range(1, reach + 1), alpha).items():
        found |= named(tone, [f"ngt_{feature}_{name}" for feature in TONE], TONE)
        found |= named(dependence, [f"ngl_{feature}_{name}" for feature in DEPENDENCE], DEPENDENCE)
    return found


def _blocks(
    grid: Grid, asked: Iterable[str], distances: Iterable[int], alpha: int
) -> dict[str, tuple[Floats, Floats]]:
    """Features by aggregation, shapes (blocks, 5) and (blocks, 17); without blocks where the lesion has no voxel."""
    found: dict[str, tuple[Floats, Floats]] = {}
    if not grid.voxels:
        return {name: (np.empty((0, 5)), np.empty((0, 17))) for name in asked}
    for planar, names in ((True, ("2D", "2_5D")), (False, ("3D",))):
        if not set(names) & set(asked):
            continue
        offsets = directions(distances, grid.shape, planar=planar)
        planes = (
            (np.empty((grid.shape[0], 5)), np.empty((grid.shape[0], 17)))
            if "2D" in asked and planar
            else None
        )
        alike, apart = neighbour_tables(grid, offsets, alpha, planes)
        if planes is not None:
            found["2D"] = planes
        tone, dependence = np.empty((1, 5)), np.empty((1, 17))
        tone_features(apart, alike, grid.values, False, tone[0])
        dependence_features(alike, grid.values, dependence[0])
        found[names[-1]] = (tone, dependence)
    return {name: found[name] for name in asked}


def named(blocks: Floats, tags: Sequence[str], features: Sequence[str]) -> Features:
    """Average each feature over the blocks where it is defined, and say why it is in none."""
    if len(blocks) == 1 and np.isfinite(blocks).all():
        return Features(dict(zip(tags, blocks[0].tolist(), strict=True)))
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    lonely = bool(np.isnan(blocks).all())
    for tag, feature, column in zip(tags, features, blocks.T, strict=True):
        defined = column[~np.isnan(column)]
        values[tag] = float(defined.mean()) if len(defined) else float("nan")
        if not len(defined):
            empty = NO_NEIGHBOUR if len(blocks) else NO_VOXEL
            reasons[tag] = empty if lonely else _UNDEFINED[feature]
    return Features(values, reasons)


def starting(found: Features, prefix: str) -> Features:
    """Keep the features whose name starts so."""
    return Features(
        {tag: value for tag, value in found.values.items() if tag.startswith(prefix)},
        {tag: reason for tag, reason in found.reasons.items() if tag.startswith(prefix)},
    )
