"""Lesions: size, edge, uptake and its heterogeneity, cold core and density, the same on every grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridx.demo.canvas import Array, Canvas, Field, Grid

__all__ = ["SITES", "Lesion", "paint_lesion"]

Point = tuple[float, float, float]

# Where lesions grow: template centre (mm), how far they stray (mm), and what a lesion there is called.
SITES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], str]] = {
    "right upper lobe": ((-72.0, -12.0, 120.0), (16.0, 26.0, 24.0), "primary"),
    "left upper lobe": ((76.0, -10.0, 122.0), (14.0, 24.0, 24.0), "primary"),
    "right lower lobe": ((-86.0, 40.0, 50.0), (14.0, 18.0, 16.0), "primary"),
    "left lower lobe": ((88.0, 42.0, 44.0), (12.0, 16.0, 16.0), "primary"),
    "hilar node": ((38.0, 14.0, 92.0), (5.0, 6.0, 8.0), "regional"),
    "paratracheal node": ((-18.0, 0.0, 140.0), (6.0, 6.0, 14.0), "regional"),
    "subcarinal node": ((0.0, 22.0, 86.0), (6.0, 5.0, 8.0), "regional"),
    "liver": ((-76.0, 0.0, -48.0), (38.0, 36.0, 26.0), "distant"),
    "right adrenal": ((-36.0, 40.0, -56.0), (3.0, 4.0, 5.0), "distant"),
    "vertebra": ((0.0, 54.0, -60.0), (6.0, 5.0, 110.0), "distant"),
    "right iliac bone": ((-110.0, 46.0, -250.0), (6.0, 8.0, 18.0), "distant"),
}


@dataclass(frozen=True)
class Lesion:
    """One lesion, before a scanner blurs it.

    Parameters
    ----------
    site : str
        Where it lies, in words.
    centre : tuple of float
        (x, y, z) in patient millimetres.
    radius_mm : float
        Mean radius.
    uptake : float
        SUVbw of its viable part.
    heterogeneity : float
        Relative spread of the uptake within the viable part, 0 (even) to about 1.
    necrosis : float
        Share of the volume taken by a cold core, 0 to 0.6.
    irregularity : float
        Relative spread of the radius over the surface, 0 (a ball) to about 0.35.
    density_hu, density_spread_hu : float
        Mean CT density and its spread within the lesion.
    texture : int
        Seed of its inner structure.
    """

    site: str
    centre: tuple[float, float, float]
    radius_mm: float
    uptake: float
    heterogeneity: float = 0.2
    necrosis: float = 0.0
    irregularity: float = 0.1
    density_hu: float = 42.0
    density_spread_hu: float = 8.0
    texture: int = 0

    @classmethod
    def random(cls, rng: np.random.Generator, place: Callable[[Point], Point]) -> Lesion:
        """Draw a lesion from a far wider range than the demo's, at a usual site or anywhere in the trunk.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws it.
        place : callable
            Turns template into patient coordinates, see `Anatomy.place`.
        """
        if rng.random() < 0.7:
            site = str(rng.choice(sorted(SITES)))
            point = np.add(SITES[site][0], rng.uniform(-1.5, 1.5, 3) * SITES[site][1])
        else:
            site, point = "anywhere", rng.uniform((-130, -80, -310), (130, 85, 190))
        radius = float(np.exp(rng.uniform(np.log(6.0), np.log(46.0))))
        return cls(
            site=site,
            centre=place((float(point[0]), float(point[1]), float(point[2]))),
            radius_mm=radius,
            uptake=float(np.exp(rng.uniform(np.log(1.5), np.log(32.0)))),
            heterogeneity=float(rng.uniform(0.0, 0.75)),
            necrosis=float(rng.choice((0.0, rng.uniform(0.05, 0.5)))) if radius > 10 else 0.0,
            irregularity=float(rng.uniform(0.0, 0.3)),
            density_hu=float(rng.uniform(-20.0, 110.0)),
            density_spread_hu=float(np.exp(rng.uniform(np.log(3.0), np.log(70.0)))),
            texture=int(rng.integers(2**31)),
        )


CORE_UPTAKE = 0.15  # of the viable part: necrosis is dark on FDG PET, not black
CORE_DENSITY_HU = -14.0  # relative to the viable part


def paint_lesion(lesion: Lesion, grid: Grid, canvas: Canvas, region: NDArray[np.bool_]) -> None:
    """Paint a lesion over density and uptake, and add its voxels to `region`.

    Parameters
    ----------
    lesion : Lesion
        What to paint; nothing is painted outside the body.
    grid : Grid
        Patient coordinates of the canvas (which itself counts in template millimetres).
    canvas : Canvas
        Density and uptake, changed in place.
    region : bool ndarray (z, y, x)
        The union of all lesions so far, changed in place.
    """
    reach = lesion.radius_mm * (1 + 2.5 * lesion.irregularity) + max(grid.spacing)
    where = grid.box(lesion.centre, (reach, reach, reach))
    x, y, z = grid.coordinates(where)
    rng = np.random.default_rng(lesion.texture)
    # one draw per property, in this order: a change of one strength leaves the others' pattern as it was
    edge = Field(rng, 0.75 * lesion.radius_mm)(x, y, z)
    pattern = Field(rng, max(0.38 * lesion.radius_mm, 5.5))(x, y, z)
    density = Field(rng, max(0.30 * lesion.radius_mm, 5.0))(x, y, z)
    shift = rng.normal(0.0, 0.12, 3) * lesion.radius_mm  # cores are rarely in the middle
    radius = _distance(x, y, z, lesion.centre) / np.float32(lesion.radius_mm)
    inside = (radius <= 1 + lesion.irregularity * np.clip(edge, -2.2, 2.2)) & canvas.body[where]
    core_radius = lesion.necrosis ** (1 / 3)
    to_core = _distance(x, y, z, tuple(np.add(lesion.centre, shift))) / np.float32(lesion.radius_mm)
    core = (
        (to_core + 0.12 * edge < core_radius) if lesion.necrosis > 0 else np.zeros(inside.shape, dtype=bool)
    )
    uptake = lesion.uptake * np.clip(1 + lesion.heterogeneity * pattern, 0.12, 2.4)
    uptake = np.where(core, CORE_UPTAKE * lesion.uptake, uptake)
    matter = lesion.density_hu + lesion.density_spread_hu * density + CORE_DENSITY_HU * core
    canvas.suv[where][inside] = np.maximum(uptake, 0.4)[inside]
    canvas.hu[where][inside] = matter[inside]
    region[where] |= inside


def _distance(x: Array, y: Array, z: Array, centre: tuple[float, ...]) -> Array:
    squared: Array = (x - np.float32(centre[0])) ** 2 + (y - np.float32(centre[1])) ** 2
    return np.sqrt(squared + (z - np.float32(centre[2])) ** 2)
