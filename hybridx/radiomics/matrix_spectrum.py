"""The maximal correlation coefficient of co-occurrence matrices: pyradiomics' MCC.

The root of the second largest eigenvalue of Q(i, j) = Σ_k p(i, k) p(j, k) / (p_x(i) p_y(k)) is the second singular
value of p(i, j) / sqrt(p_x(i) p_y(j)), whose first is 1 with the roots of the margins as its vectors. That form is
symmetric where the matrix is, needs no products of matrices and stays real.

pyradiomics adds 2.2e-16 to p_x(i) p_y(k). Where grey levels are rare that moves its MCC by 1e-6 and more, and equal
numbers are the purpose here: the change is worked out on the leading singular vectors (to first order, as their own
turning is of second).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.matrix_grid import Grid, Integers
from hybridx.radiomics.roi import Floats
from hybridx.radiomics.spectrum_kernel import factors, scale

__all__ = ["maximal_correlation", "maximal_correlation_of_pairs"]

DENSE = 128  # levels: above, iterating on the matrix takes less time than decomposing it
LEADING = (
    6  # singular vectors on which the change is worked out: more than one, as the largest are often equal
)
NEGLIGIBLE = 1e-8  # change of an eigenvalue
EPSILON = float(np.spacing(1.0))


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
        each = (_margins(_summed(tables, weight[None], symmetric=symmetric)) for weight in weights)
        return np.array([math.nan if parts is None else _iterated(*parts) for parts in each])
    counts = _summed(tables, weights, symmetric=symmetric)
    scaled, change = np.empty(counts.shape), np.empty(len(counts))
    scale(counts, EPSILON, scaled, change)
    second = np.full(len(counts), np.nan)
    still = change <= NEGLIGIBLE
    if still.any():
        some = scaled if still.all() else scaled[still]
        if symmetric:
            values = np.linalg.eigvalsh(some)  # rising, to 1
            second[still] = np.maximum(values[:, -2], -values[:, 0])
        else:
            second[still] = np.linalg.svd(some, compute_uv=False)[:, 1]
    moved = np.flatnonzero(change > NEGLIGIBLE)
    if len(moved):
        left, right = np.empty((len(moved), *counts.shape[1:])), np.empty((len(moved), *counts.shape[1:]))
        factors(counts, moved, EPSILON, left, right)
        values, vectors = _leading(scaled[moved], symmetric=symmetric)
        ahead, behind = (np.matmul(each.swapaxes(1, 2), vectors) for each in (left, right))
        second[moved] = _second(values, np.matmul(ahead.swapaxes(1, 2), behind))
    return np.minimum(second, 1.0)


def _summed(tables: npt.NDArray[np.uint32], weights: Floats, *, symmetric: bool) -> Floats:
    """Weigh the tables of the directions and add them up, without the row and the column of what lies outside."""
    used = np.flatnonzero(weights.any(axis=0))
    if len(used) == len(weights) and np.array_equal(weights[:, used], np.eye(len(used))):
        counts = tables[used, 1:, 1:].astype(np.float64)
    else:
        counts = np.tensordot(weights[:, used], tables[used, 1:, 1:], axes=1)
    return counts + counts.transpose(0, 2, 1) if symmetric else counts


def _margins(counts: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats] | None:
    """Scaled matrix, both margins and both factors of one matrix (1, n, n); None of fewer than two levels."""
    shares = counts[0] / max(counts[0].sum(), EPSILON)
    row, column = shares.sum(axis=1), shares.sum(axis=0)
    if (row > 0).sum() < 2 or (column > 0).sum() < 2:
        return None
    row, column = np.where(row > 0, row, 1), np.where(column > 0, column, 1)
    left, right = _factors(shares, row[:, None], column[None])
    return shares / np.sqrt(row[:, None] * column[None]), row, column, left, right


def maximal_correlation_of_pairs(grid: Grid, steps: Integers, weights: Floats, *, symmetric: bool) -> Floats:
    """Do the same for matrices too large to hold, from the pairs of one direction after the other, shape (m,)."""
    from scipy.sparse import coo_array  # noqa: PLC0415  (slow to load, and rarely needed)

    shape = (len(grid.values), len(grid.values))
    here = np.flatnonzero(grid.flat)
    found = np.full(len(weights), np.nan)
    for m, weight in enumerate(weights):
        counts = coo_array(shape).tocsr()
        for d in np.flatnonzero(weight):
            first, second = grid.flat[here].astype(np.int64), grid.flat[here + steps[d]].astype(np.int64)
            pair = second > 0
            amounts = np.full(int(pair.sum()), float(weight[d]))
            counts = counts + coo_array((amounts, (first[pair] - 1, second[pair] - 1)), shape).tocsr()
        if symmetric:
            counts = counts + counts.T.tocsr()
        pairs = counts.tocoo()
        shares, at = pairs.data / max(pairs.data.sum(), EPSILON), (pairs.row, pairs.col)
        row, column = (
            np.bincount(ends, shares, minlength=shape[0]).astype(np.float64, copy=False) for ends in at
        )
        if (row > 0).sum() < 2 or (column > 0).sum() < 2:
            continue
        each = (shares / np.sqrt(row[at[0]] * column[at[1]]), *_factors(shares, row[at[0]], column[at[1]]))
        scaled, left, right = (coo_array((values, at), shape).tocsr() for values in each)
        found[m] = _iterated(scaled, row, column, left, right)
    return found


def _factors(shares: Floats, row: Floats, column: Floats) -> tuple[Floats, Floats]:
    """Two matrices whose product, the second transposed, pyradiomics' constant takes from Q in its symmetric form."""
    product = row * column
    return shares * np.sqrt(row) * (EPSILON / (product * (product + EPSILON))), shares / np.sqrt(row)


