"""A lesion cut into compact regions, and what is put in the place of one that is taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hybridx.errors import InputError
from hybridx.imaging import Image

__all__ = ["LesionRegions", "lesion_regions"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_NEAR_MM, _FAR_MM = 3.0, 12.0  # of the tissue around: beyond the blur of the edge, before the next organ
_LEAST_AROUND = 50  # voxels, for a median and a spread
_LEAST_INSIDE = 8  # voxels of a region
_NORMAL = 1.349  # interquartile range of a normal distribution in standard deviations


@dataclass(frozen=True, eq=False)
class LesionRegions:
    """Regions of a lesion and of the tissue around it, each of which can be taken out of the image.

    Parameters
    ----------
    image : Image
    region : array of int, shape (z, y, x)
        1 to k inside the lesion, k + 1 in the tissue around it, 0 elsewhere.
    count : int
        k.
    level, spread : float
        Median of the tissue around, and its standard deviation (from the quartiles), in the unit of the image.
    """

    image: Image
    region: IntArray
    count: int
    level: float
    spread: float

    @property
    def players(self) -> int:
        """Regions that can be taken out, the tissue around being one."""
        return self.count + 1

    def kept(self, mask: int) -> Image:
        """Return the image in which the regions whose bit is not set are filled.

        A region of the lesion keeps its pattern and loses its level: its voxels are brought to the median and the
        spread of the tissue around. The tissue around is made even, at its median.
        """
        array = self.image.array.astype(np.float32, copy=True)
        for number in range(1, self.players + 1):
            if mask >> (number - 1) & 1:
                continue
            here = self.region == number
            values = self.image.array[here].astype(np.float64)
            deviation = values.std()
            pattern = (values - values.mean()) / deviation if deviation > 0 else np.zeros(len(values))
            array[here] = self.level + (self.spread if number <= self.count else 0.0) * pattern
        return self.image.with_array(array)

    def spread_out(self, values: FloatArray) -> FloatArray:
        """Deal each region's value, (players,), out evenly over its voxels."""
        size = np.bincount(self.region.ravel(), minlength=self.players + 1)
        share = np.concatenate([[0.0], values / np.maximum(size[1:], 1)])
        return np.asarray(share[self.region])


def lesion_regions(image: Image, mask: Image, count: int) -> LesionRegions:
    """Cut a lesion into `count` compact regions of equal volume, halving along its longest axis again and again.

    Parameters
    ----------
    image, mask : Image
        On one grid.
    count : int
        Regions; fewer where the lesion has too few voxels.

    Raises
    ------
    InputError
        Image and mask lie on different grids, the mask is empty, or too little tissue around it was scanned.
    """
    if not image.grid.same(mask.grid):
        msg = f"The mask has {mask.grid}, its image {image.grid}; resample it first: resample(mask, reference=image)."
        raise InputError(msg)
    inside = mask.array > 0
    if not inside.any():
        msg = "The mask is empty: there is no lesion to cut into regions."
        raise InputError(msg)
    distance = ndimage.distance_transform_edt(~inside, sampling=image.spacing[::-1])
    around = (distance > _NEAR_MM) & (distance <= _FAR_MM) & np.isfinite(image.array)
    if around.sum() < _LEAST_AROUND:
        msg = (
            f"{int(around.sum())} voxels were scanned {_NEAR_MM:g} to {_FAR_MM:g} mm around the lesion, wanted "
            f"{_LEAST_AROUND} or more: what stands for healthy tissue is taken from there."
        )
        raise InputError(msg)
    places = np.argwhere(inside)
    count = max(1, min(count, len(places) // _LEAST_INSIDE))
    region = np.zeros(inside.shape, dtype=np.intp)
    label = np.empty(len(places), dtype=np.intp)
    for number, rows in enumerate(_cut(places * np.array(image.spacing[::-1]), count), start=1):
        label[rows] = number
    region[inside] = label
    region[(distance > 0) & (distance <= _FAR_MM)] = count + 1
    low, level, high = np.quantile(image.array[around].astype(np.float64), [0.25, 0.5, 0.75])
    return LesionRegions(image, region, count, float(level), float((high - low) / _NORMAL))


def _cut(points: FloatArray, count: int) -> list[IntArray]:
    """Return the rows of each of `count` parts of nearly equal size."""
    parts, wanted = [np.arange(len(points))], [count]
    while max(wanted) > 1:
        at = wanted.index(max(wanted))
        rows, k = parts.pop(at), wanted.pop(at)
        own = points[rows] - points[rows].mean(axis=0)
        axis = np.linalg.eigh(own.T @ own)[1][:, -1]
        axis = axis * np.sign(axis[np.abs(axis).argmax()])  # an eigenvector's sign is the machine's
        order = rows[np.argsort(np.round(own @ axis, 6), kind="stable")]
        middle = round(len(rows) * (k // 2) / k)
        parts[at:at] = [order[:middle], order[middle:]]
        wanted[at:at] = [k // 2, k - k // 2]
    return parts
