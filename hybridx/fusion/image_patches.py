"""PET/CT patches on their way into a network: read by reference, checked, and varied as other scans would vary.

A patch is (3, z, y, x): PET in SUVbw, CT in HU, share of each voxel inside the lesion (`hybridx.measure.make_patch`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hybridx.cohort import images
from hybridx.errors import InputError
from hybridx.measure.encoder import CHANNELS

__all__ = ["SMALLEST_EDGE", "read_patches", "varied"]

Patches = npt.NDArray[np.float16]

SMALLEST_EDGE = 8  # voxels: the network halves it three times
_SHIFT = 2  # voxels (6 mm): how far two readers' contours move the middle of a lesion
_PET_NOISE = 0.05  # relative, per voxel: a PET of usual counts, resampled to 3 mm
_CT_NOISE = 10.0  # HU
_OUTSIDE = (0.0, -1000.0, 0.0)  # what a patch holds where nothing was scanned


def read_patches(references: Sequence[str], shape: Sequence[int] | None = None) -> Patches:
    """Read patches, shape (n, 3, z, y, x), float16.

    Parameters
    ----------
    references : sequence of str
        From a column ``<modality>.image`` of ``cohort.frame(images=True)``.
    shape : sequence of int, optional
        Shape (3, z, y, x) that each must have; None: the first one's.

    Raises
    ------
    InputError
        A file is gone, was changed, holds no patch, or a patch of another shape or with values that are not finite.
    """
    wanted = None if shape is None else tuple(shape)
    found: list[Patches] = []
    for reference in references:
        arrays = images.read(reference)
        patch = arrays.get("patch")
        if patch is None or patch.ndim != 4 or len(patch) != len(CHANNELS):
            got = {name: array.shape for name, array in arrays.items()}
            msg = (
                f"A stored image is no patch: wanted 'patch' of shape ({len(CHANNELS)}, z, y, x), got {got}."
            )
            raise InputError(msg)
        wanted = patch.shape if wanted is None else wanted
        if patch.shape != wanted or min(patch.shape[1:]) < SMALLEST_EDGE:
            msg = (
                f"A patch has shape {patch.shape}; wanted is {wanted}, with edges of {SMALLEST_EDGE} voxels at least. "
                "Extract all patients with the same settings."
            )
            raise InputError(msg)
        if not np.isfinite(patch).all():
            msg = f"The patch {reference.rpartition('#')[2]} holds values that are not finite. Extract again."
            raise InputError(msg)
        found.append(patch.astype(np.float16))
    return np.stack(found) if found else np.empty((0, *(wanted or (len(CHANNELS), 0, 0, 0))), np.float16)


def varied(patches: Patches, rng: np.random.Generator) -> Patches:
    """Return each patch mirrored, moved by up to two voxels, and with fresh noise: other scans of the same lesion."""
    return np.stack([_varied(patch, rng) for patch in patches]) if len(patches) else patches


def _varied(patch: Patches, rng: np.random.Generator) -> Patches:
    axes = tuple(axis for axis in (1, 2, 3) if rng.random() < 0.5)
    moved = np.flip(patch, axes) if axes else patch
    moved = _moved(moved, rng.integers(-_SHIFT, _SHIFT + 1, size=3))
    noise = rng.standard_normal((2, *patch.shape[1:]), dtype=np.float32)
    moved[0] = moved[0] * np.maximum(1.0 + _PET_NOISE * noise[0], 0.0)
    moved[1] = moved[1] + _CT_NOISE * noise[1]
    return moved


def _moved(patch: Patches, steps: npt.NDArray[np.int64]) -> Patches:
    result = np.empty_like(patch)
    result[:] = np.asarray(_OUTSIDE, dtype=patch.dtype)[:, None, None, None]
    to, source = [slice(None)], [slice(None)]
    for step, size in zip(steps.tolist(), patch.shape[1:], strict=True):
        to.append(slice(max(step, 0), size + min(step, 0)))
        source.append(slice(max(-step, 0), size + min(-step, 0)))
    result[tuple(to)] = patch[tuple(source)]
    return result
