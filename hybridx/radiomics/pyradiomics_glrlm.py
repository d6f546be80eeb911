"""Run length features under pyradiomics' names and settings, from the same tables."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.glrlm import run_matrices
from hybridx.radiomics.level_blocks import Matrices, padded
from hybridx.radiomics.matrix_grid import Grid, level_grid
from hybridx.radiomics.roi import Features, Levels, Mask
from hybridx.radiomics.run_kernels import DIRECTIONS
from hybridx.radiomics.zone_features import EMPTY, matrix_statistics, mean_features
from hybridx.terms.text import check_name

__all__ = ["NAMES", "WEIGHTINGS", "pyradiomics_glrlm", "run_names"]

NAMES = (
    *("ShortRunEmphasis", "LongRunEmphasis", "LowGrayLevelRunEmphasis", "HighGrayLevelRunEmphasis"),
    *("ShortRunLowGrayLevelEmphasis", "ShortRunHighGrayLevelEmphasis"),
    *("LongRunLowGrayLevelEmphasis", "LongRunHighGrayLevelEmphasis"),
    *("GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized"),
    *("RunLengthNonUniformity", "RunLengthNonUniformityNormalized", "RunPercentage"),
    *("GrayLevelVariance", "RunVariance", "RunEntropy"),
)
WEIGHTINGS = ("manhattan", "euclidean", "infinity", "no_weighting")


def pyradiomics_glrlm(
    levels: Levels,
    *,
    weighting_norm: str | None = None,
    force_2d: bool = False,
    force_2d_dimension: int = 0,
) -> Features:
    """Describe how long runs of equal grey level are, by pyradiomics' 16 features.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels.
    weighting_norm : {"manhattan", "euclidean", "infinity", "no_weighting"}, optional
        Add the directions up, each weighted by the length of its step in mm; average features over directions when
        absent (`weightingNorm`).
    force_2d : bool
        Directions in the slice only (`force2D`); runs of all slices are counted together.
    force_2d_dimension : {0, 1, 2}
        The axis (z, y, x) across slices (`force2Ddimension`).

    Returns
    -------
    Features
        ``glrlm_<Feature>``; NaN with the reason where no line holds two voxels, as pyradiomics leaves out directions
        in which none does.

    Raises
    ------
    SettingsError
        If the norm is unknown (pyradiomics warns and weights by 1).

    Source
    ------
    van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 to 1e-9. Its
    entropy adds 2.2e-16 to every share before the logarithm; this one does not.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridx.radiomics import Levels
    >>> array = np.array([[[1, 1, 2], [1, 2, 2]]], dtype=np.int32)
    >>> lesion = Levels(array, 2, array > 0, (1.0, 1.0, 1.0))
    >>> round(pyradiomics_glrlm(lesion).values["glrlm_RunPercentage"], 12)
    0.75
    """
    if weighting_norm is not None:
        check_name(weighting_norm, WEIGHTINGS, "norm of weighting (weightingNorm)")
    grid = level_grid(levels)
    matrices = functools.partial(run_matrices, grid)
    return run_names(matrices, grid, levels.spacing, weighting_norm, force_2d_dimension if force_2d else None)


def run_names(
    matrices: Callable[[npt.NDArray[np.float64]], Matrices],
    grid: Grid,
    spacing: tuple[float, float, float],
    weighting_norm: str | None,
    across: int | None,
) -> Features:
    """Name the features of a function that gives matrices as `run_matrices` does, wherever it counts them.

    Parameters
    ----------
    matrices : callable
        Of `weights`.
    grid : Grid
        The lesion.
    spacing : tuple of float, (z, y, x)
        mm.
    weighting_norm : str or None
        From `WEIGHTINGS`.
    across : int or None
        The axis along which no direction goes.
    """
    tags = [f"glrlm_{name}" for name in NAMES]
    if not grid.voxels:
        return Features(dict.fromkeys(tags, float("nan")), dict.fromkeys(tags, EMPTY))
    used = _lines_of_two(grid)
    if across is not None:
        used &= DIRECTIONS[:, across] == 0
    if not used.any():
        return Features(dict.fromkeys(tags, float("nan")), dict.fromkeys(tags, "no line holds two voxels"))
    weights = np.eye(len(DIRECTIONS))[used]
    if weighting_norm is not None:
        weights = (_lengths(spacing, weighting_norm) * used)[None]
    return mean_features(tags, matrix_statistics(*matrices(weights), np.zeros(len(weights))))


def _lengths(spacing: tuple[float, float, float], norm: str) -> npt.NDArray[np.float64]:
    steps = np.abs(DIRECTIONS) * np.asarray(spacing)
    lengths: dict[str, npt.NDArray[np.float64]] = {
        "manhattan": steps.sum(axis=1),
        "euclidean": np.sqrt((steps**2).sum(axis=1)),
        "infinity": steps.max(axis=1),
        "no_weighting": np.ones(len(DIRECTIONS)),
    }
    return lengths[norm]


def _lines_of_two(grid: Grid) -> npt.NDArray[np.bool_]:
    """Which directions have a line that meets the lesion twice, neighbours or not."""
    shape = np.array(grid.shape)
    lines = shape.prod() - (shape - np.abs(DIRECTIONS)).prod(axis=1)
    found: npt.NDArray[np.bool_] = grid.voxels > lines  # more voxels than lines
    if not found.all():
        inside = padded(grid) > 0
        for direction in np.flatnonzero(~found):
            found[direction] = _meets_twice(inside, grid, DIRECTIONS[direction])
    return found


def _meets_twice(inside: Mask, grid: Grid, step: npt.NDArray[np.int64]) -> bool:
    shape = np.array(grid.shape)
    if (shape <= np.abs(step)).any():  # no line is longer than one voxel
        return False
    core = inside[1:-1, 1:-1, 1:-1]
    before = inside[tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, shape, strict=True))]
    if (core & before).any():
        return True
    places = np.argwhere(core)
    axis = int(np.flatnonzero(step)[0])
    along = places - places[:, [axis]] * (step * step[axis])
    return len(np.unique(along, axis=0)) < len(along)
