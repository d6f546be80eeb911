"""How far each voxel lies from a lesion's surface."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from hybridx.radiomics.roi import Floats, Mask

__all__ = ["signed_distance"]

SOFT_VOXELS = 0.7


def signed_distance(inside: Mask, spacing: tuple[float, float, float], within_mm: float = math.inf) -> Floats:
    """Return how far each voxel's centre lies outside (above 0) or inside (below 0) the lesion's surface, in mm.

    The surface runs between the voxels, where the mask, softened by half a voxel, falls below one half: the steps of
    the voxels would else add half an edge to every distance.

    Parameters
    ----------
    inside : ndarray of bool, shape (z, y, x)
        The lesion, not empty. What lies beyond the array counts as outside.
    spacing : tuple of float, (z, y, x)
        Voxel edges, mm.
    within_mm : float
        Farther away the distance to the nearest voxel of the other side does, which is quicker to get.

    Returns
    -------
    ndarray of float64, shape (z, y, x)

    Examples
    --------
    >>> inside = np.zeros((1, 1, 7), bool)
    >>> inside[0, 0, 2:5] = True
    >>> signed_distance(np.repeat(np.repeat(inside, 9, 0), 9, 1), (2.0, 2.0, 2.0))[4, 4].round(1).tolist()
    [3.0, 1.0, -1.0, -3.0, -1.0, 1.0, 3.0]
    """
    padded = np.pad(inside, 1)
    to_other = [ndimage.distance_transform_edt(one, sampling=spacing) for one in (~padded, padded)]
    away = np.asarray(to_other[0] + to_other[1])
    near = away <= within_mm + max(spacing)
    surface = cKDTree(_surface(padded) * np.asarray(spacing))
    away[near] = surface.query(np.argwhere(near) * np.asarray(spacing))[0]
    return np.asarray(np.where(padded, -away, away)[1:-1, 1:-1, 1:-1])


def _surface(inside: Mask) -> Floats:
    """Return where the surface crosses the lines between neighbouring voxel centres, (n, 3), in voxels."""
    soft = ndimage.gaussian_filter(inside.astype(np.float64), SOFT_VOXELS)
    points = []
    for axis in range(3):
        here = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        there = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        first = np.argwhere(inside[here] != inside[there]).astype(np.float64)
        crossing = inside[here] != inside[there]
        low, high = soft[here][crossing], soft[there][crossing]
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.nan_to_num((0.5 - low) / (high - low), nan=0.5)
        first[:, axis] += np.clip(part, 0.25, 0.75)  # a single voxel keeps its size
        points.append(first)
    return np.concatenate(points)
