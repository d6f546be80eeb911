"""What a set of values came from: engine, settings and content, and one key that names the three."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from hybridx import __version__
from hybridx.imaging.grid import Grid
from hybridx.radiomics.pair import Box, Pair
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["provenance_of"]


def provenance_of(pair: Pair, settings: RadiomicsSettings, engine: str) -> dict[str, str]:
    """Describe where values come from, without a word about the patient.

    Parameters
    ----------
    pair : Pair
        What was given.
    settings : RadiomicsSettings
        How it is measured.
    engine : {"hybridx", "pyradiomics"}
        By whom.

    Returns
    -------
    dict
        ``engine``, ``version``, ``settings_hash``, ``content_hash``, ``key``, ``voxels`` (native) and ``grid``.
    """
    version = __version__
    if engine == "pyradiomics":
        from hybridx.radiomics.peer_engine import VERSION as version  # noqa: N811, PLC0415 - a library few have
    content = _content(pair, settings)
    key = hashlib.sha256(f"{engine} {version} {settings.hash} {content}".encode()).hexdigest()[:32]
    return {
        "engine": engine,
        "version": version,
        "settings_hash": settings.hash,
        "content_hash": content,
        "key": key,
        "voxels": str(int(np.count_nonzero(pair.mask))),
        "grid": str(pair.grid),
    }


def _content(pair: Pair, settings: RadiomicsSettings) -> str:
    """Digest what the values can depend on: the whole image where a filter or a normalisation sees all of it."""
    plain = settings.image_types == ("original",) and not settings.filters
    cropped = settings.vocabulary == "pyradiomics" and (settings.resample_mm is not None or settings.pre_crop)
    local = (plain or cropped) and not settings.normalise and pair.grid == pair.mask_grid
    box = _widened(pair, settings) if local else (slice(None),) * 3
    grids = f"{_plain(pair.grid)!r} {_plain(pair.mask_grid)!r}"
    digest = hashlib.sha256(f"{grids} {box} {pair.voxels.dtype}".encode())
    for array in (pair.voxels[box], pair.mask[box] if local else pair.mask):
        digest.update(np.ascontiguousarray(array).data)
    if pair.bad is not None:
        digest.update(np.packbits(pair.bad[box]).data)
    return digest.hexdigest()[:32]


def _plain(grid: Grid) -> Grid:
    """Write 0 for -0: readers differ in the sign of a 0 in the direction of one and the same file."""
    x, y, z = grid.origin
    axes = tuple(part + 0.0 for part in grid.direction)
    return dataclasses.replace(grid, origin=(x + 0.0, y + 0.0, z + 0.0), direction=axes)


def _widened(pair: Pair, settings: RadiomicsSettings) -> Box:
    """Widen the lesion's box by what filters and peaks see of a resampled image and what a spline remembers."""
    edges = settings.resample_mm or 0.0
    edge = max(edges) if isinstance(edges, tuple) else edges
    parts = []
    for part, length, native in zip(pair.box, pair.mask.shape, reversed(pair.grid.spacing), strict=True):
        wide = 32 + int(np.ceil((settings.pad_voxels + 2) * max(edge / native, 1.0)))
        parts.append(slice(max(0, part.start - wide), min(length, part.stop + wide)))
    return parts[0], parts[1], parts[2]
