"""Shape in pyradiomics' words and numbers."""

from __future__ import annotations

import math

import numpy as np

from hybridx.radiomics.enclosing import largest_diameter
from hybridx.radiomics.mesh import Surface, measure_surface
from hybridx.radiomics.morphology import NO_FORM, ONE_VOXEL
from hybridx.radiomics.roi import Features, Mask, Roi

__all__ = ["axis_features", "pyradiomics_shape"]

NAMES = tuple(
    f"shape_{name}"
    for name in (
        *("Elongation", "Flatness", "LeastAxisLength", "MajorAxisLength", "Maximum2DDiameterColumn"),
        *(
            "Maximum2DDiameterRow",
            "Maximum2DDiameterSlice",
            "Maximum3DDiameter",
            "MeshVolume",
            "MinorAxisLength",
        ),
        *("Sphericity", "SurfaceArea", "SurfaceVolumeRatio", "VoxelVolume"),
        *("Compactness1", "Compactness2", "SphericalDisproportion"),
    )
)


def pyradiomics_shape(roi: Roi) -> Features:
    """Measure size and form as pyradiomics does.

    Parameters
    ----------
    roi : Roi
        Its mask `morphology` counts.

    Returns
    -------
    Features
        ``shape_*`` in mm, mm², mm³: the 14 features, and the three that pyradiomics computes only when they are named
        (``Compactness1``, ``Compactness2``, ``SphericalDisproportion``).

    Source
    ------
    van Griethuysen 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 to 1e-9. Where that has
    no value or a rounding error: one voxel has no axes (NaN), and the axis across a plane of voxels is exactly 0.

    Examples
    --------
    >>> mask = np.zeros((6, 6, 6), bool)
    >>> mask[1:5, 1:5, 1:5] = True
    >>> found = pyradiomics_shape(Roi(mask.astype(float), mask, mask, (1.0, 1.0, 1.0))).values
    >>> found["shape_VoxelVolume"], found["shape_Elongation"]
    (64.0, 1.0)
    """
    if not roi.morphology.any():
        return Features(dict.fromkeys(NAMES, math.nan), dict.fromkeys(NAMES, NO_FORM))
    surface = measure_surface(roi.morphology, roi.spacing, peer=True)
    area, volume = surface.area, surface.volume
    sphericity = (36.0 * math.pi * volume**2) ** (1.0 / 3.0) / area
    slices, columns, rows = _widest(roi.morphology, surface, roi.spacing)
    found = Features(
        {
            "shape_Maximum2DDiameterColumn": columns,
            "shape_Maximum2DDiameterRow": rows,
            "shape_Maximum2DDiameterSlice": slices,
            "shape_Maximum3DDiameter": largest_diameter(surface, roi.spacing),
            "shape_MeshVolume": volume,
            "shape_Sphericity": sphericity,
            "shape_SurfaceArea": area,
            "shape_SurfaceVolumeRatio": area / volume,
            "shape_VoxelVolume": surface.voxels * math.prod(roi.spacing),
            "shape_Compactness1": volume / math.sqrt(math.pi * area**3),
            "shape_Compactness2": 36.0 * math.pi * volume**2 / area**3,
            "shape_SphericalDisproportion": 1.0 / sphericity,
        }
    )
    names = ("MajorAxisLength", "MinorAxisLength", "LeastAxisLength", "Elongation", "Flatness")
    found = found | axis_features(surface.covariance, surface.voxels, [f"shape_{name}" for name in names])
    return Features({name: found.values[name] for name in NAMES}, found.reasons)


def axis_features(covariance: np.ndarray, voxels: int, names: list[str]) -> Features:
    """Return the axes' lengths, largest first, and then the ratio of each following axis to the first."""
    if voxels == 1:
        return Features(dict.fromkeys(names, math.nan), dict.fromkeys(names, ONE_VOXEL))
    spread = np.linalg.eigvalsh(covariance)[::-1]
    # what is left of 0 by rounding is 0
    lengths = [4.0 * math.sqrt(float(s)) if s > 1e-13 * spread[0] else 0.0 for s in spread]
    return Features(
        dict(zip(names, (*lengths, *(length / lengths[0] for length in lengths[1:])), strict=True))
    )


def _widest(mask: Mask, surface: Surface, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the largest distances of mesh vertices in one slice, in one column's plane and in one row's plane.

    Vertices lie half a voxel from a voxel inside, in its plane; or half-way between two planes, over voxels inside
    whose neighbour in the other plane is outside.
    """
    from hybridx.radiomics.mesh_kernels import plane_ends, widest_in_planes  # noqa: PLC0415 -- compiles on first use

    z, y, x = spacing
    sides, along_z, along_y, along_x = plane_ends(np.pad(np.ascontiguousarray(mask).view(np.uint8), 1))
    by_column = np.ascontiguousarray(surface.first.T), np.ascontiguousarray(surface.last.T)
    planes = (
        ((surface.first, surface.last), along_z, y, x),
        (by_column, along_y, z, x),
        (sides, along_x, z, y),
    )
    found = [
        math.sqrt(max(widest_in_planes(*voxels, row, end, True), widest_in_planes(*between, row, end, False)))
        for voxels, between, row, end in planes
    ]
    return found[0], found[1], found[2]
