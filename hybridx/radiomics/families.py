"""Which function computes which family, in either vocabulary; each is loaded where it runs."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hybridx.radiomics.roi import Features, Levels, Roi
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["FORM", "LEVELLED", "MATRICES", "compute_families", "sharing"]

FORM = ("shape", "shape2D", "morphology")
MATRICES = ("glcm", "glrlm", "glszm", "gldzm", "gldm", "ngtdm", "ngldm")
LEVELLED = (*MATRICES, "intensity_histogram", "firstorder")


def sharing(families: Sequence[str], vocabulary: str) -> list[tuple[str, ...]]:
    """Put families together that are counted in one walk over the voxels; the order is otherwise kept.

    Examples
    --------
    >>> sharing(("glcm", "gldm", "ngtdm"), "pyradiomics")
    [('glcm',), ('gldm', 'ngtdm')]
    """
    table = _IBSI if vocabulary == "ibsi" else _PYRADIOMICS
    pairs = [pair for pair in table if len(pair) > 1 and set(pair) <= set(families)]
    paired = {family for pair in pairs for family in pair}
    return [(family,) for family in families if family not in paired] + pairs


def compute_families(
    families: tuple[str, ...],
    roi: Roi,
    levels: Levels | None,
    settings: RadiomicsSettings,
    *,
    filtered: bool = False,
) -> Features:
    """Compute a family of one image, or families that share a walk over its voxels.

    Parameters
    ----------
    families : tuple of str
        One of `sharing`.
    roi : Roi
        The lesion.
    levels : Levels or None
        The same in grey levels; None where they were not asked for.
    settings : RadiomicsSettings
        Of this image type.
    filtered : bool
        Whether the image is a filter's response (its unit is no longer that of `volume_bins`).
    """
    table = _IBSI if settings.vocabulary == "ibsi" else _PYRADIOMICS
    return table[families](roi, levels, settings, filtered)


def _call(module: str, *given: Any, **named: Any) -> Features:
    """Call a family's function, which bears its module's name unless another stands after a colon."""
    place, _, name = module.partition(":")
    found = getattr(importlib.import_module(f"hybridx.radiomics.{place}"), name or place)
    result: Features = found(*given, **named)
    return result


def _planes(settings: RadiomicsSettings) -> list[str]:
    """Name the dimensions of the families that have no directions to merge."""
    return list(dict.fromkeys(name.rpartition("_")[0] for name in settings.aggregations))


def _histogram(roi: Roi, settings: RadiomicsSettings, *, filtered: bool) -> Features:
    """Choose the rule for the axis: whole numbers have steps of 1, and everything else must be told its steps."""
    bins = settings.volume_bins
    if filtered:
        return _call("volume_histogram", roi, count=bins if isinstance(bins, int) else 1000)
    if isinstance(bins, int):
        return _call("volume_histogram", roi, count=bins)
    if bins is not None:
        return _call("volume_histogram", roi, width=bins, bounds=settings.resegment)
    found = _call("volume_histogram", roi, bounds=settings.resegment)
    values = roi.values
    if (values == np.round(values)).all():
        return found
    why = "intensities are not whole numbers; say volume_bins, the steps of the intensity-volume histogram"
    return Features(dict.fromkeys(found.values, math.nan), dict.fromkeys(found.values, why))


def _plane(settings: RadiomicsSettings) -> dict[str, Any]:
    return {"force_2d": settings.force_2d, "force_2d_dimension": settings.force_2d_axis}


_Call = Callable[[Roi, Any, RadiomicsSettings, bool], Features]
_IBSI: Mapping[tuple[str, ...], _Call] = {
    ("morphology",): lambda roi, _, __, ___: _call("morphology", roi),
    ("local_intensity",): lambda roi, _, __, ___: _call("local_intensity", roi),
    ("statistics",): lambda roi, _, __, ___: _call("statistics", roi),
    ("intensity_histogram",): lambda _, levels, __, ___: _call("histogram:intensity_histogram", levels),
    ("volume_histogram",): lambda roi, _, s, filtered: _histogram(roi, s, filtered=filtered),
    ("glcm",): lambda _, levels, s, __: _call("glcm", levels, s.aggregations, distance=s.distances[0]),
    ("glrlm",): lambda _, levels, s, __: _call("glrlm", levels, s.aggregations),
    ("glszm",): lambda _, levels, s, __: _call("glszm", levels, _planes(s)),
    ("gldzm",): lambda _, levels, s, __: _call("gldzm", levels, _planes(s)),
    ("ngtdm",): lambda _, levels, s, __: _call("ngtdm", levels, _planes(s), distance=s.distances[0]),
    ("ngldm",): lambda _, levels, s, __: _call(
        "ngldm", levels, _planes(s), distance=s.distances[0], alpha=int(s.gldm_alpha)
    ),
    ("glszm", "gldzm"): lambda _, levels, s, __: _call("zones:zone_features", levels, _planes(s)),
    ("ngtdm", "ngldm"): lambda _, levels, s, __: _call(
        "neighbour_matrices:neighbour_features",
        levels,
        _planes(s),
        distance=s.distances[0],
        alpha=int(s.gldm_alpha),
    ),
}
_PYRADIOMICS: Mapping[tuple[str, ...], _Call] = {
    ("shape",): lambda roi, _, __, ___: _call("pyradiomics_shape", roi),
    ("shape2D",): lambda roi, _, s, __: _call("pyradiomics_shape2d", roi, axis=s.force_2d_axis),
    ("firstorder",): lambda roi, levels, s, __: _call(
        "pyradiomics_firstorder", roi, levels, array_shift=s.array_shift
    ),
    ("glcm",): lambda _, levels, s, __: _call(
        "pyradiomics_glcm",
        levels,
        distances=s.distances,
        symmetrical=s.symmetrical_glcm,
        weighting_norm=s.weighting_norm,
        **_plane(s),
    ),
    ("glrlm",): lambda _, levels, s, __: _call(
        "pyradiomics_glrlm", levels, weighting_norm=s.weighting_norm, **_plane(s)
    ),
    ("glszm",): lambda _, levels, s, __: _call("pyradiomics_glszm", levels, **_plane(s)),
    ("gldm",): lambda _, levels, s, __: _call(
        "pyradiomics_gldm", levels, distances=s.distances, gldm_a=s.gldm_alpha, **_plane(s)
    ),
    ("ngtdm",): lambda _, levels, s, __: _call(
        "pyradiomics_ngtdm", levels, distances=s.distances, **_plane(s)
    ),
    ("gldm", "ngtdm"): lambda _, levels, s, __: _call(
        "pyradiomics_neighbours", levels, distances=s.distances, gldm_a=s.gldm_alpha, **_plane(s)
    ),
}
