"""Repeated stratified cross-validation of the whole procedure."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import NotEnoughDataError
from hybridx.evaluate.designs_split import (
    MIN_EVENTS,
    IntArray,
    Split,
    check_whole,
    counts_of,
    deal_folds,
    known_rows,
    measured_patterns,
    outcome_of,
    strata_of,
)

__all__ = ["NestedCV"]


@dataclass(frozen=True)
class NestedCV:
    """Repeated stratified k-fold cross-validation of the whole procedure, tuning included.

    The outer folds are made here; the inner ones live in each model's own `fit`, which sees the training part only.
    Patients are dealt to folds stratum by stratum (event or not, then the pattern of measured modalities), so folds
    differ by at most one event. The deal depends on patient identifiers and the seed, not on the order of rows.

    Parameters
    ----------
    folds : int
        Test parts per repeat, >= 2.
    repeats : int
        Independent deals, >= 1. They lessen the luck of one deal; they add no patients.
    seed : int
        Same seed, same folds.

    Examples
    --------
    >>> NestedCV(folds=5, repeats=2).splits(cohort, "OS")  # doctest: +SKIP
    """

    folds: int = 5
    repeats: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("NestedCV", {"folds": 2, "repeats": 1, "seed": 0}, asdict(self))

    @property
    def words(self) -> str:
        """The design in a few words, for tables and pages."""
        return f"{self.repeats} × {self.folds}-fold nested cross-validation"

    def notes(self, cohort: Cohort, outcome: Outcome) -> list[str]:  # noqa: ARG002 - everyone is tested
        """Return nothing: every patient with a known outcome is tested in every repeat."""
        return []

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return ``folds x repeats`` splits of the patients whose outcome is known.

        Parameters
        ----------
        cohort : Cohort
            Gives identifiers and the pattern of measured modalities.
        outcome : Outcome or str
            One row per patient of the cohort, or the name of one of its endpoints.

        Raises
        ------
        NotEnoughDataError
            Too few patients or events for this number of folds; the message says how many would do.
        """
        y = outcome_of(cohort, outcome)
        rows = np.flatnonzero(y.known)
        self._refuse_too_few(y, rows)
        ids = [cohort.patients[i] for i in rows]
        strata = list(zip(strata_of(y, rows), measured_patterns(cohort, rows), strict=True))
        order = known_rows(cohort, y)
        splits = []
        for repeat in range(self.repeats):
            fold_of = np.full(len(y), -1)
            fold_of[rows] = deal_folds(ids, strata, self.folds, seed=(self.seed, repeat))
            for fold in range(self.folds):
                in_test = fold_of[order] == fold
                splits.append(Split(repeat, fold, train=order[~in_test], test=order[in_test]))
        return splits

    def _refuse_too_few(self, y: Outcome, rows: IntArray) -> None:
        n, counts = len(rows), counts_of(y, rows)
        rarest = min(counts, key=lambda name: counts[name])
        if n < 2 * self.folds or counts[rarest] < max(self.folds, MIN_EVENTS):
            possible = min(counts[rarest], n // 2)
            cure = (
                f"Use NestedCV(folds={possible}), or a longer follow-up or a more frequent endpoint."
                if counts[rarest] >= MIN_EVENTS and possible >= 2
                else f"No number of folds helps below {MIN_EVENTS} {rarest}: wait for more, or pool centres."
            )
            found = ", ".join(f"{count} {name}" for name, count in counts.items())
            who = "1 patient" if n == 1 else f"{n} patients"
            msg = (
                f"{y.endpoint}: {who} with a known outcome, {found}; {self.folds} folds need at least "
                f"{2 * self.folds} patients and {max(self.folds, MIN_EVENTS)} {rarest}, one in each test part. {cure}"
            )
            raise NotEnoughDataError(msg)
