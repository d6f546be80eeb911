"""CT and MR of the enhanced classes, with all slices in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from hybridx.errors import InputError
from hybridx.imaging.image import Image

__all__ = ["read_enhanced"]


def read_enhanced(path: Path, modality: str) -> tuple[Image, Any]:
    """Read a multi-frame file that holds one regular stack.

    PET is read frame by frame (`hybridx.imaging.dicom_frames`): each may have a slope of its own.

    Parameters
    ----------
    path : path
        Of the file.
    modality : {"ct", "mr"}
        What it shows.

    Returns
    -------
    tuple
        The image, and the header without pixels.

    Raises
    ------
    InputError
        Frames that are no regular stack, several stacks in one file, or a damaged file.
    """
    # its import takes a second
    import highdicom  # noqa: PLC0415

    try:
        dataset = pydicom.dcmread(path)
        stack = highdicom.Image.from_dataset(dataset, copy=False).get_volume(dtype=np.float64)
        del dataset.PixelData
    except Exception as error:  # damaged bytes can fail in any way
        msg = (
            f"A multi-frame file cannot be read as one stack ({type(error).__name__}): several stacks lie in it, "
            "slices are missing, or it is damaged. Export the series as single slices."
        )
        raise InputError(msg) from error
    array, affine = np.asarray(stack.array, dtype=np.float32), np.array(stack.affine, dtype=np.float64)
    # axes are (slice, row, column); slices go along the normal of rows and columns
    if np.linalg.det(affine[:3, [2, 1, 0]]) < 0.0:
        affine[:3, 3] += affine[:3, 0] * (len(array) - 1)
        affine[:3, 0] *= -1.0
        array = array[::-1]
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    direction = (affine[:3, :3] / edges)[:, ::-1]
    image = Image(
        np.ascontiguousarray(array),
        tuple(float(one) for one in edges[::-1]),  # type: ignore[arg-type]
        tuple(float(one) for one in affine[:3, 3]),  # type: ignore[arg-type]
        tuple(float(one) for one in direction.ravel()),
        modality,
    )
    return image, dataset
