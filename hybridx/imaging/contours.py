"""Contours drawn on planes to a mask: holes stay holes however they were drawn, and nothing drawn twice is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.imaging.geometry import resample
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image
from hybridx.imaging.scanline import fill_plane

__all__ = ["Contours", "fill"]

Points = npt.NDArray[np.float64]

ON_SLICE = 0.25  # of the slice spacing: a contour this close to a slice was drawn on it
FLAT_MM = 0.5  # the points of one contour may leave their plane this far
SAME_DIGITS = 2  # mm, to which the corners of two contours are compared
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
    flip : bool
        Whether contours flip each other where they cross (``CLOSEDPLANAR_XOR``); else what crosses is joined.
    """

    name: str
    rings: Sequence[Points]
    flip: bool = False

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

    A voxel belongs to the structure when its centre lies inside the contours of its slice and not in their holes (drawn
    as a second contour, or as a keyhole). Contours that lie on the image's slices are filled there; others, drawn
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
    rings, notes = _usable(contours.rings)
    if not rings:
        msg = "The structure has no closed contour with an area."
        raise InputError(msg)
    kept = Contours(contours.name, rings, contours.flip)
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
        slices = np.round(heights).astype(int)
        crossing = _fill_slices(array, indices, slices, flip=kept.flip)
        outside = int(((slices < 0) | (slices >= z)).sum())
        if outside:
            notes.append(f"{outside} of {len(rings)} contours lie above or below the image")
        mask = Image(array, grid.spacing, grid.origin, grid.direction, "mask")
        step = _plane_step(heights * grid.spacing[2], grid.spacing[2])
        if step > 1.5 * grid.spacing[2]:
            notes.append(
                f"drawn on every {step / grid.spacing[2]:.0f}. slice only: the slices between are empty"
            )
    else:
        mask, step, crossing = _fill_elsewhere(kept, normal, grid)
        notes.append("drawn on another grid: filled on its own planes and resampled")
    if crossing:
        notes.append(f"{crossing} contours cross others on their slice: joined")
    return mask, _area(rings, normal) * step / 1000.0, notes


def _usable(given: Sequence[Points]) -> tuple[list[Points], list[str]]:
    """Leave out what encloses nothing, and contours that were stored twice: a hole would take their place."""
    notes: list[str] = []
    rings = [ring for ring in given if len(ring) >= 3]
    if len(rings) < len(given):
        notes.append("contours of fewer than three points were left out")
    seen: set[bytes] = set()
    once = []
    for ring in rings:
        # whatever corner it starts from, and whether or not the last repeats the first
        mark = np.unique(np.round(ring, SAME_DIGITS) + 0.0, axis=0).tobytes()
        if mark not in seen:
            seen.add(mark)
            once.append(ring)
    if len(once) < len(rings):
        notes.append(f"{len(rings) - len(once)} contours stored twice were taken once")
    return once, notes


def _holds(ring: Points, point: Points) -> bool:
    """Whether a point of the plane lies inside a ring, by the even-odd rule."""
    after = np.roll(ring, -1, axis=0)
    spans = (ring[:, 1] > point[1]) != (after[:, 1] > point[1])
    if not spans.any():
        return False
    one, two = ring[spans], after[spans]
    x = one[:, 0] + (point[1] - one[:, 1]) / (two[:, 1] - one[:, 1]) * (two[:, 0] - one[:, 0])
    return bool((x > point[0]).sum() % 2)


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
            around = sum(_holds(other, ring[0]) for at, other in enumerate(flat) if at != index)
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
    array: npt.NDArray[np.uint8], indices: Sequence[Points], slices: npt.NDArray[np.int_], *, flip: bool
) -> int:
    """Fill rings given in voxel indices (x, y, z); return how many cross others."""
    return sum(
        fill_plane(array[int(z)], [indices[int(at)][:, :2] for at in np.flatnonzero(slices == z)], flip=flip)
        for z in np.unique(slices)
        if 0 <= z < len(array)
    )


def _fill_elsewhere(contours: Contours, normal: Points, grid: Grid) -> tuple[Image, float, int]:
    """Fill on the contours' own planes, at a fine in-plane grid, and resample to the image."""
    first, second = _basis(normal)
    frame = np.column_stack([first, second, normal])
    turned = [ring @ frame for ring in contours.rings]
    heights = np.array([ring[:, 2].mean() for ring in turned])
    step = _plane_step(heights, grid.spacing[2])
    edge = min(FINE_MM, *grid.spacing[:2])
    corners = np.concatenate(turned)
    # an odd offset: no corner shall lie on a centre of this grid, which is ours and not the drawer's
    low, high = corners.min(axis=0) - 2.382 * edge, corners.max(axis=0) + 2.0 * edge
    bottom = heights.min() - step
    shape = (
        int(np.ceil((heights.max() - bottom) / step)) + 2,
        int(np.ceil((high[1] - low[1]) / edge)) + 1,
        int(np.ceil((high[0] - low[0]) / edge)) + 1,
    )
    array = np.zeros(shape, dtype=np.uint8)
    start = np.array([low[0], low[1], bottom])
    indices = [(ring - start) / np.array([edge, edge, step]) for ring in turned]
    planes = np.round((heights - bottom) / step).astype(int)
    crossing = _fill_slices(array, indices, planes, flip=contours.flip)
    origin = tuple(float(one) for one in frame @ start)
    own = Image(array.astype(np.float32), (edge, edge, step), origin, tuple(frame.ravel()), "")  # type: ignore[arg-type]
    share = resample(own, reference=grid, interpolator="linear", fill=0.0)
    inside = (share.array >= 0.5).astype(np.uint8)
    return Image(inside, grid.spacing, grid.origin, grid.direction, "mask"), step, crossing
