"""The voxels of a lesion with an intensity from each image of its study, on one grid knowingly chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.imaging import Image, Study, bounding_box, crop, resample
from hybridx.terms import check_name
from hybridx.terms.text import listing

__all__ = ["LesionVoxels", "lesion_voxels"]


@dataclass(frozen=True, eq=False)
class LesionVoxels:
    """The voxels of one lesion with an intensity from each image, on one grid.

    Parameters
    ----------
    values : ndarray of float64, shape (n, channels)
        Intensities, in the units of the images.
    channels : tuple of str
        ``pet``, ``ct``.
    mask : Image
        Where the voxels lie, in the order of the array.
    """

    values: npt.NDArray[np.float64]
    channels: tuple[str, ...]
    mask: Image

    def __deepcopy__(self, memo: object) -> LesionVoxels:
        return self  # nothing changes it; scikit-learn's `clone` copies every parameter for every fold


def lesion_voxels(study: Study, channels: Sequence[str] = ("pet", "ct"), *, grid: str = "ct") -> LesionVoxels:
    """Bring the images of a study together on the lesion's voxels in one of them.

    Parameters
    ----------
    study : Study
        With the images named.
    channels : sequence of str
        Which.
    grid : str
        On whose voxels. On those of the CT the PET is interpolated (smooth habitats, no new information); on those of
        the PET the CT is sampled at the PET's centres. Use the same for all patients.

    Returns
    -------
    LesionVoxels
        Of the mask on that grid.

    Raises
    ------
    InputError
        An image or its mask is absent, or an intensity is not finite.
    SettingsError
        A grid that is none of the channels.

    Examples
    --------
    >>> array = np.zeros((6, 6, 6), np.uint8)
    >>> array[2:4, 2:4, 2:4] = 1
    >>> image = Image(np.arange(216, dtype=np.float32).reshape(6, 6, 6), (2.0,) * 3, modality="pet")
    >>> study = Study("P1", 1, {"pet": image}, {"pet": Image(array, (2.0,) * 3, modality="mask")})
    >>> lesion_voxels(study, ("pet",), grid="pet").values.shape
    (8, 1)
    """
    check_name(grid, channels, "grid")
    absent = [name for name in channels if name not in study.images]
    if absent or grid not in study.masks:
        lacks = listing(absent) if absent else f"a mask on its {grid}"
        msg = f"The study lacks {lacks}; it has {listing(study.images)}."
        raise InputError(msg)
    box = bounding_box(study.masks[grid])
    mask = crop(study.masks[grid], box)
    inside = mask.array > 0
    columns = []
    for name in channels:
        image = study.images[name]
        shown = crop(image, box) if name == grid else resample(image, reference=mask.grid)
        columns.append(shown.array[inside].astype(np.float64))
    values = np.column_stack(columns)
    if not np.isfinite(values).all():
        msg = "The lesion holds NaN or infinite intensities; a finite number is wanted in every voxel."
        raise InputError(msg)
    return LesionVoxels(values, tuple(channels), mask)
