"""Soft organs of chest, abdomen and pelvis, painted on a canvas in template millimetres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybridx.demo.canvas import AIR_HU, Canvas, Field, Slices

if TYPE_CHECKING:
    from hybridx.demo.anatomy import Anatomy

__all__ = ["paint_abdomen", "paint_chest", "paint_pelvis"]

Array = NDArray[np.float32]

BLOOD_HU, SOFT_HU = 42.0, 36.0
INNER_WALL = 0.86  # of the distance to the muscle's outer face: where the chest and belly cavities begin


def paint_chest(canvas: Canvas, depth: Array, person: Anatomy, vessels: Field) -> None:
    """Paint lungs over the diaphragm's domes, airways, great vessels and heart."""
    for side in (-1.0, 1.0):
        _lung(canvas, depth, side, vessels)
    blood = person.blood_suv
    canvas.fill((0.0, 8.0, 120.0), (30.0, 46.0, 90.0), -10.0, 0.8)  # mediastinal fat and nodes
    canvas.fill((26.0, -34.0, 34.0), (56.0, 44.0, 46.0), SOFT_HU, blood, tilt=-0.25)
    _left_ventricle(canvas, person)
    canvas.fill((2.0, -38.0, 46.0), (26.0, 26.0, 34.0), BLOOD_HU, blood)
    canvas.tube((-12.0, -18.0, 62.0), (-14.0, -12.0, 136.0), 16.0, BLOOD_HU, blood)
    canvas.tube((-14.0, -12.0, 138.0), (16.0, 26.0, 146.0), 13.0, BLOOD_HU, blood)
    canvas.tube((20.0, 34.0, 142.0), (14.0, 36.0, -60.0), 12.0, BLOOD_HU, blood)
    canvas.tube((-28.0, -4.0, 60.0), (-26.0, -8.0, 170.0), 9.0, BLOOD_HU, blood)
    canvas.tube((8.0, -14.0, 86.0), (46.0, 6.0, 96.0), 10.0, BLOOD_HU, blood)
    canvas.tube((8.0, -14.0, 86.0), (-46.0, 8.0, 92.0), 10.0, BLOOD_HU, blood)
    canvas.tube((-3.0, 14.0, 108.0), (0.0, 4.0, 260.0), 8.5, AIR_HU, 0.2)
    canvas.tube((-3.0, 14.0, 110.0), (-40.0, 18.0, 84.0), 6.0, AIR_HU, 0.2)
    canvas.tube((-3.0, 14.0, 110.0), (42.0, 20.0, 82.0), 6.0, AIR_HU, 0.2)


def _dome(x: Array, y: Array, side: float) -> Array:
    """Return the height of the diaphragm: the right dome stands higher than the left."""
    top = 16.0 if side < 0 else 2.0
    return top - 34.0 * ((x - side * 76.0) / 62.0) ** 2 - 26.0 * ((y - 4.0) / 80.0) ** 2


def _lung(canvas: Canvas, depth: Array, side: float, vessels: Field) -> None:
    where, radius = canvas.ellipsoid((side * 78.0, 2.0, 36.0), (72.0, 98.0, 172.0), tilt=side * -0.10)
    x, y, z = canvas.grid.coordinates(where)
    inside = (radius <= 1) & (z > _dome(x, y, side)) & (depth[where] < INNER_WALL) & (side * x > 14.0)
    if not inside.any():
        return
    branches = vessels(x, y, z)
    # lung is heavier at the back (gravity), and vessels are the tail of a smooth field
    density = -850.0 + 0.35 * y + 45.0 * branches + 420.0 * (branches > 2.1)
    canvas.hu[where][inside] = np.broadcast_to(density, inside.shape)[inside]
    canvas.suv[where][inside] = 0.42


def _left_ventricle(canvas: Canvas, person: Anatomy) -> None:
    where, radius = canvas.ellipsoid((44.0, -36.0, 26.0), (33.0, 31.0, 34.0), tilt=-0.25)
    _, _, z = canvas.grid.coordinates(where)
    wall = (radius <= 1) & (radius > 0.40) & (z < 48.0) & canvas.body[where]
    canvas.paint(wall, 48.0, person.heart_suv, where)


