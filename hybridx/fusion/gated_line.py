"""The line beside the network: a ridge model of the anchor modality, whose scores the network only has to improve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.cohort.columns import to_matrix
from hybridx.models import CoxRidge, LogisticModel, TableModel, frozen
from hybridx.models.data import TrainingData
from hybridx.models.folds import patient_keys

__all__ = ["Line"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# Keeps the folds of cross-fitting apart from those on which the penalty was chosen.
_OTHER_FOLDS = 3_000_017


@dataclass(frozen=True)
class Line:
    """A fitted linear model of the anchor modality and what is needed to refit it fold by fold.

    Attributes
    ----------
    model : TableModel
        Fitted on all training patients who have the anchor.
    center : float
        Its mean in training.
    data : TrainingData
        Those patients; `rows` says where they stand.
    """

    model: TableModel
    center: float
    data: TrainingData
    rows: npt.NDArray[np.intp]
    matrix: FloatArray
    measured: BoolArray
    n_folds: int
    random_state: int

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame,
        columns: list[str],
        measured: BoolArray,
        y: Outcome,
        *,
        prior_sd: float | None,
        n_folds: int,
        random_state: int,
    ) -> Self:
        """Learn from the first ``len(y)`` rows, those with a known outcome, as far as they are measured."""
        matrix, keys = to_matrix(frame, columns), patient_keys(frame, columns)
        rows = np.flatnonzero(measured[: len(y)])
        data = TrainingData(matrix[: len(y)], columns, y, keys[: len(y)]).rows(rows)
        kind = CoxRidge if y.kind == "survival" else LogisticModel
        model = kind(prior_sd=prior_sd, n_folds=n_folds, random_state=random_state).fit_data(data)
        center = float(model.predictor_of(data.matrix).mean())
        return cls(model, center, data, rows, matrix, measured, n_folds, random_state)

    def offsets(self, train: BoolArray) -> FloatArray:
        """Return the score of every patient of the table from models that did not see the patient, shape (F, n).

        Parameters
        ----------
        train : array of bool, shape (F, n)
            Training patients of each data set. Their own scores are cross-fitted within it: scores of patients that the
            line was fitted on are too sure, and would leave the network too little to do.
        """
        return np.stack([self._offset(rows) for rows in train])

    def _offset(self, train: BoolArray) -> FloatArray:
        result, unfitted = np.zeros(len(self.matrix)), frozen(self.model)
        inside = np.flatnonzero(train[self.rows])
        data = self.data.rows(inside)
        fitted = clone(unfitted).fit_data(data)
        new = self.measured & ~train
        result[new] = fitted.predictor_of(self.matrix[new]) - fitted.predictor_of(data.matrix).mean()
        folds = data.folds(self.n_folds, self.random_state + _OTHER_FOLDS)
        for fold in np.unique(folds):
            rows, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            part = data.rows(rows)
            refit = clone(unfitted).fit_data(part)
            shift = float(refit.predictor_of(part.matrix).mean())
            result[self.rows[inside[test]]] = refit.predictor_of(data.matrix[test]) - shift
        return result
