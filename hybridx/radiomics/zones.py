"""One labelling of a lesion into zones of equal grey level, for their sizes and for their distances to the border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.radiomics.level_blocks import Integers, Matrices, joined, level_blocks
from hybridx.radiomics.matrix_grid import Grid, level_grid
from hybridx.radiomics.roi import Features, Levels, Mask
from hybridx.radiomics.zone_features import EMPTY, matrix_statistics, mean_features
from hybridx.radiomics.zone_kernels import border_distance, label_zones, zone_entries
from hybridx.terms.text import check_name

__all__ = [
    "AGGREGATIONS",
    "Zones",
    "find_zones",
    "level_slices",
    "zone_features",
    "zone_matrices",
    "zone_statistics",
]

AGGREGATIONS = ("2D", "2_5D", "3D")
_SHARED = ("glnu", "glnu_norm")
_TAGS = {
    "szm": (
        *("sze", "lze", "lgze", "hgze", "szlge", "szhge", "lzlge", "lzhge", *_SHARED),
        *("zsnu", "zsnu_norm", "z_perc", "gl_var", "zs_var", "zs_entr"),
    ),
    "dzm": (
        *("sde", "lde", "lgze", "hgze", "sdlge", "sdhge", "ldlge", "ldhge", *_SHARED),
        *("zdnu", "zdnu_norm", "z_perc", "gl_var", "zd_var", "zd_entr"),
    ),
}
_REMEMBERED: WeakKeyDictionary[Levels, dict[bool, list[Zones]]] = (
    WeakKeyDictionary()
)  # as long as the lesion lives
_NO_DISTANCE = np.zeros((0, 0, 0), np.uint16)


@dataclass(frozen=True, eq=False)
class Zones:
    """The zones of one block of levels, in the order in which a scan meets them.

    Parameters
    ----------
    level : ndarray of int32, shape (zones,)
        Number of the grey level within `values`, from 1.
    size : ndarray of int32, shape (zones,)
        Voxels.
    distance : ndarray of int32, shape (zones,)
        Steps from outside the lesion's form to the zone's outermost voxel; only if asked for.
    begins : ndarray of int64, shape (slices + 1,)
        Where the zones of each slice begin (their first voxel's slice).
    values : ndarray of int64
        The grey levels.
    """

    level: npt.NDArray[np.int32]
    size: npt.NDArray[np.int32]
    distance: npt.NDArray[np.int32]
    begins: Integers
    values: Integers


def find_zones(levels: Levels, *, planar: bool, distances: bool) -> list[Zones]:
    """Label the lesion's zones of equal grey level, touching at faces, edges or corners.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    planar : bool
        Zones and distances stay within their slice.
    distances : bool
        Measure each zone's distance to the border of the form, too.

    Returns
    -------
    list of Zones
        One for each block of 65,535 levels: nearly always one; none for a lesion without voxels.
    """
    grid = level_grid(levels)
    if not grid.voxels:
        return []
    distance = _distances(levels, grid, planar=planar) if distances else _NO_DISTANCE
    found = []
    for volume, values in level_blocks(grid):
        level, size, nearest, begins = label_zones(volume, grid.ends, grid.voxels, distance, planar=planar)
        found.append(Zones(level, size, nearest, begins, values))
    return found


def _distances(levels: Levels, grid: Grid, *, planar: bool) -> npt.NDArray[np.uint16]:
    """Distances to the border of the form, cut to the padded box of the grey levels."""
    form = np.asarray(levels.morphology, dtype=np.bool_)
    box = _box(form)
    distance = border_distance(form[box], planar=planar)
    if distance.shape == tuple(edge + 2 for edge in grid.shape):
        return distance
    whole = np.zeros(form.shape, np.uint16)
    whole[box] = distance[1:-1, 1:-1, 1:-1]
    return np.pad(whole[level_slices(levels)], 1)


def level_slices(levels: Levels) -> tuple[slice, ...]:
    """Return the box of the grey levels in their array."""
    return _box(levels.array > 0)


def _box(mask: Mask) -> tuple[slice, ...]:
    if not mask.any():
        return (slice(0, 0),) * mask.ndim
    plane = np.logical_or.reduce(mask, axis=0)
    lines = (np.logical_or.reduce(mask, axis=(1, 2)), plane.any(axis=1), plane.any(axis=0))
    found = [np.flatnonzero(line) for line in lines]
    return tuple(slice(int(line[0]), int(line[-1]) + 1) for line in found)


def zone_matrices(zones: Sequence[Zones], family: str, *, by_slice: bool) -> Matrices:
    """Count zones of equal grey level and size ("szm") or distance ("dzm"), over all slices or in each."""
    blocks = []
    for block in zones:
        begins = block.begins if by_slice else block.begins[[0, -1]]
        value = block.size if family == "szm" else block.distance
        blocks.append(zone_entries(block.level, value, begins, block.values))
    return joined(blocks)


def zone_features(
    levels: Levels, aggregation: str | Sequence[str] = "3D", families: Sequence[str] = ("szm", "dzm")
) -> Features:
    """Describe zones of equal grey level by their sizes and by their distances, from one labelling.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels; distances go to the border of `levels.morphology`.
    aggregation : str or sequence of str, default "3D"
        ``2D`` (zones of each slice, features averaged over slices), ``2_5D`` (zones of all slices together), ``3D``.
    families : sequence of {"szm", "dzm"}
        Size zones, distance zones.

    Returns
    -------
    Features
        Sixteen values per family and aggregation; NaN with the reason for a lesion without voxels.

    Raises
    ------
    SettingsError
        If an aggregation or family is unknown.
    InputError
        If a voxel with a grey level lies outside the form and distances are asked for.
    """
    wanted = [aggregation] if isinstance(aggregation, str) else list(aggregation)
    for name in wanted:
        check_name(name, AGGREGATIONS, "aggregation of zones")
    for family in families:
        check_name(family, _TAGS, "family of zones")
    labelled = {planar: _remembered(levels, planar=planar) for planar in {name != "3D" for name in wanted}}
    return zone_statistics(labelled, wanted, families, levels)


def _remembered(levels: Levels, *, planar: bool) -> list[Zones]:
    """Label a lesion once, with distances: its size zones and its distance zones are mostly asked for one by one."""
    known = _REMEMBERED.setdefault(levels, {})
    if planar not in known:
        known[planar] = find_zones(levels, planar=planar, distances=True)
    return known[planar]


def zone_statistics(
    labelled: Mapping[bool, Sequence[Zones]], wanted: Sequence[str], families: Sequence[str], levels: Levels
) -> Features:
    """Describe a lesion from its zones, within slices (True) and in the volume (False), wherever they were found.

    Raises
    ------
    InputError
        If a voxel with a grey level lies outside the form and distances are asked for.
    """
    found = Features({})
    for family in families:
        if family == "dzm":
            _check_inside(labelled, levels)
        for name in wanted:
            tags = [f"{family}_{tag}_{name}" for tag in _TAGS[family]]
            found |= _features(labelled[name != "3D"], family, tags, by_slice=name == "2D")
    return found


def _check_inside(labelled: Mapping[bool, Sequence[Zones]], levels: Levels) -> None:
    if any(
        len(block.distance) and not block.distance.min() for zones in labelled.values() for block in zones
    ):
        count = int(np.count_nonzero((levels.array > 0) & ~levels.morphology))
        msg = (
            f"{count} voxels have a grey level outside the morphological mask; wanted a mask that holds them all "
            "(distances are counted from its border)."
        )
        raise InputError(msg)


def _features(zones: Sequence[Zones], family: str, tags: list[str], *, by_slice: bool) -> Features:
    if not zones:
        return Features(dict.fromkeys(tags, float("nan")), dict.fromkeys(tags, EMPTY))
    matrices = zone_matrices(zones, family, by_slice=by_slice)
    voxels = np.zeros(len(matrices[0]) - 1)
    for block in zones if family == "dzm" else ():
        total = np.concatenate([[0], np.cumsum(block.size)])[block.begins]
        voxels += np.diff(total if by_slice else total[[0, -1]])
    return mean_features(tags, matrix_statistics(*matrices, voxels))
