"""Co-occurrence matrices scaled by the roots of their margins, in one walk over each, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["factors", "scale"]


@compiled
def scale(counts: Any, epsilon: float, scaled: Any, change: Any) -> None:
    """Write p(i, j) / sqrt(p_x(i) p_y(j)) of each matrix, and a bound on what `epsilon` in the margins changes.

    The bound is that of the two factors of `matrix_spectrum`, column by column; NaN for fewer than two levels.
    """
    many, n = counts.shape[0], counts.shape[1]
    for m in range(many):
        row, column = np.zeros(n), np.zeros(n)
        for i in range(n):
            for j in range(n):
                row[i] += counts[m, i, j]
                column[j] += counts[m, i, j]
        total, rows, columns = 0.0, 0, 0
        for i in range(n):
            total += row[i]
            rows += row[i] > 0
            columns += column[i] > 0
        change[m] = np.nan
        if rows < 2 or columns < 2:
            continue
        for i in range(n):
            row[i] = row[i] / total if row[i] > 0 else 1.0
            column[i] = column[i] / total if column[i] > 0 else 1.0
        left, right = np.zeros(n), np.zeros(n)
        for i in range(n):
            for j in range(n):
                scaled[m, i, j] = 0.0
                if counts[m, i, j] == 0:
                    continue
                share, product = counts[m, i, j] / total, row[i] * column[j]
                scaled[m, i, j] = share / np.sqrt(product)
                part = share * (epsilon / (product * (product + epsilon)))
                left[j] += part * part * row[i]
                right[j] += share * share / row[i]
        change[m] = 0.0
        for j in range(n):
            change[m] += np.sqrt(left[j]) * np.sqrt(right[j])


@compiled
def factors(counts: Any, chosen: Any, epsilon: float, left: Any, right: Any) -> None:
    """Write both factors of what `epsilon` takes away, for each chosen matrix: those of `matrix_spectrum`."""
    n = counts.shape[1]
    for m in range(len(chosen)):
        matrix = counts[chosen[m]]
        row, column, total = np.zeros(n), np.zeros(n), 0.0
        for i in range(n):
            for j in range(n):
                row[i] += matrix[i, j]
                column[j] += matrix[i, j]
            total += row[i]
        for i in range(n):
            row[i] = row[i] / total if row[i] > 0 else 1.0
            column[i] = column[i] / total if column[i] > 0 else 1.0
        for i in range(n):
            for j in range(n):
                left[m, i, j] = right[m, i, j] = 0.0
                if matrix[i, j] == 0:
                    continue
                share, product = matrix[i, j] / total, row[i] * column[j]
                left[m, i, j] = share * np.sqrt(row[i]) * (epsilon / (product * (product + epsilon)))
                right[m, i, j] = share / np.sqrt(row[i])
