"""Content addresses: the same bytes have the same name, whatever the file is called."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

__all__ = ["content_hash"]


def content_hash(content: str | os.PathLike[str] | bytes | np.ndarray) -> str:
    """Name a content by its SHA-256, so that a result can be traced to exactly what it was computed from.

    Parameters
    ----------
    content : path, bytes or ndarray
        A file (its bytes), a folder (relative names and bytes of all its files, in sorted order), raw
        bytes, or an array (type, shape and values).

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> content_hash(b"abc")[:12]
    'ba7816bf8f01'
    """
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    if isinstance(content, np.ndarray):
        digest = hashlib.sha256(f"{content.dtype.str}{content.shape}".encode())
        digest.update(np.ascontiguousarray(content).tobytes())
        return digest.hexdigest()
    path = Path(content)
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{content_hash(file)}\0".encode())
        return digest.hexdigest()
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
