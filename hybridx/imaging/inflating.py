"""A compressed NIfTI file inflated into memory of its own, piece by piece and no further than it is asked for.

Pieces stay in the processor's cache; what is all zero, most of a mask, is never written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from hybridx.imaging.plain_nifti import GZIP, HEADER, MOST_INFLATED, inflated, laid_out

__all__ = ["content_of"]

TAKEN = 2**16  # bytes read from the file at a time
MADE = 2**18  # and made of them at most
ZEROS = bytes(MADE)

Bytes = npt.NDArray[np.uint8]


def content_of(path: Path, slices: int | None = None) -> bytes | memoryview:
    """Return what a NIfTI file holds, inflated if it is compressed.

    Parameters
    ----------
    path : Path
    slices : int, optional
        How many, from the first, are wanted. A compressed file is read no further: damage behind them is not
        noticed, nor is the checksum at its end; that it was cut short is, by the length that stands there.

    Raises
    ------
    isal.igzip.BadGzipFile, EOFError, zlib.error
        The file is damaged or cut short.
    """
    with path.open("rb", buffering=0) as file:
        found = _inflated(file, slices)
    # several members, bytes behind the voxels, or damage: said in words by the reader of any gzip file
    return inflated(path.read_bytes()) if found is None else found.data


def _inflated(file: BinaryIO, slices: int | None) -> Bytes | None:
    size = os.fstat(file.fileno()).st_size
    taken = memoryview(bytearray(TAKEN))
    filled = file.readinto(taken)  # type: ignore[attr-defined]
    if bytes(taken[:2]) != GZIP:
        return None
    engine = isal_zlib.decompressobj(31)
    try:
        piece = engine.decompress(taken[:filled], MADE)
        length, plane, offset = laid_out(piece)
        told = int.from_bytes(os.pread(file.fileno(), 4, size - 4), "little")
        if len(piece) < HEADER or length != told or length > MOST_INFLATED * size:
            return None
        wanted = length if slices is None else min(length, offset + slices * plane)
        if wanted < HEADER:
            return None
        whole = np.zeros(wanted, np.uint8)
        at = _write(whole, 0, piece)
        while at < wanted or (at == length and not engine.eof):
            source: bytes | memoryview = engine.unconsumed_tail
            if not source:
                source = taken[: file.readinto(taken)]  # type: ignore[attr-defined]
            piece = engine.decompress(source, MADE)
            if not piece and not source:
                return None
            at = _write(whole, at, piece)
    except isal_zlib.error:
        return None
    ended = at == wanted and not engine.unused_data and file.tell() == size
    return whole if at > wanted or wanted < length or ended else None


def _write(whole: Bytes, at: int, piece: bytes) -> int:
    """Write a piece, as much of it as there is room for; return where the next one begins."""
    room = len(whole) - at
    if room > 0 and piece != (ZEROS if len(piece) == MADE else ZEROS[: len(piece)]):
        part = piece if len(piece) <= room else piece[:room]
        whole[at : at + len(part)] = np.frombuffer(part, np.uint8)
    return at + len(piece)
