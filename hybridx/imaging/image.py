"""`Image`: an array that knows where it lies in the patient and what its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.imaging.grid import Grid

if TYPE_CHECKING:
    import SimpleITK as sitk

__all__ = ["UNITS", "Image"]

# The unit each modality is expected in (UCUM in the feature tables: g/mL{SUVbw}, [hnsf'U], 1).
UNITS = {"pet": "SUVbw", "ct": "HU", "mr": "1"}


@dataclass(frozen=True, eq=False)
class Image:
    """A volume with its geometry: millimetres in the DICOM frame (LPS).

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
        float32 values; a mask is uint8 with 1 inside the lesion.
    spacing, origin : tuple of float, (x, y, z)
        Voxel edges and the centre of the first voxel, mm.
    direction : tuple of float
        3 x 3 matrix, row by row.
    modality : str
        ``pet``, ``ct``, ``mr``, ``mask`` or empty.
    unit : str
        ``SUVbw``, ``HU`` or ``1``.

    Examples
    --------
    >>> image = Image(np.zeros((4, 3, 2), np.float32), spacing=(2.0, 2.0, 3.0), modality="pet")
    >>> image.grid.size, round(image.grid.voxel_ml, 3)
    ((2, 3, 4), 0.012)
    """

    array: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    modality: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            msg = f"array has {self.array.ndim} dimensions {self.array.shape}; three are wanted: (z, y, x)."
            raise InputError(msg)
        if not self.unit:
            object.__setattr__(self, "unit", UNITS.get(self.modality, "1"))

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        z, y, x = self.array.shape
        return Grid((x, y, z), self.spacing, self.origin, self.direction)

    @property
    def is_mask(self) -> bool:
        """Whether this is a mask: 1 inside the lesion, 0 elsewhere."""
        return self.modality == "mask"

    def on(self, grid: Grid) -> Image:
        """Return the same voxels on a grid of equal size (used when two headers differ by rounding)."""
        return self.with_array(self.array, grid)

    def with_array(self, array: npt.NDArray[Any], grid: Grid | None = None) -> Image:
        """Return another array with the same meaning, on this grid or a given one."""
        place = grid or self.grid
        return Image(array, place.spacing, place.origin, place.direction, self.modality, self.unit)

    def to_sitk(self) -> sitk.Image:
        """Hand the volume to SimpleITK (a copy)."""
        import SimpleITK as sitk  # noqa: PLC0415 - loads where it is asked for

        image = sitk.GetImageFromArray(np.ascontiguousarray(self.array))
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    @classmethod
    def from_sitk(cls, image: sitk.Image, modality: str = "", unit: str = "") -> Image:
        """Take a volume from SimpleITK (a copy): float32, or 0 and 1 in uint8 for ``modality="mask"``."""
        import SimpleITK as sitk  # noqa: PLC0415 - loads where it is asked for

        grid = Grid.of(image)
        array = sitk.GetArrayFromImage(image)
        array = (array != 0).astype(np.uint8) if modality == "mask" else array.astype(np.float32, copy=False)
        return cls(array, grid.spacing, grid.origin, grid.direction, modality, unit)

    def __repr__(self) -> str:
        return f"Image({self.modality or 'unnamed'} in {self.unit}, {self.grid})"
