"""Deep features: a fixed box around the main lesion, PET and CT on one grid, through the encoder.

The block ``deep`` needs PET and CT of the same study. A patient who lacks one of them is not measured in this block
rather than encoded from a picture with an invented half; fusion works with what the patient has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import SimpleITK as sitk
from scipy import ndimage

from hybridx.cohort.block import FEATURE_SCHEMA
from hybridx.errors import ExtractionError
from hybridx.imaging import Grid, Image, Study
from hybridx.measure.encoder import CHANNELS, EDGE, DeepEncoder
from hybridx.terms import settings_hash

__all__ = [
    "PATCH_SPACING_MM",
    "Patch",
    "deep_feature_rows",
    "deep_features",
    "lacking",
    "make_patch",
    "patch_at",
]

PATCH_SPACING_MM = (
    3.0  # 32 voxels are 96 mm: whole lesions of the usual size, yet voxels no finer than a PET resolves
)
_OUTSIDE = {"pet": 0.0, "ct": -1000.0, "mask": 0.0}
FWHM_PER_SIGMA = 2.354820045


@dataclass(frozen=True, eq=False)
class Patch:
    """The box around a patient's main lesion.

    Parameters
    ----------
    array : float16 ndarray, shape (3, 32, 32, 32)
        PET in SUVbw, CT in HU, share of each voxel inside the lesion; axes (z, y, x) along the patient's.
    centre_mm : tuple of float
        Its centre (x, y, z) in the patient.
    lesion_inside : float
        Share of all lesion volume that lies in the box: below 1 for a large tumour or several of them.
    covered : mapping of str to float
        Per image, the share of the box that was scanned; the rest is air without uptake.
    """

    array: npt.NDArray[np.float16]
    centre_mm: tuple[float, float, float]
    lesion_inside: float
    covered: Mapping[str, float]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:  # noqa: FBT001 - numpy's protocol
        return np.array(self.array, dtype=dtype) if copy or dtype is not None else self.array


def lacking(study: Study) -> tuple[str, ...]:
    """Name what a study lacks for a patch: ``pet``, ``ct``, ``mask``; nothing when it is complete."""
    wanted = [name for name in ("pet", "ct") if name not in study.images]
    return tuple(wanted + ([] if "pet" in study.masks or "ct" in study.masks else ["mask"]))


def make_patch(study: Study) -> Patch:
    """Cut the box around a study's main lesion from PET and CT.

    The box is a cube of 96 mm along the patient's axes, in voxels of 3 mm, centred on the centroid of the largest
    connected part of the PET's mask (of the CT's, where the PET has none).

    Parameters
    ----------
    study : Study
        With PET (SUVbw), CT (HU) and at least one mask.

    Returns
    -------
    Patch
        Box and how much of lesion and scan lies in it.

    Raises
    ------
    ExtractionError
        PET, CT or mask is missing, or the mask is empty.
    """
    missing = lacking(study)
    if missing:
        msg = f"Deep features need PET, CT and a mask; this study lacks {' and '.join(missing)}."
        raise ExtractionError(msg)
    mask = study.masks.get("pet", study.masks.get("ct"))
    assert mask is not None  # noqa: S101 - settled by `lacking`, said for the type checker
    return patch_at(study, main_lesion(mask))


def main_lesion(mask: Image) -> tuple[float, float, float]:
    """Return the centroid (x, y, z) in mm of the largest connected part of a mask."""
    parts, count = ndimage.label(mask.array, structure=np.ones((3, 3, 3)))
    if count == 0:
        msg = "The mask is empty: there is no lesion to centre the box on."
        raise ExtractionError(msg)
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    centroid = np.argwhere(parts == largest).mean(axis=0)[::-1]
    x, y, z = mask.grid.points([centroid])[0]
    return float(x), float(y), float(z)


def patch_at(study: Study, centre: tuple[float, float, float]) -> Patch:
    """Cut the box around a point (x, y, z) in mm; see `make_patch`."""
    half = PATCH_SPACING_MM * (EDGE - 1) / 2
    origin = tuple(c - half for c in centre)
    grid = Grid((EDGE, EDGE, EDGE), (PATCH_SPACING_MM,) * 3, origin)
    mask = study.masks.get("pet", study.masks.get("ct"))
    sources = {"pet": study.images["pet"], "ct": study.images["ct"], "mask": mask}
    array = np.stack([_onto(sources[name], grid, _OUTSIDE[name]) for name in CHANNELS])
    lesion_ml = float(mask.array.astype(bool).sum()) * mask.grid.voxel_ml
    inside_ml = float(array[2].sum()) * PATCH_SPACING_MM**3 / 1000
    covered = {name: _covered(study.images[name].grid, grid) for name in ("pet", "ct")}
    return Patch(
        array=array.astype(np.float16),
        centre_mm=centre,
        lesion_inside=min(inside_ml / lesion_ml, 1.0) if lesion_ml else 0.0,
        covered=covered,
    )


def _onto(image: Image, grid: Grid, outside: float) -> npt.NDArray[np.float32]:
    """Resample the part of an image that the box touches, averaged over the box's voxels where they are coarser."""
    index = image.grid.index(grid.corners())
    margin = 3 + np.ceil(2 * PATCH_SPACING_MM / np.asarray(image.spacing))
    low = np.clip(np.floor(index.min(axis=0) - margin), 0, None).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + margin) + 1, image.grid.size).astype(int)
    if (high <= low).any():
        return np.full((EDGE, EDGE, EDGE), outside, dtype=np.float32)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1], strict=True))
    spacing = np.asarray(image.spacing)[::-1]
    # sampling a fine CT at every 3 mm would alias its noise: first blur to the width of the new voxels
    width = np.sqrt(np.maximum(PATCH_SPACING_MM**2 - spacing**2, 0)) / FWHM_PER_SIGMA / spacing
    part = image.array[box].astype(np.float32)
    part = ndimage.gaussian_filter(part, width, mode="nearest", truncate=3.0) if width.any() else part
    cut = Image(part, image.spacing, tuple(image.grid.points([low])[0]), image.direction)
    moved = sitk.Resample(
        cut.to_sitk(),
        grid.size,
        sitk.Transform(),  # type: ignore[no-untyped-call]
        sitk.sitkLinear,
        grid.origin,
        grid.spacing,
        grid.direction,
        outside,
        sitk.sitkFloat32,
    )
    array: npt.NDArray[np.float32] = sitk.GetArrayFromImage(moved)
    return array


