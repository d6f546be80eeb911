"""From image and mask as given to both on the grid of the analysis, by IBSI's rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.radiomics.interpolation import Axis, aligned_axis, interpolate, interpolate_mask
from hybridx.radiomics.pair import Box, Pair, box_of
from hybridx.radiomics.resegment import resegmented
from hybridx.radiomics.roi import Floats, Mask, Roi
from hybridx.radiomics.settings import RadiomicsSettings
from hybridx.radiomics.whole_image import WholeImage

__all__ = ["PEAK_MM", "Scene", "check_grid", "cut", "ibsi_scene", "make_roi"]

MOST_VOXELS = 2**28  # of a new grid: 30 (pyradiomics) to 80 (IBSI) bytes each, 8 to 21 GB
Spacing: TypeAlias = tuple[float, float, float]
Shape: TypeAlias = tuple[int, int, int]
Reach: TypeAlias = Callable[[Spacing, Box, Shape], Shape | None]
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
    whole : WholeImage or None
        All of the image on the grid of the analysis, read slab by slab (filters that live in Fourier space).
    first : tuple of int, (z, y, x)
        Where in the whole image this part of it begins.
    """

    image: npt.NDArray[Any]
    form: Mask
    counting: Mask
    spacing: tuple[float, float, float]
    largest: float = math.nan
    complete: bool = False
    remarks: tuple[str, ...] = field(default=())
    whole: WholeImage | None = None
    first: tuple[int, int, int] = (0, 0, 0)

    @cached_property
    def lesion(self) -> tuple[Mask, Mask]:
        """Form and counting voxels in the box of the form, contiguous in memory."""
        box = box_of(self.form)
        return np.ascontiguousarray(self.form[box]), np.ascontiguousarray(self.counting[box])

    @cached_property
    def loudest(self) -> float:
        """Largest absolute intensity in the box of the form."""
        around = self.image[box_of(self.form)]
        return max(-float(around.min()), float(around.max()))

    def roi(self, image: npt.NDArray[Any]) -> Roi:
        """Put an image of the lesion's box together with the lesion, whose voxels are looked for once."""
        form, counting = self.lesion
        return Roi(image, form, counting, self.spacing, self.runs)

    @cached_property
    def runs(self) -> npt.NDArray[np.int64]:
        """The counting voxels of `lesion` as (z, y, first, one after the last) of every run along x."""
        form, counting = self.lesion
        return Roi(np.empty(0), form, counting, self.spacing).runs


def ibsi_scene(
    pair: Pair, settings: RadiomicsSettings, margin_mm: float | None = PEAK_MM, reach: Reach | None = None
) -> Scene:
    """Interpolate image and mask, round, and re-segment, in the standard's order.

    Parameters
    ----------
    pair : Pair
        As given.
    settings : RadiomicsSettings
        `resample_mm`, `interpolator`, `mask_threshold`, `round_intensities`, `resegment`, `outlier_sigma`.
    margin_mm : float or None
        Of image kept around the lesion; None keeps the whole image.
    reach : callable, optional
        ``reach(spacing, box, shape)`` gives the voxels (z, y, x) that filters look farther than the box of the
        lesion, or None for the whole image.

    Source
    ------
    IBSI reference manual, sections 2.4 and 2.5, doi:10.1148/radiol.2020191145.
    """
    axes = _axes(pair, settings)
    spacing = (axes[0].spacing, axes[1].spacing, axes[2].spacing)
    lesion = [axis.around(part.start, part.stop, 0) for axis, part in zip(axes, pair.box, strict=True)]
    z, y, x = (len(axis.positions) for axis in axes)
    parts = _parts(lesion, spacing, (z, y, x), margin_mm, reach)
    positions = [axis.positions[part] for axis, part in zip(axes, parts, strict=True)]
    check_grid([len(at) for at in positions], pair.voxels.shape)
    prepare = _preparing(pair, settings)
    image = prepare(positions)
    form = interpolate_mask(pair.mask, positions, settings.mask_threshold)
    sound = form
    if pair.bad is not None:
        sound = form & ~(interpolate(pair.bad, positions, "linear") > 0)
    if settings.normalise:
        sound = sound & np.isfinite(image)
    counting = resegmented(image, sound, settings)

    def slab(first: int, last: int) -> Floats:
        return prepare([axes[0].positions[first:last], axes[1].positions, axes[2].positions])

    return Scene(
        image,
        form,
        counting,
        spacing,
        complete=True,
        remarks=pair.remarks,
        whole=WholeImage((z, y, x), slab),
        first=(parts[0].start, parts[1].start, parts[2].start),
    )


def _axes(pair: Pair, settings: RadiomicsSettings) -> list[Axis]:
    old = tuple(reversed(pair.grid.spacing))
    edges = settings.resample_mm
    new = (
        (0.0,) * 3 if edges is None else tuple(reversed(edges)) if isinstance(edges, tuple) else (edges,) * 3
    )
    for n, o, e in zip(pair.mask.shape, old, new, strict=True):
        check_grid([n * o / e if e else n], pair.voxels.shape)  # an axis alone, before its voxels are listed
    return [aligned_axis(n, o, e) for n, o, e in zip(pair.mask.shape, old, new, strict=True)]


def _parts(
    lesion: Sequence[slice],
    spacing: tuple[float, float, float],
    shape: tuple[int, int, int],
    margin_mm: float | None,
    reach: Reach | None,
) -> list[slice]:
    """Return the part of each axis that is kept: the lesion, and as far around it as peaks and filters look."""
    if margin_mm is None:
        return [slice(0, n) for n in shape]
    box = (lesion[0], lesion[1], lesion[2])
    filters = (0, 0, 0) if reach is None else reach(spacing, box, shape)
    if filters is None:
        return [slice(0, n) for n in shape]
    parts = []
    for part, edge, n, far in zip(box, spacing, shape, filters, strict=True):
        wide = max(math.ceil(margin_mm / edge), far)
        parts.append(slice(max(0, part.start - wide), min(n, part.stop + wide)))
    return parts


def _preparing(pair: Pair, settings: RadiomicsSettings) -> Callable[[Sequence[Floats]], Floats]:
    """Return what gives the image at some points: interpolated, rounded, normalised."""
    mean, deviation = 0.0, 1.0
    if settings.normalise:
        voxels = pair.voxels.astype(np.float64)
        mean, deviation = voxels.mean(), voxels.std()

    def prepare(positions: Sequence[Floats]) -> Floats:
        image = interpolate(pair.voxels, positions, settings.interpolator)
        if settings.round_intensities:
            image = np.rint(image)
        if settings.normalise:
            image = (image - mean) / deviation  # of an image of one value: NaN
            if settings.normalise_clip is not None:
                image = np.clip(image, -settings.normalise_clip, settings.normalise_clip)
            image = image * settings.normalise_scale
        return image

    return prepare


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
