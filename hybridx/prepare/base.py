"""What every preparation step shares: it eats a table, keeps the names, and learns from the rows it is fitted on only.

A step sees the feature columns (``<modality>.<name>``) and passes all others (identifiers, centre, flags) through in
place. Two kinds: a `TableTransformer` changes or leaves out columns, each output column coming from
exactly one input column; a `MixingTransformer` makes new columns from several. The work is done on a matrix
(`fit_matrix`, `transform_matrix`), which is also the quick way in for models that prepare many folds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import modality_of, to_frame
from hybridx.errors import InputError
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import listing

__all__ = ["FloatArray", "FrameTransformer", "MixingTransformer", "TableTransformer", "columns_after"]

FloatArray = npt.NDArray[np.float64]


def columns_after(old: list[str], gone: set[str], new: list[str]) -> list[str]:
    """Return the order of columns when some go and others come: a new one stands behind the last of its modality."""
    there = set(old) - gone
    added: dict[str, list[str]] = {}
    for name in new:
        if name not in there:
            added.setdefault(modality_of(name), []).append(name)
    last = {name.partition(".")[0]: i for i, name in enumerate(old) if "." in name}
    order: list[str] = []
    for i, name in enumerate(old):
        order += [name] if name not in gone else []
        modality = name.partition(".")[0]
        if last.get(modality) == i:
            order += added.pop(modality, [])
    return order + [name for names in added.values() for name in names]


class FrameTransformer(TransformerMixin, BaseEstimator, ABC):
    """Base of all preparation steps: frame in, frame out.

    Attributes
    ----------
    feature_names_in_ : array of str, shape (p,)
        Feature columns seen in `fit`.
    """

    feature_names_in_: npt.NDArray[np.object_]
    # False: take every value that stands in the table, also one that an earlier step put where nothing was measured
    _flags_decide: ClassVar[bool] = True

    @abstractmethod
    def _fit_table(self, table: FeatureTable, y: Any) -> None:
        """Learn from the feature columns of a table."""

    @abstractmethod
    def _transform_table(self, table: FeatureTable) -> FloatArray:
        """Return the columns that come out, shape (n, q)."""

    @abstractmethod
    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the feature columns that come out, shape (q,)."""

    @abstractmethod
    def _replaced(self) -> set[str]:
        """Return the input columns that do not come out under their own name."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the feature columns of a table; only steps that say so look at `y`."""
        return self._fit(FeatureTable.of(to_frame(X), flags_decide=self._flags_decide), y)

    def fit_matrix(self, matrix: FloatArray, names: list[str]) -> Self:
        """Learn from a matrix (n, p) with its p column names."""
        return self._fit(FeatureTable(matrix, names), None)

    def _fit(self, table: FeatureTable, y: Any) -> Self:
        if not len(table):
            msg = f"{type(self).__name__} needs at least one row to learn from, got none."
            raise InputError(msg)
        self.feature_names_in_ = np.array(table.names, dtype=object)
        self.n_features_in_ = len(table.names)
        self._fit_table(table, y)
        return self

    def transform(self, X: Any) -> pl.DataFrame:
        """Return the table with its feature columns prepared; rows and all other columns stay as they are.

        A modality of which the table has no column at all stays absent, as the fusion models take it.

        Raises
        ------
        InputError
            Columns that `fit` saw are absent although others of their modality are there.
        """
        check_is_fitted(self, "feature_names_in_")
        frame = to_frame(X)
        seen = [str(name) for name in self.feature_names_in_]
        there = set(frame.columns)
        gone = {modality_of(n) for n in seen} - {modality_of(n) for n in seen if n in there}
        absent = [name for name in seen if name not in there and modality_of(name) not in gone]
        if absent or (seen and not any(name in there for name in seen)):
            absent = absent or seen
            msg = f"{type(self).__name__} was fitted on {len(absent)} columns that this table lacks: {listing(absent)}."
            raise InputError(msg)
        prepared = self._transform_table(FeatureTable.of(frame, seen, flags_decide=self._flags_decide))
        names = [str(name) for name in self.get_feature_names_out()]
        new = {
            name: pl.Series(name, prepared[:, i], nan_to_null=True)
            for i, name in enumerate(names)
            if modality_of(name) not in gone
        }
        return self._place(frame, new)

    def _place(self, frame: pl.DataFrame, new: dict[str, pl.Series]) -> pl.DataFrame:
        """Return the frame with its new columns: in place under an old name, else behind their modality."""
        order = columns_after(frame.columns, self._replaced(), list(new))
        return frame.with_columns(list(new.values())).select(order)

    def transform_matrix(self, matrix: FloatArray) -> FloatArray:
        """Return a matrix (n, q) from one with the columns of `fit`, (n, p)."""
        return self._transform_table(FeatureTable(matrix, [str(name) for name in self.feature_names_in_]))


class TableTransformer(FrameTransformer):
    """Base of the preparation steps of which each output column comes from exactly one input column.

    Attributes
    ----------
    feature_names_in_ : array of str, shape (p,)
        Feature columns seen in `fit`.
    kept_ : array of int, shape (q,)
        Which of them come out, in the order in which they went in.
    dropped_ : dict of str to str
        Each column left out, with the reason.
    """

    kept_: npt.NDArray[np.intp]
    dropped_: dict[str, str]

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:
        """Learn from `matrix` and return the columns to leave out with the reason for each."""
        raise NotImplementedError

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:  # noqa: ARG002  most steps look at X only
        """Learn from a table; steps that need flags, the centre or the outcome start here."""
        return self._learn(table.matrix, table.names)

    def _apply(self, kept: FloatArray) -> FloatArray:
        """Change the values of the columns that stay, shape (n, q)."""
        return kept

    def _fit_table(self, table: FeatureTable, y: Any) -> None:
        names = table.names
        self.dropped_ = self._learn_table(table, y)
        self.kept_ = np.array([i for i, name in enumerate(names) if name not in self.dropped_], dtype=np.intp)

    def _transform_table(self, table: FeatureTable) -> FloatArray:
        return self.transform_matrix(table.matrix)

    def transform_matrix(self, matrix: FloatArray) -> FloatArray:
        """Return a matrix (n, q) from one with the columns of `fit`, (n, p)."""
        return self._apply(matrix[:, self.kept_])

    def _replaced(self) -> set[str]:
        return set(self.dropped_)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the feature columns that come out, shape (q,)."""
        check_is_fitted(self, "kept_")
        return np.asarray(self.feature_names_in_[self.kept_])


class MixingTransformer(FrameTransformer):
    """Base of the preparation steps that make new columns, each from several input columns.

    Attributes
    ----------
    feature_names_in_ : array of str, shape (p,)
        Feature columns seen in `fit`.
    feature_names_out_ : array of str, shape (q,)
        Feature columns that come out: those passed through, and the new ones.
    """

    feature_names_out_: npt.NDArray[np.object_]

    def _replaced(self) -> set[str]:
        return {str(name) for name in self.feature_names_in_} - {
            str(name) for name in self.feature_names_out_
        }

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the feature columns that come out, shape (q,)."""
        check_is_fitted(self, "feature_names_out_")
        return self.feature_names_out_
