"""What uptake is compared with: the liver and the blood pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hybridx.errors import InputError
from hybridx.imaging import Image, bounding_box, crop

__all__ = ["OrganUptake", "organ_uptake"]

LIVER_RADIUS_MM = 15.0  # PERCIST's sphere of 3 cm
LEAST_OF_BALL = 0.5  # of the sphere must be liver: a slim left lobe is no place for it
FROM_EDGE_MM = 5.0  # of a vessel: what the scanner blurs over its wall
FROM_LESION_MM = 10.0  # the same for a hot lesion beside or in the organ
LEAST_ML = 1.0

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OrganUptake:
    """Uptake of an organ of reference.

    Parameters
    ----------
    mean, sd : float
        SUV, g/mL; the standard deviation with n - 1.
    volume_ml : float
        Of the region that was measured.
    region : str
        Which region, in words.
    """

    mean: float
    sd: float
    volume_ml: float
    region: str


def organ_uptake(
    pet: Image, organs: Mapping[str, Image], lesions: Image
) -> tuple[dict[str, OrganUptake], dict[str, str]]:
    """Measure the organs of reference.

    Liver: a ball of 3 cm diameter where the organ is thickest. Blood pool: what lies 5 mm or more inside the outline,
    or the whole outline where less than 1 mL is left of it (as when a small region was drawn inside the aorta). Voxels
    within 10 mm of a lesion do not count.

    Parameters
    ----------
    pet : Image
        In SUV.
    organs : mapping of str to Image
        ``liver`` and ``blood_pool``, those there are: 1 inside, on the PET's grid.
    lesions : Image
        1 inside, on the same grid.

    Returns
    -------
    tuple
        The organs that could be measured, and why the others could not.

    Raises
    ------
    InputError
        An organ on another grid.

    Source
    ------
    The liver's sphere: Wahl 2009 (PERCIST), doi:10.2967/jnumed.108.057307. Where it lies is left open there ("right
    lobe"); here the thickest place, which is in the right lobe unless that is diseased or out of the field of view.
    """
    found, reasons = {}, {}
    for name, mask in organs.items():
        if not pet.grid.same(mask.grid):
            msg = f"The {name} has {mask.grid}, the PET {pet.grid}; resample it first: resample(mask, reference=pet)."
            raise InputError(msg)
        region, words = _liver(mask, lesions) if name == "liver" else _inner(mask, lesions)
        if region is None:
            reasons[name] = words
            continue
        values = pet.array[region].astype(np.float64)
        volume = len(values) * pet.grid.voxel_ml
        found[name] = OrganUptake(float(values.mean()), float(values.std(ddof=1)), volume, words)
    return found, reasons


def _liver(mask: Image, lesions: Image) -> tuple[Mask | None, str]:
    box, free, depth = _free(mask, lesions)
    if not free.any():
        return None, "no liver is left beside the lesions"
    edges = mask.spacing[::-1]
    centre = np.unravel_index(int(np.argmax(np.where(free, depth, -1.0))), depth.shape)
    squared = sum(
        ((axis - at) * edge) ** 2
        for axis, at, edge in zip(np.ogrid[tuple(slice(n) for n in free.shape)], centre, edges, strict=True)
    )
    ball = np.asarray(squared <= LIVER_RADIUS_MM**2)
    inside = ball & free
    whole = 4.0 / 3.0 * np.pi * LIVER_RADIUS_MM**3 / 1000.0
    volume = float(inside.sum()) * mask.grid.voxel_ml
    if volume < LEAST_OF_BALL * whole or inside.sum() < 2:
        return (
            None,
            f"only {volume:.1f} mL of a 3 cm ball ({whole:.1f} mL) fit into the liver beside the lesions",
        )
    return _whole(inside, box, mask), "a ball of 3 cm diameter where the liver is thickest"


def _inner(mask: Image, lesions: Image) -> tuple[Mask | None, str]:
    box, free, depth = _free(mask, lesions)
    least = max(LEAST_ML / mask.grid.voxel_ml, 2.0)
    inner = free & (depth >= FROM_EDGE_MM)
    if inner.sum() >= least:
        return _whole(
            inner, box, mask
        ), f"what lies {FROM_EDGE_MM:g} mm or more inside the blood pool's outline"
    if free.sum() >= least:
        return _whole(
            free, box, mask
        ), "all of the blood pool's outline, which is too slim to leave its edge out"
    volume = float(free.sum()) * mask.grid.voxel_ml
    return None, f"only {volume:.2g} mL of the blood pool lie beside the lesions, wanted {LEAST_ML:g} mL"


def _free(mask: Image, lesions: Image) -> tuple[tuple[slice, slice, slice], Mask, npt.NDArray[np.float64]]:
    """Cut the organ out: its voxels far from lesions, and how deep each lies inside the organ, mm."""
    box = bounding_box(mask, margin_mm=FROM_LESION_MM + max(mask.spacing))
    organ, drawn = crop(mask, box).array > 0, crop(lesions, box).array > 0
    edges = mask.spacing[::-1]
    free = organ & ~drawn
    if drawn.any():
        free &= ndimage.distance_transform_edt(~drawn, edges) > FROM_LESION_MM
    # beyond the border of the volume the organ is assumed to end: half of it may be missing there
    padded = np.pad(free, 1)
    depth = ndimage.distance_transform_edt(padded, edges)[1:-1, 1:-1, 1:-1]
    return box, free, np.asarray(depth)


def _whole(inside: Mask, box: tuple[slice, slice, slice], mask: Image) -> Mask:
    region = np.zeros(mask.array.shape, dtype=bool)
    region[box] = inside
    return region
