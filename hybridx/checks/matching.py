"""Patients who are the same person under two names: rows that agree in more values than chance allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Match", "matches"]

FloatArray = npt.NDArray[np.float64]

MOST_COLUMNS = 200  # the most telling ones decide; a thousand more would only cost time
LEAST_SHARED = 3  # values that both must have
AGREEMENT = 0.9  # share of shared values that must be equal
CHANCE = 1e-3  # expected number of such pairs among strangers
COMMON = 0.05  # a value that more patients than this have (zero, a detection limit) says nothing about who they are
DIGITS = 6  # files round: values equal to six significant digits are equal


@dataclass(frozen=True)
class Match:
    """Row `a` of the first table and row `b` of the second agree in `equal` of `shared` telling values."""

    a: int
    b: int
    equal: int
    shared: int


def matches(first: FloatArray, second: FloatArray | None = None) -> list[Match]:
    """Return pairs of rows that are the same patient, as far as values tell.

    Parameters
    ----------
    first : array, shape (n, p)
        NaN where missing.
    second : array, shape (m, p), optional
        Another table with the same columns; by default pairs are sought within the first.

    Notes
    -----
    Two strangers agree in column j with a chance :math:`q_j`, the share of pairs with equal values. A pair counts when
    it agrees in at least nine tenths of the values both have, at least three, and the product of the chances times the
    number of pairs is below 1 in 1,000.
    """
    within = second is None
    both = first if second is None else np.vstack([first, second])
    codes, surprise = _codes(both)
    n = len(first)
    left, right = codes[:n], codes[:n] if within else codes[n:]
    pairs = n * (n - 1) / 2 if within else n * len(right)
    if codes.shape[1] < LEAST_SHARED or pairs < 1:
        return []
    needed = float(np.log(pairs / CHANCE))
    found = []
    for i in range(n):
        others = np.arange(i + 1, n) if within else np.arange(len(right))
        there = (left[i] >= 0) & (right[others] >= 0)
        equal = there & (right[others] == left[i])
        shared, agree = there.sum(axis=1), equal.sum(axis=1)
        enough = (agree >= LEAST_SHARED) & (agree >= AGREEMENT * shared) & (equal @ surprise > needed)
        found += [Match(i, int(others[j]), int(agree[j]), int(shared[j])) for j in np.flatnonzero(enough)]
    return found


def _codes(matrix: FloatArray) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Return values as numbers of distinct values, -1 where missing or common, of the most telling columns.

    The second array holds how surprising equality is, -log of its chance.
    """
    coded, surprise = [], []
    for column in _rounded(matrix).T:
        there = np.flatnonzero(~np.isnan(column))
        if len(there) < LEAST_SHARED:
            continue
        _, which, counts = np.unique(column[there], return_inverse=True, return_counts=True)
        telling = counts <= max(2, COMMON * len(there))
        if telling[which].mean() < 0.5:
            continue
        codes = np.full(len(column), -1, dtype=np.int32)
        codes[there] = np.where(telling[which], which, -1)
        share = counts[telling] / len(there)
        coded.append(codes)
        # pairs of duplicates themselves make equality look likelier than it is: the guess is on the safe side
        surprise.append(-np.log(max(float(np.sum(share**2)), 1.0 / len(there))))
    if not coded:
        return np.empty((len(matrix), 0), dtype=np.int32), np.empty(0)
    best = np.sort(np.argsort(-np.asarray(surprise), kind="stable")[:MOST_COLUMNS])
    return np.column_stack(coded)[:, best], np.asarray(surprise)[best]


def _rounded(matrix: FloatArray) -> FloatArray:
    """Round to `DIGITS` significant digits; the smallest shift keeps values at a rounding edge together."""
    size = np.where((matrix == 0) | np.isnan(matrix), 1.0, np.abs(matrix))
    unit = 10.0 ** (np.floor(np.log10(size)) - DIGITS + 1)
    return np.asarray(np.round(matrix / unit + 1e-3) * unit)
