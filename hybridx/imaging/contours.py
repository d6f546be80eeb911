"""Contours drawn on planes to a mask: even-odd filling, so that holes stay holes however they were drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.path import Path as Polygon

from hybridx.errors import InputError
from hybridx.imaging.geometry import resample
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image

__all__ = ["Contours", "fill"]

Points = npt.NDArray[np.float64]

ON_SLICE = 0.25  # of the slice spacing: a contour this close to a slice was drawn on it
FLAT_MM = 0.5  # the points of one contour may leave their plane this far
FINE_MM = 1.0  # in-plane edge of the grid on which contours of another image are filled


@dataclass(frozen=True, eq=False)
class Contours:
    """One structure: closed contours, each in its plane.

    Parameters
    ----------
    name : str
        As it was given by whoever drew it.
    rings : sequence of ndarray, shape (n_points, 3)
        Corners in the patient's frame, mm.
    """

    name: str
    rings: Sequence[Points]

    def normal(self) -> Points:
        """Return the common normal of the planes, a unit vector.

        Raises
        ------
        InputError
            A contour is no plane figure, or planes are not parallel.
        """
        normals = [_normal(ring) for ring in self.rings]
        first = normals[int(np.argmax([np.linalg.norm(one) for one in normals]))]
        first = first / np.linalg.norm(first)
        for ring in self.rings:
            away = float(np.abs((ring - ring.mean(axis=0)) @ first).max())
            if away > FLAT_MM:
                msg = f"A contour of the structure leaves its plane by {away:.2f} mm, or planes are not parallel."
                raise InputError(msg)
        return first


def fill(contours: Contours, grid: Grid) -> tuple[Image, float, list[str]]:
    """Fill contours on the grid of an image.

    A voxel belongs to the structure when its centre lies inside an odd number of the contours of its slice (holes are
    drawn as a second contour, or as a keyhole). Contours that lie on the image's slices are filled there; others, drawn
    on another image or obliquely, are filled on planes of their own and resampled.

    Parameters
    ----------
    contours : Contours
        In the patient's frame.
    grid : Grid
        Of the image.

    Returns
    -------
    tuple
        The mask, the volume that was drawn (area times distance of planes, mL), and notes.

    Raises
    ------
    InputError
        No contour with an area, or planes that are not parallel.
    """
    rings = [ring for ring in contours.rings if len(ring) >= 3]
    notes = [] if len(rings) == len(contours.rings) else ["contours of fewer than three points were left out"]
    if not rings:
        msg = "The structure has no closed contour with an area."
        raise InputError(msg)
    kept = Contours(contours.name, rings)
    normal = kept.normal()
    axis = grid.axes[:, 2]
    inverse = np.linalg.inv(grid.axes * np.asarray(grid.spacing))
    indices = [(ring - np.asarray(grid.origin)) @ inverse.T for ring in rings]
    heights = np.array([one[:, 2].mean() for one in indices])
    drawn_here = (
        abs(abs(float(normal @ axis)) - 1.0) < 1e-4 and np.abs(heights - np.round(heights)).max() <= ON_SLICE
    )
    if drawn_here:
        x, y, z = grid.size
        array = np.zeros((z, y, x), dtype=np.uint8)
        _fill_slices(array, indices, np.round(heights).astype(int))
        mask = Image(array, grid.spacing, grid.origin, grid.direction, "mask")
        step = _plane_step(heights * grid.spacing[2], grid.spacing[2])
        if step > 1.5 * grid.spacing[2]:
            notes.append(
                f"drawn on every {step / grid.spacing[2]:.0f}. slice only: the slices between are empty"
            )
    else:
        mask, step = _fill_elsewhere(kept, normal, grid)
        notes.append("drawn on another grid: filled on its own planes and resampled")
    return mask, _area(rings, normal) * step / 1000.0, notes


def _normal(ring: Points) -> Points:
    """Twice the ring's area as a vector (Newell): robust where three points are in line."""
    after = np.roll(ring, -1, axis=0)
    return np.asarray(np.cross(ring - ring[0], after - ring[0]).sum(axis=0), dtype=np.float64)


def _area(rings: Sequence[Points], normal: Points) -> float:
    """Even-odd area in mm2, summed over planes: rings inside another are holes."""
    planes: dict[int, list[Points]] = {}
    for ring in rings:
        planes.setdefault(round(float(ring.mean(axis=0) @ normal) * 100), []).append(ring)
    total = 0.0
    first, second = _basis(normal)
    for plane in planes.values():
        flat = [np.column_stack([ring @ first, ring @ second]) for ring in plane]
        for index, ring in enumerate(flat):
            around = sum(
                Polygon(other).contains_point(ring[0]) for at, other in enumerate(flat) if at != index
            )
            size = 0.5 * abs(float(np.linalg.norm(_normal(plane[index]))))
            total += size if around % 2 == 0 else -size
    return total


def _basis(normal: Points) -> tuple[Points, Points]:
    start = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, start)
    first = first / np.linalg.norm(first)
    return first, np.cross(normal, first)


def _plane_step(heights: Points, default: float) -> float:
    """Distance of neighbouring planes, mm."""
    places = np.unique(np.round(heights, 2))
    return float(np.median(np.diff(places))) if len(places) > 1 else default


def _fill_slices(
    array: npt.NDArray[np.uint8], indices: Sequence[Points], slices: npt.NDArray[np.int_]
) -> None:
    """Fill rings given in voxel indices (x, y, z); each ring flips what it covers."""
    depth, rows, columns = array.shape
    for ring, z in zip(indices, slices, strict=True):
        if not 0 <= z < depth:
            continue
        low = np.maximum(np.floor(ring[:, :2].min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(ring[:, :2].max(axis=0)).astype(int) + 1, [columns, rows])
        if (high <= low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        inside = Polygon(ring[:, :2], closed=False).contains_points(np.column_stack([x.ravel(), y.ravel()]))
        array[z, low[1] : high[1], low[0] : high[0]] ^= inside.reshape(x.shape).astype(np.uint8)


def _fill_elsewhere(contours: Contours, normal: Points, grid: Grid) -> tuple[Image, float]:
    """Fill on the contours' own planes, at a fine in-plane grid, and resample to the image."""
    first, second = _basis(normal)
    frame = np.column_stack([first, second, normal])
    turned = [ring @ frame for ring in contours.rings]
    heights = np.array([ring[:, 2].mean() for ring in turned])
    step = _plane_step(heights, grid.spacing[2])
    edge = min(FINE_MM, *grid.spacing[:2])
    corners = np.concatenate(turned)
    low, high = corners.min(axis=0) - 2.0 * edge, corners.max(axis=0) + 2.0 * edge
    bottom = heights.min() - step
    shape = (
        int(np.ceil((heights.max() - bottom) / step)) + 2,
        int(np.ceil((high[1] - low[1]) / edge)) + 1,
        int(np.ceil((high[0] - low[0]) / edge)) + 1,
    )
    array = np.zeros(shape, dtype=np.uint8)
    start = np.array([low[0], low[1], bottom])
    indices = [(ring - start) / np.array([edge, edge, step]) for ring in turned]
    _fill_slices(array, indices, np.round((heights - bottom) / step).astype(int))
    origin = tuple(float(one) for one in frame @ start)
    own = Image(array.astype(np.float32), (edge, edge, step), origin, tuple(frame.ravel()), "")  # type: ignore[arg-type]
    share = resample(own, reference=grid, interpolator="linear", fill=0.0)
    inside = (share.array >= 0.5).astype(np.uint8)
    return Image(inside, grid.spacing, grid.origin, grid.direction, "mask"), step
