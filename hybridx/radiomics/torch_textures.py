"""Texture features of many lesions at once, their matrices counted on a GPU.

The device counts; the formulas are those of the CPU, on the same whole numbers, so the values are the same. Lesions of
one size (the filtered images of one lesion) go best together: the batch is as large as its largest lesion.

Memory on the device: about 60 bytes a voxel of the lesions for tables and 150 for zones. Tables of a family that would
take more than `TABLE_BYTES` (co-occurrence of more than about 1,000 levels) are left to the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hybridx.errors import SettingsError
from hybridx.radiomics.glcm import _mean, _reason, glcm
from hybridx.radiomics.glcm_kernels import FEATURES, LOGS, table_features
from hybridx.radiomics.glrlm import AGGREGATIONS, glrlm, run_features
from hybridx.radiomics.level_blocks import Matrices
from hybridx.radiomics.matrix_grid import Grid, check_distances, directions, level_grid
from hybridx.radiomics.neighbour_kernels import DEPENDENCE, TONE, dependence_features, tone_features
from hybridx.radiomics.neighbour_matrices import check_alpha, named, neighbour_features, starting
from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.radiomics.run_kernels import DIRECTIONS, PLANAR, table_entries
from hybridx.radiomics.torch_batch import Batch, batch_of
from hybridx.radiomics.torch_tables import neighbour_tables, pair_tables, place_tables
from hybridx.radiomics.torch_zones import border_distances, label_zones
from hybridx.radiomics.zones import level_slices, zone_features, zone_statistics
from hybridx.terms.text import check_name

__all__ = ["FAMILIES", "texture_features", "torch_device"]

FAMILIES = ("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm")
TABLE_BYTES = 2**28


@dataclass(frozen=True)
class _Task:
    lesions: Sequence[Levels]
    grids: Sequence[Grid]
    batch: Batch
    asked: Sequence[str]
    distances: tuple[int, ...]
    alpha: int

    @property
    def planes(self) -> list[str]:
        """Aggregations of the families without directions to merge."""
        return list(dict.fromkeys(name.rpartition("_")[0] for name in self.asked))

    def wants(self, start: str) -> bool:
        return any(name.startswith(start) for name in self.asked)

    def fits(self, *cells: int) -> bool:
        """Whether tables of so many cells, for each lesion and slice if slices are asked for, are small enough."""
        parts = self.batch.depth if self.wants("2D") else 1
        return 8 * len(self.grids) * parts * int(np.prod(cells, dtype=float)) <= TABLE_BYTES


def texture_features(
    lesions: Sequence[Levels],
    families: Iterable[str] = FAMILIES,
    aggregation: str | Sequence[str] = "3D_avg",
    *,
    distance: int | Iterable[int] = 1,
    alpha: int = 0,
    device: str = "cuda",
) -> list[Features]:
    """Describe the texture of many lesions by IBSI's features, counting on a GPU.

    Parameters
    ----------
    lesions : sequence of Levels
        In grey levels; best of one size.
    families : iterable of str
        From `FAMILIES`.
    aggregation : str or sequence of str
        As of `glrlm`; families that have no directions to merge take the part before the last ``_``.
    distance : int or iterable of int
        Chebyshev distance of neighbours, voxels; neighbourhoods hold all within the largest.
    alpha : int
        Largest difference of levels that counts as alike (dependence).
    device : str, default "cuda"
        ``"cpu"`` runs the same steps without a GPU, slower than the compiled kernels.

    Returns
    -------
    list of Features
        For each lesion, the values of the CPU's functions to rounding.

    Raises
    ------
    SettingsError
        If a family, an aggregation or the device is unknown.
    InputError
        If grey levels are out of range or outside the form.
    """
    asked = [aggregation] if isinstance(aggregation, str) else list(aggregation)
    for name in asked:
        check_name(name, AGGREGATIONS, "aggregation")
    wanted = [check_name(family, FAMILIES, "family of textures") for family in families]
    where = torch_device(device)
    found = [Features({}) for _ in lesions]
    grids = [level_grid(levels) for levels in lesions]
    sound = [i for i, grid in enumerate(grids) if grid.voxels]
    distances = check_distances(distance)
    if sound:
        batch = batch_of([grids[i] for i in sound], where, max(distances))
        task = _Task(
            [lesions[i] for i in sound], batch.grids, batch, asked, distances, int(check_alpha(alpha))
        )
        for some in _together(task, wanted):
            for i, features in zip(sound, some, strict=True):
                found[i] |= features
    for i in set(range(len(lesions))) - set(sound):
        for family in wanted:
            found[i] |= _on_cpu(family, lesions[i], asked, distances, alpha)
    return found


def torch_device(name: str) -> torch.device:
    """Return a device by name, or say what is there."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        msg = f"device={name!r} is no device. Use 'cpu', or 'cuda' where PyTorch sees a GPU."
        raise SettingsError(msg) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        msg = f"device={name!r} is not available here: PyTorch sees no GPU. Use 'cpu'."
        raise SettingsError(msg)
    return device


