"""The separate lesions of a mask with the PET around them, and their volumes and total uptake by threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hybridx.errors import InputError
from hybridx.imaging import Image, bounding_box, crop
from hybridx.measure.lesion_distances import lesion_centroids
from hybridx.measure.uptake_names import volume_names
from hybridx.measure.uptake_organs import OrganUptake
from hybridx.measure.uptake_settings import UptakeSettings, read_threshold
from hybridx.measure.uptake_thresholds import BACKGROUND_MM, limits_of, local_backgrounds

__all__ = ["LesionVoxels", "components"]

Floats = npt.NDArray[np.float64]

CONNECTED = np.ones((3, 3, 3), dtype=bool)  # voxels that share a corner are one lesion
MARGIN_MM = BACKGROUND_MM[1] + 5.0  # what any of the numbers looks at around a lesion


@dataclass(frozen=True, eq=False)
class LesionVoxels:
    """The separate lesions of a mask with the PET around them, cut out once for all numbers.

    Parameters
    ----------
    pet : Image
        With a margin of 25 mm around the lesions.
    labels : ndarray of int32, shape (z, y, x)
        0 outside, 1 (the largest) to `count`.
    count : int
        Lesions.
    """

    pet: Image
    labels: npt.NDArray[np.int32]
    count: int
    values: Floats = field(init=False)  # SUV of the lesions' voxels
    owner: npt.NDArray[np.int32] = field(init=False)  # lesion of each, from 1

    def __post_init__(self) -> None:
        inside = self.labels > 0
        object.__setattr__(self, "values", self.pet.array[inside].astype(np.float64))
        object.__setattr__(self, "owner", self.labels[inside])

    @classmethod
    def of(cls, pet: Image, mask: Image) -> LesionVoxels:
        """Cut the lesions out.

        Raises
        ------
        InputError
            Empty mask, or a mask on another grid.
        """
        if not pet.grid.same(mask.grid):
            msg = f"The mask has {mask.grid}, the PET {pet.grid}; resample it first: resample(mask, reference=pet)."
            raise InputError(msg)
        if not (mask.array > 0).any():
            msg = "The mask is empty: there is no uptake to measure."
            raise InputError(msg)
        box = bounding_box(mask, margin_mm=MARGIN_MM)
        return cls(crop(pet, box), *components(crop(mask, box)))

    def per_lesion(self, values: Floats | None = None, kept: npt.NDArray[np.bool_] | None = None) -> Floats:
        """Add up over the voxels of each lesion: their number, or `values`; of those `kept` only."""
        chosen = slice(None) if kept is None else kept
        weights = None if values is None else values[chosen]
        return np.bincount(self.owner[chosen], weights, minlength=self.count + 1)[1:].astype(np.float64)

    @property
    def hottest(self) -> Floats:
        """SUVmax of each lesion."""
        return np.asarray(ndimage.maximum(self.values, self.owner, np.arange(1, self.count + 1)), dtype=float)

    @property
    def centroids(self) -> Floats:
        """Centre of each lesion, mm, DICOM's frame, shape (count, 3)."""
        return lesion_centroids(self.labels, self.count, self.pet.grid)

    def volumes(
        self, settings: UptakeSettings, tracer: str | None, organs: Mapping[str, OrganUptake], lacking: str
    ) -> tuple[dict[str, Floats], dict[str, str]]:
        """Measure each lesion's volume (mL) and total uptake (g) by every threshold, and say what is not defined."""
        voxel = self.pet.grid.voxel_ml
        volume, total = volume_names(tracer)
        found = {volume: self.per_lesion() * voxel, total: self.per_lesion(self.values) * voxel}
        reasons: dict[str, str] = {}
        read = [read_threshold(word) for word in settings.thresholds]
        around = None
        if any(one.kind == "background" for one in read):
            edges = np.asarray(self.pet.spacing[::-1])
            around = local_backgrounds(self.pet.array, self.labels, self.count, edges)
        for one in read:
            levels = limits_of(one, self.hottest, around, organs, lacking)
            kept = self.values >= levels.suv[self.owner - 1]
            undefined = np.isnan(levels.suv)
            for name, weights in ((volume, None), (total, self.values)):
                column = f"{name}_{one.word}"
                found[column] = np.where(undefined, np.nan, self.per_lesion(weights, kept) * voxel)
                if levels.reason:
                    reasons[column] = levels.reason
        return {name: found[name] for stem in (volume, total) for name in _ordered(stem, settings)}, reasons


def components(mask: Image) -> tuple[npt.NDArray[np.int32], int]:
    """Label the separate lesions of a mask, 1 being the largest; voxels that share a corner belong together."""
    labels, count = ndimage.label(mask.array > 0, structure=CONNECTED)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[np.argsort(-sizes, kind="stable") + 1] = np.arange(1, count + 1, dtype=np.int32)
    return rank[labels], int(count)


def _ordered(stem: str, settings: UptakeSettings) -> list[str]:
    return [stem, *(f"{stem}_{word}" for word in settings.thresholds)]
