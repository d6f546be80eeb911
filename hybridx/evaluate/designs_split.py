"""What a design hands to `evaluate`: splits, and the refusals and dealing that designs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError

__all__ = [
    "MIN_EVENTS",
    "BoolArray",
    "Design",
    "IntArray",
    "Split",
    "check_share",
    "check_whole",
    "counts_of",
    "deal_folds",
    "known_rows",
    "measured_patterns",
    "occurred",
    "outcome_of",
    "refuse_poor_part",
    "strata_of",
]

IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

MIN_EVENTS = 5  # below this no training part holds enough events for any fit, whatever the design
FIFTHS = 5  # groups of a continuous outcome that every fold gets its share of


def _nobody() -> IntArray:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Split:
    """One training part and the patients it predicts.

    Parameters
    ----------
    repeat, fold : int
        From 0; the test parts of one repeat share no patient.
    train, test : array of int
        Rows of the cohort, each in the order of patient identifiers. A bootstrap sample holds a row several times.
    seen : array of int
        Patients of the training part, or the whole cohort, whose predictions are wanted too, to measure optimism. They
        are kept apart from the out-of-fold predictions; no ordinary metric sees them.
    """

    repeat: int
    fold: int
    train: IntArray
    test: IntArray
    seen: IntArray = field(default_factory=_nobody)


class Design(Protocol):
    """What `evaluate` asks of a design; a design is a frozen dataclass of plain settings."""

    @property
    def words(self) -> str:
        """The design in a few words, for tables and pages."""
        ...

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return the splits of the patients whose outcome is known."""
        ...

    def notes(self, cohort: Cohort, outcome: Outcome) -> list[str]:
        """Say what a reader of the scores must know about who was tested."""
        ...


def outcome_of(cohort: Cohort, outcome: Outcome | str) -> Outcome:
    """Return the outcome, one row per patient of the cohort.

    Raises
    ------
    InputError
        It has another number of rows.
    """
    y = cohort.outcomes(outcome) if isinstance(outcome, str) else outcome
    if len(y) != len(cohort.patients):
        msg = f"The outcome has {len(y)} rows while the cohort has {len(cohort.patients)} patients."
        raise InputError(msg)
    return y


def known_rows(cohort: Cohort, y: Outcome) -> IntArray:
    """Return the rows with a known outcome, in the order of patient identifiers."""
    order = np.argsort(np.asarray(cohort.patients, dtype=object), kind="stable")
    return np.asarray(order[y.known[order]], dtype=np.intp)


def occurred(y: Outcome) -> BoolArray:
    """Return who had the event, or responded, shape (n,)."""
    return np.asarray(y.event if y.kind == "survival" else y.value == 1.0, dtype=np.bool_)


def counts_of(y: Outcome, rows: IntArray) -> dict[str, int]:
    """Return what a fit needs enough of among some patients, by name: events, both classes, every level, values."""
    if y.kind == "ordinal":
        return {level: int(np.sum(y.value[rows] == rank)) for rank, level in enumerate(y.levels)}
    if y.kind == "continuous":
        return {"values": len(rows)}
    happened = int(occurred(y)[rows].sum())
    if y.kind == "survival":
        return {"events": happened}
    return {"responders": happened, "non-responders": len(rows) - happened}


def strata_of(y: Outcome, rows: IntArray) -> list[object]:
    """Return what folds are balanced by, for some patients: event or not, the level, or the fifth of a value."""
    if y.kind == "ordinal":
        return list(y.value[rows].tolist())
    if y.kind == "continuous":
        cuts = np.quantile(y.value[rows], np.arange(1, FIFTHS) / FIFTHS) if len(rows) else np.empty(0)
        return list(np.searchsorted(cuts, y.value[rows], side="left").tolist())
    return list((~occurred(y)[rows]).tolist())


def refuse_poor_part(y: Outcome, rows: IntArray, what: str, cure: str, *, least: int = MIN_EVENTS) -> None:
    """Refuse a training or test part without enough events.

    Raises
    ------
    NotEnoughDataError
        With what it has and what would cure it.
    """
    counts = counts_of(y, rows)
    if min(counts.values()) < least:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        who = "1 patient" if len(rows) == 1 else f"{len(rows)} patients"
        msg = f"{y.endpoint}: {what} holds {who}, {found}; wanted at least {least} of each. {cure}"
        raise NotEnoughDataError(msg)


def check_whole(design: str, least: dict[str, int], given: dict[str, Any]) -> None:
    """Refuse settings that are not whole numbers from `least` on.

    Raises
    ------
    SettingsError
        Names the first.
    """
    for name, bound in least.items():
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < bound:
            msg = f"{design}({name}={value!r}): wanted a whole number >= {bound}."
            raise SettingsError(msg)


def check_share(design: str, share: Any) -> None:
    """Refuse a share of test patients outside (0, 1).

    Raises
    ------
    SettingsError
    """
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        msg = (
            f"{design}(share={share!r}): wanted the share of patients to test, between 0 and 1, such as 0.3."
        )
        raise SettingsError(msg)


def deal_folds(
    ids: Sequence[str], strata: Sequence[object], folds: int, *, seed: int | Sequence[int]
) -> npt.NDArray[np.intp]:
    """Deal units to folds like cards, stratum by stratum, so that each fold gets its share of every stratum.

    Parameters
    ----------
    ids : sequence of str, length n
        Unit each row belongs to; rows of one patient stay together and take the stratum of their first row.
    strata : sequence, length n
        Label of each row; each label is spread over the folds to within one unit.
    folds : int
    seed : int or sequence of int

    Returns
    -------
    array of int, shape (n,)
        Fold of each row, 0 .. folds - 1.

    Examples
    --------
    >>> fold = deal_folds(["a", "b", "c", "d"], [0, 0, 1, 1], 2, seed=0)
    >>> sorted(fold[:2].tolist()), sorted(fold[2:].tolist())  # each stratum in each fold
    ([0, 1], [0, 1])
    """
    stratum_of: dict[str, object] = {}
    for unit, stratum in zip(ids, strata, strict=True):
        stratum_of.setdefault(unit, stratum)
    units = sorted(stratum_of)
    rng = np.random.default_rng(seed)
    shuffled = [units[i] for i in rng.permutation(len(units))]
    shuffled.sort(key=lambda unit: repr(stratum_of[unit]))  # stable: random within a stratum
    seats = rng.permutation(folds)
    fold_of = {unit: int(seats[i % folds]) for i, unit in enumerate(shuffled)}
    return np.array([fold_of[unit] for unit in ids], dtype=np.intp)


def measured_patterns(cohort: Cohort, rows: IntArray) -> list[str]:
    """Name the set of measured modalities of each row, e.g. ``1101``."""
    flags = cohort.measured.drop("patient_id").to_numpy()[rows].astype(int)
    return ["".join(map(str, row)) for row in flags.tolist()]
