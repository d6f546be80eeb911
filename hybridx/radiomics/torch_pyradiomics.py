"""Texture features of many lesions at once under pyradiomics' names, their matrices counted on a GPU.

The device counts, the CPU's formulas do the rest: the values are those of the `pyradiomics_...` functions. What would
take more than `torch_textures.TABLE_BYTES` of tables, and zones across another axis than z, are left to the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.radiomics import torch_textures
from hybridx.radiomics.glcm_kernels import FEATURES, LOGS, table_features
from hybridx.radiomics.level_blocks import Matrices
from hybridx.radiomics.matrix_grid import Grid, Integers, check_distances, directions, level_grid
from hybridx.radiomics.matrix_spectrum import maximal_correlation
from hybridx.radiomics.neighbour_kernels import DEPENDENCE, TONE, dependence_features, tone_features
from hybridx.radiomics.neighbour_matrices import check_alpha, named
from hybridx.radiomics.pyradiomics_glcm import (
    _COLUMNS,
    NAMES,
    WEIGHTINGS,
    _reason,
    _weights,
    pyradiomics_glcm,
)
from hybridx.radiomics.pyradiomics_gldm import pyradiomics_gldm
from hybridx.radiomics.pyradiomics_glrlm import pyradiomics_glrlm, run_names
from hybridx.radiomics.pyradiomics_glszm import pyradiomics_glszm, zone_names
from hybridx.radiomics.pyradiomics_neighbours import GLDM, NGTDM
from hybridx.radiomics.pyradiomics_ngtdm import pyradiomics_ngtdm
from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.radiomics.run_kernels import DIRECTIONS, table_entries
from hybridx.radiomics.torch_batch import Batch, batch_of
from hybridx.radiomics.torch_tables import neighbour_tables, pair_tables, place_tables
from hybridx.radiomics.torch_zones import label_zones
from hybridx.terms.text import check_name

__all__ = ["FAMILIES", "pyradiomics_textures"]

FAMILIES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")


@dataclass(frozen=True)
class _Settings:
    distances: tuple[int, ...]
    symmetrical: bool
    weighting_norm: str | None
    alpha: int
    across: int | None

    def on_cpu(self, family: str, levels: Levels) -> Features:
        plane: dict[str, Any] = {"force_2d": self.across is not None, "force_2d_dimension": self.across or 0}
        near = {"distances": self.distances, **plane}
        norm = self.weighting_norm
        compute: dict[str, Callable[[], Features]] = {
            "glcm": lambda: pyradiomics_glcm(
                levels, symmetrical=self.symmetrical, weighting_norm=norm, **near
            ),
            "glrlm": lambda: pyradiomics_glrlm(levels, weighting_norm=norm, **plane),
            "glszm": lambda: pyradiomics_glszm(levels, **plane),
            "gldm": lambda: pyradiomics_gldm(levels, gldm_a=self.alpha, **near),
            "ngtdm": lambda: pyradiomics_ngtdm(levels, **near),
        }
        return compute[family]()


@dataclass(frozen=True)
class _Task:
    lesions: Sequence[Levels]
    batch: Batch
    settings: _Settings

    @property
    def size(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the largest lesion."""
        z, y, x = (edge - 2 * self.batch.margin for edge in self.batch.shape)
        return z, y, x

    @property
    def offsets(self) -> Integers:
        """One of each pair of opposite neighbours."""
        across = self.settings.across
        found = directions(self.settings.distances, self.size, planar=False)
        return found if across is None else found[found[:, across] == 0]

    def on_cpu(self, family: str) -> list[Features]:
        return [self.settings.on_cpu(family, levels) for levels in self.lesions]

    def fits(self, *cells: int) -> bool:
        return 8 * len(self.lesions) * int(np.prod(cells, dtype=float)) <= torch_textures.TABLE_BYTES


def pyradiomics_textures(
    lesions: Sequence[Levels],
    families: Iterable[str] = FAMILIES,
    *,
    distances: Iterable[int] = (1,),
    symmetrical: bool = True,
    weighting_norm: str | None = None,
    gldm_a: float = 0,
    force_2d: bool = False,
    force_2d_dimension: int = 0,
    device: str = "cuda",
) -> list[Features]:
    """Describe the texture of many lesions by pyradiomics' features, counting on a GPU.

    Parameters
    ----------
    lesions : sequence of Levels
        In grey levels; best of one size.
    families : iterable of str
        From `FAMILIES`.
    distances, symmetrical, weighting_norm, gldm_a, force_2d, force_2d_dimension
        As of `pyradiomics_glcm` and `pyradiomics_neighbours`.
    device : str, default "cuda"
        ``"cpu"`` runs the same steps without a GPU, slower than the compiled kernels.

    Returns
    -------
    list of Features
        For each lesion, the values of the CPU's functions to rounding.

    Raises
    ------
    SettingsError
        If a family, the norm or the device is unknown.
    InputError
        If grey levels are out of range.
    """
    wanted = [check_name(family, FAMILIES, "family of textures") for family in families]
    if weighting_norm is not None:
        check_name(weighting_norm, WEIGHTINGS, "norm of weighting (weightingNorm)")
    where, apart = torch_textures.torch_device(device), check_distances(distances)
    grids = [level_grid(levels) for levels in lesions]
    sound = [i for i, grid in enumerate(grids) if grid.voxels]
    found = [Features({}) for _ in lesions]
    across = force_2d_dimension if force_2d else None
    settings = _Settings(apart, symmetrical, weighting_norm, int(check_alpha(gldm_a)), across)
    if sound:
        batch = batch_of([grids[i] for i in sound], where, max(apart))
        task = _Task([lesions[i] for i in sound], batch, settings)
        for family in wanted:
            for i, features in zip(sound, _COUNTED[family](task), strict=True):
                found[i] |= features
    for i in set(range(len(lesions))) - set(sound):
        for family in wanted:
            found[i] |= settings.on_cpu(family, lesions[i])
    return found


