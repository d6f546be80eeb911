"""What several checks look at, computed once: the table of the scored patients, its ranks, its tests, the risk."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import rankdata

from hybridx.checks.analysis import Analysis
from hybridx.checks.finding import NotApplicable
from hybridx.cohort.cohort import Cohort
from hybridx.cohort.columns import feature_columns, modality_of, to_matrix
from hybridx.cohort.outcome import Outcome
from hybridx.prepare.single_tests import column_tests

__all__ = ["Facts", "ranks_of"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Facts:
    """An analysis as the checks see it.

    Parameters
    ----------
    analysis : Analysis
    other : Cohort, optional
        A second cohort, in which no patient of the first may appear.
    explanation : object, optional
        In place of the one that the analysis holds.
    """

    def __init__(self, analysis: Analysis, other: Cohort | None = None, explanation: Any = None) -> None:
        self.analysis = analysis
        self.other = other
        self.explanation = analysis.explanation if explanation is None else explanation

    @cached_property
    def y(self) -> Outcome:
        """Known outcomes, in the order of `patients`."""
        return self.analysis.outcome

    @property
    def patients(self) -> tuple[str, ...]:
        """Patients with a known outcome, by identifier."""
        return self.analysis.scored_patients

    @cached_property
    def whole(self) -> pl.DataFrame:
        """The wide table of all patients of the cohort, in its order."""
        return self.analysis.cohort.frame()

    @cached_property
    def rows(self) -> npt.NDArray[np.intp]:
        """Rows of the scored patients in `whole`."""
        place = {patient: i for i, patient in enumerate(self.analysis.cohort.patients)}
        return np.array([place[p] for p in self.patients], dtype=np.intp)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The wide table of the scored patients."""
        return self.whole[self.rows]

    @cached_property
    def columns(self) -> list[str]:
        """All feature columns."""
        return feature_columns(self.whole)

    @cached_property
    def modality(self) -> npt.NDArray[np.str_]:
        """Modality of each column."""
        return np.array([modality_of(c) for c in self.columns], dtype=np.str_)

    @cached_property
    def whole_matrix(self) -> FloatArray:
        """Values of all patients, NaN where missing."""
        return to_matrix(self.whole, self.columns)

    @cached_property
    def matrix(self) -> FloatArray:
        """Values of the scored patients, shape (n, p)."""
        return self.whole_matrix[self.rows]

    @cached_property
    def measured(self) -> dict[str, BoolArray]:
        """Which scored patients have each modality."""
        return {
            name: self.analysis.cohort.measured[name].to_numpy().astype(bool)[self.rows]
            for name in self.analysis.cohort.modalities
        }

    @cached_property
    def ranks(self) -> FloatArray:
        """Ranks of the values within each column, NaN where missing."""
        return ranks_of(self.matrix)

    @cached_property
    def tests(self) -> tuple[FloatArray, FloatArray]:
        """Signed statistic and p-value of each column's ranks against the outcome, two arrays of shape (p,)."""
        z, p = column_tests(self.ranks, self.y)
        return np.nan_to_num(z), p

    @cached_property
    def centre(self) -> npt.NDArray[np.str_]:
        """Centre of each scored patient, empty where unknown.

        Raises
        ------
        NotApplicable
            The cohort has no centres, or only one with ten patients or more.
        """
        if "centre" not in self.frame.columns:
            msg = "the cohort has no column `centre`"
            raise NotApplicable(msg)
        centre = np.array(self.frame["centre"].cast(pl.String).fill_null("").to_list(), dtype=np.str_)
        names, counts = np.unique(centre[centre != ""], return_counts=True)
        if np.sum(counts >= 10) < 2:
            msg = f"fewer than two centres with 10 patients or more ({len(names)} centres in all)"
            raise NotApplicable(msg)
        return centre

    @cached_property
    def happened(self) -> BoolArray:
        """Who had the event, or responded.

        Raises
        ------
        NotApplicable
            The outcome has no events.
        """
        if self.y.kind == "survival":
            return self.y.event
        if self.y.kind == "response":
            return np.asarray(self.y.value == 1.0)
        msg = f"a {self.y.kind} outcome has no events"
        raise NotApplicable(msg)

    @cached_property
    def risk(self) -> FloatArray:
        """The primary model's out-of-fold score, standardised within each fold, mean over repeats; NaN without one."""
        panel = self.analysis.panel(self.analysis.primary)
        total, count = np.zeros(len(self.patients)), np.zeros(len(self.patients))
        for fold, score in zip(panel.fold, panel.score, strict=True):
            for name in np.unique(fold[fold >= 0]):
                rows = np.flatnonzero((fold == name) & np.isfinite(score))
                if len(rows) < 2:
                    continue
                values = score[rows] - score[rows].mean()
                spread = values.std()
                total[rows] += values / spread if spread > 1e-12 else 0.0
                count[rows] += 1
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def headline(self) -> str:
        """Return the name of the first metric of the outcome's kind."""
        return self.analysis.metrics[0]

    def ranks_patients(self) -> bool:
        """Return whether the primary model is shown to rank patients better than chance (by its headline metric)."""
        found = self.analysis.estimate(self.analysis.primary, self.headline())
        return bool(found.low > 0.5)


def ranks_of(matrix: FloatArray) -> FloatArray:
    """Return average ranks within each column, NaN where missing, shape (n, p)."""
    missing = np.isnan(matrix)
    ranks = rankdata(
        np.where(missing, np.inf, matrix), axis=0
    )  # what is missing ranks last: others keep theirs
    return np.where(missing, np.nan, ranks)
