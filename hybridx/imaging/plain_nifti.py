"""An ordinary NIfTI volume straight from its bytes, without the second that two libraries take to load.

Only where nothing is left to interpretation: one volume of plain numbers, millimetres, whole to the last byte, and a
place in space on which both of its descriptions agree. Whatever else a file may be is left to nibabel and ITK.
"""

from __future__ import annotations

import math
import struct

import numpy as np
import numpy.typing as npt
from isal import igzip, isal_zlib

from hybridx.imaging.grid import Grid

__all__ = ["GZIP", "HEADER", "MOST_INFLATED", "inflated", "laid_out", "plain_volume"]

GZIP = b"\x1f\x8b"
HEADER = 348
MAGIC = b"n+1\x00"
MILLIMETRES = (0, 2)  # or nothing said, which ITK reads as millimetres
KINDS = {2: "u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8", 256: "i1", 512: "<u2", 768: "<u4"}
ORTHONORMAL = 1e-6  # beyond it, ITK corrects a matrix or refuses it
MOST_INFLATED = 1032  # bytes that deflate can make of one; what a file claims beyond is not believed


def inflated(content: bytes) -> bytes:
    """Return what a gzip file holds, or the content as it is when it is none.

    The length stands at the file's end: told beforehand, the inflater needs a third less time.

    Raises
    ------
    isal.igzip.BadGzipFile, EOFError, zlib.error
        The file is damaged or cut short.
    """
    if content[:2] != GZIP:
        return content
    length = int.from_bytes(content[-4:], "little")
    if length <= MOST_INFLATED * len(content):
        try:
            whole = isal_zlib.decompress(content, 31, length + 1)
        except isal_zlib.error:  # several members, or damage: said in words by the reader of any gzip file
            pass
        else:
            if len(whole) == length and _expected(whole) <= length:
                return bytes(whole)
    return bytes(igzip.decompress(content))


def _expected(content: bytes) -> float:
    """Say how long a NIfTI file must be; no file of more than one gzip member passes for its first."""
    return laid_out(content)[0] or math.inf


def laid_out(content: bytes) -> tuple[int, int, int]:
    """Return the bytes of a NIfTI file, those of a slice, and where the voxels begin; zeros where it is none."""
    if len(content) < HEADER or content[344:348] != MAGIC:
        return 0, 0, 0
    sizes, bits, offset = _sizes(content)
    if not 0 <= offset < math.inf:
        return 0, 0, 0
    slice_bytes = math.prod(sizes[:2]) * bits // 8
    return int(offset) + math.ceil(math.prod(sizes) * bits / 8), slice_bytes, int(offset)


def _sizes(content: bytes | memoryview) -> tuple[tuple[int, ...], int, float]:
    dimensions = struct.unpack_from("<8h", content, 40)
    (bits,) = struct.unpack_from("<h", content, 72)
    (offset,) = struct.unpack_from("<f", content, 108)
    return dimensions[1 : 1 + min(max(dimensions[0], 0), 7)], bits, offset


def plain_volume(
    content: bytes | memoryview, slices: int | None = None
) -> tuple[npt.NDArray[np.generic], Grid] | None:
    """Take the voxels (z, y, x), read-only, and their grid from a NIfTI file that needs no interpretation.

    Parameters
    ----------
    content : bytes
        Of the file, inflated.
    slices : int, optional
        How many are wanted, from the first; the array has no more, and the content may end with them.

    Returns
    -------
    tuple or None
        None where a library must have a look: other byte orders, scaled numbers, several volumes, other units, a
        missing or a doubtful geometry, a file cut short.

    Source
    ------
    NIfTI-1.1 standard, ``nifti1.h``; the geometry is ITK 5.4's to the last bit.
    """
    if len(content) < HEADER or content[344:348] != MAGIC or struct.unpack_from("<i", content)[0] != HEADER:
        return None
    (intent, code) = struct.unpack_from("<2h", content, 68)
    sizes, bits, offset = _sizes(content)
    slope, intercept = struct.unpack_from("<2f", content, 112)
    unscaled = slope == 0 or math.isnan(slope) or (slope, intercept) == (1.0, 0.0)
    ordinary = len(sizes) == 3 and min(sizes) >= 2 and intent == 0 and unscaled
    if not ordinary or code not in KINDS or content[123] & 7 not in MILLIMETRES:
        return None
    kind = np.dtype(KINDS[code])
    shape = (sizes[2] if slices is None else min(slices, sizes[2]), sizes[1], sizes[0])
    voxels = math.prod(shape)
    if bits != 8 * kind.itemsize or not (offset >= 352 and offset == int(offset)):
        return None
    cut = slices is not None and len(content) == int(offset) + voxels * kind.itemsize
    if not cut and len(content) < int(offset) + math.prod(sizes) * kind.itemsize:
        return None
    place = _place(content)
    if place is None:
        return None
    grid = Grid((sizes[0], sizes[1], sizes[2]), *place)
    array = np.frombuffer(content, kind, voxels, int(offset)).reshape(shape)
    array.flags.writeable = False
    return array, grid


