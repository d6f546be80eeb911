"""What every preparation step shares: it eats a table, keeps the names, and learns from the rows it is fitted on only.

A step sees the feature columns (``<modality>.<name>``) and passes all others through in place. The work is done on a
matrix (`fit_matrix`, `transform_matrix`), which is also the quick way in for models that prepare many folds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import feature_columns, to_frame, to_matrix
from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["FloatArray", "TableTransformer"]

FloatArray = npt.NDArray[np.float64]


class TableTransformer(TransformerMixin, BaseEstimator, ABC):
    """Base of the preparation steps; each output column comes from exactly one input column.

    Attributes
    ----------
    feature_names_in_ : array of str, shape (p,)
        Feature columns seen in `fit`.
    kept_ : array of int, shape (q,)
        Which of them come out, in the order in which they went in.
    dropped_ : dict of str to str
        Each column left out, with the reason.
    """

    feature_names_in_: npt.NDArray[np.object_]
    kept_: npt.NDArray[np.intp]
    dropped_: dict[str, str]

    @abstractmethod
    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:
        """Learn from `matrix` and return the columns to leave out with the reason for each."""

    def _apply(self, kept: FloatArray) -> FloatArray:
        """Change the values of the columns that stay, shape (n, q)."""
        return kept

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn from the feature columns of a table; `y` is not looked at."""
        frame = to_frame(X)
        names = feature_columns(frame)
        return self.fit_matrix(to_matrix(frame, names), names)

    def fit_matrix(self, matrix: FloatArray, names: list[str]) -> Self:
        """Learn from a matrix (n, p) with its p column names."""
        if not len(matrix):
            msg = f"{type(self).__name__} needs at least one row to learn from, got none."
            raise InputError(msg)
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self.dropped_ = self._learn(matrix, names)
        self.kept_ = np.array([i for i, name in enumerate(names) if name not in self.dropped_], dtype=np.intp)
        return self

    def transform(self, X: Any) -> pl.DataFrame:
        """Return the table with its feature columns prepared; rows and all other columns stay as they are.

        Raises
        ------
        InputError
            A column that `fit` saw is absent.
        """
        check_is_fitted(self, "kept_")
        frame = to_frame(X)
        seen = [str(name) for name in self.feature_names_in_]
        absent = [name for name in seen if name not in frame.columns]
        if absent:
            msg = f"{type(self).__name__} was fitted on {len(absent)} columns that this table lacks: {listing(absent)}."
            raise InputError(msg)
        prepared = self.transform_matrix(to_matrix(frame, seen))
        names = self.get_feature_names_out()
        new = [pl.Series(name, prepared[:, i]) for i, name in enumerate(names)]
        return frame.drop([name for name in seen if name in self.dropped_]).with_columns(new)

    def transform_matrix(self, matrix: FloatArray) -> FloatArray:
        """Return a matrix (n, q) from one with the columns of `fit`, (n, p)."""
        return self._apply(matrix[:, self.kept_])

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the feature columns that come out, shape (q,)."""
        check_is_fitted(self, "kept_")
        return np.asarray(self.feature_names_in_[self.kept_])
