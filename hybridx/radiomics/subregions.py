"""Parts of a lesion as lesions of their own: core and rim, or whatever labels divide it into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import ExtractionError, InputError, SettingsError
from hybridx.imaging import Image, bounding_box
from hybridx.radiomics.measured_again import Extract, engine
from hybridx.radiomics.roi import Features
from hybridx.radiomics.surface_distance import signed_distance
from hybridx.terms.text import listing

__all__ = ["Subregions", "core_rim", "divide_lesion", "subregion_features"]

SAME = 0.01  # of a voxel
LEAST_VOXELS = 64  # 4 x 4 x 4: fewer have no texture to speak of


@dataclass(frozen=True, eq=False)
class Subregions:
    """Parts of one lesion that do not overlap.

    Parameters
    ----------
    masks : mapping of str to Image
        On the lesion's grid; a part that is empty is not there.
    shares : mapping of str to float
        Of the lesion's volume; 0 for an empty part.
    reasons : mapping of str to str
        Why a part is empty.
    """

    masks: Mapping[str, Image]
    shares: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)


def core_rim(mask: Image, rim_mm: float = 3.0, *, outside_mm: float = 0.0) -> Subregions:
    """Divide a lesion into its core and its rim, by the distance to its surface in millimetres.

    Parameters
    ----------
    mask : Image
        1 inside.
    rim_mm : float
        Depth of the rim. Take at least the image's resolution: a PET of 6 mm blurs a thinner one into the core.
    outside_mm : float
        Also return a shell of this thickness around the lesion, as ``shell`` (not part of the lesion: no share).

    Returns
    -------
    Subregions
        ``core``, ``rim`` and perhaps ``shell``. A lesion thinner than twice the rim has no core, with the reason.

    Raises
    ------
    InputError
        The mask is empty.
    SettingsError
        Impossible lengths.

    Examples
    --------
    >>> z, y, x = np.ogrid[:21, :21, :21]
    >>> ball = ((z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 <= 64).astype(np.uint8)
    >>> parts = core_rim(Image(ball, (1.0,) * 3, modality="mask"), rim_mm=4.0)
    >>> round(parts.shares["core"], 2)  # (4 / 8) cubed would be 0.125
    0.12
    """
    if not (0 < rim_mm < math.inf and 0 <= outside_mm < math.inf):
        msg = f"rim_mm={rim_mm!r} and outside_mm={outside_mm!r}: wanted rim_mm > 0 and outside_mm >= 0."
        raise SettingsError(msg)
    box = bounding_box(mask, margin_mm=outside_mm + max(mask.spacing))
    inside = mask.array[box] > 0
    x, y, z = mask.spacing
    distance = signed_distance(inside, (z, y, x), max(rim_mm, outside_mm))
    core = inside & (distance <= -rim_mm)
    labels = np.zeros(mask.array.shape, dtype=np.int32)
    labels[box] = np.where(core, 1, np.where(inside, 2, 0))
    parts = divide_lesion(mask, labels, ("core", "rim"))
    if not core.any():
        why = f"the lesion is {-float(distance.min()):.1f} mm deep, no deeper than a rim of {rim_mm:g} mm"
        parts = Subregions(parts.masks, parts.shares, {**parts.reasons, "core": why})
    if not outside_mm:
        return parts
    shell = np.zeros(mask.array.shape, dtype=np.uint8)
    shell[box] = ~inside & (distance <= outside_mm)
    reasons = {} if shell.any() else {"shell": f"{outside_mm:g} mm is less than half a voxel edge"}
    masks = {**parts.masks, **({"shell": mask.with_array(shell)} if shell.any() else {})}
    return Subregions(masks, parts.shares, {**parts.reasons, **reasons})


def divide_lesion(mask: Image, labels: npt.NDArray[np.integer], names: tuple[str, ...]) -> Subregions:
    """Take the parts of a lesion from a map of labels.

    Parameters
    ----------
    mask : Image
        The lesion.
    labels : ndarray of int, shape (z, y, x)
        1 for the first name, 2 for the second; what lies outside the lesion does not count.
    names : tuple of str
        Of the parts.

    Raises
    ------
    InputError
        An empty mask, another shape, or labels without a name.
    """
    inside = mask.array > 0
    if labels.shape != inside.shape:
        msg = f"labels has the shape {labels.shape}, the mask {inside.shape}."
        raise InputError(msg)
    if not inside.any():
        msg = "The mask is empty: there is nothing to divide."
        raise InputError(msg)
    own = labels[inside]
    unnamed = sorted(set(np.unique(own).tolist()) - set(range(len(names) + 1)))
    if unnamed:
        msg = f"labels holds {listing(unnamed)}; {len(names)} names stand for 1 to {len(names)}."
        raise InputError(msg)
    sizes = np.bincount(own, minlength=len(names) + 1)[1:]
    masks = {
        name: mask.with_array(((labels == i + 1) & inside).astype(np.uint8))
        for i, name in enumerate(names)
        if sizes[i]
    }
    shares = {name: float(size) / len(own) for name, size in zip(names, sizes, strict=True)}
    reasons = {name: "no voxel of the lesion belongs to it" for name in names if not shares[name]}
    return Subregions(masks, shares, reasons)


def subregion_features(
    image: Image,
    parts: Subregions,
    settings: Any,
    *,
    least_voxels: int = LEAST_VOXELS,
    extract: Extract | None = None,
) -> Features:
    """Measure each part of a lesion as a lesion of its own, and its share of the whole.

    Parameters
    ----------
    image : Image
        On the parts' grid, or on the larger one that they were cut out of (`lesion_voxels` cuts).
    parts : Subregions
        From `core_rim`, `divide_lesion` or `Habitats`.
    settings : RadiomicsSettings
        How to measure.
    least_voxels : int
        A smaller part gets no features but its share.
    extract : callable, optional
        In the place of `extract_radiomics`.

    Returns
    -------
    Features
        ``<part>_share`` and ``<part>_<feature>``; NaN, with the reason, for what a part does not have. The names are
        the same for every lesion as long as one of its parts can be measured.
    """
    measure = extract or engine()
    found: dict[str, dict[str, float]] = {}
    why = dict(parts.reasons)
    for name, mask in parts.masks.items():
        voxels = int((mask.array > 0).sum())
        if voxels < least_voxels:
            why[name] = f"{voxels} voxels; at least {least_voxels} are wanted"
            continue
        try:
            found[name] = dict(measure(*_placed(image, mask), settings))
        except ExtractionError as error:
            why[name] = str(error)
    features = list(dict.fromkeys(key for one in found.values() for key in one))
    values = {f"{name}_share": share for name, share in parts.shares.items()}
    reasons: dict[str, str] = {}
    for name in dict.fromkeys([*parts.shares, *parts.masks]):
        for feature in features:
            value = found.get(name, {}).get(feature, math.nan)
            values[f"{name}_{feature}"] = value
            if math.isnan(value):
                reasons[f"{name}_{feature}"] = why.get(name, "not defined for this part")
    return Features(values, reasons)


def _placed(image: Image, mask: Image) -> tuple[Image, Image]:
    """Return both on the image's grid: a new grid, a normalisation and a spectrum are those of the whole image."""
    if not mask.grid.same(image.grid):
        corner = image.grid.index([mask.origin])[0]
        first = np.round(corner).astype(int)
        last = first + np.asarray(mask.grid.size)
        fits = np.abs(corner - first).max() < SAME and (first >= 0).all() and (last <= image.grid.size).all()
        edges = np.allclose(mask.spacing, image.spacing) and np.allclose(mask.direction, image.direction)
        if not (fits and edges):
            msg = f"The parts have {mask.grid}, which is no piece of the image's {image.grid}; resample one of them."
            raise InputError(msg)
        whole = np.zeros(image.array.shape, dtype=np.uint8)
        whole[tuple(slice(a, b) for a, b in zip(first[::-1], last[::-1], strict=True))] = mask.array
        mask = Image(whole, image.spacing, image.origin, image.direction, "mask")
    return image, mask
