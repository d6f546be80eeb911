"""An image and the mask of one lesion in it, read as they are and brought together."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.imaging import Grid, Image
from hybridx.imaging.reading import ORTHONORMAL, read_voxels
from hybridx.radiomics.roi import Mask
from hybridx.radiomics.settings import RadiomicsSettings
from hybridx.terms import listing

if TYPE_CHECKING:
    import SimpleITK as sitk  # a hundred megabytes, of use only to whoever has an image of its kind already

__all__ = ["ImageLike", "Pair", "box_of", "make_pair"]

ImageLike: TypeAlias = "str | os.PathLike[str] | sitk.Image | Image"
Box: TypeAlias = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Pair:
    """What was given, on its native grid.

    Parameters
    ----------
    voxels : ndarray, shape (z, y, x)
        Intensities in the type of the file (whole numbers stay whole, as pyradiomics keeps them), all finite.
    mask : ndarray of bool, shape (z, y, x)
        The lesion, on `mask_grid`.
    grid, mask_grid : Grid
        Where they lie; equal unless the mask is to be resampled with the image.
    bad : ndarray of bool or None
        Where the image was NaN or infinite; these voxels hold the lesion's median here and are not counted.
    remarks : tuple of str
        What was done to bring them together.
    everything : callable, optional
        Reads the whole image where `voxels` are its first slices only.
    """

    voxels: npt.NDArray[Any]
    mask: Mask
    grid: Grid
    mask_grid: Grid
    bad: Mask | None = None
    remarks: tuple[str, ...] = ()
    everything: Callable[[], npt.NDArray[Any]] | None = None

    @cached_property
    def box(self) -> Box:
        """The smallest box around the lesion, on `mask_grid`."""
        return box_of(self.mask)

    def whole(self) -> Pair:
        """Return the pair with all of the image's slices."""
        if self.everything is None:
            return self
        return dataclasses.replace(self, voxels=self.everything(), everything=None)


def make_pair(
    image: ImageLike,
    mask: ImageLike,
    settings: RadiomicsSettings,
    label: int | None = None,
    slices: Callable[[RadiomicsSettings, Box, Grid], int | None] | None = None,
) -> Pair:
    """Read image and mask, choose the label, see that they belong together, and set bad voxels aside.

    Parameters
    ----------
    image, mask : path, SimpleITK image or Image
        The mask may hold several labels if one is named.
    settings : RadiomicsSettings
        `label`, `correct_mask`, `geometry_tolerance`.
    label : int, optional
        Instead of the settings'.
    slices : callable, optional
        ``slices(settings, box, grid)`` says of how many slices of the image, from the first, its values are made, or
        None: of all, as without it. Of a file no more are then read, if that spares anything.

    Raises
    ------
    InputError
        Nothing is marked, several labels and none named, or grids that differ.
    """
    labels, mask_grid = _array(mask, column="mask")
    if labels.ndim != 3:
        msg = f"The mask has {labels.ndim} dimensions; three are wanted."
        raise InputError(msg)
    lesion, box = _lesion(labels, settings.label if label is None else label)
    wanted = slices(settings, box, mask_grid) if slices is not None else None
    pair = _begun(image, (lesion, mask_grid), settings, wanted) if wanted is not None else None
    if pair is None:
        voxels, grid = _array(image)
        if voxels.ndim != 3:
            msg = f"The image has {voxels.ndim} dimensions; three are wanted."
            raise InputError(msg)
        pair = _set_aside(_together(voxels, lesion, grid, mask_grid, settings), settings)
    if pair.mask is lesion:
        pair.__dict__["box"] = box  # known already
    return pair


def _begun(
    image: ImageLike, lesion: tuple[Mask, Grid], settings: RadiomicsSettings, slices: int
) -> Pair | None:
    """Read the first slices of an image; None where that is not enough: another grid, NaN, or no file of its own."""
    if not isinstance(image, str | os.PathLike):
        return None
    mask, mask_grid = lesion
    voxels, grid = _array(image, slices)
    if grid.size != mask_grid.size or not _same(grid, mask_grid, settings.geometry_tolerance):
        return None
    if np.issubdtype(voxels.dtype, np.floating) and not _all_finite(voxels):
        return None
    whole = len(voxels) == grid.size[2]
    return Pair(voxels, mask, grid, grid, everything=None if whole else lambda: _array(image)[0])


