"""The outline of the body on CT and on PET, and how far the two are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from hybridx.imaging.geometry import resample
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image

__all__ = ["Alignment", "alignment", "body_outline", "coarse"]

Bools = npt.NDArray[np.bool_]

EDGE_MM = 5.0  # of the grid on which outlines are drawn: the blur of a PET's skin; finer costs seconds
SKIN_HU = -300.0  # between air (-1000) and fat (-100)
SKIN_SHARE = (
    0.35  # of the median uptake of the body's voxels: the half-way point of a blurred edge, a little outside
)
LEAST_UPTAKE = 0.05  # SUV, above the noise of air
FULL = 0.97  # of the slices' area: the body fills the picture, so that there is no outline to see
REACH_MM = 30.0
AS_GOOD = 0.01  # of Dice: along a leg or a trunk many shifts fit alike, and the smallest of them is meant


def coarse(image: Image) -> Image:
    """Put an image on the coarse grid on which outlines are drawn, over its own field of view."""
    length = (np.asarray(image.grid.size) - 1.0) * np.asarray(image.spacing)
    size = tuple(int(one) for one in np.maximum(length // EDGE_MM, 1) + 1)
    return resample(
        image, reference=Grid(size, (EDGE_MM,) * 3, image.origin, image.direction), interpolator="linear"
    )  # type: ignore[arg-type]


def body_outline(image: Image) -> Bools | None:
    """Find the body: the largest connected part above air, with lungs and bowel filled slice by slice.

    Parameters
    ----------
    image : Image
        CT in HU, or PET in SUV.

    Returns
    -------
    ndarray of bool, shape (z, y, x), or None
        None where no outline can be seen: a crop inside the body, or nothing but air.
    """
    above = _above(image)
    # a couch or a blanket hangs on by a few voxels only
    above = ndimage.binary_opening(above, structure=np.ones((1, 3, 3), dtype=bool))
    labels, count = ndimage.label(above)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    body = labels == int(np.argmax(sizes))
    for plane in body:
        plane[...] = ndimage.binary_fill_holes(plane)
    share = float(body.mean(axis=(1, 2)).max())
    return None if share > FULL or float(body.mean()) < 0.005 else body


def _above(image: Image) -> Bools:
    if image.modality == "ct":
        return np.asarray(image.array > SKIN_HU)
    warm = image.array[image.array > LEAST_UPTAKE]
    if not len(warm):
        return np.zeros(image.array.shape, dtype=bool)
    return np.asarray(image.array > max(LEAST_UPTAKE, SKIN_SHARE * float(np.median(warm))))


@dataclass(frozen=True)
class Alignment:
    """How the body's outlines on two images lie to each other.

    Parameters
    ----------
    shift_mm : tuple of float, (x, y, z)
        What the second would have to be moved by to lie best on the first.
    distance_mm : float
        Length of that shift.
    dice, best_dice : float
        Overlap of the outlines as they are, and after the shift.
    """

    shift_mm: tuple[float, float, float]
    distance_mm: float
    dice: float
    best_dice: float


def alignment(ct: Image, pet: Image) -> Alignment | None:
    """Compare the body's outline on CT and PET, where both see it.

    Breathing and crossed arms move parts of the outline by a centimetre; a shift of the whole, or a poor overlap after
    the best shift, tells of two examinations, of a patient who moved, or of a header that lost its position.

    Returns
    -------
    Alignment or None
        None where one of the two shows no outline, or the field they share is smaller than 5 cm along an axis.

    Examples
    --------
    >>> z, y, x = np.indices((30, 30, 30)) * 4.0 - 58.0
    >>> body = x**2 + y**2 <= 40.0**2
    >>> ct = Image(np.where(body, 0.0, -1000.0).astype(np.float32), (4.0,) * 3, modality="ct")
    >>> pet = Image(np.where(body, 1.0, 0.0).astype(np.float32), (4.0,) * 3, (12.0, 0.0, 0.0), modality="pet")
    >>> alignment(ct, pet).shift_mm
    (-10.0, 0.0, 0.0)
    """
    grid = _shared(ct.grid, pet.grid)
    if grid is None:
        return None
    outlines = [body_outline(resample(one, reference=grid, interpolator="linear")) for one in (ct, pet)]
    if outlines[0] is None or outlines[1] is None:
        return None
    first, second = outlines[0], outlines[1]
    steps = int(REACH_MM // EDGE_MM)
    overlap = _correlation(first, second, steps)
    centre = (steps,) * 3
    counts = _counts(first, second, steps)
    dice = 2.0 * overlap / np.maximum(counts, 1.0)
    reach = np.sqrt(sum(np.square(axis - steps) for axis in np.indices(dice.shape)))
    fit = dice >= dice.max() - AS_GOOD
    best = np.unravel_index(int(np.lexsort((-dice.ravel(), reach.ravel(), ~fit.ravel()))[0]), dice.shape)
    shift = tuple(float((best[axis] - steps) * EDGE_MM) + 0.0 for axis in (2, 1, 0))
    return Alignment(shift, float(np.linalg.norm(shift)), float(dice[centre]), float(dice[best]))  # type: ignore[arg-type]


def _shared(first: Grid, second: Grid) -> Grid | None:
    """Return a coarse axis-parallel grid over the space that both see."""
    boxes = []
    for grid in (first, second):
        corners = grid.corners()
        boxes.append((np.min(corners, axis=0), np.max(corners, axis=0)))
    low, high = np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])
    if (high - low < 50.0).any():
        return None
    size = tuple(int(one) for one in (high - low) // EDGE_MM + 1)
    return Grid(size, (EDGE_MM,) * 3, tuple(float(one) for one in low))  # type: ignore[arg-type]


def _correlation(first: Bools, second: Bools, steps: int) -> npt.NDArray[np.float64]:
    """Count shared voxels for each shift of the second, shape (2 steps + 1,) * 3, by FFT."""
    size = [fft.next_fast_len(n + 2 * steps, real=True) for n in first.shape]
    one, two = (fft.rfftn(outline.astype(np.float32), size) for outline in (first, second))
    full = fft.irfftn(one * np.conj(two), size)
    index = np.arange(-steps, steps + 1)
    return np.asarray(full[np.ix_(index, index, index)].round())


def _counts(first: Bools, second: Bools, steps: int) -> npt.NDArray[np.float64]:
    """Sum both outlines for each shift, counting only what stays inside the common field."""
    ones = np.ones(first.shape, dtype=bool)
    return _correlation(first, ones, steps) + _correlation(ones, second, steps)
