"""Neighbourhood grey tone difference: how far voxels lie from the mean of their neighbours, as 5 features of IBSI-1.

A voxel counts when it has a neighbour in the lesion. Where a feature divides by 0 it is NaN and the reason is given:
coarseness and strength when every voxel equals the mean of its neighbours (IBSI puts 10^6 and 0), contrast and
busyness when all voxels have one level (IBSI puts 0).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hybridx.radiomics.neighbour_kernels import TONE
from hybridx.radiomics.neighbour_matrices import AGGREGATIONS, neighbour_features, starting
from hybridx.radiomics.roi import Features, Levels

__all__ = ["AGGREGATIONS", "TONE", "ngtdm"]


def ngtdm(
    levels: Levels, aggregation: str | Sequence[str] = "3D", distance: int | Iterable[int] = 1
) -> Features:
    """How far voxels lie from the mean of their neighbours: coarseness, contrast, busyness, complexity and strength.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    aggregation : {"2D", "2_5D", "3D"} or sequence of them
        Features averaged over slices, slices merged, or neighbours in all directions.
    distance : int or iterable of int
        All voxels within this Chebyshev distance (the largest of several) are neighbours; IBSI's reference values are
        for 1.

    Returns
    -------
    Features
        ``ngt_<feature>_<aggregation>``. With NGLDM in one walk: `neighbour_features`.

    Raises
    ------
    SettingsError
        If an aggregation is not known or a distance is not a whole number of at least 1.
    InputError
        If a level lies outside 0 to `levels.count`.

    Source
    ------
    Amadasun and King 1989, doi:10.1109/21.44046; Zwanenburg et al. 2020, doi:10.1148/radiol.2020191145, section 3.10 of
    the reference manual. Every consensus value of the digital phantom is met.

    Examples
    --------
    >>> import numpy as np
    >>> levels = np.array([[[1, 2, 1], [2, 2, 1]]], dtype=np.int32)
    >>> round(ngtdm(Levels(levels, 2, levels > 0, (1.0, 1.0, 1.0))).values["ngt_contrast_3D"], 3)
    0.161
    """
    return starting(neighbour_features(levels, aggregation, distance), "ngt_")
