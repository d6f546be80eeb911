"""From image and mask as given to both on the grid of the analysis, by pyradiomics' rules.

The new grid starts at the corner of the mask's volume, not at its centre, and covers the lesion's box and a margin
only; the image keeps its type (whole numbers are cut off, not rounded); the mask goes by nearest neighbour.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from hybridx.imaging import Grid, Image
from hybridx.radiomics.interpolation import SPLINE_REACH, interpolate
from hybridx.radiomics.making import Scene, check_grid
from hybridx.radiomics.pair import Box, Pair, box_of
from hybridx.radiomics.resegment import resegmented
from hybridx.radiomics.roi import Floats, Mask
from hybridx.radiomics.settings import RadiomicsSettings

if TYPE_CHECKING:
    import SimpleITK as sitk  # a hundred megabytes, of use for some images only

__all__ = ["pyradiomics_scene", "slices_read"]

INTERPOLATORS = {
    "linear": "Linear",
    "bspline": "BSpline",
    "nearest": "NearestNeighbor",
    "gaussian": "Gaussian",
    "label_gaussian": "LabelGaussian",
    "hamming": "HammingWindowedSinc",
    "cosine": "CosineWindowedSinc",
    "welch": "WelchWindowedSinc",
    "lanczos": "LanczosWindowedSinc",
    "blackman": "BlackmanWindowedSinc",
}
# of a voxel: nearer than this to half-way between two voxels, ITK's own rounding decides
HALF_WAY = 1e-6
# of an intensity: nearer than this to a whole number, the last bits of ITK's sums decide what is cut off
CUT_OFF = {"linear": 1e-9, "bspline": 1e-6, "bspline_inside": 1e-9}
BORDER = 12  # voxels from the border of the image: 1e-7 of ITK's there are 1e-14 here
# voxels of the image kept around the box that is resampled; a b-spline's memory falls by 0.268 a voxel
REACH = 24
# how far from a point, in voxels, its value is made
FELT = {"linear": 1, "bspline": SPLINE_REACH + 1}


def slices_read(settings: RadiomicsSettings, box: Box, grid: Grid) -> int | None:
    """Say of how many slices of an image, from the first, a lesion's values are made; None: of all.

    Parameters
    ----------
    settings : RadiomicsSettings
        Of pyradiomics' vocabulary; in the standard's, all slices are read.
    box : tuple of slice, (z, y, x)
        Of the lesion.
    grid : Grid
        Of its mask, and so of the image.
    """
    cropped = settings.pre_crop or settings.resample_mm is not None
    if settings.vocabulary != "pyradiomics" or settings.normalise or not cropped:
        return None
    if settings.interpolator not in FELT:
        return None
    edges = np.broadcast_to(settings.resample_mm or 0.0, (3,))
    flat = box[0].stop - box[0].start == 1
    ratio = 1.0 if flat or edges[2] == 0 else float(edges[2]) / grid.spacing[2]
    wide = math.ceil((settings.pad_voxels + 2) * ratio) + FELT[settings.interpolator] + 1
    return min(grid.size[2], box[0].stop + wide)


def pyradiomics_scene(pair: Pair, settings: RadiomicsSettings) -> Scene | None:
    """Normalise, resample or crop, and re-segment, in pyradiomics' order.

    Parameters
    ----------
    pair : Pair
        As given.
    settings : RadiomicsSettings
        `normalise...`, `resample_mm`, `interpolator`, `pad_voxels`, `pre_crop`, `resegment...`.

    Returns
    -------
    Scene or None
        None when no voxel of the lesion is left on the new grid.

    Source
    ------
    pyradiomics 3.0.1, ``imageoperations.resampleImage`` and ``RadiomicsFeatureExtractor.loadImage``.
    """
    if settings.normalise:
        pair = _normalised(pair, settings)
    size = np.array([part.stop - part.start for part in reversed(pair.box)])
    edges = _edges(pair, settings, size)
    if edges is not None and not np.allclose(pair.grid.spacing, edges):
        image, mask, bad, spacing = _resampled(pair, settings, edges, size)
    else:
        whole = settings.resample_mm is None and not settings.pre_crop
        pair = pair.whole() if whole else pair
        box = (slice(None),) * 3 if whole else box_of(pair.mask, settings.pad_voxels)
        image, mask = pair.voxels[box], pair.mask[box]
        bad = None if pair.bad is None else pair.bad[box]
        spacing = pair.grid.spacing
    if not mask.any():
        return None
    sound = mask if bad is None else mask & ~bad
    if settings.normalise:  # an image of one value has no deviation to divide by
        sound = sound & np.isfinite(image)
    x, y, z = spacing
    complete = settings.resample_mm is None and not settings.pre_crop
    counting = resegmented(image, sound, settings)
    return Scene(image, mask, counting, (z, y, x), complete=complete, remarks=pair.remarks)


def _edges(pair: Pair, settings: RadiomicsSettings, size: np.ndarray) -> Floats | None:
    if settings.resample_mm is None:
        return None
    wanted = np.broadcast_to(np.asarray(settings.resample_mm, dtype=np.float64), (3,))
    native = np.asarray(pair.mask_grid.spacing)
    wanted = np.where(wanted == 0, native, wanted)
    return np.where(size != 1, wanted, native)  # a lesion in one slice stays in that slice


def _resampled(
    pair: Pair, settings: RadiomicsSettings, edges: Floats, size: np.ndarray
) -> tuple[np.ndarray, Mask, Mask | None, tuple[float, float, float]]:
    grid = pair.mask_grid
    low = np.array([part.start for part in reversed(pair.box)])
    native = np.asarray(grid.spacing)
    ratio = native / edges
    check_grid((size * ratio + 2 * settings.pad_voxels).tolist(), pair.voxels.shape)
    first = np.floor((low - 0.5) * ratio - settings.pad_voxels)
    last = np.ceil((low + size - 0.5) * ratio + settings.pad_voxels)
    first = np.maximum(first, 0)
    last = np.minimum(last, np.ceil(np.asarray(grid.size) * ratio) - 1)
    start = 0.5 * (edges - native) / native + first / ratio
    counts = [int(n) for n in last - first + 1]
    spacing = (float(edges[0]), float(edges[1]), float(edges[2]))
    positions = _positions(grid, start, edges, counts)
    mask = None if positions is None else nearest(pair.mask, positions)
    image = None if positions is None else _interpolated(pair, positions, settings, mask)
    if image is not None and mask is not None and pair.bad is None:
        return image, mask, None, spacing
    lesion = Image(pair.mask.view(np.uint8), grid.spacing, grid.origin, grid.direction).to_sitk()
    origin = lesion.TransformContinuousIndexToPhysicalPoint(start.tolist())
    target = Grid((counts[0], counts[1], counts[2]), spacing, origin, grid.direction)
    if image is None:
        around = _around(pair.whole().voxels, pair.grid, target, settings)
        image = _moved(around, target, settings.interpolator)
    if mask is None:
        mask = _moved(lesion, target, "nearest") > 0
    bad = None
    if pair.bad is not None:
        where = pair.grid
        blurred = Image(pair.bad.astype(np.float32), where.spacing, where.origin, where.direction).to_sitk()
        bad = _moved(blurred, target, "linear") > 0
    return image, mask, bad, spacing


def _positions(grid: Grid, start: Floats, edges: Floats, counts: list[int]) -> list[Floats] | None:
    """Where the new voxels lie in voxels of the old, along x, y, z; None where only ITK knows on which side of a half.

    Along the patient's axes in ITK's own steps, through millimetres and back and along x between both ends of a line:
    half-way between two voxels the last bits of these sums decide which is nearer.
    """
    signs = np.diag(grid.axes)
    if not (np.abs(signs) == 1).all() or np.count_nonzero(grid.axes) != 3:
        found = [
            at + np.arange(n) * by for at, n, by in zip(start, counts, edges / grid.spacing, strict=True)
        ]
        return found if decided(np.concatenate(found)) else None
    found = []
    for axis, count in enumerate(counts):
        native, zero = signs[axis] * grid.spacing[axis], grid.origin[axis]
        first, step = native * start[axis] + zero, signs[axis] * edges[axis]
        if axis == 0:
            low, high = (1.0 / native * (first + step * end - zero) for end in (0, count))
            found.append(low + np.arange(count) / count * (high - low))
        else:
            found.append(1.0 / native * (first + step * np.arange(count) - zero))
    return found


def decided(at: Floats) -> bool:
    """Whether no position lies half-way between two voxels."""
    return bool((np.abs(at + 0.5 - np.rint(at + 0.5)) >= HALF_WAY).all())


def nearest(mask: Mask, positions: list[Floats]) -> Mask:
    """Take the nearest voxel of the mask for each position (x, y, z); outside it there is no lesion."""
    indices = [
        np.clip(np.floor(at + 0.5).astype(np.intp), 0, n - 1)
        for at, n in zip(reversed(positions), mask.shape, strict=True)
    ]
    moved = mask[tuple(slice(int(index.min()), int(index.max()) + 1) for index in indices)]
    for axis in (2, 1, 0):  # slices last: they are copied whole
        moved = moved.take(indices[axis] - indices[axis].min(), axis=axis)
    return _zero_outside(moved, positions, mask.shape)


def _zero_outside(moved: np.ndarray, positions: list[Floats], shape: tuple[int, ...]) -> np.ndarray:
    """Write 0 beyond the faces of the outermost voxels, as ITK does."""
    for axis, at in enumerate(reversed(positions)):
        outside = (at < -0.5) | (at >= shape[axis] - 0.5)
        if outside.any():
            moved[(slice(None),) * axis + (outside,)] = 0
    return moved


def _interpolated(
    pair: Pair, positions: list[Floats], settings: RadiomicsSettings, lesion: Mask | None
) -> np.ndarray | None:
    """Interpolate along one axis after the other, where that is what ITK does in three at once.

    Not for a spline at the border of the image, where ITK has rules of its own; not between grids turned against each
    other. Whole numbers are cut off after interpolation, so that the last bit of a sum decides: only where no voxel of
    the lesion, or for filters around it, is that close.
    """
    if pair.grid != pair.mask_grid or settings.interpolator not in ("linear", "bspline"):
        return None
    if positions[2][-1] + FELT[settings.interpolator] > len(pair.voxels) - 1:
        pair = pair.whole()
    shape, kind = pair.mask.shape, pair.voxels.dtype
    within = all(at[0] >= 0 and at[-1] <= n - 1 for at, n in zip(positions, reversed(shape), strict=True))
    if not within and settings.interpolator != "linear":
        return None
    if kind.kind == "f":
        found = interpolate(pair.voxels, positions[::-1], settings.interpolator).astype(kind)
        return found if within else _zero_outside(found, positions, shape)
    if lesion is None:
        return None
    if settings.interpolator == "linear" and kind.itemsize <= 2:
        from hybridx.radiomics.whole_numbers import cut_off_linear  # noqa: PLC0415 - compiles on first use

        cut = cut_off_linear(pair.voxels, positions[::-1])
        if cut is not None:
            return cut if within else _zero_outside(cut, positions, shape)
    if settings.interpolator == "linear" and _filtered(settings):
        return None
    exact = interpolate(pair.voxels, positions[::-1], settings.interpolator)
    looked_at = exact if _filtered(settings) else exact[lesion]
    bounds = np.iinfo(kind)
    if (
        not within
        or looked_at.min(initial=0) < bounds.min
        or looked_at.max(initial=0) > bounds.max
        or _undecided(looked_at, _cut_off(settings.interpolator, positions, shape))
    ):
        return None
    return np.clip(exact, bounds.min, bounds.max).astype(kind)


def _filtered(settings: RadiomicsSettings) -> bool:
    """Whether voxels around the lesion count too."""
    return settings.image_types != ("original",) or bool(settings.filters)


def _cut_off(interpolator: str, positions: list[Floats], shape: tuple[int, ...]) -> float:
    """How near to a whole number ITK's own error decides; that of its splines comes from the border of the image."""
    inner = all(
        at[0] >= BORDER and at[-1] <= n - 1 - BORDER for at, n in zip(positions, reversed(shape), strict=True)
    )
    return CUT_OFF["bspline_inside" if interpolator == "bspline" and inner else interpolator]


