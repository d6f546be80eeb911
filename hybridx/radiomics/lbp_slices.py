"""Local binary patterns of slices: which neighbours on a circle are at least as bright, as scikit-image codes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled
from hybridx.errors import SettingsError
from hybridx.radiomics.roi import Floats
from hybridx.terms.text import check_name

__all__ = ["LBP_METHODS", "local_binary_patterns"]

#: Ways to make a number of a pattern; 'uniform' counts the bright neighbours where they stand together.
LBP_METHODS = ("uniform", "default", "ror", "nri_uniform", "var")


def local_binary_patterns(
    stack: npt.NDArray[Any], samples: int = 8, radius: float = 1.0, method: str = "uniform"
) -> Floats:
    """Code each voxel by the neighbours on a circle around it, slice by slice.

    Parameters
    ----------
    stack : ndarray, shape (slices, rows, columns)
        Beyond its edges a zero stands.
    samples : int
        Neighbours on the circle, interpolated bilinearly; at most 24.
    radius : float
        Voxels.
    method : {'uniform', 'default', 'ror', 'nri_uniform', 'var'}

    Returns
    -------
    ndarray of float64, shape (slices, rows, columns)
        'uniform': 0 to `samples` for patterns with at most two changes along the circle (not counted across its
        end), `samples` + 1 for all others.

    Source
    ------
    Ojala T, Pietikainen M, Maenpaa T. IEEE Trans Pattern Anal Mach Intell 2002;24:971-987,
    doi:10.1109/TPAMI.2002.1017623. Checked against scikit-image 0.26.0 (local_binary_pattern), exactly.
    """
    check_name(method, LBP_METHODS, "method of local binary patterns")
    if int(samples) != samples or not 1 <= samples <= 24 or not radius > 0:
        msg = f"lbp2DSamples is {samples!r} and lbp2DRadius {radius!r}; wanted 1 to 24 samples and a radius above 0."
        raise SettingsError(msg)
    angles = 2.0 * np.pi * np.arange(samples) / samples
    offsets = np.round(radius * np.stack([-np.sin(angles), np.cos(angles)]), 5)
    return _codes(np.ascontiguousarray(stack, dtype=np.float64), offsets, LBP_METHODS.index(method))


@compiled
def _codes(stack: Floats, offsets: Floats, method: int) -> Floats:
    slices, rows, columns = stack.shape
    samples = offsets.shape[1]
    codes = np.empty(stack.shape)
    seen = np.empty(samples)
    bright = np.empty(samples, dtype=np.int64)
    for s in range(slices):
        for r in range(rows):
            for c in range(columns):
                for p in range(samples):
                    seen[p] = _between(stack[s], r + offsets[0, p], c + offsets[1, p])
                    bright[p] = 1 if seen[p] >= stack[s, r, c] else 0
                if method == 0:
                    codes[s, r, c] = bright.sum() if _changes(bright) <= 2 else samples + 1
                elif method == 1:
                    codes[s, r, c] = _binary(bright, 0)
                elif method == 2:
                    lowest = _binary(bright, 0)
                    for shift in range(1, samples):
                        lowest = min(lowest, _binary(bright, shift))
                    codes[s, r, c] = lowest
                elif method == 3:
                    codes[s, r, c] = _placed(bright)
                else:
                    spread = (seen**2).sum() - seen.sum() ** 2 / samples
                    codes[s, r, c] = spread / samples if spread != 0 else np.nan
    return codes


@compiled
def _between(plane: Floats, row: float, column: float) -> float:
    """Interpolate bilinearly; zero beyond the edge."""
    top, left = int(np.floor(row)), int(np.floor(column))
    bottom, right = int(np.ceil(row)), int(np.ceil(column))
    down, along = row - top, column - left
    upper = (1.0 - along) * _at(plane, top, left) + along * _at(plane, top, right)
    lower = (1.0 - along) * _at(plane, bottom, left) + along * _at(plane, bottom, right)
    return (1.0 - down) * upper + down * lower


@compiled
def _at(plane: Floats, row: int, column: int) -> float:
    inside = 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]
    return plane[row, column] if inside else 0.0


@compiled
def _changes(bright: npt.NDArray[np.int64]) -> int:
    count = 0
    for p in range(bright.size - 1):
        count += 1 if bright[p] != bright[p + 1] else 0
    return count


@compiled
def _binary(bright: npt.NDArray[np.int64], shift: int) -> int:
    """Read the pattern as a binary number, its first neighbour the lowest digit after a turn by `shift`."""
    code = 0
    for p in range(bright.size):
        code += bright[(p + shift) % bright.size] << p
    return code


@compiled
def _placed(bright: npt.NDArray[np.int64]) -> int:
    """Give a uniform pattern its number: by how many neighbours are bright and where they begin."""
    samples, ones = bright.size, bright.sum()
    if _changes(bright) > 2:
        return samples * (samples - 1) + 2
    if ones == 0:
        return 0
    if ones == samples:
        return samples * (samples - 1) + 1
    first_one, first_zero = 0, 0
    while bright[first_one] == 0:
        first_one += 1
    while bright[first_zero] == 1:
        first_zero += 1
    turn = ones - first_zero if first_one == 0 else samples - first_one
    return 1 + (ones - 1) * samples + turn
