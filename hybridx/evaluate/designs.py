"""Who is predicted by a model that never saw them: the split designs of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.terms.text import check_name

__all__ = ["Design", "NestedCV", "Split", "deal_folds", "design_from_dict", "design_to_dict"]

IntArray = npt.NDArray[np.intp]

MIN_EVENTS = 5  # below this no training part holds enough events for any fit, whatever the number of folds


@dataclass(frozen=True, eq=False)
class Split:
    """One training part and the patients it predicts.

    Parameters
    ----------
    repeat, fold : int
        From 0; the test parts of one repeat share no patient.
    train, test : array of int
        Rows of the cohort, each in the order of patient identifiers.
    """

    repeat: int
    fold: int
    train: IntArray
    test: IntArray


class Design(Protocol):
    """What `evaluate` asks of a design; a design is a frozen dataclass of plain settings."""

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return the splits of the patients whose outcome is known."""
        ...


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
        for name, least in (("folds", 2), ("repeats", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                msg = f"NestedCV({name}={value!r}): wanted a whole number >= {least}."
                raise SettingsError(msg)

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
        y = cohort.outcomes(outcome) if isinstance(outcome, str) else outcome
        if len(y) != len(cohort.patients):
            msg = f"The outcome has {len(y)} rows while the cohort has {len(cohort.patients)} patients."
            raise InputError(msg)
        rows = np.flatnonzero(y.known)
        happened = (y.event if y.kind == "survival" else y.value == 1.0)[rows]
        self._refuse_too_few(y, happened)
        ids = [cohort.patients[i] for i in rows]
        strata = list(zip((~happened).tolist(), _patterns(cohort, rows), strict=True))
        order = rows[np.argsort(np.asarray(ids, dtype=object), kind="stable")]
        splits = []
        for repeat in range(self.repeats):
            fold_of = np.full(len(y), -1)
            fold_of[rows] = deal_folds(ids, strata, self.folds, seed=(self.seed, repeat))
            for fold in range(self.folds):
                in_test = fold_of[order] == fold
                splits.append(Split(repeat, fold, train=order[~in_test], test=order[in_test]))
        return splits

    def _refuse_too_few(self, y: Outcome, happened: npt.NDArray[np.bool_]) -> None:
        n, events = len(happened), int(happened.sum())
        word = "events" if y.kind == "survival" else "responders"
        counts = {word: events} if y.kind == "survival" else {word: events, "non-responders": n - events}
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


def _patterns(cohort: Cohort, rows: IntArray) -> list[str]:
    """Name the set of measured modalities of each row, e.g. ``1101``."""
    flags = cohort.measured.drop("patient_id").to_numpy()[rows].astype(int)
    return ["".join(map(str, row)) for row in flags.tolist()]


_DESIGNS: dict[str, type[NestedCV]] = {"NestedCV": NestedCV}


def design_to_dict(design: Design) -> dict[str, Any]:
    """Return a design as plain settings for `result.json`."""
    return {"name": type(design).__name__, **asdict(design)}  # type: ignore[call-overload]


def design_from_dict(settings: dict[str, Any]) -> Design:
    """Return the design that `design_to_dict` wrote."""
    plain = dict(settings)
    name = check_name(str(plain.pop("name", "")), _DESIGNS, "design")
    return _DESIGNS[name](**plain)
