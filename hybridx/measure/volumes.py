"""The volumes of a study for the viewer of the patient page: PET, CT and outline on one small grid round the lesions.

They are for looking, not for measuring: resampled, cropped, and stored in steps that the eye does not see. Nothing in
them names the patient; whoever has them can still see the patient's body, so they are kept where the images are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.imaging import Grid, Image, Study, resample
from hybridx.measure.views import FLOAT16_MAX

__all__ = ["MOST_VOXELS", "key_volumes"]

MOST_VOXELS = 1_500_000  # of each volume: PET, CT and outline together stay near 2.5 MB when compressed
MARGIN_MM = 60.0  # of the surroundings shown beyond the lesions
LARGEST_MM = 420.0  # along each axis, round the middle of the lesions
STEPS_MM = (2.0, 2.5, 3.0, 4.0, 5.0)  # the finest of these that keeps the volume small enough
PET_STEP = 0.05  # SUV: stored as whole multiples
CT_STEP, CT_LOWEST = 10.0, -1024.0  # HU: 256 steps up to 1526, wider than any window used for reading
TURNS = 12  # projections over half a turn; the other half are their mirror images
TURN_MM = 4.0  # voxel edge of the projections

Arrays = dict[str, npt.NDArray[np.generic]]


def key_volumes(study: Study) -> Arrays:
    """Cut the surroundings of the lesions out of PET and CT, and project the whole PET from all sides.

    Parameters
    ----------
    study : Study
        Images keep their grids; here they meet on one whose axes are the patient's.

    Returns
    -------
    dict of str to ndarray
        ``pet`` (int16, steps of `PET_STEP` SUV), ``ct`` (uint8, steps of 10 HU from -1024), ``mask`` (uint8), each z,
        y, x; ``spacing`` and ``origin`` (x, y, z; mm, LPS); ``pet_turns`` (uint8, one projection per row of angles,
        head up) with ``turns_ceiling`` (the SUV of 255) and ``turns_spacing`` (down, across; mm), ``turns_top`` (z of
        the first row, mm). What a study does not have is absent; without PET and CT there is nothing.
    """
    shown = {name: study.images[name] for name in ("pet", "ct") if name in study.images}
    if not shown:
        return {}
    mask = min(study.masks.values(), key=lambda one: one.grid.voxel_ml, default=None)
    grid = _grid(shown, mask)
    volumes: Arrays = {
        "spacing": np.asarray(grid.spacing, dtype=np.float32),
        "origin": np.asarray(grid.origin, dtype=np.float32),
    }
    if "pet" in shown:
        values = np.nan_to_num(resample(shown["pet"], reference=grid).array) / PET_STEP
        volumes["pet"] = np.rint(np.clip(values, 0, np.iinfo(np.int16).max)).astype(np.int16)
        volumes |= _turned(shown["pet"])
    if "ct" in shown:
        values = (
            np.nan_to_num(resample(shown["ct"], reference=grid).array, nan=CT_LOWEST) - CT_LOWEST
        ) / CT_STEP
        volumes["ct"] = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    if mask is not None:
        volumes["mask"] = (resample(mask, reference=grid).array > 0).astype(np.uint8)
    return volumes


def _grid(shown: dict[str, Image], mask: Image | None) -> Grid:
    """Lay a grid along the patient's axes round the lesions: as fine as the number of voxels allows."""
    extent = np.stack([image.grid.box() for image in shown.values()])
    low, high = extent[:, 0].min(axis=0), extent[:, 1].max(axis=0)
    near, far = _lesions(mask, low, high)
    middle = (near + far) / 2
    half = np.minimum((far - near) / 2 + MARGIN_MM, LARGEST_MM / 2)
    low, high = np.maximum(low, middle - half), np.minimum(high, middle + half)
    for step in STEPS_MM:
        size = np.maximum(1, np.round((high - low) / step)).astype(int)
        if np.prod(size) <= MOST_VOXELS:
            break
    first = low + step / 2
    return Grid(
        (int(size[0]), int(size[1]), int(size[2])),
        (step, step, step),
        (float(first[0]), float(first[1]), float(first[2])),
    )


def _lesions(
    mask: Image | None, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the box of the lesions in mm; of the middle of the scan where nothing is outlined."""
    if mask is None or not mask.array.any():
        return (low + high) / 2, (low + high) / 2
    ends = [np.flatnonzero(mask.array.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]] for axis in (2, 1, 0)]
    corners = np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3)
    points = mask.grid.points(corners)
    return np.asarray(points.min(axis=0)), np.asarray(points.max(axis=0))


def _turned(pet: Image) -> Arrays:
    """Project the PET along `TURNS` directions round the body's long axis: what a reader turns to see depth."""
    box = pet.grid.box()
    size = np.maximum(1, np.round((box[1] - box[0]) / TURN_MM)).astype(int)
    first = box[0] + TURN_MM / 2
    grid = Grid(
        (int(size[0]), int(size[1]), int(size[2])),
        (TURN_MM,) * 3,
        (float(first[0]), float(first[1]), float(first[2])),
    )
    values = np.nan_to_num(resample(pet, reference=grid).array)
    ceiling = float(np.clip(values.max(), 1.0, FLOAT16_MAX))
    flat = np.rint(255 * np.clip(values / ceiling, 0, 1)).astype(np.uint8)
    edge = int(np.ceil(np.hypot(size[0], size[1]))) + 1
    y, x = np.indices((size[1], size[0])) - (np.array([size[1], size[0]]) - 1).reshape(2, 1, 1) / 2
    lines = flat.reshape(size[2], -1)
    turns = np.zeros((TURNS, int(size[2]), edge), dtype=np.uint8)
    for picture, angle in zip(turns, np.arange(TURNS) * np.pi / TURNS, strict=True):
        # each voxel is sent to its column of the picture, so that no hot voxel falls between two samples
        column = np.floor(np.cos(angle) * x + np.sin(angle) * y + edge / 2 + 1e-9).astype(int).ravel()
        order = np.argsort(column, kind="stable")
        first_of, starts = np.unique(column[order], return_index=True)
        picture[:, first_of] = np.maximum.reduceat(lines[:, order], starts, axis=1)[::-1]  # head up
    return {
        "pet_turns": turns,
        "turns_ceiling": np.asarray(ceiling, dtype=np.float32),
        "turns_spacing": np.full(2, TURN_MM, dtype=np.float32),
        "turns_top": np.asarray(grid.origin[2] + TURN_MM * (size[2] - 1), dtype=np.float32),
    }
