"""The small images a cohort carries: key views for pages and patches for image models, by content address."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError

__all__ = ["IMAGE_SCHEMA", "address", "load", "pack"]

# tables["images"]: which stored file belongs to whom. File names are hashes of the content, never of the patient.
IMAGE_SCHEMA: Mapping[str, pl.DataType] = {
    "patient_id": pl.String(),
    "kind": pl.String(),  # `views`, `patch:deep`
    "address": pl.String(),
    "day": pl.Float64(),
}


def address(table: pl.DataFrame | None, patient: str, kind: str) -> str | None:
    """Return the content address of one patient's images of a kind, or None."""
    if table is None:
        return None
    found = table.filter((pl.col("patient_id") == patient) & (pl.col("kind") == kind))["address"]
    return str(found[0]) if len(found) else None


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[str, bytes]:
    """Return the content address (24 hex digits) and the bytes of an ``.npz`` file; equal arrays, equal bytes."""
    buffer = io.BytesIO()
    # numpy stamps every member of the archive with 1980-01-01, so equal arrays give equal bytes.
    np.savez_compressed(buffer, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    content = buffer.getvalue()
    return hashlib.sha256(content).hexdigest()[:24], content


def load(folder: Path | None, content_address: str) -> dict[str, npt.NDArray[Any]]:
    """Read ``<folder>/images/<address>.npz`` and check it against its address.

    Raises
    ------
    InputError
        The cohort has no folder, or the file is absent or was changed.
    """
    if folder is None:
        msg = "The cohort is not on disk, so it has no stored images. Save it, or load it with Cohort.load(folder)."
        raise InputError(msg)
    path = folder / "images" / f"{content_address}.npz"
    if not path.is_file():
        msg = f"The stored images {path.name} are not in {str(path.parent)!r}. Run the extraction again."
        raise InputError(msg)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest()[:24] != content_address:
        msg = f"The stored images {path.name} were changed since they were written. Run the extraction again."
        raise InputError(msg)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
