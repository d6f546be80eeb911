"""Morphology: the 29 numbers of a lesion's size, form, and of where in it the intensity lies."""

from __future__ import annotations

import math

import numpy as np

from hybridx.radiomics.enclosing import (
    Hull,
    convex_hull,
    ellipsoid,
    enclosing_box,
    enclosing_ellipsoid,
    largest_distance,
)
from hybridx.radiomics.mesh import Surface, measure_surface
from hybridx.radiomics.roi import Features, Floats, Roi
from hybridx.radiomics.statistics import EMPTY

__all__ = ["half_axes", "morphology"]

NO_FORM = "the mask is empty"
ONE_VOXEL = "one voxel has no axes"
FLAT_FORM = "the lesion has no extent along its least axis"


def morphology(roi: Roi) -> Features:
    """Describe size and form of a lesion as IBSI does.

    Parameters
    ----------
    roi : Roi
        Its mask `morphology` has the form; the intensities are those of its mask `intensity`.

    Returns
    -------
    Features
        29 values ``morph_*``: mm, mm², mm³ and their ratios; ``morph_integ_int`` is volume times mean intensity.
        Densities compare volume and area of the mesh with those of a box along the axes (``aabb``), the smallest box
        (``ombb``), the ellipsoid of the same axes (``aee``), the smallest ellipsoid (``mvee``) and the convex hull.

    Source
    ------
    IBSI reference manual 3.1, doi:10.1148/radiol.2020191145; checked against its digital phantom. The mesh is the mean
    over the positions of marching cubes (see `hybridx.radiomics.mesh`). Variances along the axes are divided by the
    number of voxels less one, as the consensus values are (pyradiomics divides by the number).

    Examples
    --------
    >>> mask = np.zeros((8, 8, 8), bool)
    >>> mask[2:6, 2:6, 2:6] = True
    >>> found = morphology(Roi(mask.astype(float), mask, mask, (2.0, 2.0, 2.0))).values
    >>> found["morph_vol_approx"], round(found["morph_pca_elongation"], 6)
    (512.0, 1.0)
    """
    if not roi.morphology.any():
        return Features(dict.fromkeys(_NAMES, math.nan), dict.fromkeys(_NAMES, NO_FORM))
    # its Fourier transforms take 0.1 s to load, and pyradiomics' features of form have no use for them
    from hybridx.radiomics.autocorrelation import autocorrelation  # noqa: PLC0415

    surface = measure_surface(roi.morphology, roi.spacing)
    hull = convex_hull(surface, roi.spacing)
    found = _size(surface, hull, roi) | _axes(surface) | _densities(surface, hull)
    found = found | _intensities(roi, surface) | autocorrelation(roi)
    return Features({name: found.values[name] for name in _NAMES}, found.reasons)


_NAMES = tuple(
    f"morph_{name}"
    for name in (
        *(
            "volume",
            "vol_approx",
            "area_mesh",
            "av",
            "comp_1",
            "comp_2",
            "sph_dispr",
            "sphericity",
            "asphericity",
        ),
        *("com", "diam", "pca_maj_axis", "pca_min_axis", "pca_least_axis", "pca_elongation", "pca_flatness"),
        *(
            f"{what}_dens_{by}"
            for by in ("aabb", "ombb", "aee", "mvee", "conv_hull")
            for what in ("vol", "area")
        ),
        *("integ_int", "moran_i", "geary_c"),
    )
)


def half_axes(surface: Surface) -> Floats:
    """Return the half axes of the ellipsoid with a lesion's second moments, mm, largest first."""
    spread = np.linalg.eigvalsh(surface.covariance)[::-1] * (surface.voxels / max(surface.voxels - 1, 1))
    # a plane of voxels leaves rounding where its least variance is 0
    return 2.0 * np.sqrt(np.where(spread > 1e-12 * max(spread[0], 0.0), spread, 0.0))


def _size(surface: Surface, hull: Hull, roi: Roi) -> Features:
    area, volume = surface.area, surface.volume
    compactness = 36.0 * math.pi * volume**2 / area**3
    return Features(
        {
            "morph_volume": volume,
            "morph_vol_approx": surface.voxels * math.prod(roi.spacing),
            "morph_area_mesh": area,
            "morph_av": area / volume,
            "morph_comp_1": volume / math.sqrt(math.pi * area**3),
            "morph_comp_2": compactness,
            "morph_sph_dispr": compactness ** (-1.0 / 3.0),
            "morph_sphericity": compactness ** (1.0 / 3.0),
            "morph_asphericity": compactness ** (-1.0 / 3.0) - 1.0,
            "morph_diam": largest_distance(hull.points),
        }
    )


def _axes(surface: Surface) -> Features:
    names = [f"morph_pca_{name}" for name in ("maj_axis", "min_axis", "least_axis", "elongation", "flatness")]
    if surface.voxels == 1:
        return Features(dict.fromkeys(names, math.nan), dict.fromkeys(names, ONE_VOXEL))
    a, b, c = (float(half) for half in half_axes(surface))
    return Features(dict(zip(names, (2 * a, 2 * b, 2 * c, b / a, c / a), strict=True)))


def _densities(surface: Surface, hull: Hull) -> Features:
    corners = hull.points
    holders = {
        "aabb": _box(corners.max(axis=0) - corners.min(axis=0)),
        "ombb": _box(enclosing_box(hull)),
        "aee": ellipsoid(half_axes(surface)),
        "mvee": ellipsoid(enclosing_ellipsoid(hull)),
        "conv_hull": (hull.volume, hull.area),
    }
    values, reasons = {}, {}
    for name, (volume, area) in holders.items():
        for what, ours, theirs in (("vol", surface.volume, volume), ("area", surface.area, area)):
            tag = f"morph_{what}_dens_{name}"
            values[tag] = ours / theirs if theirs > 0 else math.nan
            if not theirs > 0:
                reasons[tag] = ONE_VOXEL if surface.voxels == 1 else FLAT_FORM
    return Features(values, reasons)


def _box(sides: Floats) -> tuple[float, float]:
    a, b, c = (float(side) for side in sides)
    return a * b * c, 2.0 * (a * b + a * c + b * c)


def _intensities(roi: Roi, surface: Surface) -> Features:
    names = ("morph_com", "morph_integ_int")
    if not roi.intensity.any():
        return Features(dict.fromkeys(names, math.nan), dict.fromkeys(names, EMPTY))
    values = roi.values
    mean = float(values.mean())
    integral = surface.volume * mean
    total = float(values.sum())
    if total == 0:
        reason = {"morph_com": "the intensities add up to 0, so they have no centre"}
        return Features({"morph_com": math.nan, "morph_integ_int": integral}, reason)
    positions = np.argwhere(roi.intensity) * np.asarray(roi.spacing)
    shift = values @ positions / total - surface.centre
    return Features({"morph_com": float(np.sqrt(shift @ shift)), "morph_integ_int": integral})
