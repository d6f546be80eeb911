"""The surface of a lesion as triangles half-way between its voxels and their neighbours, without ever storing them.

Marching cubes on a mask at level 0.5: every 2 x 2 x 2 cube of voxel centres has one of 256 patterns, and a pattern has
one piece of surface. So the area of the mesh is the sum over patterns of count times area, and its volume likewise: one
pass over the mask counts patterns, and at most 256 small polygons do the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.mesh_patterns import MIDDLES, peer_triangles, share, triangles
from hybridx.radiomics.roi import Floats, Mask

__all__ = ["Surface", "measure_surface"]

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Surface:
    """What one pass over a mask finds.

    Parameters
    ----------
    area, volume : float
        Of the mesh, mm² and mm³.
    voxels : int
        Inside the mask.
    centre : ndarray, shape (3,)
        Mean position of the voxels, in mm from the centre of the array's first voxel, (z, y, x).
    covariance : ndarray, shape (3, 3)
        Of the voxels' positions, divided by their number, mm².
    first, last : ndarray of int32, shape (z, y)
        Where rows begin and end, in the array with a border of one voxel; -1 for an empty row.
    """

    area: float
    volume: float
    voxels: int
    centre: Floats
    covariance: Floats
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]


def measure_surface(mask: Mask, spacing: tuple[float, float, float], *, peer: bool = False) -> Surface:
    """Measure the mesh and the moments of a mask that has at least one voxel.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        Cut out to its box or not; the result is the same.
    spacing : tuple of float, (z, y, x)
        Voxel edges, mm.
    peer : bool
        The very triangles of pyradiomics, which depend on how the lesion lies, and its volume, which is taken from the
        corner of the lesion's box and depends on it where the mesh has holes. False: their mean over the 48 positions
        of a cube, so that turning or mirroring the lesion changes nothing.

    Returns
    -------
    Surface

    Source
    ------
    Lorensen 1987, doi:10.1145/37402.37422. With `peer` checked against pyradiomics 3.0.1 to 1e-12.
    """
    from hybridx.radiomics.mesh_kernels import scan  # noqa: PLC0415 -- compiles on first use

    edges = np.asarray(spacing, dtype=np.float64)
    counts, places, sums, first, last = scan(np.pad(np.ascontiguousarray(mask).view(np.uint8), 1))
    area, volume = _of_peer(counts, places, first, edges) if peer else _symmetric(counts, edges)
    n, z, y, x, zz, yy, xx, zy, zx, yx = (int(s) for s in sums)
    # in whole numbers until the end: a plane of voxels has a variance of exactly 0 across it
    pairs = [
        [zz * n - z * z, zy * n - z * y, zx * n - z * x],
        [0, yy * n - y * y, yx * n - y * x],
        [0, 0, xx * n - x * x],
    ]
    upper = np.array([[float(value) for value in row] for row in pairs]) / float(n) ** 2
    covariance = (upper + np.triu(upper, 1).T) * np.outer(edges, edges)
    return Surface(area, volume, n, (np.array([z, y, x]) / n - 1.0) * edges, covariance, first, last)


def _symmetric(counts: Codes, edges: Floats) -> tuple[float, float]:
    _, owner, weights = _pieces(peer=False)
    _, normals = _normals(tuple(edges.tolist()), peer=False)
    area = float((counts[owner] * weights) @ np.sqrt((normals**2).sum(axis=1)))
    return area, float(counts @ _shares()) * float(edges.prod())


def _of_peer(
    counts: Codes, places: Codes, first: npt.NDArray[np.int32], edges: Floats
) -> tuple[float, float]:
    z, y = np.nonzero(first >= 0)
    corner = np.array([z.min(), y.min(), first[z, y].min()]) - 1
    moved = (places - counts[:, None] * corner) * edges
    _, owner, _ = _pieces(peer=True)
    start, normals = _normals(tuple(edges.tolist()), peer=True)
    area = float(counts[owner] @ np.sqrt((normals**2).sum(axis=1)))
    return area, float(((counts[owner, None] * start + moved[owner]) * normals).sum()) / 3.0


@lru_cache(maxsize=2)
def _pieces(*, peer: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """Return the triangles of all patterns, the pattern of each, and its weight."""
    found = [peer_triangles(code) if peer else triangles(code) for code in range(256)]
    owner = np.repeat(np.arange(256), [len(weights) for _, weights in found])
    return np.concatenate([t for t, _ in found]), owner, np.concatenate([weights for _, weights in found])


@lru_cache(maxsize=1)
def _shares() -> Floats:
    return np.array([share(code) for code in range(256)])


@lru_cache(maxsize=8)
def _normals(edges: tuple[float, ...], *, peer: bool) -> tuple[Floats, Floats]:
    """Return a corner and the normal, as long as its area, of each triangle of `_pieces`: the same for equal voxels."""
    a, b, c = (MIDDLES[_pieces(peer=peer)[0][:, k]] * np.array(edges) for k in range(3))
    return a, np.cross(b - a, c - a) / 2.0
