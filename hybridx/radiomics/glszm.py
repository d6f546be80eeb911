"""Grey level size zone matrix: how large the patches of equal grey level are."""

from __future__ import annotations

from collections.abc import Sequence

from hybridx.radiomics.roi import Features, Levels
from hybridx.radiomics.zones import AGGREGATIONS, zone_features

__all__ = ["AGGREGATIONS", "glszm"]


def glszm(levels: Levels, aggregation: str | Sequence[str] = "3D") -> Features:
    """Describe how large the zones of equal grey level are, and in which grey levels the large ones lie.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    aggregation : str or sequence of str, default "3D"
        ``2D`` (zones of each slice, touching at edges or corners; features averaged over slices), ``2_5D`` (zones of
        all slices together), ``3D`` (touching at faces, edges or corners). 2-D and 2.5-D share one labelling.

    Returns
    -------
    Features
        Sixteen values per aggregation, ``szm_sze_3D`` and so on; NaN with the reason for a lesion without voxels.

    Raises
    ------
    SettingsError
        If an aggregation is unknown.

    Notes
    -----
    The labelling is kept as long as `levels` lives, and serves `gldzm` as well. Memory: four bytes per voxel of the
    lesion's box, 16 bytes per zone while labelling and 12 afterwards; two slices of labels, never an image of them, and
    never a table of levels times sizes.

    Source
    ------
    Thibault et al. 2014, doi:10.1109/TBME.2013.2284600; Zwanenburg et al. 2020 (IBSI), doi:10.1148/radiol.2020191145.
    Every consensus value of the digital phantom is met.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridx.radiomics import Levels
    >>> array = np.array([[[1, 1, 2], [1, 2, 2]]], dtype=np.int32)
    >>> lesion = Levels(array, 2, array > 0, (1.0, 1.0, 1.0))
    >>> glszm(lesion).values["szm_lze_3D"]
    9.0
    """
    return zone_features(levels, aggregation, ("szm",))
