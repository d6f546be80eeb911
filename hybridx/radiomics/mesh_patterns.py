"""The pieces of surface that a cube of eight voxel centres can hold: 256 patterns, from one rule.

On each face of the cube the surface parts the corners inside from the corners outside; where two corners inside lie
across a face from each other it parts them too; the lines on the faces close to polygons. How polygons of four corners
and more are cut into triangles is a choice, and the area depends on it (by 1 % on a real lesion). pyradiomics' choice
is taken, which is also what the consensus of IBSI was reached with: fans from one corner, and every pattern with the
cube's corner (1, 1, 0) inside is the complement turned inside out. That choice has a preferred direction, so a lesion
lying on its side has another area. The symmetric pieces are the mean over the 48 ways in which the cube can lie.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.roi import Floats

__all__ = ["CORNERS", "FLIPPED", "MIDDLES", "Triangles", "peer_triangles", "polygons", "share", "triangles"]

CORNERS = np.array([(b >> 2 & 1, b >> 1 & 1, b & 1) for b in range(8)], dtype=np.int64)  # z, y, x of bit b
EDGES = [(a, a | step) for step in (1, 2, 4) for a in range(8) if not a & step]
MIDDLES = np.array([(CORNERS[a] + CORNERS[b]) / 2 for a, b in EDGES])
FLIPPED = 6  # the bit of corner (1, 1, 0)
# where the fan of a polygon begins, for the 128 patterns without that corner; found by measuring pyradiomics' surface
# of every pattern at three spacings: tests/reference/pyradiomics_mesh.py
FANS = (
    "00000002000101200001010000000222000200000010011102100111022200000000000200021002000101000003130200010001000016002001"
    "240121000000"
)

Triangles = tuple[npt.NDArray[np.int64], Floats]  # edges' numbers, shape (n, 3), and weights, shape (n,)


def polygons(code: int) -> list[list[int]]:
    """Return the polygons of a pattern as numbers of edges; they turn to the left as seen from outside the lesion."""
    number = {edge: k for k, edge in enumerate(EDGES)}
    follows = {}
    for face in _faces():
        inside = [code >> corner & 1 for corner in face]
        for k in range(4):
            if not inside[k] or inside[(k + 1) % 4]:
                continue
            begin = k
            while inside[begin - 1]:
                begin -= 1
            leave, enter = (face[k], face[(k + 1) % 4]), (face[begin - 1], face[begin])
            follows[number[min(leave), max(leave)]] = number[min(enter), max(enter)]
    found = []
    while follows:
        polygon = [min(follows)]
        while (following := follows.pop(polygon[-1])) != polygon[0]:
            polygon.append(following)
        found.append(polygon)
    return found


@lru_cache(maxsize=256)
def peer_triangles(code: int) -> Triangles:
    """Return the triangles of a pattern as pyradiomics cuts them, each of weight 1."""
    flip = bool(code >> FLIPPED & 1)
    base = code ^ 255 if flip else code
    start = int(FANS[(base >> 7) * 64 + (base & 63)])
    cut = []
    for polygon in polygons(base):
        k = start % len(polygon)
        turned = polygon[k:] + polygon[:k]
        cut += [[turned[0], a, b] for a, b in itertools.pairwise(turned[1:])]
    found = np.array(cut, dtype=np.int64).reshape(-1, 3)
    return found[:, ::-1] if flip else found, np.ones(len(found))


@lru_cache(maxsize=256)
def triangles(code: int) -> Triangles:
    """Return the triangles of a pattern in all 48 positions of the cube, with their share of the positions."""
    weights: dict[tuple[int, ...], float] = {}
    for turned, back in _positions(code):
        for triangle in back[peer_triangles(turned)[0]]:
            key = tuple(sorted(triangle.tolist()))
            weights[key] = weights.get(key, 0.0) + 1.0 / 48.0
    found = np.array(sorted(weights), dtype=np.int64).reshape(-1, 3)
    return found, np.array([weights[tuple(t)] for t in found.tolist()])


@lru_cache(maxsize=256)
def share(code: int) -> float:
    """Return the part of the cube that lies inside, the mean over its 48 positions."""
    return float(np.mean([_peer_share(turned) for turned, _ in _positions(code)]))


@lru_cache(maxsize=256)
def _peer_share(code: int) -> float:
    """By the divergence theorem: the surface, and the inside of the three faces away from the origin."""
    found, _ = peer_triangles(code)
    a, b, c = (MIDDLES[found[:, k]] for k in range(3))
    volume = float((a * np.cross(b - a, c - a)).sum()) / 2.0
    for axis in range(3):
        inside = [code >> b & 1 for b in range(8) if CORNERS[b, axis]]  # in the order 00, 01, 10, 11
        parted = inside in ([1, 0, 0, 1], [0, 1, 1, 0])
        joined = parted and bool(code >> FLIPPED & 1)
        volume += 0.75 if joined else 0.25 if parted else (0.0, 0.125, 0.5, 0.875, 1.0)[sum(inside)]
    return volume / 3.0


def _positions(code: int) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield the pattern in each position of the cube, and the edges' numbers back in the first position."""
    for corners, back in _symmetries():
        yield sum((code >> b & 1) << corner for b, corner in enumerate(corners)), back


@lru_cache(maxsize=1)
def _symmetries() -> list[tuple[list[int], npt.NDArray[np.int64]]]:
    number = {edge: k for k, edge in enumerate(EDGES)}
    found = []
    for order in itertools.permutations(range(3)):
        for mirror in itertools.product((0, 1), repeat=3):
            corners = [int(c) for c in (CORNERS[:, order] ^ np.array(mirror)) @ np.array([4, 2, 1])]
            moved = [number[min(corners[a], corners[b]), max(corners[a], corners[b])] for a, b in EDGES]
            found.append((corners, np.argsort(moved)))
    return found


@lru_cache(maxsize=1)
def _faces() -> list[list[int]]:
    """Return the corners of each face, clockwise as seen from outside."""
    faces = []
    for axis in range(3):
        for side in (0, 1):
            step = [4, 2, 1]
            base = side * step.pop(axis)
            face = [base, base + step[0], base + step[0] + step[1], base + step[1]]
            p = CORNERS[face]
            outward = np.cross(p[1] - p[0], p[2] - p[1])[axis] * (1 if side else -1)
            faces.append(face if outward < 0 else face[::-1])
    return faces
