"""Size zone features under pyradiomics' names and settings, from the same labelling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridx.radiomics.roi import Features, Levels
from hybridx.radiomics.zone_features import EMPTY, matrix_statistics, mean_features
from hybridx.radiomics.zones import Zones, find_zones, zone_matrices

__all__ = ["NAMES", "pyradiomics_glszm", "zone_names"]

NAMES = (
    *("SmallAreaEmphasis", "LargeAreaEmphasis", "LowGrayLevelZoneEmphasis", "HighGrayLevelZoneEmphasis"),
    *("SmallAreaLowGrayLevelEmphasis", "SmallAreaHighGrayLevelEmphasis"),
    *("LargeAreaLowGrayLevelEmphasis", "LargeAreaHighGrayLevelEmphasis"),
    *("GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized"),
    *("SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "ZonePercentage"),
    *("GrayLevelVariance", "ZoneVariance", "ZoneEntropy"),
)


def pyradiomics_glszm(levels: Levels, *, force_2d: bool = False, force_2d_dimension: int = 0) -> Features:
    """Describe how large the zones of equal grey level are, by pyradiomics' 16 features.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    force_2d : bool
        Zones stay in their slice (`force2D`); those of all slices are counted together.
    force_2d_dimension : {0, 1, 2}
        The axis (z, y, x) across slices (`force2Ddimension`).

    Returns
    -------
    Features
        ``glszm_<Feature>``; NaN with the reason for a lesion without voxels.

    Source
    ------
    van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 to 1e-9. Its
    entropy adds 2.2e-16 to every share before the logarithm; this one does not.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridx.radiomics import Levels
    >>> array = np.array([[[1, 1, 2], [1, 2, 2]]], dtype=np.int32)
    >>> lesion = Levels(array, 2, array > 0, (1.0, 1.0, 1.0))
    >>> pyradiomics_glszm(lesion).values["glszm_LargeAreaEmphasis"]
    9.0
    """
    if force_2d and force_2d_dimension != 0:
        array = np.ascontiguousarray(np.moveaxis(levels.array, force_2d_dimension, 0))
        levels = Levels(
            array, levels.count, np.moveaxis(levels.morphology, force_2d_dimension, 0), levels.spacing
        )
    return zone_names(find_zones(levels, planar=force_2d, distances=False))


def zone_names(zones: Sequence[Zones]) -> Features:
    """Name the features of a lesion's zones, wherever they were found."""
    tags = [f"glszm_{name}" for name in NAMES]
    if not zones:
        return Features(dict.fromkeys(tags, float("nan")), dict.fromkeys(tags, EMPTY))
    return mean_features(tags, matrix_statistics(*zone_matrices(zones, "szm", by_slice=False), np.zeros(1)))
