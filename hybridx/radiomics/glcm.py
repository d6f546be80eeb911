"""Grey level co-occurrence: which grey levels lie beside which, as 25 features of IBSI-1.

Each direction gives a matrix of how often level j lies beside level i; both ends of a pair count (the matrix is
symmetric). What becomes of the matrices of a lesion is the aggregation:

=========== ========================================================================
2D_avg      one matrix for each slice and direction; features are averaged
2D_comb     the directions of a slice are merged; features are averaged over slices
2_5D_avg    the slices are merged; features are averaged over directions
2_5D_comb   slices and directions within the slice are merged
3D_avg      one matrix for each of 13 directions; features are averaged
3D_comb     all directions are merged
=========== ========================================================================

An average is over the matrices for which a feature is defined. Without a pair of neighbours no feature is; with one
grey level among the neighbours neither correlation nor the first information measure is (both divide by a spread of
0): NaN and the reason, where other programs return 1 or 0.

Memory: matrices are held while all of them fit in 64 MB (1,100 levels that occur, 13 directions); beyond that, rows
one at a time (`matrix_rows`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hybridx.radiomics.glcm_kernels import FEATURES, LOGS, planar_features, table_features
from hybridx.radiomics.matrix_grid import Grid, Integers, check_distances, directions, level_grid
from hybridx.radiomics.matrix_rows import WORKSPACE, features_by_rows
from hybridx.radiomics.pair_kernels import count_pairs
from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.terms.text import check_name

__all__ = ["AGGREGATIONS", "glcm"]

AGGREGATIONS = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")


def glcm(
    levels: Levels, aggregation: str | Sequence[str] = "3D_avg", distance: int | Iterable[int] = 1
) -> Features:
    """How grey levels lie beside each other: 25 co-occurrence features for each aggregation asked for.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    aggregation : str or sequence of str
        From `AGGREGATIONS`; several share one walk over the voxels.
    distance : int or iterable of int
        Chebyshev distance of neighbours, voxels; IBSI's is 1. Several add their directions.

    Returns
    -------
    Features
        ``cm_<feature>_<aggregation>``.

    Raises
    ------
    SettingsError
        If an aggregation is not known or a distance is not a whole number of at least 1.
    InputError
        If a level lies outside 0 to `levels.count`.

    Source
    ------
    Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314; Zwanenburg et al. 2020, doi:10.1148/radiol.2020191145, section
    3.6 of the reference manual. Every consensus value of the digital phantom is met.

    Examples
    --------
    >>> import numpy as np
    >>> levels = np.array([[[1, 2, 1], [2, 2, 1]]], dtype=np.int32)
    >>> found = glcm(Levels(levels, 2, levels > 0, (1.0, 1.0, 1.0)), "3D_comb")
    >>> round(found.values["cm_contrast_3D_comb"], 3)
    0.636
    """
    asked = [aggregation] if isinstance(aggregation, str) else list(aggregation)
    for name in asked:
        check_name(name, AGGREGATIONS, "aggregation of co-occurrence matrices")
    distances = check_distances(distance)
    grid = level_grid(levels, max(distances))
    if not grid.voxels:
        reason = "the lesion has no voxel"
        tags = [f"cm_{feature}_{name}" for name in asked for feature in FEATURES]
        return Features(dict.fromkeys(tags, float("nan")), dict.fromkeys(tags, reason))
    offsets = directions(distances, grid.shape, planar=not any(name.startswith("3D") for name in asked))
    tables = _matrices(grid, offsets, asked, levels.count)
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name in asked:
        for feature, value in zip(FEATURES, _mean(tables[name]), strict=True):
            values[f"cm_{feature}_{name}"] = value
            if np.isnan(value):
                lonely = bool(np.isnan(tables[name][:, 0]).all())
                reasons[f"cm_{feature}_{name}"] = _reason(
                    distances, lonely=lonely, planar=not name.startswith("3D")
                )
    return Features(values, reasons)


def _matrices(grid: Grid, offsets: Integers, asked: list[str], levels: int) -> dict[str, Floats]:
    """Features of every matrix of each aggregation, shape (matrices, 25)."""
    many, flat = len(offsets), int((offsets[:, 0] == 0).sum())
    kinds = {
        "2_5D_avg": np.eye(flat, many),
        "2_5D_comb": np.eye(flat, many).sum(axis=0, keepdims=True),
        "3D_avg": np.eye(many),
        "3D_comb": np.ones((1, many)),
    }
    slices = {"2D_avg": np.eye(flat), "2D_comb": np.ones((1, flat))}
    volume = {name: kinds[name] for name in asked if name in kinds}
    planes = {name: slices[name] for name in asked if name in slices}
    whole = np.concatenate([np.zeros((0, many)), *volume.values()])
    single = np.concatenate([np.zeros((0, flat)), *planes.values()])
    of_volume, of_planes = _features(grid, grid.steps(offsets), (whole, single), levels)
    found = dict(zip(volume, np.split(of_volume, np.cumsum([len(w) for w in volume.values()])), strict=False))
    parts = np.split(of_planes, np.cumsum([len(w) for w in planes.values()]), axis=1)
    return found | {name: part.reshape(-1, len(FEATURES)) for name, part in zip(planes, parts, strict=False)}


def _features(
    grid: Grid, steps: Integers, weights: tuple[Floats, Floats], levels: int
) -> tuple[Floats, Floats]:
    """Features of matrices of the volume, (m, 25), and of each slice, (slices, k, 25), from one walk over the voxels.

    `weights` has for both the weight of each direction in each matrix, (m, d) and (k, directions within a slice).
    """
    whole, single = weights
    size, flat = len(grid.values) + 1, single.shape[1]
    volume = np.empty((len(whole), len(FEATURES)))
    planes = np.empty((grid.shape[0], len(single), len(FEATURES)))
    if len(steps) * size * size * 4 > WORKSPACE:
        for plane in range(grid.shape[0] if len(single) else 0):
            planes[plane] = features_by_rows(grid, steps[:flat], single, levels, plane=plane)
        return features_by_rows(grid, steps, whole, levels), planes
    tables = np.zeros((len(steps), size, size), dtype=np.uint32)
    done = 0
    if len(single):
        done = flat
        within = (grid.flat, grid.box, grid.ends, steps[:flat])
        planar_features(*within, single, True, grid.values, levels, LOGS, tables[:flat], planes)
    if len(whole):
        count_pairs(grid.flat, grid.box, grid.ends, 0, grid.shape[0], steps[done:], tables[done:])
        table_features(tables, whole, True, grid.values, levels, LOGS, volume)
    return volume, planes


def _mean(features: Floats) -> list[float]:
    """Average over the matrices where a feature is defined, NaN where it is in none."""
    defined = ~np.isnan(features)
    totals, counts = np.where(defined, features, 0).sum(axis=0), defined.sum(axis=0)
    return [
        float(total / count) if count else float("nan") for total, count in zip(totals, counts, strict=True)
    ]


def _reason(distances: Sequence[int], *, lonely: bool, planar: bool) -> str:
    where = "in a slice " if planar else ""
    apart = " or ".join(map(str, distances))
    return (
        f"no two voxels {where}are neighbours at distance {apart}"
        if lonely
        else "neighbours have one grey level"
    )
