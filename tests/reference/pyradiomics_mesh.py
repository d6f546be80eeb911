"""Where pyradiomics begins the fan of triangles of each surface polygon, found by measuring every pattern.

Run: python tests/reference/pyradiomics_mesh.py
Prints the string FANS of hybridx/radiomics/mesh_patterns.py, a digit for each of the 128 patterns without corner
(1, 1, 0).
Every pattern is matched at three spacings by exactly this rule, in area and in volume, to 1e-9.
"""

from __future__ import annotations

import itertools

import numpy as np
from radiomics import cShape

from hybridx.radiomics.mesh_patterns import CORNERS, FLIPPED, MIDDLES, polygons

SPACINGS = [np.array(s) for s in ((1.0, 1.0, 1.0), (1.0, 1.3, 1.7), (2.1, 0.9, 1.4))]


def measured(code: int, spacing: np.ndarray) -> tuple[float, float]:
    cube = np.zeros((2, 2, 2), dtype=bool)
    for bit, corner in enumerate(CORNERS):
        cube[tuple(corner)] = code >> bit & 1
    area, volume, _ = cShape.calculate_coefficients(cube, spacing)
    return area, volume


def by_fan(code: int, start: int, spacing: np.ndarray) -> tuple[float, float]:
    area = volume = 0.0
    for polygon in polygons(code):
        k = start % len(polygon)
        turned = polygon[k:] + polygon[:k]
        for pair in itertools.pairwise(turned[1:]):
            a, b, c = MIDDLES[[turned[0], *pair]] * spacing
            normal = np.cross(b - a, c - a) / 2.0
            area += float(np.linalg.norm(normal))
            volume += float(a @ normal) / 3.0
    return area, volume


def start_of(code: int) -> str:
    for start in range(7):
        ours = [by_fan(code, start, s) for s in SPACINGS]
        straight = [measured(code, s) for s in SPACINGS]
        turned = [measured(code ^ 255, s) for s in SPACINGS]
        if np.allclose(ours, straight, rtol=0, atol=1e-9) and np.allclose(
            np.array(ours) * [1.0, -1.0], turned, rtol=0, atol=1e-9
        ):
            return str(start)
    return "?"


if __name__ == "__main__":
    print("".join("0" if c == 0 else start_of(c) for c in range(256) if not c >> FLIPPED & 1))  # noqa: T201 - its answer
