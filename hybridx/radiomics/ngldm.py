"""Neighbouring grey level dependence: how many neighbours are like a voxel, as 17 features of IBSI-1.

Every feature is defined as soon as the lesion has a voxel; a voxel without neighbours depends on itself alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hybridx.radiomics.neighbour_kernels import DEPENDENCE
from hybridx.radiomics.neighbour_matrices import AGGREGATIONS, neighbour_features, starting
from hybridx.radiomics.roi import Features, Levels

__all__ = ["AGGREGATIONS", "DEPENDENCE", "ngldm"]


def ngldm(
    levels: Levels,
    aggregation: str | Sequence[str] = "3D",
    distance: int | Iterable[int] = 1,
    alpha: int = 0,
) -> Features:
    """How many neighbours are like a voxel: 17 features of grey level dependence.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    aggregation : {"2D", "2_5D", "3D"} or sequence of them
        Features averaged over slices, slices merged, or neighbours in all directions.
    distance : int or iterable of int
        All voxels within this Chebyshev distance (the largest of several) are neighbours; IBSI's reference values are
        for 1.
    alpha : int
        Coarseness: the largest difference of levels that counts as alike; IBSI's reference values are for 0.

    Returns
    -------
    Features
        ``ngl_<feature>_<aggregation>``. With NGTDM in one walk: `neighbour_features`.

    Raises
    ------
    SettingsError
        If an aggregation is not known, a distance is no whole number of at least 1, or alpha is below 0.
    InputError
        If a level lies outside 0 to `levels.count`.

    Source
    ------
    Sun and Wee 1983, doi:10.1016/0734-189X(83)90032-4; Zwanenburg et al. 2020, doi:10.1148/radiol.2020191145, section
    3.11 of the reference manual. Every consensus value of the digital phantom is met.

    Examples
    --------
    >>> import numpy as np
    >>> levels = np.array([[[1, 2, 1], [2, 2, 1]]], dtype=np.int32)
    >>> round(ngldm(Levels(levels, 2, levels > 0, (1.0, 1.0, 1.0))).values["ngl_dc_entr_3D"], 3)
    1.459
    """
    return starting(neighbour_features(levels, aggregation, distance, alpha), "ngl_")