def _on_cpu(
    family: str, levels: Levels, asked: Sequence[str], distances: tuple[int, ...], alpha: int
) -> Features:
    planes = list(dict.fromkeys(name.rpartition("_")[0] for name in asked))
    if family in ("ngtdm", "ngldm"):
        both = neighbour_features(levels, planes, distances, alpha)
        return starting(both, "ngt_" if family == "ngtdm" else "ngl_")
    compute: dict[str, Callable[[], Features]] = {
        "glcm": lambda: glcm(levels, asked, distances),
        "glrlm": lambda: glrlm(levels, asked),
        "glszm": lambda: zone_features(levels, planes, ("szm",)),
        "gldzm": lambda: zone_features(levels, planes, ("dzm",)),
    }
    return compute[family]()


def _together(task: _Task, wanted: Sequence[str]) -> Iterable[list[Features]]:
    """Features of every lesion, family by family; families that share a count are counted once."""
    if "glcm" in wanted:
        yield _glcm(task)
    if "glrlm" in wanted:
        yield _glrlm(task)
    sizes = [tag for family, tag in (("glszm", "szm"), ("gldzm", "dzm")) if family in wanted]
    if sizes:
        yield _zones(task, sizes)
    if {"ngtdm", "ngldm"} & set(wanted):
        both = _neighbours(task)
        for family, prefix in (("ngtdm", "ngt_"), ("ngldm", "ngl_")):
            if family in wanted:
                yield [starting(features, prefix) for features in both]


def _glcm(task: _Task) -> list[Features]:
    batch, size = task.batch, task.batch.rows
    three = directions(task.distances, _largest(batch), planar=not task.wants("3D"))
    flat = three[three[:, 0] == 0]
    if not task.fits(len(three), size, size):
        return [_on_cpu("glcm", levels, task.asked, task.distances, task.alpha) for levels in task.lesions]
    whole = pair_tables(batch, three) if task.wants("3D") or task.wants("2_5D") else None
    single = pair_tables(batch, flat, by_slice=True) if task.wants("2D") else None
    many, few = len(three), len(flat)
    weights = {
        "2D_avg": np.eye(few),
        "2D_comb": np.ones((1, few)),
        "2_5D_avg": np.eye(few, many),
        "2_5D_comb": np.eye(few, many).sum(axis=0, keepdims=True),
        "3D_avg": np.eye(many),
        "3D_comb": np.ones((1, many)),
    }
    found = []
    for i, (grid, levels) in enumerate(zip(task.grids, task.lesions, strict=True)):
        tables: dict[str, Floats] = {}
        for name in task.asked:
            counts = single if name.startswith("2D") else whole
            if counts is None:
                continue
            ranks = slice(0, len(grid.values) + 1)
            parts = np.ascontiguousarray(counts[i, : grid.shape[0], :, ranks, ranks])
            out = np.empty((len(parts), len(weights[name]), len(FEATURES)))
            for part, row in zip(parts, out, strict=True):
                table_features(part, weights[name], True, grid.values, levels.count, LOGS, row)
            tables[name] = out.reshape(-1, len(FEATURES))
        found.append(_named_pairs(tables, task))
    return found


