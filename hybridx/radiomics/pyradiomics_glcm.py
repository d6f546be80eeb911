"""Co-occurrence features under pyradiomics' names and settings, from the same matrices.

Equal to pyradiomics 3.0.1 except where it gives a convention for something undefined. Here:

* Correlation, Imc1 and MCC of neighbours that share one grey level are NaN (pyradiomics: 1, 0 and 1), and a direction
  in which all neighbours share one level is left out of their averages (pyradiomics averages 1, 0 and 0 in).
* pyradiomics adds 2.2e-16 inside logarithms, which moves Imc1 by up to 3e-9 where grey levels are rare; ours are
  without. (MCC has its 2.2e-16, which matters more there: `matrix_spectrum`.)
* A lesion without neighbours gives NaN with the reason (pyradiomics: NaN, or an exception for a single voxel).
* SumAverage of a weighted or asymmetric matrix needs no warning; deprecated features are not offered.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hybridx.radiomics.glcm_kernels import FEATURES, LOGS, table_features
from hybridx.radiomics.matrix_grid import Grid, Integers, check_distances, directions, level_grid
from hybridx.radiomics.matrix_rows import WORKSPACE, features_by_rows
from hybridx.radiomics.matrix_spectrum import maximal_correlation, maximal_correlation_of_pairs
from hybridx.radiomics.pair_kernels import count_pairs
from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.terms.text import check_name

__all__ = ["NAMES", "WEIGHTINGS", "pyradiomics_glcm"]

NAMES = {
    "Autocorrelation": "auto_corr",
    "ClusterProminence": "clust_prom",
    "ClusterShade": "clust_shade",
    "ClusterTendency": "clust_tend",
    "Contrast": "contrast",
    "Correlation": "corr",
    "DifferenceAverage": "diff_avg",
    "DifferenceEntropy": "diff_entr",
    "DifferenceVariance": "diff_var",
    "Id": "inv_diff",
    "Idm": "inv_diff_mom",
    "Idmn": "inv_diff_mom_norm",
    "Idn": "inv_diff_norm",
    "Imc1": "info_corr1",
    "Imc2": "info_corr2",
    "InverseVariance": "inv_var",
    "JointAverage": "joint_avg",
    "JointEnergy": "energy",
    "JointEntropy": "joint_entr",
    "MaximumProbability": "joint_max",
    "SumAverage": "sum_avg",
    "SumEntropy": "sum_entr",
    "SumSquares": "joint_var",
}
WEIGHTINGS = ("manhattan", "euclidean", "infinity", "no_weighting")
_COLUMNS = [FEATURES.index(tag) for tag in NAMES.values()]


def pyradiomics_glcm(
    levels: Levels,
    *,
    distances: Iterable[int] = (1,),
    symmetrical: bool = True,
    weighting_norm: str | None = None,
    force_2d: bool = False,
    force_2d_dimension: int = 0,
) -> Features:
    """How grey levels lie beside each other, by pyradiomics' 24 features.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    distances : iterable of int
        Chebyshev distances of neighbours, voxels (`distances`).
    symmetrical : bool
        Count each pair from both of its voxels (`symmetricalGLCM`).
    weighting_norm : {"manhattan", "euclidean", "infinity", "no_weighting"}, optional
        Merge directions, each weighted by exp(-d²) of its length d in mm; average features over directions when
        absent (`weightingNorm`).
    force_2d : bool
        Neighbours in the same slice only (`force2D`).
    force_2d_dimension : {0, 1, 2}
        The axis (z, y, x) across slices (`force2Ddimension`).

    Returns
    -------
    Features
        ``glcm_<Feature>``.

    Raises
    ------
    SettingsError
        If the norm is not known or a distance is not a whole number of at least 1.
    InputError
        If a level lies outside 0 to `levels.count`.

    Source
    ------
    van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 on 36 patients,
    PET and CT, native, 1 mm and filtered: equal to 1e-8, save where a direction has one grey level: pyradiomics takes a
    Correlation of 1 and an Imc1 and MCC of 0 for it into the mean over directions, here it is left out.
    """
    distances = check_distances(distances)
    if weighting_norm is not None:
        check_name(weighting_norm, WEIGHTINGS, "norm of weighting (weightingNorm)")
    grid = level_grid(levels, max(distances))
    tags = [f"glcm_{name}" for name in (*NAMES, "MCC")]
    if not grid.voxels:
        return Features(dict.fromkeys(tags, float("nan")), dict.fromkeys(tags, "the lesion has no voxel"))
    offsets = directions(distances, grid.shape, planar=False)
    if force_2d:
        # One offset of each opposite pair suffices, whichever axis is across: the others lie in the slices.
        offsets = offsets[offsets[:, force_2d_dimension] == 0]
    weights = (
        np.eye(len(offsets)) if weighting_norm is None else _weights(offsets, levels.spacing, weighting_norm)
    )
    found, correlation = _features(grid, grid.steps(offsets), weights, symmetric=symmetrical)
    table = np.column_stack([found[:, _COLUMNS], correlation])
    if len(table) and not np.isnan(table).any():
        return Features(dict(zip(tags, table.mean(axis=0).tolist(), strict=True)))
    values, reasons = {}, {}
    for tag, column in zip(tags, table.T, strict=True):
        defined = column[~np.isnan(column)]
        values[tag] = float(defined.mean()) if len(defined) else float("nan")
        if not len(defined):
            lonely = bool(np.isnan(found[:, 0]).all())
            reasons[tag] = _reason(lonely=lonely, weightless=weights.size > 0 and not weights.any())
    return Features(values, reasons)


def _reason(*, lonely: bool, weightless: bool) -> str:
    if weightless:
        return "voxels are so far apart that every direction has weight 0"
    return "no two voxels are neighbours" if lonely else "neighbours have one grey level"


def _weights(offsets: Integers, spacing: tuple[float, float, float], norm: str) -> Floats:
    lengths = np.abs(offsets) * np.asarray(spacing)
    squares = {
        "manhattan": lengths.sum(axis=1) ** 2,
        "euclidean": (lengths**2).sum(axis=1),
        "infinity": lengths.max(axis=1, initial=0) ** 2,
        "no_weighting": np.zeros(len(offsets)),
    }
    return np.exp(-squares[norm])[None]


def _features(grid: Grid, steps: Integers, weights: Floats, *, symmetric: bool) -> tuple[Floats, Floats]:
    """Return the 25 features, (matrices, 25), and the maximal correlation, (matrices,), of each matrix."""
    size, highest = len(grid.values) + 1, int(grid.values[-1])
    if len(steps) * size * size * 4 > WORKSPACE:
        found = features_by_rows(grid, steps, weights, highest, symmetric=symmetric)
        return found, maximal_correlation_of_pairs(grid, steps, weights, symmetric=symmetric)
    tables = np.zeros((len(steps), size, size), dtype=np.uint32)
    count_pairs(grid.flat, grid.box, grid.ends, 0, grid.shape[0], steps, tables)
    found = np.empty((len(weights), len(FEATURES)))
    table_features(tables, weights, symmetric, grid.values, highest, LOGS, found)
    return found, maximal_correlation(tables, weights, symmetric=symmetric)