_Triple = tuple[float, float, float]


def _place(content: bytes | memoryview) -> tuple[_Triple, _Triple, tuple[float, ...]] | None:
    """Return spacing, origin and direction by ITK's rules, or None where it weighs one description against another."""
    turned, scanner = struct.unpack_from("<2h", content, 252)
    handed, *edges = struct.unpack_from("<4f", content, 76)
    if abs(handed) != 1.0 or not all(0 < edge < math.inf for edge in edges):
        return None
    ways = []
    if scanner > 0:
        rows = np.array(struct.unpack_from("<12f", content, 280)).reshape(3, 4)
        ways.append(_patient(rows[:, :3], rows[:, 3]))
    if turned > 0 and scanner != 1:
        matrix = _of_quaternion(content, handed, edges)
        if matrix is None:
            return None
        ways.append(_patient(matrix, np.array(struct.unpack_from("<3f", content, 268))))
    if not ways or any(way != ways[0] for way in ways):
        return None
    lengths, origin, direction = ways[0]
    axes = np.reshape(direction, (3, 3))
    sound = bool(np.abs(axes @ axes.T - np.eye(3)).max() <= ORTHONORMAL)
    sound = sound and all(
        abs(length - edge) <= ORTHONORMAL * edge for length, edge in zip(lengths, edges, strict=True)
    )
    if scanner == 1 and turned > 0:  # ITK compares the two before it takes the first
        matrix = _of_quaternion(content, handed, edges)
        offset = np.array(struct.unpack_from("<3f", content, 268))
        sound = sound and matrix is not None and _alike(_patient(matrix, offset), ways[0])
    if not sound:
        return None
    return (edges[0], edges[1], edges[2]), (origin[0], origin[1], origin[2]), direction


_Way = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]


def _patient(matrix: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> _Way:
    """Turn a matrix and an origin towards left and posterior: lengths of the axes, origin, direction."""
    lps = np.array([-1.0, -1.0, 1.0])
    with np.errstate(all="ignore"):
        axes = matrix * lps[:, None]
        lengths = np.sqrt((axes**2).sum(axis=0))
        direction = axes / lengths
    return tuple(lengths.tolist()), tuple((offset * lps).tolist()), tuple(direction.ravel().tolist())


def _alike(one: _Way, other: _Way) -> bool:
    return one[1] == other[1] and all(abs(a - b) <= 1e-5 for a, b in zip(one[2], other[2], strict=True))


def _of_quaternion(
    content: bytes | memoryview, handed: float, edges: list[float]
) -> npt.NDArray[np.float64] | None:
    b, c, d = struct.unpack_from("<3f", content, 256)
    rest = 1.0 - (b * b + c * c + d * d)
    if not rest >= -3e-7:  # no rotation
        return None
    if rest < 1e-7:  # half a turn
        a, scale = 0.0, 1.0 / math.sqrt(b * b + c * c + d * d)
        b, c, d = b * scale, c * scale, d * scale
    else:
        a = math.sqrt(rest)
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    scaled = turn * np.array([edges[0], edges[1], edges[2] * handed])
    return scaled.astype(np.float32).astype(np.float64)  # as the C library keeps it
