"""What a Cox regression learns from beyond features and outcome: strata and case weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError, SettingsError
from hybridx.models.cox_loss import CoxLoss, Ties
from hybridx.models.data import TrainingData
from hybridx.terms.text import check_name

__all__ = ["CoxData", "check_strata", "strata_of"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CoxData(TrainingData):
    """Training rows with their stratum and case weight."""

    strata: npt.NDArray[np.str_] | None = None
    weights: FloatArray | None = None

    def rows(self, index: npt.NDArray[np.intp]) -> Self:
        """Return some of the rows, in rising order."""
        return replace(
            super().rows(index),
            strata=None if self.strata is None else self.strata[index],
            weights=None if self.weights is None else self.weights[index],
        )

    def loss(self, ties: Ties) -> CoxLoss:
        """Return the partial likelihood of these rows."""
        y = self.y
        return CoxLoss(
            y.time_days, y.event, ties=ties, strata=self.strata, weights=self.weights, entry=y.entry_days
        )

    @property
    def size(self) -> float:
        """Number of patients, weighted."""
        return float(len(self.y)) if self.weights is None else float(self.weights.sum())


def check_strata(frame: pl.DataFrame, column: str) -> None:
    """Refuse a column for strata that is a feature, is absent, or is empty for some patients."""
    if "." in column:
        msg = f"strata is a column without dot, such as 'centre', got {column!r}: that one is a feature."
        raise SettingsError(msg)
    check_name(column, frame.columns, "column for strata")
    empty = frame[column].null_count()
    if empty:
        msg = f"{empty} of {frame.height} patients have no {column!r}, by which the fit is stratified."
        raise InputError(msg)


def strata_of(frame: pl.DataFrame, column: str) -> npt.NDArray[np.str_]:
    """Return the stratum of each row, by name."""
    return frame[column].cast(pl.String).to_numpy().astype(np.str_)
