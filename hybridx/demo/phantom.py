"""One synthetic patient's PET/CT: anatomy and lesions drawn once, seen by one scanner on two grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridx.demo.anatomy import FIELD_OF_VIEW, Anatomy, draw_anatomy
from hybridx.demo.canvas import Grid
from hybridx.demo.lesions import Lesion, paint_lesion
from hybridx.demo.scanners import Scanner, image_ct, image_pet, mask_on

__all__ = ["Phantom", "draw_phantom"]


@dataclass(frozen=True)
class Phantom:
    """PET (SUVbw) and CT (HU) of one person with the lesions' masks, each on its own grid.

    Parameters
    ----------
    pet, ct : float32 ndarray (z, y, x)
        Images.
    pet_mask, ct_mask : bool ndarray (z, y, x)
        The union of all lesions on the image's grid.
    pet_grid, ct_grid : Grid
        Where the voxels lie.
    """

    pet: NDArray[np.float32]
    ct: NDArray[np.float32]
    pet_mask: NDArray[np.bool_]
    ct_mask: NDArray[np.bool_]
    pet_grid: Grid
    ct_grid: Grid


def draw_phantom(
    anatomy: Anatomy,
    lesions: Sequence[Lesion],
    scanner: Scanner,
    rng: np.random.Generator,
    *,
    region: tuple[Sequence[float], Sequence[float]] | None = None,
) -> Phantom:
    """Draw a person with lesions as one scanner would show them.

    Parameters
    ----------
    anatomy : Anatomy
        Build and physiology.
    lesions : sequence of Lesion
        In patient millimetres; none gives an empty mask.
    scanner : Scanner
        Resolution, voxels and noise.
    rng : numpy.random.Generator
        Draws the noise only: the same person on two scanners differs by the scanners alone.
    region : pair of (x, y, z), optional
        Lower and upper corner of what is scanned, mm. Default: shoulders to pelvis.

    Returns
    -------
    Phantom
        Images and masks.

    Examples
    --------
    >>> from hybridx.demo.scanners import SCANNERS
    >>> lesion = Lesion("left upper lobe", (76.0, -10.0, 122.0), radius_mm=14.0, uptake=9.0)
    >>> box = ((40.0, -50.0, 90.0), (112.0, 30.0, 154.0))
    >>> phantom = draw_phantom(Anatomy(), [lesion], SCANNERS[0], np.random.default_rng(0), region=box)
    >>> phantom.pet.shape != phantom.ct.shape, bool(phantom.pet_mask.any())
    (True, True)
    """
    low, high = region or tuple(anatomy.place(corner) for corner in FIELD_OF_VIEW)
    ct_grid = Grid.over(low, high, scanner.ct_spacing)
    pet_grid = Grid.over(low, high, scanner.pet_spacing, scanner.pet_shift)
    canvas = draw_anatomy(ct_grid, anatomy)
    diseased = np.zeros(ct_grid.shape, dtype=bool)
    for lesion in lesions:
        paint_lesion(lesion, ct_grid, canvas, diseased)
    return Phantom(
        pet=image_pet(canvas.suv, ct_grid, pet_grid, scanner, rng),
        ct=image_ct(canvas.hu, ct_grid, scanner, rng),
        pet_mask=mask_on(diseased, ct_grid, pet_grid),
        ct_mask=diseased,
        pet_grid=pet_grid,
        ct_grid=ct_grid,
    )
