"""One column for each bundle of columns that say the same: radiomics tables hold hundreds of near-copies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.stats import rankdata

from hybridx.errors import SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer

__all__ = ["CorrelationFilter", "absolute_correlation"]


class CorrelationFilter(TableTransformer):
    """Keep one representative of each group of columns whose correlation exceeds a threshold.

    The column with most near-copies is kept first and stands for them, then the next; ties go to the name that comes
    first, so the order of columns does not matter. The outcome is not looked at.

    Parameters
    ----------
    threshold : float, default 0.95
        Absolute correlation above which two columns count as copies, 0 to 1.
    method : {"pearson", "spearman"}, default "pearson"
        On values or on ranks. Missing values count as the mean (median rank).

    Attributes
    ----------
    stands_for_ : dict of str to list of str
        Kept column -> the columns it stands for.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"pet.a": [1.0, 2, 3, 4], "pet.b": [2.0, 4, 6, 8.1], "pet.c": [1.0, -1, 1, -1]})
    >>> CorrelationFilter().fit(X).stands_for_
    {'pet.a': ['pet.b']}
    """

    _flags_decide: ClassVar[bool] = False
    stands_for_: dict[str, list[str]]

    def __init__(self, threshold: float = 0.95, method: str = "pearson") -> None:
        self.threshold = threshold
        self.method = method

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:
        if not 0.0 < self.threshold <= 1.0 or self.method not in ("pearson", "spearman"):
            msg = (
                f"threshold must lie in (0, 1] and method be 'pearson' or 'spearman', got {self.threshold!r} "
                f"and {self.method!r}."
            )
            raise SettingsError(msg)
        close = absolute_correlation(matrix, self.method) > self.threshold
        np.fill_diagonal(close, val=True)
        self.stands_for_ = {}
        # ranks of the names: the filter may not depend on the order of columns
        by_name = np.argsort(np.argsort(np.array(names, dtype=np.str_), kind="stable"))
        left = np.ones(len(names), dtype=bool)
        copies = close.sum(axis=1)
        while left.any():
            best = int(np.lexsort((by_name, np.where(left, -copies, 1)))[0])
            members = left & close[best]
            if members.sum() == 1:
                break  # the largest group left is a single column: all others are single too
            members[best] = False
            self.stands_for_[names[best]] = sorted(names[i] for i in np.flatnonzero(members))
            members[best] = True
            left &= ~members
            copies = copies - close[:, members].sum(axis=1)
        self.stands_for_ = dict(sorted(self.stands_for_.items()))
        return {
            copy: f"|r| > {self.threshold:g} with {kept}"
            for kept, group in self.stands_for_.items()
            for copy in group
        }


def absolute_correlation(matrix: FloatArray, method: str) -> FloatArray:
    """Return |r| between the columns of a matrix (n, p), shape (p, p); a missing value counts as the mean (rank).

    Parameters
    ----------
    matrix : array of float, shape (n, p)
        NaN where missing; a constant column correlates with nothing.
    method : {"pearson", "spearman"}
        On values or on ranks.
    """
    values = rankdata(matrix, axis=0, nan_policy="omit") if method == "spearman" else matrix
    there = ~np.isnan(values)
    mean = np.where(there, values, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    centred = np.where(there, values - mean, 0.0)
    norm = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(norm > 0, norm, 1.0)
    return np.asarray(np.abs(unit.T @ unit))
