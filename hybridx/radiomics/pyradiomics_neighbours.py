"""Neighbourhood features under pyradiomics' names and settings, NGTDM and GLDM, from the same tables.

Equal to pyradiomics 3.0.1 except where it gives a convention for something undefined. Here NaN and the reason:

* NGTDM Coarseness and Strength when every voxel equals the mean of its neighbours (pyradiomics: 10^6 and 0).
* NGTDM Contrast and Busyness of one grey level, Busyness whenever it divides by 0 (pyradiomics: 0).
* NGTDM of a lesion without neighbours (pyradiomics: these conventions, or an exception for a single voxel).

As in pyradiomics, and unlike IBSI, voxels without neighbours count in the shares of the grey levels.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hybridx.radiomics.matrix_grid import check_distances, directions, level_grid
from hybridx.radiomics.neighbour_kernels import DEPENDENCE, TONE, dependence_features, tone_features
from hybridx.radiomics.neighbour_matrices import check_alpha, named, neighbour_tables
from hybridx.radiomics.roi import Features, Levels

__all__ = ["GLDM", "NGTDM", "pyradiomics_neighbours"]

NGTDM = {name: name.lower() for name in ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")}
GLDM = {
    "DependenceEntropy": "dc_entr",
    "DependenceNonUniformity": "dcnu",
    "DependenceNonUniformityNormalized": "dcnu_norm",
    "DependenceVariance": "dc_var",
    "GrayLevelNonUniformity": "glnu",
    "GrayLevelVariance": "gl_var",
    "HighGrayLevelEmphasis": "hgce",
    "LargeDependenceEmphasis": "hde",
    "LargeDependenceHighGrayLevelEmphasis": "hdhge",
    "LargeDependenceLowGrayLevelEmphasis": "hdlge",
    "LowGrayLevelEmphasis": "lgce",
    "SmallDependenceEmphasis": "lde",
    "SmallDependenceHighGrayLevelEmphasis": "ldhge",
    "SmallDependenceLowGrayLevelEmphasis": "ldlge",
}


def pyradiomics_neighbours(
    levels: Levels,
    *,
    distances: Iterable[int] = (1,),
    gldm_a: float = 0,
    force_2d: bool = False,
    force_2d_dimension: int = 0,
) -> Features:
    """How each voxel differs from its neighbours, by pyradiomics' 5 NGTDM and 14 GLDM features.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    distances : iterable of int
        Chebyshev distances of neighbours, voxels.
    gldm_a : float
        Largest difference of grey levels that counts as alike (GLDM).
    force_2d : bool
        Neighbours in the same slice only (`force2D`).
    force_2d_dimension : {0, 1, 2}
        The axis (z, y, x) across slices (`force2Ddimension`).

    Returns
    -------
    Features
        ``ngtdm_<Feature>`` and ``gldm_<Feature>``.

    Raises
    ------
    SettingsError
        If a distance is no whole number of at least 1, or `gldm_a` is below 0.
    InputError
        If a level lies outside 0 to `levels.count`.

    Source
    ------
    van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 on 36 patients,
    PET and CT, native and 1 mm: equal to 1e-12.
    """
    distances, alpha = check_distances(distances), int(check_alpha(gldm_a))
    grid = level_grid(levels, max(distances))
    tone, dependence = np.empty((0, 5)), np.empty((0, 17))
    if grid.voxels:
        offsets = directions(distances, grid.shape, planar=False)
        if force_2d:
            offsets = offsets[offsets[:, force_2d_dimension] == 0]
        alike, apart = neighbour_tables(grid, offsets, alpha)
        tone, dependence = np.full((1, 5), np.nan), np.empty((1, 17))
        dependence_features(alike, grid.values, dependence[0])
        if int(apart[:, 0].sum()) < grid.voxels:
            tone_features(apart, alike, grid.values, True, tone[0])
    tones = tone[:, [TONE.index(tag) for tag in NGTDM.values()]]
    dependences = dependence[:, [DEPENDENCE.index(tag) for tag in GLDM.values()]]
    return named(tones, [f"ngtdm_{name}" for name in NGTDM], list(NGTDM.values())) | named(
        dependences, [f"gldm_{name}" for name in GLDM], list(GLDM.values())
    )
