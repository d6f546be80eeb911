"""A torso in template millimetres: outline, chest, abdomen, pelvis and skeleton, with the usual uptake of FDG.

The shapes are ellipsoids, tubes and slabs placed by hand after an atlas cross-section; they are meant to be
recognised by a physician, not to be measured. One person differs from the next by size, fat and organ uptake.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridx.demo.canvas import Canvas, Field, Grid
from hybridx.demo.organs import paint_abdomen, paint_chest, paint_pelvis
from hybridx.demo.skeleton import paint_ribs, paint_spine_and_pelvis

__all__ = ["FIELD_OF_VIEW", "Anatomy", "draw_anatomy"]

# Lower and upper corner (x, y, z) of the scanned region in mm: shoulders to the floor of the pelvis.
FIELD_OF_VIEW = ((-196.0, -132.0, -348.0), (196.0, 132.0, 236.0))

# Half-width and half-depth of the body (mm) at heights from the pelvis to the neck.
_HEIGHT = (-400.0, -340.0, -270.0, -190.0, -110.0, -20.0, 80.0, 150.0, 190.0, 215.0, 240.0, 280.0)
_WIDTH = (172.0, 176.0, 172.0, 158.0, 148.0, 154.0, 166.0, 172.0, 168.0, 140.0, 84.0, 66.0)
_DEPTH = (100.0, 104.0, 106.0, 100.0, 98.0, 106.0, 110.0, 102.0, 92.0, 82.0, 72.0, 66.0)
_POWER_X, _POWER_Y = 2.6, 2.2  # a rounded box rather than an ellipse


@dataclass(frozen=True)
class Anatomy:
    """One person's build and physiology.

    Parameters
    ----------
    scale : tuple of float
        Stretch of the template along (x, y, z).
    fat_mm : float
        Thickness of the fat under the skin, in template mm.
    liver_suv, blood_suv, marrow_suv, heart_suv, bowel_suv, kidney_suv, bladder_suv : float
        Mean FDG uptake (SUVbw) of the organ; the heart's is the wall of the left ventricle.
    texture : int
        Seed of the fine structure (vessels of the lung, content of the bowel).
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fat_mm: float = 18.0
    liver_suv: float = 2.2
    blood_suv: float = 1.6
    marrow_suv: float = 1.3
    heart_suv: float = 4.0
    bowel_suv: float = 1.6
    kidney_suv: float = 9.0
    bladder_suv: float = 25.0
    texture: int = 0

    @classmethod
    def random(cls, rng: np.random.Generator) -> Anatomy:
        """Draw an adult at random: size within some 10 %, uptake within the range that reports call physiological."""
        height = rng.normal(1.0, 0.045)
        girth = np.clip(rng.normal(0.0, 1.0), -2, 2)
        return cls(
            scale=(
                float(np.clip(height + 0.035 * girth, 0.88, 1.10)),
                float(np.clip(height + 0.055 * girth, 0.84, 1.13)),
                float(np.clip(height, 0.90, 1.10)),
            ),
            fat_mm=float(18.0 + 6.0 * girth),
            liver_suv=float(np.exp(rng.normal(np.log(2.2), 0.16))),
            blood_suv=float(np.exp(rng.normal(np.log(1.6), 0.14))),
            marrow_suv=float(np.exp(rng.normal(np.log(1.3), 0.22))),
            heart_suv=float(np.exp(rng.normal(np.log(3.5), 0.6))),
            bowel_suv=float(np.exp(rng.normal(np.log(1.5), 0.25))),
            kidney_suv=float(np.exp(rng.normal(np.log(9.0), 0.35))),
            bladder_suv=float(np.exp(rng.normal(np.log(22.0), 0.45))),
            texture=int(rng.integers(2**31)),
        )

    def template(self, grid: Grid) -> Grid:
        """Return the same voxels in template millimetres."""
        spacing = tuple(s / k for s, k in zip(grid.spacing, self.scale, strict=True))
        origin = tuple(o / k for o, k in zip(grid.origin, self.scale, strict=True))
        return Grid(grid.shape, spacing, origin)  # type: ignore[arg-type]

    def place(self, point: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return where a template point lies in this person, mm."""
        x, y, z = (p * k for p, k in zip(point, self.scale, strict=True))
        return x, y, z


def draw_anatomy(grid: Grid, anatomy: Anatomy) -> Canvas:
    """Paint a person without disease on a grid of patient coordinates."""
    canvas = Canvas(anatomy.template(grid))
    depth = _outline(canvas, anatomy)
    rng = np.random.default_rng(anatomy.texture)
    paint_chest(canvas, depth, anatomy, Field(rng, 14.0, waves=16))
    paint_abdomen(canvas, depth, anatomy, Field(rng, 16.0, waves=16))
    paint_pelvis(canvas, anatomy)
    paint_ribs(canvas, depth, anatomy)
    paint_spine_and_pelvis(canvas, anatomy)
    return canvas


def _outline(canvas: Canvas, anatomy: Anatomy) -> NDArray[np.float32]:
    """Paint skin, fat and the muscular wall; return the relative distance from the axis (1 on the skin)."""
    x, y, z = canvas.grid.coordinates()
    half_width = np.interp(z, _HEIGHT, _WIDTH).astype(np.float32)
    half_depth = np.interp(z, _HEIGHT, _DEPTH).astype(np.float32)
    level = (np.abs(x) / half_width) ** _POWER_X + (np.abs(y) / half_depth) ** _POWER_Y
    # raised to 1 / 2.4 so that equal steps are about equally thick from the axis to the skin
    depth: NDArray[np.float32] = np.power(level, 1 / 2.4, dtype=np.float32)
    canvas.body = depth <= 1
    under_skin = 1 - anatomy.fat_mm / 130.0
    canvas.paint(canvas.body, -98.0, 0.25)
    canvas.paint(depth <= under_skin, 52.0, 0.65)
    canvas.paint(depth <= under_skin - 0.09, -60.0, 0.55)
    return depth / np.float32(under_skin)