def _named_pairs(tables: dict[str, Floats], task: _Task) -> Features:
    values, reasons = {}, {}
    for name, table in tables.items():
        planar = not name.startswith("3D")
        for feature, value in zip(FEATURES, _mean(table), strict=True):
            values[f"cm_{feature}_{name}"] = value
            if np.isnan(value):
                lonely = bool(np.isnan(table[:, 0]).all())
                reasons[f"cm_{feature}_{name}"] = _reason(task.distances, lonely=lonely, planar=planar)
    return Features(values, reasons)


def _largest(batch: Batch) -> tuple[int, int, int]:
    z, y, x = (edge - 2 * batch.margin for edge in batch.shape)
    return z, y, x


def _glrlm(task: _Task) -> list[Features]:
    longest = max(_largest(task.batch)) + 2
    steps = DIRECTIONS if task.wants("3D") else DIRECTIONS[:PLANAR]
    if not task.fits(len(steps), task.batch.rows, longest):
        return [_on_cpu("glrlm", levels, task.asked, task.distances, task.alpha) for levels in task.lesions]
    counts = {}
    if task.wants("3D") or task.wants("2_5D"):
        counts[False] = place_tables(task.batch, steps)
    if task.wants("2D"):
        counts[True] = place_tables(task.batch, DIRECTIONS[:PLANAR], by_slice=True)
    return [
        run_features(functools.partial(_run_matrices, counts, i, grid), task.asked)
        for i, grid in enumerate(task.grids)
    ]


def _run_matrices(
    counts: dict[bool, npt.NDArray[np.uint32]], lesion: int, grid: Grid, weights: Floats, *, by_slice: bool
) -> Matrices:
    """Make of a lesion's tables what `glrlm.run_matrices` gives."""
    own = counts[by_slice][lesion, : grid.shape[0], :, : len(grid.values) + 1]
    found: Matrices = table_entries(np.ascontiguousarray(own), weights, grid.values)
    return found


def _zones(task: _Task, tags: Sequence[str]) -> list[Features]:
    depths = None
    if "dzm" in tags:
        distances = border_distances([levels.morphology for levels in task.lesions], task.batch.ranks.device)
        boxes = [level_slices(levels) for levels in task.lesions]
        depths = [
            {planar: d[box] for planar, d in each.items()} for each, box in zip(distances, boxes, strict=True)
        ]
    labelled = {}
    for planar in {name != "3D" for name in task.planes}:
        own = None if depths is None else [each[planar] for each in depths]
        labelled[planar] = label_zones(task.batch, planar=planar, distance=own)
    return [
        zone_statistics({planar: [zones[i]] for planar, zones in labelled.items()}, task.planes, tags, levels)
        for i, levels in enumerate(task.lesions)
    ]


def _neighbours(task: _Task) -> list[Features]:
    found = [Features({}) for _ in task.lesions]
    for name in task.planes:
        by_slice = name == "2D"
        within = range(1, max(task.distances) + 1)
        offsets = directions(within, _largest(task.batch), planar=name != "3D")
        alike, apart = neighbour_tables(task.batch, offsets, task.alpha, by_slice=by_slice)
        for i, grid in enumerate(task.grids):
            parts = grid.shape[0] if by_slice else 1
            tone, dependence = np.empty((parts, len(TONE))), np.empty((parts, len(DEPENDENCE)))
            for part in range(parts):
                near, far = (
                    np.ascontiguousarray(table[i, part, : len(grid.values)]) for table in (alike, apart)
                )
                tone_features(far, near, grid.values, False, tone[part])
                dependence_features(near, grid.values, dependence[part])
            found[i] |= named(tone, [f"ngt_{feature}_{name}" for feature in TONE], TONE)
            found[i] |= named(dependence, [f"ngl_{feature}_{name}" for feature in DEPENDENCE], DEPENDENCE)
    return found
