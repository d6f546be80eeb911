"""Internal-external validation: each centre is predicted by models of all the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError, NotEnoughDataError
from hybridx.evaluate.designs_split import (
    IntArray,
    Split,
    check_whole,
    counts_of,
    known_rows,
    outcome_of,
    refuse_poor_part,
)
from hybridx.terms.text import listing

__all__ = ["LeaveOneCentreOut", "centres_of"]


@dataclass(frozen=True)
class LeaveOneCentreOut:
    """Internal-external validation: every centre in turn is left out and predicted by models fitted on all the others.

    A centre that is too small to be scored alone is never tested but always trains: pooled with others it would be no
    centre. Patients whose centre is not recorded train too. Who that is stands in the notes of the result, and scores
    per centre with their pooled value in `Result.centres`.

    Parameters
    ----------
    min_patients : int
        Patients with a known outcome that a centre needs to be tested.
    min_events : int
        Events that it needs; for a response, of the rarer of responders and non-responders.

    Source
    ------
    Steyerberg EW, Harrell FE. J Clin Epidemiol 2016. doi:10.1016/j.jclinepi.2015.04.005

    Examples
    --------
    >>> LeaveOneCentreOut(min_patients=30)
    LeaveOneCentreOut(min_patients=30, min_events=5)
    """

    min_patients: int = 20
    min_events: int = 5

    def __post_init__(self) -> None:
        check_whole("LeaveOneCentreOut", {"min_patients": 2, "min_events": 1}, asdict(self))

    @property
    def words(self) -> str:
        """The design in a few words, for tables and pages."""
        return "internal-external validation, one centre left out at a time"

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return one split per centre that is tested, by name of the centre.

        Raises
        ------
        InputError
            The cohort does not say where patients were treated, or names one centre only.
        NotEnoughDataError
            Fewer than two centres are large enough, or the others hold too few events to learn from.
        """
        y = outcome_of(cohort, outcome)
        order, centre = known_rows(cohort, y), centres_of(cohort)
        tested = self._tested(cohort, y)
        splits = []
        for fold, name in enumerate(tested):
            own = centre[order] == name
            train = order[~own]
            refuse_poor_part(
                y,
                train,
                f"the training part without centre {name!r}",
                "Use NestedCV: the centres are too unequal.",
            )
            splits.append(Split(0, fold, train=train, test=order[own]))
        return splits

    def notes(self, cohort: Cohort, outcome: Outcome) -> list[str]:
        """Say which patients were never tested, and what that means."""
        order, centre = known_rows(cohort, outcome), centres_of(cohort)
        tested = self._tested(cohort, outcome)
        small = Counter(str(c) for c in centre[order] if c is not None and c not in tested)
        nowhere = int(sum(c is None for c in centre[order]))
        which = listing(tested, 12)
        notes = [
            f"{len(tested)} centres were left out in turn and predicted by models of all the others: {which}."
        ]
        if small:
            which = listing((f"{name} ({n})" for name, n in sorted(small.items())), 12)
            notes.append(
                f"Never tested but always in training, with fewer than {self.min_patients} patients or "
                f"{self.min_events} events: {which}."
            )
        if nowhere:
            notes.append(
                f"{nowhere} patients without a recorded centre were always in training: if they were treated at a "
                "tested centre, it was not wholly new to the models."
            )
        return notes

    def _tested(self, cohort: Cohort, y: Outcome) -> list[str]:
        order, centre = known_rows(cohort, y), centres_of(cohort)
        names = sorted({str(c) for c in centre[order] if c is not None})
        if not names:
            msg = (
                "LeaveOneCentreOut needs to know where patients were treated: the cohort has no column 'centre'. Add "
                "it to the patients table and extract again, or use NestedCV."
            )
            raise InputError(msg)
        if len(names) == 1:
            msg = (
                f"LeaveOneCentreOut needs two centres or more; all patients with a known {y.endpoint} are of "
                f"{names[0]!r}. Use NestedCV, or Temporal for a split by time."
            )
            raise InputError(msg)
        tested = [name for name in names if self._large(y, order[centre[order] == name])]
        if len(tested) < 2:
            sizes = listing(
                (_size(name, y, order[centre[order] == name]) for name in names),
                8,
            )
            msg = (
                f"LeaveOneCentreOut(min_patients={self.min_patients}, min_events={self.min_events}) needs two such "
                f"centres or more; {len(tested)} of {len(names)} are large enough: {sizes}. Lower the limits, or use "
                "NestedCV."
            )
            raise NotEnoughDataError(msg)
        return tested

    def _large(self, y: Outcome, rows: IntArray) -> bool:
        return len(rows) >= self.min_patients and min(counts_of(y, rows).values()) >= self.min_events


def _size(name: str, y: Outcome, rows: IntArray) -> str:
    counts = ", ".join(f"{count} {what}" for what, count in counts_of(y, rows).items())
    return f"{name} ({len(rows)} patients, {counts})"


def centres_of(cohort: Cohort) -> npt.NDArray[Any]:
    """Return each patient's centre as text, None where it is not recorded; array of objects, shape (n,)."""
    frame = cohort.frame([])
    if "centre" not in frame.columns:
        return np.full(len(cohort.patients), None, dtype=object)
    return np.array([None if c is None else str(c) for c in frame["centre"].to_list()], dtype=object)
