"""The line beside the network: a ridge model of the anchor modality, which the network has to beat."""

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
        known, rows = frame[: len(y)], np.flatnonzero(measured[: len(y)])
        data = TrainingData(to_matrix(known, columns), columns, y, patient_keys(known, columns)).rows(rows)
        kind = CoxRidge if y.kind == "survival" else LogisticModel
        model = kind(prior_sd=prior_sd, n_folds=n_folds, random_state=random_state).fit_data(data)
        center = float(model.predictor_of(data.matrix).mean())
        return cls(model=model, center=center, data=data, rows=rows)

    def held_out(self, train: BoolArray) -> FloatArray:
        """Return the score of every patient from each refit, centred on its training mean, shape (F, n).

        Parameters
        ----------
        train : array of bool, shape (F, n)
            Whom each refit learns from; take only the scores of the others.
        """
        result = np.zeros(train.shape)
        for f, rows in enumerate(train):
            data = self.data.rows(np.flatnonzero(rows[self.rows]))
            fitted = clone(frozen(self.model)).fit_data(data)
            result[f, self.rows] = (
                fitted.predictor_of(self.data.matrix) - fitted.predictor_of(data.matrix).mean()
            )
        return result
