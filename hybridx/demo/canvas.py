"""A canvas in patient coordinates: paint shapes in millimetres, read density (HU) and uptake (SUV) per voxel.

Coordinates are LPS like DICOM's: x grows to the patient's left, y to the back, z to the head; z = 0 at the top of
the diaphragm. Every shape paints only the voxels of its own bounding box, so a patch costs a fraction of a torso.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["AIR_HU", "Array", "Canvas", "Field", "Grid", "Slices"]

Array = NDArray[np.float32]
Slices = tuple[slice, slice, slice]

AIR_HU = -1000.0


@dataclass(frozen=True)
class Grid:
    """An axis-aligned voxel grid: where each voxel centre lies.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (z, y, x), the order of the arrays.
    spacing, origin : tuple of float
        Millimetres along (x, y, z), the order of DICOM and ITK; `origin` is the centre of the first voxel.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]

    @classmethod
    def over(
        cls,
        low: Sequence[float],
        high: Sequence[float],
        spacing: Sequence[float],
        shift: Sequence[float] = (0.0, 0.0, 0.0),
    ) -> Grid:
        """Cover the box from `low` to `high` (x, y, z in mm), the first voxel centre displaced by `shift`."""
        counts = [int(np.ceil((b - a) / s)) for a, b, s in zip(low, high, spacing, strict=True)]
        x, y, z = (float(a + d) for a, d in zip(low, shift, strict=True))
        sx, sy, sz = (float(s) for s in spacing)
        return cls((counts[2], counts[1], counts[0]), (sx, sy, sz), (x, y, z))

    def axis(self, number: int) -> NDArray[np.float64]:
        """Return the voxel centres along x (0), y (1) or z (2) in mm."""
        steps = np.arange(self.shape[2 - number], dtype=np.float64)
        return self.origin[number] + self.spacing[number] * steps

    def box(self, centre: Sequence[float], reach: Sequence[float]) -> Slices:
        """Return the slices (z, y, x) of the voxels within `reach` mm of `centre` along each axis."""
        slices = []
        for number in (2, 1, 0):
            first = (centre[number] - reach[number] - self.origin[number]) / self.spacing[number]
            last = (centre[number] + reach[number] - self.origin[number]) / self.spacing[number]
            stop = self.shape[2 - number]
            slices.append(slice(min(max(int(np.ceil(first)), 0), stop), min(max(int(last) + 1, 0), stop)))
        return slices[0], slices[1], slices[2]

    def coordinates(self, where: Slices | None = None) -> tuple[Array, Array, Array]:
        """Return x, y, z in mm as float32 arrays that broadcast to the (z, y, x) shape of `where`."""
        z, y, x = where or (slice(None), slice(None), slice(None))
        return (
            self.axis(0)[x].astype(np.float32)[None, None, :],
            self.axis(1)[y].astype(np.float32)[None, :, None],
            self.axis(2)[z].astype(np.float32)[:, None, None],
        )


class Field:
    """A smooth random field over space, the same on every grid: a sum of plane waves with random direction.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the waves.
    length_mm : float
        Correlation length: the field forgets itself over this distance.
    waves : int
        More waves make the values more Gaussian; 24 are enough to look at.
    """

    def __init__(self, rng: np.random.Generator, length_mm: float, waves: int = 24) -> None:
        self._frequency = (rng.standard_normal((waves, 3)) / length_mm).astype(np.float32)
        self._phase = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        """Return the field (mean 0, standard deviation 1) at broadcasting coordinates in mm."""
        # exp(i(kx x + ky y + kz z)) is a product over the axes, so the sum over waves is one matrix product.
        kx, ky, kz = self._frequency.T
        along_x = np.exp(1j * np.multiply.outer(x.ravel(), kx), dtype=np.complex64)
        along_y = np.exp(1j * np.multiply.outer(y.ravel(), ky), dtype=np.complex64)
        along_z = np.exp(1j * (np.multiply.outer(z.ravel(), kz) + self._phase), dtype=np.complex64)
        plane = (along_z[:, None, :] * along_y[None, :, :]).reshape(-1, len(kx))
        # Re(a b) = Re a Re b - Im a Im b: two real products instead of a complex one
        total = plane.real @ along_x.real.T - plane.imag @ along_x.imag.T
        total *= np.float32(np.sqrt(2.0 / len(kx)))
        field: Array = total.reshape(along_z.shape[0], along_y.shape[0], along_x.shape[0]).astype(np.float32)
        return field


class Canvas:
    """Density and uptake on one grid, painted shape after shape (later shapes cover earlier ones)."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.hu = np.full(grid.shape, AIR_HU, dtype=np.float32)
        self.suv = np.zeros(grid.shape, dtype=np.float32)
        self.body = np.zeros(grid.shape, dtype=bool)

    def paint(self, inside: NDArray[np.bool_], hu: float, suv: float, where: Slices | None = None) -> None:
        """Give the voxels `inside` (an array over the slices `where`) one density and one uptake."""
        view = where or (slice(None),) * 3
        self.hu[view][inside] = hu
        self.suv[view][inside] = suv

    def ellipsoid(
        self, centre: Sequence[float], axes: Sequence[float], tilt: float = 0.0
    ) -> tuple[Slices, NDArray[np.float32]]:
        """Return the box of an ellipsoid and the squared radius in it (1 on the surface).

        Parameters
        ----------
        centre, axes : sequence of float
            Centre and semi-axes (x, y, z), mm.
        tilt : float
            Shear of x with z: an ellipsoid that leans to the patient's left as z grows when positive.
        """
        reach = (axes[0] + abs(tilt) * axes[2], axes[1], axes[2])
        where = self.grid.box(centre, reach)
        x, y, z = self.grid.coordinates(where)
        dz = z - centre[2]
        radius = ((x - centre[0] - tilt * dz) / axes[0]) ** 2
        radius = radius + ((y - centre[1]) / axes[1]) ** 2 + (dz / axes[2]) ** 2
        return where, radius

    def fill(
        self, centre: Sequence[float], axes: Sequence[float], hu: float, suv: float, tilt: float = 0.0
    ) -> None:
        """Paint a whole ellipsoid; what lies outside the body stays air."""
        where, radius = self.ellipsoid(centre, axes, tilt)
        self.paint((radius <= 1) & self.body[where], hu, suv, where)

    def tube(
        self, start: Sequence[float], end: Sequence[float], radius_mm: float, hu: float, suv: float
    ) -> None:
        """Paint a straight tube with round ends (a vessel, a bronchus) from `start` to `end`."""
        a, b = np.asarray(start, dtype=np.float32), np.asarray(end, dtype=np.float32)
        along = b - a
        where = self.grid.box(((a + b) / 2).tolist(), (np.abs(along) / 2 + radius_mm).tolist())
        x, y, z = self.grid.coordinates(where)
        dx, dy, dz = x - a[0], y - a[1], z - a[2]
        place = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) / float(along @ along), 0, 1)
        distance = (dx - place * along[0]) ** 2 + (dy - place * along[1]) ** 2 + (dz - place * along[2]) ** 2
        self.paint((distance <= radius_mm**2) & self.body[where], hu, suv, where)
