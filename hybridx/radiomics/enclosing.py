"""What just holds a lesion: convex hull, boxes, ellipsoids; and its largest diameter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hybridx.radiomics.mesh import Surface
from hybridx.radiomics.roi import Floats

__all__ = [
    "Hull",
    "convex_hull",
    "ellipsoid",
    "enclosing_box",
    "enclosing_ellipsoid",
    "largest_diameter",
    "largest_distance",
]

# of the smallest ellipsoid's volume, relative; 1e-6 takes some hundred steps
ELLIPSOID_TOLERANCE = 1e-6
ROUNDS = 1000  # of as many steps as there are points; a few are taken
TERMS = 20
COMPARED = 10_000  # voxels at the outside, each with each, in less time than their hull takes


@dataclass(frozen=True, eq=False)
class Hull:
    """The convex hull of the vertices of a mesh.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Its corners, mm.
    normals : ndarray, shape (m, 3)
        Of its facets, each direction once.
    volume, area : float
        mm³ and mm².
    """

    points: Floats
    normals: Floats
    volume: float
    area: float


def convex_hull(surface: Surface, spacing: tuple[float, float, float]) -> Hull:
    """Wrap the vertices of a lesion's mesh, which lie half a voxel from its outermost voxels along the axes.

    Only the first and the last voxel of each row can touch the hull, and of them only the corners of the hull of their
    plane: so a few hundred points go into the hull in space.
    """
    from scipy.spatial import ConvexHull  # noqa: PLC0415 -- 50 ms that only this function needs

    from hybridx.radiomics.mesh_kernels import hull_of_planes  # noqa: PLC0415 -- compiles on first use

    edges = np.asarray(spacing, dtype=np.float64)
    voxels = hull_of_planes(surface.first, surface.last)
    if len(voxels) > 100 and np.linalg.matrix_rank(voxels - voxels[0]) == 3:
        voxels = voxels[ConvexHull(voxels).vertices]
    half = np.concatenate([np.diag(edges), -np.diag(edges)]) / 2.0
    vertices = ((voxels * edges)[:, None, :] + half).reshape(-1, 3)
    hull = ConvexHull(vertices)
    points = vertices[hull.vertices]
    normals = hull.equations[:, :3]
    normals = (
        normals
        * np.where(normals[np.arange(len(normals)), np.abs(normals).argmax(axis=1)] < 0, -1, 1)[:, None]
    )
    return Hull(points, np.unique(np.round(normals, 9), axis=0), float(hull.volume), float(hull.area))


def largest_diameter(surface: Surface, spacing: tuple[float, float, float]) -> float:
    """Return the largest distance of two vertices of a lesion's mesh, mm; its hull is needed for huge lesions only."""
    from hybridx.radiomics.mesh_kernels import farthest, hull_of_planes  # noqa: PLC0415 -- compiles on first use

    voxels = hull_of_planes(surface.first, surface.last)
    if len(voxels) > COMPARED:
        return largest_distance(convex_hull(surface, spacing).points)
    edges = np.asarray(spacing, dtype=np.float64)
    middle = (voxels.max(axis=0) + voxels.min(axis=0)) / 2.0
    reach = np.sqrt((((voxels - middle) * edges) ** 2).sum(axis=1))
    order = np.argsort(-reach, kind="stable")
    return math.sqrt(farthest(voxels[order], edges, reach[order]))


def largest_distance(points: Floats) -> float:
    """Return the largest distance of two of the points."""
    from scipy.spatial.distance import cdist  # noqa: PLC0415 -- loads with the hull

    # some rows of the table of distances at a time: a huge lesion has ten thousand corners
    return max(float(cdist(points[k : k + 256], points[k:]).max()) for k in range(0, len(points), 256))