def box_of(mask: Mask, margin: int = 0) -> Box:
    """Return the smallest box around what is marked, with a margin in voxels that ends at the border."""
    from hybridx.radiomics.box_kernel import corners  # noqa: PLC0415 - compiles on first use

    ends = np.empty((3, 2), np.int64)
    corners(np.ascontiguousarray(mask, dtype=np.bool_).view(np.uint8), ends)
    parts = [
        slice(max(0, low - margin), min(length, high + margin))
        for (low, high), length in zip(ends.tolist(), mask.shape, strict=True)
    ]
    return parts[0], parts[1], parts[2]


def _array(
    given: ImageLike, slices: int | None = None, column: str = "image"
) -> tuple[npt.NDArray[Any], Grid]:
    if isinstance(given, Image):
        return _known_type(given.array), _sound(given.grid, column)
    if not isinstance(given, str | os.PathLike):
        import SimpleITK as sitk  # noqa: PLC0415 - loaded already by whoever has such an image

        if isinstance(given, sitk.Image):
            return _known_type(sitk.GetArrayViewFromImage(given)), Grid.of(given)
        msg = (
            f"The {column} is {type(given).__name__!r}; wanted a path, a SimpleITK image or an Image: an array alone "
            "does not say how large its voxels are, hybridx.imaging.Image(array, spacing) does."
        )
        raise InputError(msg)
    array, grid = read_voxels(Path(given), column, slices, least=1)
    return _known_type(array), grid


def _sound(grid: Grid, column: str) -> Grid:
    """Refuse a geometry that is none; files and SimpleITK have none of these."""
    axes = np.asarray(grid.direction, dtype=np.float64).reshape(3, 3)
    edges = all(math.isfinite(edge) and edge > 0 for edge in grid.spacing)
    if edges and np.isfinite(grid.origin).all() and np.allclose(axes @ axes.T, np.eye(3), atol=ORTHONORMAL):
        return grid
    msg = (
        f"The {column} has spacing={grid.spacing!r}, origin={grid.origin!r} and direction={grid.direction!r}; wanted "
        "edges above 0, mm, and three axes of length 1 at right angles (an axis is flipped by its direction)."
    )
    raise InputError(msg)


