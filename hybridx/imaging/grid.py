"""Where the voxels of a volume lie in the patient."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import SimpleITK as sitk

__all__ = ["Grid"]

# Two grids are one when no corner lies farther apart than 1 % of the smallest voxel edge (0.04 mm for a 4 mm PET,
# 0.01 mm for a 1 mm CT). Headers that went through text or float32 differ by less; a contour is never that sharp.
SAME_GRID_FRACTION = 0.01
SAME_GRID_FLOOR_MM = 0.01


@dataclass(frozen=True)
class Grid:
    """The geometry of a volume, in ITK's order (x, y, z) and the DICOM frame (LPS: left, posterior, superior).

    Parameters
    ----------
    size : tuple of int
        Voxels along x, y, z.
    spacing : tuple of float
        Voxel edges, mm.
    origin : tuple of float
        Centre of the first voxel, mm.
    direction : tuple of float
        3 x 3 matrix, row by row; its columns are the axes.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @classmethod
    def of(cls, image: sitk.Image | sitk.ImageFileReader) -> Grid:
        """Take the geometry from a SimpleITK image or the header that a reader has read."""
        return cls(
            tuple(int(n) for n in image.GetSize()[:3]),  # type: ignore[arg-type]
            tuple(float(s) for s in image.GetSpacing()[:3]),  # type: ignore[arg-type]
            tuple(float(o) for o in image.GetOrigin()[:3]),  # type: ignore[arg-type]
            tuple(
                float(d)
                for d in np.reshape(image.GetDirection(), (image.GetDimension(),) * 2)[:3, :3].ravel()
            ),
        )

    @property
    def axes(self) -> npt.NDArray[np.float64]:
        """The 3 x 3 direction matrix."""
        return np.asarray(self.direction, dtype=np.float64).reshape(3, 3)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, mL."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Edges of the whole volume, mm."""
        x, y, z = (n * s for n, s in zip(self.size, self.spacing, strict=True))
        return x, y, z

    def points(self, index: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the positions (n, 3) in mm of voxel indices (n, 3), both in the order x, y, z."""
        scaled = np.asarray(index, dtype=np.float64) * np.asarray(self.spacing)
        return scaled @ self.axes.T + np.asarray(self.origin)

    def index(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the continuous voxel indices (n, 3) of positions (n, 3) in mm, both in the order x, y, z."""
        return (
            (np.asarray(points, dtype=np.float64) - np.asarray(self.origin))
            @ self.axes
            / np.asarray(self.spacing)
        )

    def corners(self) -> npt.NDArray[np.float64]:
        """Return the centres of the eight corner voxels, (8, 3), mm."""
        return self.points(list(itertools.product(*[(0, n - 1) for n in self.size])))

    def distance(self, other: Grid) -> float:
        """Say how far two grids of equal size lie apart at their worst corner, mm; infinite for unequal sizes."""
        if self.size != other.size:
            return float("inf")
        return float(np.linalg.norm(self.corners() - other.corners(), axis=1).max())

    def same(self, other: Grid) -> bool:
        """Whether the two describe the same voxels, within 1 % of the smallest voxel edge."""
        tolerance = max(SAME_GRID_FLOOR_MM, SAME_GRID_FRACTION * min(*self.spacing, *other.spacing))
        return self.distance(other) <= tolerance

    def box(self) -> npt.NDArray[np.float64]:
        """Return the enclosing box along the patient's axes, outer voxel faces included: (2, 3), mm."""
        faces = self.points(list(itertools.product(*[(-0.5, n - 0.5) for n in self.size])))
        return np.stack([faces.min(axis=0), faces.max(axis=0)])

    def overlap(self, other: Grid) -> float:
        """Return the shared part of the smaller of the two enclosing boxes, between 0 and 1."""
        mine, theirs = self.box(), other.box()
        shared = np.minimum(mine[1], theirs[1]) - np.maximum(mine[0], theirs[0])
        smaller = min(float(np.prod(mine[1] - mine[0])), float(np.prod(theirs[1] - theirs[0])))
        return float(np.prod(np.clip(shared, 0.0, None))) / smaller

    def __str__(self) -> str:
        size = " x ".join(str(n) for n in self.size)
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing)
        origin = ", ".join(f"{o:.2f}" for o in self.origin)
        return f"{size} voxels of {spacing} mm from ({origin})"