def _leading(scaled: Floats, *, symmetric: bool) -> tuple[Floats, Floats]:
    """Largest eigenvalues of scaled · scaledᵀ of each matrix, and their vectors."""
    if symmetric:
        values, vectors = np.linalg.eigh(scaled)
        order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :LEADING]
        return np.take_along_axis(values, order, 1) ** 2, np.take_along_axis(vectors, order[:, None], 2)
    vectors, values, _ = np.linalg.svd(scaled)
    return values[:, :LEADING] ** 2, vectors[:, :, :LEADING]


def _second(values: Floats, change: Floats) -> Floats:
    """Second singular value of each matrix after the change, in terms of its leading vectors."""
    moved = np.sort(np.linalg.eigvals(values[:, None] * np.eye(values.shape[1]) - change).real, axis=1)[:, -2]
    return np.sqrt(np.minimum(np.maximum(moved, 0.0), 1.0))


def _iterated(scaled: Any, row: Floats, column: Floats, left: Any, right: Any) -> float:
    """Second singular value of a large matrix: the largest once the known first has been taken out."""
    from scipy.sparse.linalg import LinearOperator, eigsh  # noqa: PLC0415  (slow to load, and rarely needed)

    # Levels without pairs have a share of 1 here, which must not enter the first vectors.
    row, column = (np.where(abs(scaled).sum(axis=k) > 0, s, 0) for k, s in ((1, row), (0, column)))
    first, mirrored = np.sqrt(row), np.sqrt(column)

    def squared(vector: Floats) -> Floats:
        through = scaled.T @ vector - mirrored * (first @ vector)
        return np.asarray(scaled @ through - first * (mirrored @ through))

    many = len(row)
    operator = LinearOperator((many, many), matvec=squared, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(many)
    values, vectors = eigsh(operator, k=min(LEADING, many) - 1, which="LA", v0=start)
    vectors = np.column_stack([vectors, first])
    change = (left.T @ vectors).T @ (right.T @ vectors)
    return float(_second(np.append(values, 1.0)[None], change[None])[0])
