"""The pictures of a study for the patient page: slices through the lesion and a projection, PET and CT on one grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.imaging import Grid, Image, Study, resample

__all__ = ["key_views"]

PIXEL_MM = 2.0
LARGEST_MM = 400.0  # of a slice: what is farther from the lesion does not help to see it
PROJECTION_DEPTH_MM = (
    4.0  # sampling along the line of sight; finer steps do not change a maximum of a 5 mm PET
)
FLOAT16_MAX = 60_000.0
AXES = {"axial": 2, "coronal": 1, "sagittal": 0}  # which axis (x, y, z) the slice is perpendicular to


def key_views(study: Study) -> dict[str, npt.NDArray[np.generic]]:
    """Cut the three slices through the lesion's hottest point, and project the PET from the front.

    Parameters
    ----------
    study : Study
        Its images keep their grids; here they meet on one of 2 mm.

    Returns
    -------
    dict of str to ndarray
        ``pet_axial``, ``ct_axial``, ``mask_axial`` and likewise ``_coronal``, ``_sagittal`` (float16 in SUV or HU; the
        mask uint8), ``pet_mip`` and ``mask_mip`` (coronal), ``spacing`` (z, y, x; mm) and ``position`` (x, y, z of the
        point; mm). Rows run from front to back or from head to foot, columns from the patient's right to left or from
        front to back. What a study does not have is absent; a study without a mask is shown through its centre.
    """
    if not study.images:
        return {}
    lead = next((name for name in ("pet", "ct", "mr") if name in study.images), next(iter(study.images)))
    point = _point(study, lead)
    # the finest mask draws the smoothest contour, on PET as well
    mask = min(study.masks.values(), key=lambda one: one.grid.voxel_ml, default=None)
    extent = np.stack([image.grid.box() for image in study.images.values()])
    low, high = extent[:, 0].min(axis=0), extent[:, 1].max(axis=0)
    near, far = np.maximum(low, point - LARGEST_MM / 2), np.minimum(high, point + LARGEST_MM / 2)
    views: dict[str, npt.NDArray[np.generic]] = {}
    layers = {**study.images, **({} if mask is None else {"mask": mask})}
    for plane, axis in AXES.items():
        start, stop = near.copy(), far.copy()
        start[axis], stop[axis] = point[axis] - PIXEL_MM / 2, point[axis] + PIXEL_MM / 2
        grid = _upright(start, stop, (PIXEL_MM,) * 3)
        for name, image in layers.items():
            views[f"{name}_{plane}"] = _shown(resample(image, reference=grid), axis)
    if "pet" in study.images:
        box = study.images["pet"].grid.box()
        grid = _upright(box[0], box[1], (PIXEL_MM, PROJECTION_DEPTH_MM, PIXEL_MM))
        views["pet_mip"] = _projected(study.images["pet"], grid)
        if mask is not None:
            views["mask_mip"] = _projected(mask, grid)
    views["spacing"] = np.full(3, PIXEL_MM, dtype=np.float32)
    views["position"] = point.astype(np.float32)
    return views


def _point(study: Study, lead: str) -> npt.NDArray[np.float64]:
    """Find the hottest voxel of the lesion on PET, else the lesion's centre, else the image's."""
    image, mask = study.images[lead], study.masks.get(lead)
    if mask is None:
        mask = next(iter(study.masks.values()), None)
    if mask is None:
        return np.asarray(image.grid.box().mean(axis=0))
    if lead == "pet" and mask.grid.same(image.grid):
        hottest = np.where(mask.array > 0, image.array, -np.inf).argmax()
        z, y, x = np.unravel_index(int(hottest), image.array.shape)
    else:
        z, y, x = (axis.mean() for axis in np.nonzero(mask.array))
    return np.asarray(mask.grid.points([(x, y, z)])[0])


def _upright(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], spacing: tuple[float, float, float]
) -> Grid:
    """Lay a grid along the patient's axes into a box."""
    edges = np.asarray(spacing)
    x, y, z = (max(1, int(n)) for n in np.round((high - low) / edges))
    first = low + edges / 2
    return Grid((x, y, z), spacing, (float(first[0]), float(first[1]), float(first[2])))


def _shown(image: Image, axis: int) -> npt.NDArray[np.generic]:
    flat = image.array.take(0, axis=2 - axis)  # the array is z, y, x
    return _stored(flat if axis == AXES["axial"] else flat[::-1], image)  # head up


def _projected(image: Image, grid: Grid) -> npt.NDArray[np.generic]:
    return _stored(resample(image, reference=grid).array.max(axis=1)[::-1], image)


def _stored(pixels: npt.NDArray[np.generic], image: Image) -> npt.NDArray[np.generic]:
    if image.is_mask:
        return np.ascontiguousarray(pixels)
    return np.clip(pixels, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
