"""Shape of a lesion in one plane, in pyradiomics' words and numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.morphology import NO_FORM
from hybridx.radiomics.pyradiomics_shape import axis_features
from hybridx.radiomics.roi import Features, Mask, Roi

__all__ = ["pyradiomics_shape2d"]

NAMES = tuple(
    f"shape2D_{name}"
    for name in (
        *("Elongation", "MajorAxisLength", "MaximumDiameter", "MeshSurface", "MinorAxisLength", "Perimeter"),
        *("PerimeterSurfaceRatio", "PixelSurface", "Sphericity", "SphericalDisproportion"),
    )
)
THICK = "the lesion lies in more than one plane"


def pyradiomics_shape2d(roi: Roi, axis: int = 0) -> Features:
    """Measure the outline of a lesion that lies in one plane as pyradiomics does.

    Parameters
    ----------
    roi : Roi
        Its mask `morphology` counts.
    axis : int
        Across the plane: 0 (z), 1 (y), 2 (x); pyradiomics' ``force2Ddimension``.

    Returns
    -------
    Features
        ``shape2D_*`` in mm and mm²: the 9 features, and the one that pyradiomics computes only when it is named
        (``SphericalDisproportion``). All NaN where the lesion lies in several planes.

    Source
    ------
    van Griethuysen 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 to 1e-9.

    Examples
    --------
    >>> mask = np.zeros((3, 6, 6), bool)
    >>> mask[1, 1:5, 1:5] = True
    >>> pyradiomics_shape2d(Roi(mask.astype(float), mask, mask, (3.0, 1.0, 1.0))).values["shape2D_PixelSurface"]
    16.0
    """
    planes = np.flatnonzero(roi.morphology.any(axis=tuple(a for a in range(3) if a != axis)))
    if len(planes) != 1:
        reason = THICK if len(planes) else NO_FORM
        return Features(dict.fromkeys(NAMES, math.nan), dict.fromkeys(NAMES, reason))
    mask = np.take(roi.morphology, planes[0], axis=axis)
    edges = np.array([edge for a, edge in enumerate(roi.spacing) if a != axis])
    places = np.argwhere(mask)
    surface, perimeter = _outline(mask, edges)
    sphericity = 2.0 * math.sqrt(math.pi * surface) / perimeter
    found = Features(
        {
            "shape2D_MaximumDiameter": _diameter(places, edges),
            "shape2D_MeshSurface": surface,
            "shape2D_Perimeter": perimeter,
            "shape2D_PerimeterSurfaceRatio": perimeter / surface,
            "shape2D_PixelSurface": len(places) * float(edges.prod()),
            "shape2D_Sphericity": sphericity,
            "shape2D_SphericalDisproportion": 1.0 / sphericity,
        }
    )
    away = (places - places.mean(axis=0)) * edges
    names = ["shape2D_MajorAxisLength", "shape2D_MinorAxisLength", "shape2D_Elongation"]
    found = found | axis_features(away.T @ away / len(places), len(places), names)
    return Features({name: found.values[name] for name in NAMES}, found.reasons)


def _outline(mask: Mask, edges: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return area and perimeter of the line half-way between inside and outside, which cuts corners.

    Of the four pixels around a crossing of grid lines one, two side by side, two across, or three are inside.
    """
    padded = np.pad(mask, 1).astype(np.int64)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    inside = np.bincount((a + b + c + d).ravel(), minlength=5)
    across = int(((a == d) & (b == c) & (a != b)).sum())
    upright = int(((a == c) & (b == d) & (a != b)).sum())
    level = inside[2] - across - upright
    area = inside[4] + 0.875 * inside[3] + 0.5 * (upright + level) + 0.25 * across + 0.125 * inside[1]
    slanted = inside[1] + inside[3] + 2 * across
    perimeter = upright * edges[0] + level * edges[1] + slanted * float(np.hypot(*edges)) / 2.0
    return float(area * edges.prod()), float(perimeter)


def _diameter(places: npt.NDArray[np.int64], edges: npt.NDArray[np.float64]) -> float:
    from hybridx.radiomics.mesh_kernels import widest_in_planes  # noqa: PLC0415 -- compiles on first use

    first = np.full((1, places[:, 0].max() + 1), -1, dtype=np.int32)
    last = first.copy()
    last[0, places[:, 0]] = places[:, 1]  # the last of a row is written last
    first[0, places[::-1, 0]] = places[::-1, 1]
    return math.sqrt(widest_in_planes(first, last, float(edges[0]), float(edges[1]), True))
