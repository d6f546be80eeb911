"""Imputation that tells a missing value from a modality that was never measured."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.impute import KNNImputer

from hybridx.errors import HybridxWarning, SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.chained import ChainedRidge
from hybridx.prepare.table import BoolArray, FeatureTable
from hybridx.terms.text import check_name

__all__ = ["BlockImputer"]

METHODS = ("median", "knn", "ridge")
IntArray = npt.NDArray[np.intp]


class BlockImputer(TableTransformer):
    """Fill a value missing inside a measured modality from that modality; leave a modality not measured empty.

    A failed feature of a scan that took place is a gap to be filled; an absent scan is not, and the fusion models treat
    it as absent. The flag ``<modality>.measured`` decides which of the two it is; without a flag a modality counts as
    measured where any of its values is there. No value of one modality is ever filled from another one.

    Parameters
    ----------
    method : {"median", "knn", "ridge"}, default "median"
        The training median; the mean of the nearest training patients by the modality's other columns; or each column
        regressed on the others by ridge regression, in rounds (chained equations, one imputation). The last two work on
        standardised columns. "knn" keeps the modality's training values in its fitted state.
    neighbours : int, default 5
        For "knn".
    penalty : float, default 1.0
        Ridge penalty for "ridge", on standardised columns, > 0.
    rounds : int, default 100
        Most rounds for "ridge".
    predictors : int or None, default 30
        For "ridge": how many columns, the most correlated ones, predict each column; None takes all others.

    Attributes
    ----------
    medians_, sd_ : array of float, shape (q,)
        Median and standard deviation of the columns that stay, over training patients with the modality.
    dropped_ : dict of str to str
        Columns that no training patient has: any number put there would be invented.

    Warns
    -----
    HybridxWarning
        The rounds of "ridge" ended before the values settled.

    Source
    ------
    "knn" is scikit-learn's `KNNImputer`, one per modality. "ridge" after van Buuren & Groothuis-Oudshoorn 2011,
    doi:10.18637/jss.v045.i03; checked against scikit-learn 1.9 `IterativeImputer(Ridge())` to 1e-5 SD.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"pet.measured": [True, True, True, False], "pet.suv": [4.0, None, 8.0, None]})
    >>> BlockImputer().fit_transform(X)["pet.suv"].to_list()
    [4.0, 6.0, 8.0, None]
    """

    medians_: FloatArray
    sd_: FloatArray

    def __init__(
        self,
        method: str = "median",
        *,
        neighbours: int = 5,
        penalty: float = 1.0,
        rounds: int = 100,
        predictors: int | None = 30,
    ) -> None:
        self.method = method
        self.neighbours = neighbours
        self.penalty = penalty
        self.rounds = rounds
        self.predictors = predictors

    def _check(self) -> None:
        check_name(self.method, METHODS, "imputation method")
        few = self.predictors is not None and self.predictors < 1
        if self.neighbours < 1 or not self.penalty > 0 or self.rounds < 1 or few:
            msg = (
                "neighbours, rounds and predictors must be >= 1 and penalty > 0, got "
                f"{self.neighbours!r}, {self.rounds!r}, {self.predictors!r} and {self.penalty!r}."
            )
            raise SettingsError(msg)

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:  # noqa: ARG002
        self._check()
        empty = np.isnan(table.matrix).all(axis=0)
        there = table.matrix[:, ~empty]
        self.medians_ = np.nanmedian(there, axis=0) if there.shape[1] else np.empty(0)
        sd = np.nanstd(there, axis=0) if there.shape[1] else np.empty(0)
        self.sd_ = np.where(sd > 1e-10 * np.abs(self.medians_), sd, 1.0)
        self.engines_: dict[str, Any] = {}
        if self.method != "median":
            kept = FeatureTable(
                there, [n for n, e in zip(table.names, empty, strict=True) if not e], table.frame
            )
            for modality, places in kept.blocks.items():
                rows = kept.measured(modality)
                columns = _by_name(places, kept.names)
                if len(columns) > 1:  # a single column has nothing beside it: its median stands
                    block = (there - self.medians_) / self.sd_
                    self.engines_[modality] = self._engine(block[np.ix_(rows, columns)], modality)
        return {
            name: "missing in every training patient" for name, e in zip(table.names, empty, strict=True) if e
        }

    def _engine(self, block: FloatArray, modality: str) -> KNNImputer | ChainedRidge:
        # rows in an order of their own: neighbours at equal distance are taken as they come
        block = block[np.lexsort(np.nan_to_num(block, nan=np.inf).T[::-1])]
        if self.method == "knn":
            return KNNImputer(n_neighbors=self.neighbours).fit(block)
        engine = ChainedRidge(self.penalty, self.rounds, self.predictors).fit(block)
        if not engine.settled_:
            text = f"Imputation of {modality} had not settled after {self.rounds} rounds; more `rounds` may change it."
            warnings.warn(text, HybridxWarning, stacklevel=2)
        return engine

    def _transform_table(self, table: FeatureTable) -> FloatArray:
        names = [table.names[i] for i in self.kept_]
        kept = FeatureTable(table.matrix[:, self.kept_], names, table.frame)
        result = kept.matrix.copy()
        for modality, places in kept.blocks.items():
            rows = kept.measured(modality)
            columns = _by_name(places, names)
            place = np.ix_(rows, columns)
            result[place] = self._filled(result[place], columns, self.engines_.get(modality))
        return result

    def _filled(self, block: FloatArray, columns: IntArray, engine: Any) -> FloatArray:
        gaps: BoolArray = np.isnan(block)
        if not gaps.any():
            return block
        median, sd = self.medians_[columns], self.sd_[columns]
        if engine is None:
            return np.where(gaps, median, block)
        guess = np.asarray(engine.transform((block - median) / sd)) * sd + median
        return np.where(gaps, guess, block)

    def transform_matrix(self, matrix: FloatArray) -> FloatArray:
        """Return a matrix (n, q) from one with the columns of `fit`, (n, p); measured is where any value is there."""
        return self._transform_table(FeatureTable(matrix, [str(name) for name in self.feature_names_in_]))


def _by_name(columns: IntArray, names: list[str]) -> IntArray:
    """Return the columns sorted by name: rounds and ties go by position, and that must not matter."""
    return np.array(sorted(columns.tolist(), key=lambda i: names[i]), dtype=np.intp)
