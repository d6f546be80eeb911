"""Kernels of the co-occurrence matrix: 25 features of each matrix in one walk over it.

A matrix need not be held to know its features. Energy, entropy and maximum take each cell alone; every other feature
follows from the row and column sums and from how often sum and difference of the two levels take each value
(the two reference entropies of the information measures are the sum of the entropies of the margins).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled
from hybridx.radiomics.pair_kernels import count_pairs

__all__ = ["FEATURES", "LOGS", "finish", "planar_features", "table_features"]

FEATURES = (
    "joint_max", "joint_avg", "joint_var", "joint_entr", "diff_avg", "diff_var", "diff_entr", "sum_avg", "sum_var",
    "sum_entr", "energy", "contrast", "dissimilarity", "inv_diff", "inv_diff_norm", "inv_diff_mom",
    "inv_diff_mom_norm", "inv_var", "corr", "auto_corr", "clust_tend", "clust_shade", "clust_prom", "info_corr1",
    "info_corr2",
)  # fmt: skip

_COUNTS = np.arange(1024, dtype=np.float64)
LOGS = _COUNTS * np.log2(
    np.maximum(_COUNTS, 1)
)  # c log2(c): most cells hold small counts, and a logarithm is slow


@compiled
def times_log(count: float, logs: Any) -> float:
    """Return c log2(c), from the table where c is a small whole number."""
    whole = np.int64(count)
    if whole < len(logs) and whole == count:
        return logs[whole]
    return count * np.log2(count)


@compiled
def entropy(counts: Any, total: float, logs: Any) -> float:
    """Entropy in bits of counts that add up to `total`."""
    found = 0.0
    for count in counts:
        if count > 0:
            found += times_log(count, logs)
    return np.log2(total) - found / total


@compiled
def margin(counts: Any, values: Any, total: float) -> Any:
    """Mean and variance of the grey level, and how many levels occur."""
    mean = variance = 0.0
    occur = 0
    for i in range(len(values)):
        mean += counts[i] * values[i]
        occur += counts[i] > 0
    mean /= total
    for i in range(len(values)):
        variance += counts[i] * (values[i] - mean) ** 2
    return mean, variance / total, occur


@compiled
def about(counts: Any, first: float, centre: float, total: float) -> Any:
    """Second, third and fourth moment of first, first + 1, ... about `centre`."""
    second = third = fourth = 0.0
    for k in range(len(counts)):
        if counts[k] > 0:
            off = k + first - centre
            second += counts[k] * off**2
            third += counts[k] * off**3
            fourth += counts[k] * off**4
    return second / total, third / total, fourth / total


@compiled
def closeness(differences: Any, levels: int, total: float) -> Any:
    """Inverse difference, the same of normalised differences, inverse moment, the same, and inverse variance."""
    inverse = inverse_norm = moment = moment_norm = inverse_variance = 0.0
    for k in range(len(differences)):
        count = differences[k]
        if count > 0:
            inverse += count / (1.0 + k)
            inverse_norm += count / (1.0 + k / levels)
            moment += count / (1.0 + k * k)
            moment_norm += count / (1.0 + (k / levels) ** 2)
            if k:
                inverse_variance += count / (k * k)
    return (
        inverse / total,
        inverse_norm / total,
        moment / total,
        moment_norm / total,
        inverse_variance / total,
    )


@compiled
def finish(  # noqa: PLR0917 - compiled code takes no keywords
    rows: Any,
    columns: Any,
    sums: Any,
    differences: Any,
    cells: Any,
    values: Any,
    levels: int,
    logs: Any,
    out: Any,
) -> None:
    """Features of a matrix from its margins, its sums and differences of levels, and three sums over its cells.

    `sums[k]` counts pairs whose levels add up to k + 2 values[0]; `cells` is the sum of c², of c log2(c), and max(c).
    NaN stays where a feature is not defined: everything without pairs, and correlations of a single level.
    """
    out[:] = np.nan
    total = 0.0
    for count in rows:
        total += count
    if total == 0:
        return
    mean_row, variance_row, row_levels = margin(rows, values, total)
    mean_column, variance_column, column_levels = margin(columns, values, total)
    tendency, shade, prominence = about(sums, 2.0 * values[0], mean_row + mean_column, total)
    contrast = about(differences, 0.0, 0.0, total)[0]
    dissimilarity = 0.0
    for k in range(len(differences)):
        dissimilarity += differences[k] * k
    dissimilarity /= total
    # The variance of a sum less that of a difference is four covariances.
    covariance = (tendency - (contrast - (mean_row - mean_column) ** 2)) / 4
    joint = np.log2(total) - cells[1] / total
    entropy_row, entropy_column = entropy(rows, total, logs), entropy(columns, total, logs)
    shared = max(entropy_row + entropy_column - joint, 0.0)
    out[0] = cells[2] / total
    out[1], out[2], out[3] = mean_row, variance_row, joint
    out[4] = dissimilarity
    out[5] = about(differences, 0.0, dissimilarity, total)[0]
    out[6] = entropy(differences, total, logs)
    out[7], out[8] = mean_row + mean_column, tendency
    out[9] = entropy(sums, total, logs)
    out[10] = cells[0] / total / total
    out[11], out[12] = contrast, dissimilarity
    out[13], out[14], out[15], out[16], out[17] = closeness(differences, levels, total)
    out[19] = covariance + mean_row * mean_column
    out[20], out[21], out[22] = tendency, shade, prominence
    out[24] = np.sqrt(1 - np.exp(-2 * shared))
    if row_levels > 1 and column_levels > 1:
        out[18] = covariance / np.sqrt(variance_row * variance_column)
        out[23] = -shared / max(entropy_row, entropy_column)


@compiled
def walk(matrix: Any, symmetric: bool, values: Any, levels: int, logs: Any, out: Any) -> None:  # noqa: FBT001, PLR0917
    """Features of one matrix of counts, shape (ranks + 1, ranks + 1), whose row and column 0 are left out."""
    many = len(values)
    spread = values[many - 1] - values[0]
    rows, columns = np.zeros(many), np.zeros(many)
    sums, differences = np.zeros(2 * spread + 1), np.zeros(spread + 1)
    squares = logarithms = highest = 0.0
    for i in range(many):
        here = values[i] - values[0]
        for j in range(i + 1):
            above, below = matrix[j + 1, i + 1], matrix[i + 1, j + 1]
            if above + below == 0:
                continue
            there = values[j] - values[0]
            if i == j:
                count = 2 * above if symmetric else above
                rows[i] += count
                columns[i] += count
                sums[2 * here] += count
                differences[0] += count
                squares += count * count
                logarithms += times_log(count, logs)
                highest = max(highest, count)
                continue
            if symmetric:
                above = below = above + below
            rows[i] += below
            columns[j] += below
            rows[j] += above
            columns[i] += above
            sums[here + there] += above + below
            differences[here - there] += above + below
            squares += above * above + below * below
            logarithms += times_log(above, logs)
            logarithms += times_log(below, logs)
            highest = max(highest, above, below)
    finish(rows, columns, sums, differences, (squares, logarithms, highest), values, levels, logs, out)


@compiled
def table_features(  # noqa: PLR0917
    tables: Any,
    weights: Any,
    symmetric: bool,  # noqa: FBT001
    values: Any,
    levels: int,
    logs: Any,
    out: Any,
) -> None:
    """Features out[m] of the matrices Σ_d weights[m, d] tables[d]."""
    size = tables.shape[1]
    matrix = np.empty((size, size))
    for m in range(weights.shape[0]):
        matrix[:] = 0
        for d in range(tables.shape[0]):
            weight = weights[m, d]
            if weight:
                for i in range(1, size):
                    for j in range(1, size):
                        matrix[i, j] += weight * tables[d, i, j]
        walk(matrix, symmetric, values, levels, logs, out[m])


@compiled
def planar_features(  # noqa: PLR0917
    flat: Any,
    box: Any,
    ends: Any,
    steps: Any,
    weights: Any,
    symmetric: bool,  # noqa: FBT001
    values: Any,
    levels: int,
    logs: Any,
    tables: Any,
    out: Any,
) -> None:
    """Features out[z] of each slice's own matrices; all slices' matrices together stay in `tables`."""
    here = np.zeros_like(tables)
    for z in range(box[1]):
        count_pairs(flat, box, ends, z, z + 1, steps, here)
        table_features(here, weights, symmetric, values, levels, logs, out[z])
        tables += here
        here[:] = 0
