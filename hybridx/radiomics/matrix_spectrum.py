"""The maximal correlation coefficient of co-occurrence matrices: pyradiomics' MCC.

The root of the second largest eigenvalue of Q(i, j) = Σ_k p(i, k) p(j, k) / (p_x(i) p_y(k)) is the second singular
value of p(i, j) / sqrt(p_x(i) p_y(j)), whose first is 1 with the roots of the margins as its vectors. That form is
symmetric where the matrix is, needs no products of matrices and stays real.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.matrix_grid import Grid, Integers
from hybridx.radiomics.roi import Floats

__all__ = ["maximal_correlation", "maximal_correlation_of_pairs"]

DENSE = 128  # levels: above, iterating on the matrix takes less time than decomposing it


def maximal_correlation(tables: npt.NDArray[np.uint32], weights: Floats, *, symmetric: bool) -> Floats:
    """Maximal correlation of the matrices Σ_d weights[m, d] tables[d], shape (m,); NaN of fewer than two levels.

    Parameters
    ----------
    tables : ndarray of uint32, shape (d, n + 1, n + 1)
        Counts; row and column 0 are left out.
    weights : ndarray, shape (m, d)
        Of each direction in each matrix.
    symmetric : bool
        Add to each matrix its transpose.
    """
    if tables.shape[1] - 1 > DENSE:
        return np.concatenate([_of_one(tables, weight, symmetric=symmetric) for weight in weights])
    counts = np.tensordot(weights, tables[:, 1:, 1:], axes=1)
    if symmetric:
        counts = counts + counts.transpose(0, 2, 1)
    rows, columns = counts.sum(axis=2), counts.sum(axis=1)
    scaled = counts / np.sqrt(np.where(rows > 0, rows, 1))[:, :, None]
    scaled /= np.sqrt(np.where(columns > 0, columns, 1))[:, None, :]
    found = np.full(len(weights), np.nan)
    several = ((rows > 0).sum(axis=1) > 1) & ((columns > 0).sum(axis=1) > 1)
    if several.any() and symmetric:
        values = np.linalg.eigvalsh(scaled[several])  # rising, to 1
        found[several] = np.maximum(values[:, -2], -values[:, 0])
    elif several.any():
        found[several] = np.linalg.svd(scaled[several], compute_uv=False)[:, 1]
    return np.minimum(found, 1.0)


def _of_one(tables: npt.NDArray[np.uint32], weight: Floats, *, symmetric: bool) -> Floats:
    used = np.flatnonzero(weight)
    counts = np.tensordot(weight[used], tables[used, 1:, 1:], axes=1)
    if symmetric:
        counts = counts + counts.T
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    if (rows > 0).sum() < 2 or (columns > 0).sum() < 2:
        return np.array([np.nan])
    counts /= np.sqrt(np.where(rows > 0, rows, 1))[:, None]
    counts /= np.sqrt(np.where(columns > 0, columns, 1))
    return np.array([min(_iterate(counts, rows, columns), 1.0)])


def maximal_correlation_of_pairs(grid: Grid, steps: Integers, weights: Floats, *, symmetric: bool) -> Floats:
    """Do the same for matrices too large to hold, from the pairs of one direction after the other, shape (m,)."""
    from scipy.sparse import coo_array  # noqa: PLC0415  (slow to load, and rarely needed)

    many = len(grid.values)
    here = np.flatnonzero(grid.flat)
    found = np.full(len(weights), np.nan)
    for m, weight in enumerate(weights):
        counts = coo_array((many, many)).tocsr()
        for d in np.flatnonzero(weight):
            first, second = grid.flat[here].astype(np.int64), grid.flat[here + steps[d]].astype(np.int64)
            pair = second > 0
            amounts = np.full(int(pair.sum()), float(weight[d]))
            counts = counts + coo_array((amounts, (first[pair] - 1, second[pair] - 1)), (many, many)).tocsr()
        if symmetric:
            counts = counts + counts.T.tocsr()
        rows, columns = np.asarray(counts.sum(axis=1)).ravel(), np.asarray(counts.sum(axis=0)).ravel()
        if (rows > 0).sum() < 2 or (columns > 0).sum() < 2:
            continue
        pairs = counts.tocoo()
        scaled = pairs.data / np.sqrt(rows[pairs.row] * columns[pairs.col])
        found[m] = _iterate(coo_array((scaled, (pairs.row, pairs.col)), (many, many)).tocsr(), rows, columns)
    return np.minimum(found, 1.0)


def _iterate(scaled: Any, rows: Floats, columns: Floats) -> float:
    """Second singular value of a large matrix: the largest once the known first has been taken out."""
    from scipy.sparse.linalg import LinearOperator, eigsh  # noqa: PLC0415  (slow to load, and rarely needed)

    left, right = np.sqrt(rows / rows.sum()), np.sqrt(columns / columns.sum())

    def squared(vector: Floats) -> Floats:
        through = scaled @ vector - left * (right @ vector)
        return np.asarray(scaled.T @ through - right * (left @ through))

    operator = LinearOperator((len(rows), len(rows)), matvec=squared, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(len(rows))
    value = eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False)[0]
    return float(np.sqrt(max(value, 0.0)))
