"""An image as another acquisition might have given it: with more noise, on a shifted or a turned grid of voxels."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from hybridx.errors import InputError, SettingsError
from hybridx.imaging import Image, bounding_box
from hybridx.radiomics.perturb_mask import ChangedMask

__all__ = ["add_noise", "move", "noise_level"]

# the high-pass filter of the coiflet of order 1: the low-pass one reversed, with every second sign changed
LOW = (-0.01565572813546454, -0.0727326195128539, 0.38486484686420286,
       0.8525720202122554, 0.3378976624578092, -0.0727326195128539)  # fmt: skip
HIGH = np.array([(-1.0) ** i * tap for i, tap in enumerate(reversed(LOW))])
MAD_TO_SD = 0.6745  # median absolute value of a standard normal variable
AROUND_MM = 20.0
BACKGROUND = {"ct": -1000.0}


def noise_level(image: Image, mask: Image | None = None) -> float:
    """Estimate the standard deviation of the noise from the finest in-plane details.

    The median size of the diagonal wavelet coefficients, which edges hardly reach. Noise that a reconstruction has
    smoothed (PET) is finer than they see: there the estimate is a lower bound.

    Parameters
    ----------
    image : Image
        In any unit.
    mask : Image, optional
        Look only within 20 mm of this lesion: air around the patient has no noise to speak of.

    Returns
    -------
    float
        In the unit of the image; 0 for a flat image.

    Source
    ------
    Chang, Yu & Vetterli 2000, doi:10.1109/83.862633, as used by Zwanenburg et al. 2019,
    doi:10.1038/s41598-018-36938-4.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> smooth = np.linspace(0, 100, 64)[None, None, :] + np.zeros((20, 64, 64))
    >>> image = Image((smooth + rng.normal(0, 5.0, smooth.shape)).astype(np.float32), (1.0,) * 3)
    >>> abs(noise_level(image) - 5.0) < 0.1
    True
    """
    box = (slice(None),) * 3 if mask is None else bounding_box(mask, margin_mm=AROUND_MM)
    values = np.nan_to_num(image.array[box].astype(np.float64), posinf=0.0, neginf=0.0)
    reach = len(HIGH) // 2
    for axis in (1, 2):
        values = ndimage.convolve1d(values, HIGH, axis=axis, mode="reflect")
        if values.shape[axis] > 4 * reach:  # where the filter met the border it saw mirrored noise
            values = values.take(range(reach, values.shape[axis] - reach), axis=axis)
    return float(np.median(np.abs(values)) / MAD_TO_SD)


def add_noise(image: Image, rng: np.random.Generator, sd: float) -> Image:
    """Add Gaussian noise of a standard deviation in the unit of the image (`noise_level` estimates what is there)."""
    if not (math.isfinite(sd) and sd >= 0):
        msg = f"sd={sd!r} is not a standard deviation >= 0."
        raise SettingsError(msg)
    noise = rng.standard_normal(image.array.shape, dtype=np.float32) * np.float32(sd)
    return image.with_array(image.array.astype(np.float32) + noise)


def move(
    image: Image,
    mask: Image,
    *,
    degrees: float = 0.0,
    voxels: tuple[float, float, float] = (0.0, 0.0, 0.0),
    margin_mm: float | None = None,
) -> tuple[Image, ChangedMask]:
    """Turn and shift the lesion under its voxels, in one interpolation.

    Parameters
    ----------
    image, mask : Image
        On one grid.
    degrees : float
        Turn within the slices, about the lesion's middle.
    voxels : tuple of float, (x, y, z)
        Shift in voxel edges; fractions are the point, whole voxels change nothing.
    margin_mm : float, optional
        Return only the box of the lesion with so much around it (and room for the turn); default: the whole volume.

    Returns
    -------
    tuple of Image and ChangedMask
        Linear interpolation; a voxel belongs to the mask when at least half of it does. Where no voxel would, the one
        with most of the lesion stays, with a reason.

    Raises
    ------
    InputError
        Another grid, or an empty mask.
    """
    if not image.grid.same(mask.grid):
        msg = f"The mask has {mask.grid}, its image {image.grid}; resample it first: resample(mask, reference=image)."
        raise InputError(msg)
    if not all(math.isfinite(part) for part in (degrees, *voxels)):
        msg = f"degrees={degrees!r} and voxels={voxels!r} must be finite."
        raise SettingsError(msg)
    place = np.argwhere(mask.array > 0)
    if not len(place):
        msg = "The mask is empty: there is no lesion to move."
        raise InputError(msg)
    z, y, x = (place.min(axis=0) + place.max(axis=0)) / 2
    turn = _turn(image, (x, y, z), degrees, voxels)
    box = _box(mask, margin_mm, degrees)
    fill = BACKGROUND.get(image.modality, 0.0)
    moved = _resampled(image, image.array.astype(np.float32), turn, box, fill)
    share = _resampled(mask, (mask.array > 0).astype(np.float32), turn, box, 0.0)
    inside, reason = share.array >= 0.5, ""
    if not inside.any():
        inside = share.array >= share.array.max()
        reason = "no voxel would lie in the lesion by half; the one with most of it stays"
    there = share.grid
    new = Image(inside.astype(np.uint8), there.spacing, there.origin, there.direction, modality="mask")
    return moved, ChangedMask(new, reason)


def _turn(
    image: Image, middle: tuple[float, ...], degrees: float, voxels: tuple[float, ...]
) -> sitk.Transform:
    """Make the map from a point of the new volume to the point of the old one whose value it takes."""
    axes, centre = image.grid.axes, image.grid.points([middle])[0]
    turn = sitk.VersorRigid3DTransform()
    turn.SetCenter([float(c) for c in centre])
    turn.SetRotation([float(a) for a in axes[:, 2]], math.radians(-degrees))
    shift = axes @ (np.asarray(voxels) * np.asarray(image.spacing))
    turn.SetTranslation([float(-s) for s in shift])
    return turn


def _box(mask: Image, margin_mm: float | None, degrees: float) -> tuple[slice, slice, slice]:
    if margin_mm is None:
        z, y, x = (slice(0, n) for n in mask.array.shape)
        return z, y, x
    tight = bounding_box(mask)
    edges = [
        (part.stop - part.start) * edge for part, edge in zip(tight, reversed(mask.spacing), strict=True)
    ]
    # a turned lesion reaches out of its box by at most this
    reach = math.hypot(edges[1], edges[2]) / 2 * abs(math.sin(math.radians(degrees)))
    return bounding_box(mask, margin_mm=margin_mm + reach + max(mask.spacing))


def _resampled(
    like: Image, array: np.ndarray, turn: sitk.Transform, box: tuple[slice, slice, slice], fill: float
) -> Image:
    grid = like.grid
    depth, height, width = (part.stop - part.start for part in box)
    corner = grid.points([(box[2].start, box[1].start, box[0].start)])[0]
    moved = sitk.Resample(
        like.with_array(array).to_sitk(),
        (width, height, depth),
        turn,
        sitk.sitkLinear,
        tuple(float(c) for c in corner),
        grid.spacing,
        grid.direction,
        fill,
    )
    return Image.from_sitk(moved, like.modality if not like.is_mask else "", like.unit)