def _covered(image: Grid, grid: Grid) -> float:
    steps = np.stack(np.meshgrid(*[np.arange(0, EDGE, 4) + 1.5] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    index = image.index(grid.points(steps))
    return float(((index > -0.5) & (index < np.asarray(image.size) - 0.5)).all(axis=1).mean())


def deep_features(patch: Patch | npt.ArrayLike, encoder: DeepEncoder) -> dict[str, float]:
    """Encode one patch.

    Parameters
    ----------
    patch : Patch or array_like, shape (3, 32, 32, 32)
        See `make_patch`.
    encoder : DeepEncoder
        See `DeepEncoder.load`.

    Returns
    -------
    dict of str to float
        ``petct_000`` and so on; the block's name ``deep.`` goes before them.
    """
    row = encoder.encode(np.asarray(patch)[None])[0]
    return {f"petct_{number:03d}": float(value) for number, value in enumerate(row)}


def deep_feature_rows(encoder: DeepEncoder) -> pl.DataFrame:
    """Return the provenance of the block's columns, see `FEATURE_SCHEMA`.

    Parameters
    ----------
    encoder : DeepEncoder
        Its weights' fingerprint is the version.
    """
    settings = settings_hash({"spacing_mm": PATCH_SPACING_MM, "edge": EDGE, "channels": CHANNELS})
    rows = [
        {
            "column": f"deep.petct_{number:03d}",
            "modality": "deep",
            "title": f"PET/CT embedding {number}",
            "unit": "1",
            "family": "deep",
            "ibsi_id": None,
            "extractor": "hybridx-encoder",
            "version": encoder.version,
            "settings_hash": settings,
        }
        for number in range(encoder.features)
    ]
    return pl.DataFrame(rows, schema=FEATURE_SCHEMA)
