"""Features of the neighbourhood matrices: grey tone difference (NGTDM) and grey level dependence (NGLDM)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled
from hybridx.radiomics.neighbour_counts import count_neighbours

__all__ = ["DEPENDENCE", "TONE", "dependence_features", "slice_features", "tone_features"]

TONE = ("coarseness", "contrast", "busyness", "complexity", "strength")
DEPENDENCE = (
    "lde", "hde", "lgce", "hgce", "ldlge", "ldhge", "hdlge", "hdhge", "glnu", "glnu_norm", "dcnu", "dcnu_norm",
    "dc_perc", "gl_var", "dc_var", "dc_entr", "dc_energy",
)  # fmt: skip


@compiled
def tone_features(apart: Any, alike: Any, values: Any, lonely: bool, out: Any) -> None:  # noqa: FBT001
    """Five features of the grey tone differences in `apart`; voxels without neighbours count only if `lonely`.

    NaN stays where a feature divides by 0: everything without neighbours, contrast and busyness of one level,
    coarseness and strength where each voxel equals the mean of its neighbours.
    """
    out[:] = np.nan
    many, columns = apart.shape
    counts, difference, level = np.zeros(many), np.zeros(many), np.zeros(many)
    kept = 0
    total = 0.0
    for r in range(many):
        count = 0 if lonely else -apart[r, 0]
        for k in range(columns):
            count += alike[r, k]
        if count > 0:
            counts[kept], level[kept] = count, values[r]
            for k in range(1, columns):
                difference[kept] += apart[r, k] / k
            kept += 1
            total += count
    if kept == 0:
        return
    weighted = mean = squares = changes = 0.0
    for r in range(kept):
        weighted += counts[r] * difference[r] / total
        changes += difference[r]
        mean += counts[r] * level[r] / total
    for r in range(kept):
        squares += counts[r] * (level[r] - mean) ** 2 / total
    busy, complexity, strength = pair_sums(counts[:kept], difference, level)
    out[3] = complexity / total
    if kept > 1:
        out[1] = 2 * squares * changes / total / (kept * (kept - 1))
    if busy > 0:
        out[2] = weighted / (busy / total)
    if changes > 0:
        out[0], out[4] = 1 / weighted, strength / total / changes


@compiled
def pair_sums(counts: Any, difference: Any, level: Any) -> Any:
    """Sum over pairs of levels for busyness, complexity and strength; of counts, not shares: 0 is then exactly 0."""
    busy = complexity = strength = 0.0
    for r in range(len(counts)):
        for q in range(r):
            step = level[r] - level[q]
            both = counts[r] + counts[q]
            busy += abs(level[r] * counts[r] - level[q] * counts[q])
            complexity += step * (counts[r] * difference[r] + counts[q] * difference[q]) / both
            strength += both * step * step
    return 2 * busy, 2 * complexity, 2 * strength


@compiled
def dependence_features(alike: Any, values: Any, out: Any) -> None:
    """Seventeen features of grey level dependence; every one is defined as soon as there is a voxel."""
    out[:] = np.nan
    many, columns = alike.shape
    by_size = np.zeros(columns)
    total = 0.0
    sums = np.zeros(17)
    for r in range(many):
        square = float(values[r]) ** 2
        count = 0.0
        for k in range(columns):
            cell = float(alike[r, k])
            if cell == 0:
                continue
            size = (k + 1.0) ** 2
            count += cell
            by_size[k] += cell
            sums[4] += cell / (square * size)
            sums[5] += cell * square / size
            sums[6] += cell * size / square
            sums[7] += cell * size * square
            sums[15] += cell * np.log2(cell)
            sums[16] += cell * cell
        total += count
        sums[2] += count / square
        sums[3] += count * square
        sums[8] += count * count
        sums[13] += count * values[r]
    if total == 0:
        return
    mean = 0.0
    for k in range(columns):
        size = (k + 1.0) ** 2
        sums[0] += by_size[k] / size
        sums[1] += by_size[k] * size
        sums[10] += by_size[k] ** 2
        mean += by_size[k] * (k + 1) / total
    level = sums[13] / total
    sums[13] = 0
    for k in range(columns):
        sums[14] += by_size[k] * (k + 1 - mean) ** 2
    for r in range(many):
        for k in range(columns):
            sums[13] += alike[r, k] * (values[r] - level) ** 2
    for f in range(len(sums)):
        out[f] = sums[f] / total
    out[9], out[11], out[16] = out[8] / total, out[10] / total, out[16] / total
    out[12] = 1.0
    out[15] = np.log2(total) - out[15]


@compiled
def slice_features(  # noqa: PLR0917 - compiled code takes no keywords
    ranks: Any,
    heights: Any,
    box: Any,
    ends: Any,
    steps: Any,
    alpha: int,
    values: Any,
    lonely: bool,  # noqa: FBT001
    alike: Any,
    apart: Any,
    tone: Any,
    depend: Any,
) -> None:
    """Features of each slice; the tables of all slices together stay in `alike` and `apart`."""
    here_alike, here_apart = np.zeros_like(alike), np.zeros_like(apart)
    for z in range(box[1]):
        near = values[len(values) - 1], here_alike, here_apart
        count_neighbours(ranks, heights, box, ends, z, z + 1, steps, alpha, *near)
        tone_features(here_apart, here_alike, values, lonely, tone[z])
        dependence_features(here_alike, values, depend[z])
        alike += here_alike
        apart += here_apart
        here_alike[:] = 0
        here_apart[:] = 0
