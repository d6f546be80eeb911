"""Grey level distance zone matrix: how deep in the lesion the patches of equal grey level lie."""

from __future__ import annotations

from collections.abc import Sequence

from hybridx.radiomics.roi import Features, Levels
from hybridx.radiomics.zones import AGGREGATIONS, zone_features

__all__ = ["AGGREGATIONS", "gldzm"]


def gldzm(levels: Levels, aggregation: str | Sequence[str] = "3D") -> Features:
    """Describe how far from the lesion's border the zones of equal grey level lie.

    A zone's distance is that of its voxel nearest the border: steps across faces to the nearest voxel outside the
    morphological mask, so 1 on the border. Beyond the image is outside.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels, and its form (`levels.morphology`), from whose border is counted: voxels that
        re-segmentation took out of the grey levels are no border.
    aggregation : str or sequence of str, default "3D"
        ``2D`` (zones and distances within each slice; features averaged over slices), ``2_5D`` (zones of all slices
        together, distances within slices), ``3D``.

    Returns
    -------
    Features
        Sixteen values per aggregation, ``dzm_sde_3D`` and so on; NaN with the reason for a lesion without voxels.

    Raises
    ------
    SettingsError
        If an aggregation is unknown.
    InputError
        If a voxel with a grey level lies outside the form.

    Source
    ------
    Thibault et al. 2014, doi:10.1109/TBME.2013.2284600; Zwanenburg et al. 2020 (IBSI), doi:10.1148/radiol.2020191145.
    Every consensus value of the digital phantom is met.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridx.radiomics import Levels
    >>> array = np.ones((3, 3, 3), dtype=np.int32)
    >>> array[1, 1, 1] = 2
    >>> gldzm(Levels(array, 2, array > 0, (1.0, 1.0, 1.0))).values["dzm_lde_3D"]
    2.5
    """
    return zone_features(levels, aggregation, ("dzm",))
