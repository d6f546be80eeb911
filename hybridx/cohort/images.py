"""The small images a cohort carries: key views for pages and patches for image models, by content address."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError

__all__ = ["IMAGE_SCHEMA", "address", "load", "pack", "read", "references"]

_DIGITS = 24  # hexadecimal digits of the SHA-256 that name a file

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
    return hashlib.sha256(content).hexdigest()[:_DIGITS], content


def load(folder: Path | None, content_address: str) -> dict[str, npt.NDArray[Any]]:
    """Read ``<folder>/images/<address>.npz`` and check it against its address.

    Raises
    ------
    InputError
        The cohort has no folder, or the file is absent or was changed.
    """
    return _open(_path(folder, content_address), content_address)


def references(
    table: pl.DataFrame | None, patients: Sequence[str], kind: str, folder: Path | None
) -> list[str | None]:
    """Return where each patient's images of a kind lie, None for a patient who has none.

    A reference is ``file:///…/images/<address>.npz#<address>``: place and content in one text, which any process on
    any split of the table can follow, and which names no patient.

    Raises
    ------
    InputError
        There are images, but the cohort has no folder.
    """
    if table is None:
        return [None] * len(patients)
    rows = table.filter(pl.col("kind") == kind).unique("patient_id", keep="first", maintain_order=True)
    of = dict(rows.select("patient_id", "address").iter_rows())
    return [
        f"{_path(folder, of[p]).absolute().as_uri()}#{of[p]}" if of.get(p) is not None else None
        for p in patients
    ]


def read(reference: str) -> dict[str, npt.NDArray[Any]]:
    """Read the images that a reference of `references` points to, and check them against their address.

    Raises
    ------
    InputError
        It is no reference, or the file is gone or was changed.
    """
    parts = urlsplit(reference) if isinstance(reference, str) else urlsplit("")
    if parts.scheme != "file" or not parts.fragment:
        msg = (
            f"{reference!r} is no reference to a stored image (file:///…/images/<address>.npz#<address>). "
            "Take the table from cohort.frame(images=True)."
        )
        raise InputError(msg)
    return _open(Path(url2pathname(parts.path)), parts.fragment)


def _path(folder: Path | None, content_address: str) -> Path:
    if folder is None:
        msg = "The cohort is not on disk, so it has no stored images. Save it, or load it with Cohort.load(folder)."
        raise InputError(msg)
    return folder / "images" / f"{content_address}.npz"


def _open(path: Path, content_address: str) -> dict[str, npt.NDArray[Any]]:
    if not path.is_file():
        msg = (
            f"The stored images {path.name} are not in {str(path.parent)!r}. If the cohort was moved, load it from "
            "where it is now and take its table anew; else run the extraction again."
        )
        raise InputError(msg)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest()[:_DIGITS] != content_address:
        msg = f"The stored images {path.name} were changed since they were written. Run the extraction again."
        raise InputError(msg)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
