"""Bones of the torso: ribs, sternum, shoulder blades, spine, hips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybridx.demo.canvas import Canvas

if TYPE_CHECKING:
    from hybridx.demo.anatomy import Anatomy

__all__ = ["paint_ribs", "paint_spine_and_pelvis"]

MARROW_HU, CORTEX_HU, DISC_HU = 190.0, 620.0, 85.0
VERTEBRA_MM = 31.0


def paint_ribs(canvas: Canvas, depth: NDArray[np.float32], person: Anatomy) -> None:
    """Paint ribs that fall from the spine to the front, the sternum and the shoulder blades."""
    where = canvas.grid.box((0.0, 0.0, 82.0), (190.0, 130.0, 150.0))
    x, y, z = canvas.grid.coordinates(where)
    shell = depth[where]
    phase = np.mod(z - 0.42 * y, 27.0)
    # the costal arch: in front the cage ends higher than at the back
    arch = z > -48.0 + 0.9 * np.maximum(-y, 0.0)
    cage = (shell > 0.865) & (shell < 0.935) & arch & (z < 205.0) & (np.abs(x) > 14.0)
    canvas.paint(cage & (phase < 10.5), 360.0, 0.75 * person.marrow_suv, where)
    sternum = (shell > 0.85) & (shell < 0.95) & (y < 0) & (np.abs(x) < 15.0) & (z > 40.0) & (z < 178.0)
    canvas.paint(sternum, 170.0, person.marrow_suv, where)
    for side in (-1.0, 1.0):
        canvas.fill((side * 108.0, 82.0, 140.0), (40.0, 6.5, 56.0), 330.0, 0.8 * person.marrow_suv)
        canvas.tube((side * 18.0, -66.0, 192.0), (side * 128.0, -8.0, 212.0), 6.0, 380.0, 0.7)
        canvas.fill((side * 140.0, 10.0, 196.0), (22.0, 24.0, 24.0), 230.0, 0.8)  # head of the humerus


def paint_spine_and_pelvis(canvas: Canvas, person: Anatomy) -> None:
    """Paint vertebrae with discs, canal and spinous processes, sacrum, iliac wings and hip joints."""
    for side in (-1.0, 1.0):
        canvas.tube((side * 34.0, 88.0, -240.0), (side * 30.0, 84.0, 250.0), 19.0, 53.0, 0.7)  # back muscles
    _vertebrae(canvas, person)
    canvas.fill((0.0, 68.0, -258.0), (46.0, 20.0, 46.0), MARROW_HU, person.marrow_suv)
    for side in (-1.0, 1.0):
        _iliac_wing(canvas, person, side)
        canvas.fill((side * 92.0, 6.0, -326.0), (36.0, 34.0, 34.0), 420.0, 0.8 * person.marrow_suv)
        canvas.fill((side * 94.0, 4.0, -328.0), (25.0, 25.0, 25.0), 260.0, 0.6 * person.marrow_suv)


def _vertebrae(canvas: Canvas, person: Anatomy) -> None:
    where = canvas.grid.box((0.0, 72.0, 0.0), (40.0, 44.0, 300.0))
    x, y, z = canvas.grid.coordinates(where)
    inside = canvas.body[where] & (z > -236.0)
    width = 22.0 - 0.022 * z  # lumbar bodies are broader than thoracic ones
    body = (x / width) ** 2 + ((y - 54.0) / (0.78 * width)) ** 2
    disc = np.mod(z, VERTEBRA_MM) < 6.0
    arch = (np.abs(x) < 21.0 - 0.3 * np.abs(y - 82.0)) & (y > 66.0) & (y < 92.0) & ~disc
    spinous = (np.abs(x) < 3.5) & (y >= 88.0) & (y < 104.0) & (np.mod(z, VERTEBRA_MM) > 14.0)
    canvas.paint(inside & (arch | spinous), 300.0, 0.9 * person.marrow_suv, where)
    canvas.paint(inside & (body <= 1) & ~disc, CORTEX_HU, person.marrow_suv, where)
    canvas.paint(inside & (body <= 0.74) & ~disc, MARROW_HU, person.marrow_suv, where)
    canvas.paint(inside & (body <= 1) & disc, DISC_HU, 0.8, where)
    canal = inside & ((x / 9.5) ** 2 + ((y - 78.0) / 8.5) ** 2 <= 1)
    canvas.paint(canal, 22.0, 1.0, where)


def _iliac_wing(canvas: Canvas, person: Anatomy, side: float) -> None:
    # a shell cut from an ellipsoid: the wing flares to the side, and is open to the front and to the midline
    where, radius = canvas.ellipsoid((side * 60.0, 20.0, -236.0), (74.0, 66.0, 92.0), tilt=side * 0.30)
    x, y, z = canvas.grid.coordinates(where)
    wing = (radius <= 1) & (radius > 0.76) & (y > -30.0) & (z > -296.0) & (z < -176.0)
    wing &= canvas.body[where] & ((side * x > 74.0) | ((y > 44.0) & (side * x > 36.0)))
    canvas.paint(wing, 380.0, person.marrow_suv, where)
    # from the socket of the hip to the symphysis in front, and to the seat bone behind
    canvas.tube((side * 76.0, -8.0, -318.0), (side * 6.0, -62.0, -336.0), 8.0, 340.0, 0.8 * person.marrow_suv)
    canvas.tube(
        (side * 84.0, 28.0, -306.0), (side * 58.0, 50.0, -352.0), 12.0, 340.0, 0.8 * person.marrow_suv
    )