def _known_type(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array in one of the types that images are stored in; the values are the same."""
    kind = array.dtype
    if kind.kind not in "biuf":
        msg = f"The image holds voxels of type {kind}; wanted numbers: whole, or floating of 32 or 64 bits."
        raise InputError(msg)
    if kind == np.bool_:
        return array.view(np.uint8)
    if kind.kind == "f" and kind.itemsize not in (4, 8):
        return array.astype(np.float32 if kind.itemsize < 4 else np.float64)
    return array if kind.isnative else array.astype(kind.newbyteorder("="))


def _lesion(labels: npt.NDArray[Any], label: int | None) -> tuple[Mask, Box]:
    """Return the voxels of the lesion, and the smallest box around it."""
    lesion: Mask = labels != 0 if label is None else labels == label
    box = box_of(lesion)
    if box[0].start >= box[0].stop:
        if label is None:
            msg = "The mask is empty: there is nothing to measure."
        else:
            found = np.unique(labels[labels != 0])
            msg = f"label={label}: no voxel of the mask has it. In the mask: {listing(found.tolist())}."
        raise InputError(msg)
    if label is None:
        values = labels[box][lesion[box]]
        if values.min() != values.max():
            msg = (
                f"The mask holds the labels {listing(np.unique(values).tolist())}; name the lesion's: label=."
            )
            raise InputError(msg)
    return lesion, box


def _together(
    voxels: npt.NDArray[Any], lesion: Mask, grid: Grid, mask_grid: Grid, settings: RadiomicsSettings
) -> Pair:
    if _same(grid, mask_grid, settings.geometry_tolerance):
        # the image's own header: pyradiomics refuses an origin that is off by a thousandth of a millimetre
        return Pair(voxels, lesion, grid, grid)
    if not settings.correct_mask:
        msg = (
            f"The mask has {mask_grid}, its image {grid}{_turned(grid, mask_grid)}; resample it first: "
            "resample(mask, reference=image), or say correct_mask=True in the settings."
        )
        raise InputError(msg)
    _check_inside(lesion, grid, mask_grid)
    remark = f"the mask had {mask_grid} and was resampled by nearest neighbour to the image"
    if settings.vocabulary == "pyradiomics" and settings.resample_mm is not None:
        return Pair(
            voxels, lesion, grid, mask_grid, remarks=(remark,)
        )  # both go to one new grid, laid by the mask
    import SimpleITK as sitk  # noqa: PLC0415 - loads where it is needed

    moved = sitk.Resample(
        Image(lesion.astype(np.uint8), mask_grid.spacing, mask_grid.origin, mask_grid.direction).to_sitk(),
        grid.size,
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        grid.origin,
        grid.spacing,
        grid.direction,
    )
    lesion = sitk.GetArrayFromImage(moved) > 0
    if not lesion.any():
        msg = "No voxel of the mask is left on the image's grid: the lesion is smaller than its voxels."
        raise InputError(msg)
    return Pair(voxels, lesion, grid, grid, remarks=(remark,))


def _same(grid: Grid, other: Grid, tolerance: float | None) -> bool:
    if tolerance is None:
        return grid.same(other)
    return grid.distance(other) <= tolerance * min(*grid.spacing, *other.spacing)


def _turned(grid: Grid, other: Grid) -> str:
    """Say of two grids whose axes point elsewhere where they point: no number of voxels shows it."""
    axes = [np.round(np.asarray(one.direction), 4) + 0.0 for one in (other, grid)]
    return (
        ""
        if (axes[0] == axes[1]).all()
        else f", and their axes differ: {axes[0].tolist()} and {axes[1].tolist()}"
    )


def _check_inside(lesion: Mask, grid: Grid, mask_grid: Grid) -> None:
    box = box_of(lesion)
    faces = [(part.start - 0.5, part.stop - 0.5) for part in reversed(box)]
    corners = np.array(np.meshgrid(*faces, indexing="ij")).reshape(3, -1).T
    index = grid.index(mask_grid.points(corners))
    slack = 1e-3
    if (index < -0.5 - slack).any() or (index > np.asarray(grid.size) - 0.5 + slack).any():
        msg = f"The lesion reaches outside the image: the mask has {mask_grid}, the image {grid}. Is it this patient's?"
        raise InputError(msg)


def _set_aside(pair: Pair, settings: RadiomicsSettings) -> Pair:
    voxels = pair.voxels
    if not np.issubdtype(voxels.dtype, np.floating) or _all_finite(voxels):
        return pair
    bad = ~np.isfinite(voxels)
    if not bad.any():
        return pair
    sound = voxels[pair.mask & ~bad] if pair.grid == pair.mask_grid else voxels[~bad]
    filled = voxels.copy()
    filled[bad] = np.median(sound) if len(sound) else 0.0
    inside = int((bad & pair.mask).sum()) if pair.grid == pair.mask_grid else int(bad.sum())
    remark = f"{inside} voxels of the lesion are NaN or infinite and were left out of its intensities"
    more: tuple[str, ...] = (remark,) if inside else ()
    around = int(bad.sum()) - inside
    if around and (settings.resample_mm or settings.filters or settings.image_types != ("original",)):
        more += (
            f"{around} voxels around the lesion are NaN or infinite; filters and interpolation see its median there",
        )
    return dataclasses.replace(pair, voxels=filled, bad=bad, remarks=(*pair.remarks, *more))


def _all_finite(voxels: npt.NDArray[Any]) -> bool:
    """Whether none is NaN or infinite; False also for a sum that overflows."""
    with np.errstate(all="ignore"):  # infinite less infinite
        return bool(np.isfinite(voxels.sum(dtype=np.float64)))
