"""Maps of organs: read beside a PET, so that lesions can be set against liver and blood pool."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hybridx.imaging.faults import Fault, ImageError, fault
from hybridx.imaging.geometry import resample
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image
from hybridx.imaging.reading import read_voxels
from hybridx.imaging.study import StudyRow

__all__ = ["fit_organs"]


def fit_organs(row: StudyRow, grid: Grid, grids: Mapping[str, Grid]) -> tuple[dict[str, Image], list[Fault]]:
    """Read the organs of a study's map that the studies table gives labels for.

    Parameters
    ----------
    row : StudyRow
        With `organs`, the path, and `organ_labels`.
    grid : Grid
        Of the image they are wanted on.
    grids : mapping of str to Grid
        Of all images of the study: a map that lies on another of them is resampled (nearest neighbour), which is said.

    Returns
    -------
    tuple of dict of str to Image, and list of Fault
        ``liver`` and ``blood_pool``, those that can be used: uint8, 1 inside. Warnings I011 and I032 to I034; organs
        are never worth an image.
    """
    if row.organs is None:
        return {}, []
    if not row.organ_labels:
        return {}, [fault("I033", "neither liver_label nor blood_pool_label is given", "organs")]
    try:
        values, own = read_voxels(row.organs, "mask")
    except ImageError as error:
        return {}, [fault("I032", one.value, "organs") for one in error.faults]
    faults: list[Fault] = []
    if not grid.same(own):
        if not any(own.same(other) for other in grids.values()):
            return {}, [fault("I034", str(own), "organs", str(grid))]
        faults.append(fault("I011", str(own), "organs", str(grid)))
    found: dict[str, Image] = {}
    for name, label in row.organ_labels.items():
        inside = (values == label).astype(np.uint8)
        organ = Image(inside, own.spacing, own.origin, own.direction, "mask", "1")
        organ = organ.on(grid) if grid.same(own) else resample(organ, reference=grid)
        if organ.array.any():
            found[name] = organ
        else:
            where = "on the image's grid" if inside.any() else f"in {row.organs.name!r}"
            faults.append(fault("I033", f"no voxel of label {label} {where}", f"{name}_label"))
    return found, faults
