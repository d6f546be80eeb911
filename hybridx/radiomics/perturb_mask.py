"""A lesion as another reader might have drawn it: larger, smaller, or with another contour of the same volume."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hybridx.errors import InputError, SettingsError
from hybridx.imaging import Image, bounding_box
from hybridx.radiomics.roi import Floats, Mask
from hybridx.radiomics.supervoxels import supervoxels
from hybridx.radiomics.surface_distance import signed_distance

__all__ = ["ChangedMask", "grow", "randomise_contour", "randomise_supervoxels", "resize"]

ALWAYS, NEVER = (
    0.90,
    0.20,
)  # overlap above which a supervoxel belongs to the lesion for sure, and below which it cannot


@dataclass(frozen=True, eq=False)
class ChangedMask:
    """A mask after a change, and what kept the change from being what was asked for.

    Parameters
    ----------
    mask : Image
        On the grid of the one that was changed; never empty.
    reason : str
        Empty when all went as asked.
    """

    mask: Image
    reason: str = ""


def grow(mask: Image, mm: float) -> ChangedMask:
    """Move the whole contour outwards (or inwards, for a negative distance), in millimetres whatever the voxels.

    A voxel belongs to the result when its centre lies within that distance of the old contour, so a distance of less
    than half a voxel edge changes nothing along that axis.

    Parameters
    ----------
    mask : Image
        1 inside.
    mm : float
        Above 0 dilates, below 0 erodes.

    Returns
    -------
    ChangedMask
        Where erosion would leave nothing, the voxels that lie deepest stay, with a reason.

    Raises
    ------
    InputError
        The mask is empty.
    SettingsError
        The distance is not a finite number.

    Examples
    --------
    >>> array = np.zeros((9, 9, 9), np.uint8)
    >>> array[3:6, 3:6, 3:6] = 1
    >>> mask = Image(array, (2.0, 2.0, 4.0), modality="mask")
    >>> [int(grow(mask, mm).mask.array.sum()) for mm in (-4.0, 0.0, 2.0, 4.0)]
    [1, 27, 63, 153]
    """
    if not math.isfinite(mm):
        msg = f"mm={mm!r} is not a finite distance."
        raise SettingsError(msg)
    box, inside, spacing = _cut(mask, max(mm, 0.0))
    distance = signed_distance(inside, spacing, abs(mm))
    result = distance <= mm if mm < 0 else inside | (distance <= mm)
    if not result.any():
        depth = float(-distance.min())
        reason = f"erosion by {-mm:g} mm would leave nothing of a lesion {depth:.1f} mm deep; its deepest voxels stay"
        return ChangedMask(_pasted(mask, box, distance <= distance.min() + 1e-9), reason)
    reason = "" if mm == 0 or (result != inside).any() else f"{mm:g} mm is less than half a voxel edge"
    return ChangedMask(_pasted(mask, box, result), reason)


def resize(mask: Image, share: float) -> ChangedMask:
    """Move the whole contour until the volume has changed by a share: 0.2 makes it a fifth larger.

    Parameters
    ----------
    mask : Image
        1 inside.
    share : float
        Above -1. Voxels are taken by their distance to the contour; one always stays.

    Examples
    --------
    >>> array = np.zeros((9, 9, 9), np.uint8)
    >>> array[3:6, 3:6, 2:6] = 1
    >>> mask = Image(array, (2.0, 2.0, 2.0), modality="mask")
    >>> int(resize(mask, 0.5).mask.array.sum()), int(resize(mask, -0.5).mask.array.sum())
    (54, 18)
    """
    if not -1.0 < share < math.inf:
        msg = f"share={share!r} is not a change of the volume above -1."
        raise SettingsError(msg)
    voxels = int((mask.array > 0).sum())
    radius = (3.0 * voxels * mask.grid.voxel_ml * 1000.0 / (4.0 * math.pi)) ** (1.0 / 3.0)
    # a ball needs this much room; whatever is flatter needs less
    box, inside, spacing = _cut(
        mask, radius * ((1.0 + max(share, 0.0)) ** (1.0 / 3.0) - 1.0) + max(mask.spacing)
    )
    wanted = max(1, round(voxels * (1.0 + share)))
    reason = ""
    if wanted > inside.size:
        wanted, reason = inside.size, "the lesion would reach out of the image"
    order = np.argsort(signed_distance(inside, spacing), axis=None, kind="stable")[:wanted]
    result = np.zeros(inside.size, dtype=bool)
    result[order] = True
    return ChangedMask(_pasted(mask, box, result.reshape(inside.shape)), reason)


def randomise_contour(
    mask: Image, rng: np.random.Generator, *, sd_mm: float = 1.5, length_mm: float = 10.0
) -> ChangedMask:
    """Let the contour wander smoothly in and out, keeping the volume to the voxel.

    The distance to the contour gets a Gaussian random field added; as many voxels as before, those with the smallest
    sum, are the new lesion.

    Parameters
    ----------
    mask : Image
        1 inside.
    rng : numpy.random.Generator
        Draws the field.
    sd_mm : float
        Standard deviation of the contour's displacement. Two readers of lung tumours differ by 1 to 2 mm.
    length_mm : float
        Over which the displacement forgets itself; at least `sd_mm`, else the lesion falls apart.

    Raises
    ------
    InputError
        The mask is empty.
    SettingsError
        The lengths are impossible.

    Examples
    --------
    >>> z, y, x = np.ogrid[:21, :21, :21]
    >>> ball = ((z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 <= 49).astype(np.uint8)
    >>> mask = Image(ball, (2.0,) * 3, modality="mask")
    >>> new = randomise_contour(mask, np.random.default_rng(0)).mask.array
    >>> int(new.sum()) == int(ball.sum()), bool((new != ball).any())
    (True, True)
    """
    if not (0 < sd_mm <= length_mm < math.inf):
        msg = f"sd_mm={sd_mm!r} and length_mm={length_mm!r}: wanted 0 < sd_mm <= length_mm."
        raise SettingsError(msg)
    box, inside, spacing = _cut(mask, 4.0 * sd_mm)
    field = _field(inside.shape, spacing, length_mm, rng)
    moved = signed_distance(inside, spacing, 4.0 * sd_mm) + sd_mm * field
    order = np.argsort(moved, axis=None, kind="stable")[: int(inside.sum())]
    result = np.zeros(inside.size, dtype=bool)
    result[order] = True
    return ChangedMask(_pasted(mask, box, result.reshape(inside.shape)))


def _field(
    shape: tuple[int, ...], spacing: tuple[float, float, float], length_mm: float, rng: np.random.Generator
) -> Floats:
    """Draw a smooth field of mean 0 and standard deviation 1."""
    widths = [length_mm / edge / math.sqrt(2.0) for edge in spacing]
    field = ndimage.gaussian_filter(rng.standard_normal(shape), widths, mode="wrap")
    # smoothing a field that wraps round by a kernel of sum of squares q leaves the variance q
    kernel = np.zeros(shape)
    kernel[(0,) * len(shape)] = 1.0
    power = float((ndimage.gaussian_filter(kernel, widths, mode="wrap") ** 2).sum())
    return np.asarray(field / math.sqrt(power))


def randomise_supervoxels(
    image: Image,
    mask: Image,
    rng: np.random.Generator,
    *,
    supervoxel_ml: float = 0.5,
    compactness: float = 0.05,
) -> ChangedMask:
    """Draw the lesion anew from small regions of like intensity, each taken as often as it overlaps the lesion.

    A region with at least 90 % of its volume in the lesion always belongs to the new one, with less than 20 % never, in
    between with a chance of the overlap: the contour is uncertain where the image gives it no edge.

    Parameters
    ----------
    image, mask : Image
        On one grid.
    rng : numpy.random.Generator
        Draws which regions are taken.
    supervoxel_ml : float
        Volume that a region should have; made smaller for small lesions (a twentieth of their volume), and never of
        fewer than 8 voxels.
    compactness : float
        Share of the intensities' range that weighs as much as one edge of a region.

    Returns
    -------
    ChangedMask
        The lesion as it was, with a reason, where no region was taken.

    Raises
    ------
    InputError
        The mask is empty, or lies on another grid.

    Source
    ------
    Zwanenburg et al. 2019, doi:10.1038/s41598-018-36938-4 (the limits 0.2 and 0.9).
    """
    if not image.grid.same(mask.grid):
        msg = f"The mask has {mask.grid}, its image {image.grid}; resample it first: resample(mask, reference=image)."
        raise InputError(msg)
    if not (supervoxel_ml > 0 and compactness > 0):
        msg = f"supervoxel_ml={supervoxel_ml!r} and compactness={compactness!r} must be above 0."
        raise SettingsError(msg)
    voxel = mask.grid.voxel_ml
    lesion_ml = float((mask.array > 0).sum()) * voxel
    wanted = max(min(supervoxel_ml, lesion_ml / 20.0), 8.0 * voxel)
    edge = (1000.0 * wanted) ** (1.0 / 3.0)
    box, inside, spacing = _cut(mask, 2.0 * edge)
    near = (
        np.abs(signed_distance(inside, spacing, 0.0)) <= 2.0 * edge
    )  # deeper regions lie in the lesion whole
    labels = supervoxels(image.array[box], near, spacing, edge, compactness)
    overlap = np.bincount(labels[near], weights=inside[near].astype(np.float64)) / np.maximum(
        np.bincount(labels[near]), 1
    )
    taken = (overlap >= ALWAYS) | ((overlap >= NEVER) & (rng.random(len(overlap)) < overlap))
    result = np.where(near, taken[labels], inside)
    if not result.any():
        return ChangedMask(mask, "no supervoxel was taken; the lesion stays as it was")
    return ChangedMask(_pasted(mask, box, result))


def _cut(
    mask: Image, margin_mm: float
) -> tuple[tuple[slice, slice, slice], Mask, tuple[float, float, float]]:
    """Return the box of the lesion with a margin of one voxel more than asked, the lesion in it, and z, y, x edges."""
    x, y, z = mask.spacing
    box = bounding_box(mask, margin_mm=margin_mm + max(mask.spacing))
    return box, np.asarray(mask.array[box] > 0), (z, y, x)


def _pasted(mask: Image, box: tuple[slice, slice, slice], inside: Mask) -> Image:
    whole = np.zeros(mask.array.shape, dtype=np.uint8)
    whole[box] = inside
    return mask.with_array(whole)