def enclosing_box(hull: Hull) -> Floats:
    """Return the sides of the smallest box around the hull that has a face on one of its facets, mm.

    Source
    ------
    The box of least volume has a face on a facet, or edges of the hull on two adjacent faces (O'Rourke 1985,
    doi:10.1007/BF00991005); the second kind is rarely smaller and not searched. The rectangle in the plane of the facet
    is exact. IBSI leaves the method open and has no reference value.
    """
    from hybridx.radiomics.enclosing_kernels import smallest_box  # noqa: PLC0415 -- compiles on first use

    normals = hull.normals / np.sqrt((hull.normals**2).sum(axis=1))[:, None]
    size = float(np.abs(hull.points - hull.points[0]).max())
    return size * smallest_box((hull.points - hull.points.mean(axis=0)) / size, normals)


def enclosing_ellipsoid(hull: Hull) -> Floats:
    """Return the half axes of the ellipsoid of least volume around the hull, mm, largest first.

    Source
    ------
    Khachiyan 1996, doi:10.1287/moor.21.2.307, with Todd and Yildirim's steps away, doi:10.1016/j.dam.2007.02.013; its
    volume is at most 3 in a million too large.
    """
    scale = float(np.abs(hull.points - hull.points[0]).max())
    points = (hull.points - hull.points.mean(axis=0)) / scale
    directions = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1)
    start = np.unique((points @ directions).argmax(axis=0))
    weights = np.zeros(len(points))
    weights[start] = 1.0 / len(start)
    shape = _khachiyan(points, weights)
    return scale * np.sqrt(np.linalg.eigvalsh(shape))[::-1]


def _khachiyan(points: Floats, weights: Floats) -> Floats:
    """Move weights between points until the ellipsoid of their moments is the smallest around all points.

    Returns the shape S of (x - c)' S^-1 (x - c) <= 1, blown up so that no point is outside.
    """
    from hybridx.radiomics.enclosing_kernels import ascend  # noqa: PLC0415 -- compiles on first use

    q = np.column_stack([points, np.ones(len(points))])
    u = weights.copy()
    for _ in range(ROUNDS):
        u /= u.sum()
        inverse = np.linalg.inv(q.T @ (q * u[:, None]))
        if ascend(q, u, inverse, ((q @ inverse) * q).sum(axis=1), ELLIPSOID_TOLERANCE):
            break
    outwards = points - u @ points
    spread = outwards.T @ (outwards * u[:, None])
    reach = ((outwards @ np.linalg.inv(spread)) * outwards).sum(axis=1).max()
    return spread * float(reach)


def ellipsoid(half_axes: Floats) -> tuple[float, float]:
    """Return the volume of an ellipsoid, and its area by IBSI's series.

    The series is the standard's and its consensus values were reached with it, so densities compare with others'; but
    only a sphere's area is right. Axes of 4 : 3 : 2 come out 4 % too large, of 2 : 2 : 1 24 % too large, of 2 : 1 : 1
    19 % too small (against Carlson's integral).

    Parameters
    ----------
    half_axes : ndarray, shape (3,)
        Largest first, mm.

    Returns
    -------
    tuple of float
        mm³ and mm².

    Source
    ------
    IBSI reference manual 3.1, feature RDD2, doi:10.1148/radiol.2020191145, 20 terms.

    Examples
    --------
    >>> volume, area = ellipsoid(np.array([1.0, 1.0, 1.0]))
    >>> round(volume, 4), round(area, 4)
    (4.1888, 12.5664)
    """
    a, b, c = (float(half) for half in half_axes)
    if a == 0:
        return 0.0, 0.0
    p, q = 1.0 - (b / a) ** 2, 1.0 - (c / a) ** 2
    # (alpha beta)^k times Legendre's polynomial, by its recurrence, which needs no division where two axes are equal
    before, now, total = 0.0, 1.0, 0.0
    for k in range(TERMS + 1):
        total += now / (1.0 - 4.0 * k * k)
        before, now = now, ((2 * k + 1) * (p + q) / 2.0 * now - k * p * q * before) / (k + 1)
    return 4.0 / 3.0 * math.pi * a * b * c, 4.0 * math.pi * a * b * total