def _glcm(task: _Task) -> list[Features]:
    offsets, size = task.offsets, task.batch.rows
    if not task.fits(len(offsets), size, size):
        return task.on_cpu("glcm")
    counts = pair_tables(task.batch, offsets)
    found = []
    for own, grid, levels in zip(counts[:, 0], task.batch.grids, task.lesions, strict=True):
        norm, ranks = task.settings.weighting_norm, slice(0, len(grid.values) + 1)
        weights = np.eye(len(offsets)) if norm is None else _weights(offsets, levels.spacing, norm)
        tables = np.ascontiguousarray(own[:, ranks, ranks])
        table = np.empty((len(weights), len(FEATURES)))
        table_features(
            tables, weights, task.settings.symmetrical, grid.values, int(grid.values[-1]), LOGS, table
        )
        correlation = maximal_correlation(tables, weights, symmetric=task.settings.symmetrical)
        found.append(_pair_names(np.column_stack([table[:, _COLUMNS], correlation]), table, weights))
    return found


def _pair_names(columns: Floats, table: Floats, weights: Floats) -> Features:
    values, reasons = {}, {}
    for name, column in zip((*NAMES, "MCC"), columns.T, strict=True):
        defined = column[~np.isnan(column)]
        values[f"glcm_{name}"] = float(defined.mean()) if len(defined) else float("nan")
        if not len(defined):
            lonely = bool(np.isnan(table[:, 0]).all())
            reasons[f"glcm_{name}"] = _reason(
                lonely=lonely, weightless=weights.size > 0 and not weights.any()
            )
    return Features(values, reasons)


def _glrlm(task: _Task) -> list[Features]:
    if not task.fits(len(DIRECTIONS), task.batch.rows, max(task.size) + 2):
        return task.on_cpu("glrlm")
    counts = place_tables(task.batch, DIRECTIONS)
    found = []
    for own, grid, levels in zip(counts, task.batch.grids, task.lesions, strict=True):
        tables = np.ascontiguousarray(own[:, :, : len(grid.values) + 1])
        found.append(
            run_names(
                _summed(tables, grid),
                grid,
                levels.spacing,
                task.settings.weighting_norm,
                task.settings.across,
            )
        )
    return found


def _summed(tables: npt.NDArray[np.uint32], grid: Grid) -> Callable[[Floats], Matrices]:
    return lambda weights: table_entries(tables, weights, grid.values)


def _glszm(task: _Task) -> list[Features]:
    if task.settings.across:
        return task.on_cpu("glszm")
    return [zone_names([zones]) for zones in label_zones(task.batch, planar=task.settings.across is not None)]


def _neighbours(task: _Task) -> Iterable[tuple[Floats, Floats]]:
    """Compute the CPU's features from each lesion's tables, shapes (1, 5) and (1, 17)."""
    alike, apart = neighbour_tables(task.batch, task.offsets, task.settings.alpha)
    for i, grid in enumerate(task.batch.grids):
        near, far = (np.ascontiguousarray(table[i, 0, : len(grid.values)]) for table in (alike, apart))
        tone, dependence = np.full((1, len(TONE)), np.nan), np.empty((1, len(DEPENDENCE)))
        dependence_features(near, grid.values, dependence[0])
        if int(far[:, 0].sum()) < grid.voxels:
            tone_features(far, near, grid.values, True, tone[0])
        yield tone, dependence


def _gldm(task: _Task) -> list[Features]:
    columns = [DEPENDENCE.index(tag) for tag in GLDM.values()]
    tags = [f"gldm_{name}" for name in GLDM]
    return [named(table[:, columns], tags, list(GLDM.values())) for _, table in _neighbours(task)]


def _ngtdm(task: _Task) -> list[Features]:
    columns = [TONE.index(tag) for tag in NGTDM.values()]
    tags = [f"ngtdm_{name}" for name in NGTDM]
    return [named(table[:, columns], tags, list(NGTDM.values())) for table, _ in _neighbours(task)]


_COUNTED: dict[str, Callable[[_Task], list[Features]]] = {
    "glcm": _glcm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "gldm": _gldm,
    "ngtdm": _ngtdm,
}
