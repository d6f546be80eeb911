"""What every family of radiomics features eats, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Features", "Floats", "Levels", "Mask", "Roi"]

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Roi:
    """A lesion in its image, on the grid of the analysis and cut out of it with a margin.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Intensities, also around the lesion (peaks and filters look there): float64, or in pyradiomics' vocabulary the
        type that it would hold.
    morphology : ndarray of bool, shape (z, y, x)
        The lesion's form: the mask as it was drawn, on this grid.
    intensity : ndarray of bool, shape (z, y, x)
        The voxels whose intensity counts: the form less what re-segmentation, outlier filtering and non-finite
        values take away.
    spacing : tuple of float, (z, y, x)
        Voxel edges in mm, in the order of the array's axes (an `Image` has them the other way round).
    known_runs : ndarray of int64, shape (n, 4), optional
        `runs`, where they were found already for another image of the lesion.
    """

    image: Floats
    morphology: Mask
    intensity: Mask
    spacing: tuple[float, float, float]
    known_runs: npt.NDArray[np.int64] | None = None

    @cached_property
    def runs(self) -> npt.NDArray[np.int64]:
        """Where voxels count: (z, y, first, one after the last) of every run along x, in the order of the array."""
        if self.known_runs is not None:
            return self.known_runs
        from hybridx.radiomics.box_kernel import runs_of  # noqa: PLC0415 - compiles on first use

        return np.asarray(runs_of(np.ascontiguousarray(self.intensity)))

    @cached_property
    def values(self) -> Floats:
        """The intensities that count, float64, shape (n,), in the order of the array."""
        from hybridx.radiomics.box_kernel import gather  # noqa: PLC0415 - compiles on first use

        values = np.empty(int((self.runs[:, 3] - self.runs[:, 2]).sum()))
        gather(self.image, self.runs, values)
        return values

    @cached_property
    def extent(self) -> tuple[float, float, float]:
        """Sum, smallest and largest of `values`; the sum is finite where all of them are, and none is huge."""
        from hybridx.radiomics.statistics_kernels import range_and_sum  # noqa: PLC0415 - compiles on first use

        total, low, high = range_and_sum(self.values)
        return float(total), float(low), float(high)


@dataclass(frozen=True, eq=False)
class Levels:
    """The same lesion in grey levels.

    Parameters
    ----------
    array : ndarray of int32, shape (z, y, x)
        0 outside the intensity mask, 1 to `count` inside.
    count : int
        Number of grey levels; not every one need occur.
    morphology : ndarray of bool, shape (z, y, x)
        The form, from whose border zones are counted (GLDZM).
    spacing : tuple of float, (z, y, x)
        Voxel edges, mm.
    width : float
        Of a level, in the unit of the image; NaN where levels have no constant width.
    lowest : float
        Lower edge of level 1, in the unit of the image.
    """

    array: npt.NDArray[np.int32]
    count: int
    morphology: Mask
    spacing: tuple[float, float, float]
    width: float = float("nan")
    lowest: float = float("nan")


@dataclass(frozen=True)
class Features:
    """Values by tag, and why a value is missing.

    Parameters
    ----------
    values : mapping of str to float
        NaN where a feature is not defined for this lesion; never 0 in its place.
    reasons : mapping of str to str
        One sentence fragment for each NaN ("all intensities are equal").
    """

    values: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: Features) -> Features:
        return Features({**self.values, **other.values}, {**self.reasons, **other.reasons})
