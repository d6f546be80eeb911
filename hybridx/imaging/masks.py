"""Masks: which label, on which grid, and whether that can be the lesion of this image."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hybridx.errors import HybridxWarning
from hybridx.imaging.faults import Fault, ImageError, fault, raise_errors
from hybridx.imaging.geometry import resample
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image
from hybridx.imaging.reading import read_voxels

__all__ = ["fit_mask", "read_mask"]

FEW_VOXELS = 1


def read_mask(
    path: str | os.PathLike[str],
    image: Image | None = None,
    label: int | None = None,
    also: Sequence[Image | Grid] = (),
) -> Image:
    """Read the lesion's mask, on the grid of its image.

    Parameters
    ----------
    path : path
        A label map; 0 is background.
    image : Image, optional
        The image it belongs to. The mask must share its grid to within 1 % of the smallest voxel edge.
    label : int, optional
        Which label is the lesion; needed when there are several.
    also : sequence of Image or Grid, optional
        Other images of the same patient and timepoint. A mask that fits one of these is resampled to `image` (nearest
        neighbour) with a warning; one that fits none is refused: it may be another patient's.

    Returns
    -------
    Image
        uint8, 1 inside the lesion.

    Raises
    ------
    ImageError
        Missing, unreadable, empty, several labels, absent label, on a grid that fits nothing, covering everything.

    Warns
    -----
    HybridxWarning
        The mask was resampled, or holds a single voxel.
    """
    mask, faults = fit_mask(path, None if image is None else image.grid, label, also)
    for one in faults:
        warnings.warn(str(one), HybridxWarning, stacklevel=2)
    return mask


def fit_mask(
    path: str | os.PathLike[str],
    grid: Grid | None,
    label: int | None = None,
    also: Sequence[Image | Grid] = (),
) -> tuple[Image, list[Fault]]:
    """Do what `read_mask` does and hand back the warnings instead of raising them as such."""
    mask = _lesion(*read_voxels(path, "mask"), Path(path).name, label)
    faults: list[Fault] = []
    if grid is not None and grid.same(mask.grid):
        mask = mask.on(grid)
    elif grid is not None:
        faults.append(_stranger(mask.grid, grid, also))
        raise_errors(faults)
        mask = resample(mask, reference=grid)
    inside = int(mask.array.sum(dtype=np.int64))
    if inside == 0:
        faults.append(fault("I007", "no voxel inside after resampling to the image", "mask"))
    elif inside == mask.array.size:
        faults.append(fault("I013", "every voxel inside", "mask"))
    elif inside <= FEW_VOXELS:
        faults.append(fault("I012", f"{inside} voxel", "mask"))
    return mask, raise_errors(faults)


def _lesion(values: npt.NDArray[np.generic], grid: Grid, name: str, label: int | None) -> Image:
    labels = [float(value) for value in np.unique(values[values != 0])]
    if not labels:
        raise ImageError([fault("I007", f"{name!r}: every voxel is 0", "mask")])
    if label is None and len(labels) > 1:
        raise ImageError([fault("I008", f"{name!r}: labels {_listing(labels)}", "mask")])
    wanted = labels[0] if label is None else float(label)
    if wanted not in labels:
        raise ImageError([fault("I009", f"{label}; {name!r} holds {_listing(labels)}", "label")])
    return Image((values == wanted).astype(np.uint8), grid.spacing, grid.origin, grid.direction, "mask", "1")


def _stranger(mask: Grid, image: Grid, also: Sequence[Image | Grid]) -> Fault:
    others = [other.grid if isinstance(other, Image) else other for other in also]
    if any(mask.same(other) for other in others):
        return fault("I011", str(mask), "mask", str(image))
    apart = mask.distance(image)
    how = "" if np.isinf(apart) else f", {apart:.3g} mm away at the worst corner"
    return fault("I010", str(mask), "mask", f"{image}{how}")


def _listing(labels: list[float]) -> str:
    shown = ", ".join(f"{value:g}" for value in labels[:5])
    return shown + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")
