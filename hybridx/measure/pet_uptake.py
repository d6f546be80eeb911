"""The PET numbers clinicians quote: SUVmax, SUVmean, SUVpeak, metabolic volume and total lesion glycolysis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hybridx.errors import InputError
from hybridx.imaging import Image, bounding_box, crop
from hybridx.radiomics.local_intensity import SPHERE_RADIUS_MM, sphere_peaks

__all__ = ["UPTAKE", "components", "suv_peak", "uptake"]

FRACTION = 0.41  # of SUVmax, EANM guideline for FDG
FIXED_SUV = 4.0  # SUV; usual for lymphoma
CONNECTED = np.ones((3, 3, 3), dtype=bool)  # voxels that share a corner are one lesion

_SUV, _ML = "g/mL{SUVbw}", "mL"
# name: (title, UCUM unit, IBSI id)
UPTAKE: dict[str, tuple[str, str, str | None]] = {
    "suv_max": ("SUVmax", _SUV, "84IY"),
    "suv_mean": ("SUVmean", _SUV, "Q4LE"),
    "suv_peak": ("SUVpeak (hottest 1 mL sphere)", _SUV, "0F91"),
    "suv_peak_local": ("SUVpeak (1 mL sphere around the hottest voxel)", _SUV, "VJGA"),
    "mtv": ("Lesion volume on PET", _ML, "YEKZ"),
    "mtv_41pct": ("Metabolic volume at 41 % of SUVmax", _ML, None),
    "mtv_suv4": ("Metabolic volume at SUV 4", _ML, None),
    "tlg": ("Total lesion glycolysis", "g{SUVbw}", None),
    "tlg_41pct": ("Total lesion glycolysis at 41 % of SUVmax", "g{SUVbw}", None),
    "tlg_suv4": ("Total lesion glycolysis at SUV 4", "g{SUVbw}", None),
    "lesion_count": ("Number of separate lesions", "1", None),
}


def uptake(pet: Image, mask: Image) -> dict[str, float]:
    """Measure the uptake of a patient's lesions.

    Parameters
    ----------
    pet : Image
        In SUVbw.
    mask : Image
        1 inside the lesions, on the same grid.

    Returns
    -------
    dict of str to float
        SUV in g/mL: ``suv_max``, ``suv_mean``, ``suv_peak`` (largest mean in a 1 mL sphere around any voxel of the
        lesions; IBSI 0F91), ``suv_peak_local`` (sphere around the hottest voxel; IBSI VJGA). Volumes in mL: ``mtv``
        (the mask), ``mtv_41pct`` (voxels of at least 41 % of the SUVmax of their own lesion), ``mtv_suv4`` (of at least
        SUV 4; 0 when nothing reaches it). ``tlg*``: volume times mean SUV, g. ``lesion_count``.

    Raises
    ------
    InputError
        Empty mask, or a mask on another grid.

    Source
    ------
    41 %: Boellaard 2015, doi:10.1007/s00259-014-2961-x. Peak: IBSI, doi:10.1148/radiol.2020191145; checked against the
    digital phantom's consensus values.

    Examples
    --------
    >>> array = np.full((9, 9, 9), 2.0, np.float32)
    >>> inside = np.zeros((9, 9, 9), np.uint8)
    >>> inside[3:6, 3:6, 3:6] = 1
    >>> found = uptake(Image(array, (4.0,) * 3, modality="pet"), Image(inside, (4.0,) * 3, modality="mask"))
    >>> found["suv_max"], round(found["mtv"], 3), round(found["tlg"], 3)
    (2.0, 1.728, 3.456)
    """
    if not pet.grid.same(mask.grid):
        msg = (
            f"The mask has {mask.grid}, the PET {pet.grid}; resample it first: resample(mask, reference=pet)."
        )
        raise InputError(msg)
    inside = mask.array > 0
    if not inside.any():
        msg = "The mask is empty: there is no uptake to measure."
        raise InputError(msg)
    labels, count = components(mask)
    values = pet.array[inside].astype(np.float64)
    owner = labels[inside]
    hottest = ndimage.maximum(values, owner, np.arange(1, count + 1))
    peak, local = suv_peak(pet, mask)
    voxel = pet.grid.voxel_ml
    result = {
        "suv_max": float(values.max()),
        "suv_mean": float(values.mean()),
        "suv_peak": peak,
        "suv_peak_local": local,
    }
    chosen = {
        "": np.ones(len(values), dtype=bool),
        "_41pct": values >= FRACTION * np.asarray(hottest)[owner - 1],
        "_suv4": values >= FIXED_SUV,
    }
    result |= {f"mtv{name}": float(kept.sum()) * voxel for name, kept in chosen.items()}
    result |= {f"tlg{name}": float(values[kept].sum()) * voxel for name, kept in chosen.items()}
    return {**result, "lesion_count": float(count)}


def suv_peak(pet: Image, mask: Image) -> tuple[float, float]:
    """Return the global and the local peak: the mean of a 1 mL sphere, anywhere in the lesion or at its maximum.

    A voxel belongs to the sphere when its centre lies within 6.2 mm (IBSI's rule). The sphere may reach out of the
    lesion; it is cut at the border of the volume.

    Parameters
    ----------
    pet, mask : Image
        On one grid.

    Returns
    -------
    tuple of float
        Global peak (IBSI 0F91) and local peak (VJGA), in the unit of the image.
    """
    box = bounding_box(mask, margin_mm=SPHERE_RADIUS_MM)
    values = crop(pet, box).array.astype(np.float64)
    # the box was cut at the border of the volume only, so what lies outside it is outside the image
    return sphere_peaks(values, crop(mask, box).array > 0, pet.grid.spacing[::-1])


def components(mask: Image) -> tuple[npt.NDArray[np.int32], int]:
    """Label the separate lesions of a mask, 1 being the largest; voxels that share a corner belong together."""
    labels, count = ndimage.label(mask.array > 0, structure=CONNECTED)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[np.argsort(-sizes, kind="stable") + 1] = np.arange(1, count + 1, dtype=np.int32)
    return rank[labels], int(count)