def _undecided(values: Floats, limit: float) -> bool:
    away = np.rint(values)
    np.abs(np.subtract(values, away, out=away), out=away)
    return bool(away.min(initial=1.0) < limit)


def _around(voxels: np.ndarray, grid: Grid, target: Grid, settings: RadiomicsSettings) -> sitk.Image:
    """Hand over the part of the image that the target can feel.

    Whole numbers are cut off after interpolation, where the last bit of a spline decides: these keep the whole image.
    """
    if np.issubdtype(voxels.dtype, np.floating):
        reach = REACH if settings.interpolator in ("linear", "bspline", "nearest") else 2 * REACH
        index = grid.index(target.corners())
        low = np.maximum(np.floor(index.min(axis=0)).astype(int) - reach, 0)
        high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + reach + 1, grid.size)
        low = np.minimum(low, np.asarray(grid.size) - 1)
        high = np.maximum(high, low + 1)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1], strict=True))
        x, y, z = grid.points([low])[0]
        return Image(voxels[box], grid.spacing, (x, y, z), grid.direction).to_sitk()
    return Image(voxels, grid.spacing, grid.origin, grid.direction).to_sitk()


def _moved(image: sitk.Image, target: Grid, interpolator: str) -> np.ndarray:
    import SimpleITK as sitk  # noqa: PLC0415 - loads where it is needed

    moved = sitk.Resample(
        image,
        target.size,
        sitk.Transform(),
        getattr(sitk, f"sitk{INTERPOLATORS[interpolator]}"),
        target.origin,
        target.spacing,
        target.direction,
    )
    return np.asarray(sitk.GetArrayFromImage(moved))


def _normalised(pair: Pair, settings: RadiomicsSettings) -> Pair:
    import SimpleITK as sitk  # noqa: PLC0415 - loads where it is needed

    image = sitk.Normalize(sitk.GetImageFromArray(np.ascontiguousarray(pair.voxels)))
    if settings.normalise_clip is not None:
        array = np.clip(sitk.GetArrayFromImage(image), -settings.normalise_clip, settings.normalise_clip)
        image = sitk.GetImageFromArray(array)
    return dataclasses.replace(pair, voxels=sitk.GetArrayFromImage(image * settings.normalise_scale))
