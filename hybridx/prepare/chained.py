"""Chained ridge regressions: each column predicted from its most correlated neighbours, in rounds, until settled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from hybridx.prepare.correlation import absolute_correlation

__all__ = ["ChainedRidge"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
_SETTLED = 1e-6  # change between rounds, in standard deviations


@dataclass(eq=False)
class ChainedRidge:
    r"""Fill gaps in standardised columns by ridge regression on other columns.

    The gaps start at 0. In every round each column with gaps is regressed on its `predictors` most correlated columns
    as they are filled at the time, :math:`|y - X b - a|^2 + \lambda |b|^2` with a free intercept, and predicted anew.
    The last round's coefficients are kept and fill new rows, each on its own, in rounds of the same kind.

    Parameters
    ----------
    penalty : float
        Lambda.
    rounds : int
        Most rounds.
    predictors : int or None
        How many columns predict each; None takes all others.
    """

    penalty: float
    rounds: int
    predictors: int | None

    def fit(self, block: FloatArray) -> ChainedRidge:
        """Learn from a matrix (n, p), NaN where missing; every column has a value somewhere."""
        p = block.shape[1]
        gaps = np.isnan(block)
        k = p - 1 if self.predictors is None else min(self.predictors, p - 1)
        near = np.round(absolute_correlation(block, "pearson"), 9)
        np.fill_diagonal(near, -1.0)
        self.near_ = np.argsort(-near, axis=1, kind="stable")[:, :k]
        self.coef_, self.intercept_ = np.zeros((p, k)), np.zeros(p)
        self.order_ = np.argsort(gaps.sum(axis=0), kind="stable")
        filled = np.where(gaps, 0.0, block)
        with_gaps = [int(j) for j in self.order_ if gaps[:, j].any()]
        self.settled_ = not with_gaps
        for _ in range(self.rounds):
            before = filled.copy()
            for j in with_gaps:
                self._regress(filled, gaps, j)
                rows = gaps[:, j]
                filled[rows, j] = self._predict(filled[rows], j)
            self.settled_ = bool(np.max(np.abs(filled - before), initial=0.0) < _SETTLED)
            if self.settled_:
                break
        for j in range(p):  # complete in training, and yet a new patient may lack it
            if not gaps[:, j].any():
                self._regress(filled, gaps, j)
        return self

    def _regress(self, filled: FloatArray, gaps: BoolArray, j: int) -> None:
        rows = ~gaps[:, j]
        x, y = filled[np.ix_(rows, self.near_[j])], filled[rows, j]
        mean, level = x.mean(axis=0), y.mean()
        centred = x - mean
        gram = centred.T @ centred
        gram[np.diag_indices_from(gram)] += self.penalty
        self.coef_[j] = cho_solve(cho_factor(gram), centred.T @ (y - level))
        self.intercept_[j] = level - mean @ self.coef_[j]

    def _predict(self, filled: FloatArray, j: int) -> FloatArray:
        return np.asarray(filled[:, self.near_[j]] @ self.coef_[j] + self.intercept_[j])

    def transform(self, block: FloatArray) -> FloatArray:
        """Return the matrix (m, p) with its gaps filled."""
        gaps = np.isnan(block)
        filled = np.where(gaps, 0.0, block)
        columns = [int(j) for j in self.order_ if gaps[:, j].any()]
        open_rows = gaps.any(axis=1)
        for _ in range(self.rounds):
            before = filled.copy()
            for j in columns:
                rows = gaps[:, j] & open_rows
                filled[rows, j] = self._predict(filled[rows], j)
            # row by row: when one patient's values have settled must not depend on the others
            open_rows &= np.abs(filled - before).max(axis=1, initial=0.0) >= _SETTLED
            if not open_rows.any():
                break
        return filled