def paint_abdomen(canvas: Canvas, depth: Array, person: Anatomy, content: Field) -> None:
    """Paint bowel, liver, spleen, kidneys, stomach and the big vessels below the diaphragm."""
    _bowel(canvas, depth, person, content)
    blood = person.blood_suv
    canvas.tube((14.0, 34.0, -50.0), (4.0, 28.0, -200.0), 10.0, BLOOD_HU, blood)
    canvas.tube((-18.0, 26.0, -10.0), (-14.0, 28.0, -200.0), 10.5, BLOOD_HU, blood)
    for side in (-1.0, 1.0):
        canvas.tube((side * 8.0, 28.0, -196.0), (side * 62.0, -2.0, -310.0), 7.0, BLOOD_HU, blood)
        canvas.tube((side * 30.0, 56.0, -100.0), (side * 62.0, 12.0, -300.0), 16.0, 54.0, 0.7)  # psoas
    _liver(canvas, depth, person)
    canvas.fill((98.0, 44.0, -32.0), (24.0, 42.0, 46.0), 50.0, 0.85 * person.liver_suv, tilt=0.15)
    canvas.fill((62.0, -26.0, -44.0), (42.0, 40.0, 44.0), SOFT_HU, 1.1 * person.bowel_suv, tilt=0.35)
    canvas.fill((64.0, -44.0, -26.0), (22.0, 16.0, 18.0), -800.0, 0.3)  # gastric air bubble
    canvas.fill((18.0, 2.0, -86.0), (52.0, 12.0, 14.0), 38.0, 1.4, tilt=0.8)  # pancreas
    for side in (-1.0, 1.0):
        lower = -118.0 if side < 0 else -104.0
        canvas.fill((side * 66.0, 48.0, lower), (28.0, 26.0, 54.0), 34.0, 2.8, tilt=side * -0.18)
        canvas.fill((side * 58.0, 46.0, lower), (11.0, 11.0, 26.0), 8.0, person.kidney_suv)
        canvas.fill((side * 34.0, 40.0, lower + 62.0), (7.0, 13.0, 13.0), 12.0, 1.4)  # adrenal


def _liver(canvas: Canvas, depth: Array, person: Anatomy) -> None:
    lobes = (((-74.0, -4.0, -46.0), (92.0, 96.0, 92.0), -1.0), ((4.0, -46.0, -22.0), (82.0, 40.0, 40.0), 1.0))
    for centre, axes, side in lobes:
        where, radius = canvas.ellipsoid(centre, axes, tilt=0.25)
        x, y, z = canvas.grid.coordinates(where)
        # three millimetres of diaphragm between lung and liver
        roof = _dome(x, y, -1.0) if side < 0 else np.maximum(_dome(x, y, 1.0), _dome(x, y, -1.0))
        inside = (radius <= 1) & (z < roof - 3.0) & (depth[where] < INNER_WALL)
        canvas.paint(inside, 57.0, person.liver_suv, where)


def _bowel(canvas: Canvas, depth: Array, person: Anatomy, content: Field) -> None:
    where = canvas.grid.box((0.0, -18.0, -160.0), (130.0, 76.0, 118.0))
    if not _any(where):
        return
    x, y, z = canvas.grid.coordinates(where)
    loops = content(x, y, z)
    room = (depth[where] < INNER_WALL - 0.02) & (y < 34.0)
    room &= (x / 122.0) ** 2 + ((z + 164.0) / 116.0) ** 2 < 1
    wall = room & (loops > -0.35)
    canvas.hu[where][wall] = 32.0
    canvas.suv[where][wall] = (person.bowel_suv * np.clip(0.55 + 0.30 * loops, 0.4, 1.6))[wall]
    gas = room & (loops > 1.75) & (y < 8.0)
    canvas.paint(gas, -750.0, 0.4, where)


def paint_pelvis(canvas: Canvas, person: Anatomy) -> None:
    """Paint bladder, rectum and the muscles of the buttock."""
    for side in (-1.0, 1.0):
        canvas.fill((side * 84.0, 74.0, -300.0), (66.0, 36.0, 76.0), 54.0, 0.7)
    canvas.fill((0.0, 46.0, -300.0), (20.0, 18.0, 52.0), 24.0, 1.5)
    canvas.fill((0.0, 0.0, -322.0), (24.0, 18.0, 20.0), 40.0, 1.5)
    canvas.fill((0.0, -34.0, -306.0), (40.0, 32.0, 30.0), 8.0, person.bladder_suv)


def _any(where: Slices) -> bool:
    return all(part.stop > part.start for part in where)
