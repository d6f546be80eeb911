"""From image and mask as given to both on the grid of the analysis, by IBSI's rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.radiomics.interpolation import aligned_axis, interpolate, interpolate_mask
from hybridx.radiomics.pair import Box, Pair
from hybridx.radiomics.resegment import resegmented
from hybridx.radiomics.roi import Mask, Roi
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["PEAK_MM", "Scene", "check_grid", "cut", "ibsi_scene", "make_roi"]

MOST_VOXELS = 2**28  # of a new grid: 30 (pyradiomics) to 80 (IBSI) bytes each, 8 to 21 GB
PEAK_MM = 6.21  # radius of a sphere of 1 mL: a peak at the border of the lesion looks this far around


@dataclass(frozen=True, eq=False)
class Scene:
    """Image and lesion on the grid of the analysis, before filters and cropping.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        float64 (IBSI) or the type that pyradiomics would hold.
    form : ndarray of bool
        The lesion as it was drawn.
    counting : ndarray of bool
        Its voxels whose intensity counts.
    spacing : tuple of float, (z, y, x)
        mm.
    largest : float
        Largest absolute intensity of the whole image (filters that rescale to it).
    complete : bool
        Whether the image is so large that filters may look at a box of it only.
    """

    image: npt.NDArray[Any]
    form: Mask
    counting: Mask
    spacing: tuple[float, float, float]
    largest: float = math.nan
    complete: bool = False
    remarks: tuple[str, ...] = field(default=())


def ibsi_scene(pair: Pair, settings: RadiomicsSettings, margin_mm: float | None = PEAK_MM) -> Scene:
    """Interpolate image and mask, round, and re-segment, in the standard's order.

    Parameters
    ----------
    pair : Pair
        As given.
    settings : RadiomicsSettings
        `resample_mm`, `interpolator`, `mask_threshold`, `round_intensities`, `resegment`, `outlier_sigma`.
    margin_mm : float or None
        Of image kept around the lesion; None keeps the whole image.

    Source
    ------
    IBSI reference manual, sections 2.4 and 2.5, doi:10.1148/radiol.2020191145.
    """
    old = tuple(reversed(pair.grid.spacing))
    edges = settings.resample_mm
    new = (
        (0.0,) * 3 if edges is None else tuple(reversed(edges)) if isinstance(edges, tuple) else (edges,) * 3
    )
    for n, o, e in zip(pair.mask.shape, old, new, strict=True):
        check_grid([n * o / e if e else n], pair.voxels.shape)  # an axis alone, before its voxels are listed
    axes = [aligned_axis(n, o, e) for n, o, e in zip(pair.mask.shape, old, new, strict=True)]
    positions = []
    for axis, part in zip(axes, pair.box, strict=True):
        wide = 0 if margin_mm is None else math.ceil(margin_mm / axis.spacing)
        cut = slice(None) if margin_mm is None else axis.around(part.start, part.stop, wide)
        positions.append(axis.positions[cut])
    check_grid([len(at) for at in positions], pair.voxels.shape)
    image = interpolate(pair.voxels, positions, settings.interpolator)
    form = interpolate_mask(pair.mask, positions, settings.mask_threshold)
    sound = form
    if pair.bad is not None:
        sound = form & ~(interpolate(pair.bad, positions, "linear") > 0)
    if settings.round_intensities:
        image = np.rint(image)
    if settings.normalise:
        image = _normalised(image, pair, settings)
        sound = sound & np.isfinite(image)
    spacing = (axes[0].spacing, axes[1].spacing, axes[2].spacing)
    counting = resegmented(image, sound, settings)
    return Scene(image, form, counting, spacing, complete=True, remarks=pair.remarks)


def check_grid(size: Sequence[float], native: Sequence[int]) -> None:
    """Refuse a new grid that no memory holds; the native one is there already.

    Raises
    ------
    InputError
        More than `MOST_VOXELS` voxels, and more than the image has.
    """
    voxels = math.prod(float(n) for n in size)
    if voxels > max(MOST_VOXELS, math.prod(native)):
        msg = (
            f"resample_mm makes {voxels:.2g} voxels around it; at most {MOST_VOXELS:.2g}: choose longer edges"
        )
        raise InputError(msg)


def make_roi(image: npt.NDArray[Any], scene: Scene, box: Box, form: Mask | None = None) -> Roi:
    """Make a lesion of an image that covers a box of the scene."""
    whole = scene.form if form is None else form
    return Roi(image.astype(np.float64, copy=False), whole[box], scene.counting[box], scene.spacing)


def cut(roi: Roi, box: Box) -> Roi:
    """Cut a box out of a lesion, contiguous in memory."""
    return Roi(
        np.ascontiguousarray(roi.image[box]),
        np.ascontiguousarray(roi.morphology[box]),
        np.ascontiguousarray(roi.intensity[box]),
        roi.spacing,
    )


def _normalised(image: npt.NDArray[Any], pair: Pair, settings: RadiomicsSettings) -> npt.NDArray[Any]:
    voxels = pair.voxels.astype(np.float64)
    scaled = (image - voxels.mean()) / voxels.std()  # of an image of one value: NaN
    if settings.normalise_clip is not None:
        scaled = np.clip(scaled, -settings.normalise_clip, settings.normalise_clip)
    return scaled * settings.normalise_scale
