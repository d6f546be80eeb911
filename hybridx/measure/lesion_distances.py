"""How large lesions are and how far apart: diameters, and Dmax in its two definitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.imaging import Grid
from hybridx.radiomics.enclosing import convex_hull, largest_distance
from hybridx.radiomics.mesh import measure_surface

__all__ = ["dmax_of_centroids", "dmax_of_voxels", "farthest_other", "largest_diameter", "lesion_centroids"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def lesion_centroids(labels: npt.NDArray[np.int32], count: int, grid: Grid) -> Floats:
    """Return where the lesions lie.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
        0 outside, 1 to `count` inside.
    count : int
        Lesions, at least 1.
    grid : Grid
        Of the array.

    Returns
    -------
    ndarray, shape (count, 3)
        Mean position of the voxels of each, mm, DICOM's frame (x to the left, y to the back, z to the head).
    """
    places = np.nonzero(labels)
    owner = labels[places]
    size = np.bincount(owner, minlength=count + 1)[1:]
    means = [np.bincount(owner, axis, minlength=count + 1)[1:] / size for axis in reversed(places)]
    return np.asarray(grid.points(np.stack(means, axis=1)))


def farthest_other(centroids: Floats) -> Floats:
    """Return how far the farthest other lesion lies from each, mm, centroid to centroid; NaN for a single one.

    Examples
    --------
    >>> farthest_other(np.array([[0.0, 0, 0], [3.0, 4, 0], [0.0, 0, 1]])).round(2).tolist()
    [5.0, 5.1, 5.1]
    """
    from scipy.spatial.distance import cdist  # noqa: PLC0415 -- 50 ms

    if len(centroids) < 2:
        return np.full(len(centroids), np.nan)
    # some rows at a time: a noisy threshold leaves thousands of specks
    rows = [cdist(centroids[k : k + 256], centroids).max(axis=1) for k in range(0, len(centroids), 256)]
    return np.concatenate(rows)


def dmax_of_centroids(centroids: Floats) -> float:
    """Return the distance of the two lesions that lie farthest apart, centroid to centroid, mm.

    A single lesion is spread nowhere: 0.

    Source
    ------
    Cottereau 2020, doi:10.2967/jnumed.119.229450.
    """
    return 0.0 if len(centroids) < 2 else float(farthest_other(centroids).max())


def dmax_of_voxels(inside: Mask, grid: Grid) -> float:
    """Return the largest distance between the centres of two voxels of a mask, of whichever lesions, mm.

    Parameters
    ----------
    inside : ndarray of bool, shape (z, y, x)
        At least one voxel.
    grid : Grid
        Of the array.
    """
    # only the ends of rows can be corners of the hull
    forward = np.diff(inside.astype(np.int8), axis=2, prepend=0) == 1
    backward = np.diff(inside[:, :, ::-1].astype(np.int8), axis=2, prepend=0)[:, :, ::-1] == 1
    z, y, x = np.nonzero(forward | backward)
    return largest_distance(_corners(np.column_stack([x, y, z]) * np.asarray(grid.spacing)))


def largest_diameter(inside: Mask, spacing: tuple[float, float, float]) -> float:
    """Return a lesion's largest diameter: between two vertices of its mesh, which lie half a voxel outside, mm.

    Parameters
    ----------
    inside : ndarray of bool, shape (z, y, x)
        At least one voxel.
    spacing : tuple of float, (z, y, x)
        Voxel edges, mm.

    Source
    ------
    IBSI reference manual 3.1, maximum 3D diameter (L0JK), doi:10.1148/radiol.2020191145.

    Examples
    --------
    >>> largest_diameter(np.ones((1, 1, 3), bool), (2.0, 2.0, 4.0))
    12.0
    """
    return largest_distance(convex_hull(measure_surface(inside, spacing), spacing).points)


def _corners(points: Floats) -> Floats:
    """Keep the corners of the convex hull; points in a plane have none in space, and few points need none."""
    from scipy.spatial import ConvexHull, QhullError  # noqa: PLC0415 -- 50 ms

    if len(points) < 500:
        return points
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:
        return points
