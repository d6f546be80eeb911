"""What a model learns from: known outcomes, enough events, columns found by name, rows in an order of their own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Outcome, as_outcome
from hybridx.cohort.columns import feature_columns, to_frame, to_matrix
from hybridx.cohort.outcome import OutcomeKind
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError
from hybridx.models.folds import canonical_order, inner_folds, patient_keys
from hybridx.prepare import Preparation
from hybridx.terms.text import listing

__all__ = [
    "MIN_EVENTS",
    "Endpoint",
    "TrainingData",
    "check_columns",
    "check_enough",
    "event_folds",
    "known_rows",
    "outcome_content",
    "training_data",
    "warn_of_entry",
]

# What fusion models take; models of one table take every kind of outcome (`hybridx.cohort.outcome.OutcomeKind`).
Endpoint = Literal["survival", "response"]
FloatArray = npt.NDArray[np.float64]

# One event (or responder, or non-responder, or patient of each level) for each of five inner folds: with fewer, the
# penalty cannot be chosen. A continuous outcome needs twice as many patients: above and below its middle.
MIN_EVENTS = 5


@dataclass(frozen=True)
class TrainingData:
    """Rows with a known outcome, in canonical order: shuffled input gives the same object."""

    matrix: FloatArray
    columns: list[str]
    y: Outcome
    keys: npt.NDArray[np.str_]

    def rows(self, index: npt.NDArray[np.intp]) -> Self:
        """Return some of the rows; keep them in rising order, as a model's fit leans on it."""
        return replace(self, matrix=self.matrix[index], y=self.y[index], keys=self.keys[index])

    def named(self) -> list[Any]:
        """Return all that a fit can depend on, as plain values and arrays: equal data give equal names."""
        return [self.matrix, self.columns, self.keys, outcome_content(self.y)]

    def folds(self, n_folds: int, random_state: int) -> npt.NDArray[np.intp]:
        """Return the inner fold of each row, at most as many folds as there are events."""
        return inner_folds(self.y, self.keys, _possible(self.y, n_folds), random_state)


def outcome_content(y: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values and arrays."""
    return {each.name: getattr(y, each.name) for each in fields(y)}


def event_folds(
    frame: pl.DataFrame, columns: list[str], y: Outcome, n_folds: int, random_state: int
) -> npt.NDArray[np.intp]:
    """Return the inner fold of each row of a table, at most as many folds as there are events."""
    return inner_folds(y, patient_keys(frame, columns), _possible(y, n_folds), random_state)


def _possible(y: Outcome, n_folds: int) -> int:
    rare = y.n_events
    if y.kind == "response":
        rare = min(y.n_events, len(y) - y.n_events)
    elif y.kind == "ordinal":
        rare = int(np.unique(y.value, return_counts=True)[1].min())
    return max(2, min(n_folds, rare))


def known_rows(
    X: Any, y: Any, endpoint: OutcomeKind, *, late_entry: bool = False, ordered: bool = True
) -> tuple[pl.DataFrame, Outcome]:
    """Return table and outcome of the patients whose outcome is known, in canonical order.

    Parameters
    ----------
    late_entry : bool
        True: the caller honours delayed entry, or warns itself (`warn_of_entry`).
    ordered : bool
        False keeps the order of the table: for fits that hang on no order, of so many patients that sorting them by
        name would take longer.

    Warns
    -----
    HybridxWarning
        Patients without a known outcome were left out; delayed entry is not used.

    Raises
    ------
    InputError
        Lengths differ, or the outcome is of another kind than the model's endpoint.
    """
    frame, outcome = to_frame(X), as_outcome(y)
    if frame.height != len(outcome):
        msg = f"The table has {frame.height} rows while the outcome has {len(outcome)}."
        raise InputError(msg)
    if outcome.kind != endpoint:
        msg = f"This model is for {endpoint}; {outcome.endpoint!r} is a {outcome.kind} outcome."
        raise InputError(msg)
    known = outcome.known
    if not known.all():
        text = f"{int((~known).sum())} of {len(outcome)} patients have no known {outcome.endpoint!r} and are left out."
        warnings.warn(text, HybridxWarning, stacklevel=4)
    if not known.all():
        rows = np.flatnonzero(known)
        frame, outcome = frame[rows], outcome[rows]
    if not late_entry:
        warn_of_entry(outcome, "This model")
    if not ordered:
        return frame, outcome
    order = canonical_order(outcome, patient_keys(frame, feature_columns(frame)))
    return frame[order], outcome[order]


def warn_of_entry(y: Outcome, who: str) -> None:
    """Warn that a model, by name, does not use delayed entry, where there is any."""
    if y.entry_days is not None and np.nan_to_num(y.entry_days).any():
        text = f"{who} does not use entry_days: every patient counts as followed from day 0."
        warnings.warn(text, HybridxWarning, stacklevel=5)


def check_enough(y: Outcome, who: str, min_events: int = MIN_EVENTS) -> None:
    """Refuse outcomes too few to learn from.

    Raises
    ------
    NotEnoughDataError
        Fewer than `min_events` events, or fewer responders or non-responders, or fewer patients of any level, or fewer
        than twice as many values of a continuous outcome.
    """
    n = len(y)
    if y.kind == "ordinal":
        _check_levels(y, who, min_events)
        return
    if y.kind == "continuous":
        if n < 2 * min_events or np.ptp(y.value) == 0:
            same = ", all with one value" if n and np.ptp(y.value) == 0 else ""
            msg = (
                f"{who} needs at least {2 * min_events} patients who differ in {y.endpoint!r}; got {n}{same}."
            )
            raise NotEnoughDataError(msg)
        return
    if y.kind == "survival":
        if y.n_events >= min_events:
            return
        counts = "no events" if not y.n_events else f"{y.n_events} events"
        msg = f"{who} needs at least {min_events} events of {y.endpoint!r}; got {counts} in {n} patients."
        raise NotEnoughDataError(msg)
    rest = n - y.n_events
    if min(y.n_events, rest) < min_events:
        msg = (
            f"{who} needs at least {min_events} responders and {min_events} non-responders; got {y.n_events} and "
            f"{rest} in {n} patients."
        )
        raise NotEnoughDataError(msg)


def _check_levels(y: Outcome, who: str, least: int) -> None:
    counts = [int(np.sum(y.value == k)) for k in range(len(y.levels))]
    if min(counts) < least:
        found = ", ".join(f"{level} {count}" for level, count in zip(y.levels, counts, strict=True))
        msg = (
            f"{who} needs at least {least} patients of each level of {y.endpoint!r}; got {found} in {len(y)} "
            "patients. Give neighbouring levels one name, or use a yes/no response."
        )
        raise NotEnoughDataError(msg)


def check_columns(preparation: Preparation, who: str) -> None:
    """Refuse a table of which no column is left after preparation.

    Raises
    ------
    NotEnoughDataError
        Names the columns and why each was dropped.
    """
    if len(preparation.kept_):
        return
    reasons = listing(f"{name} ({reason})" for name, reason in preparation.dropped_.items())
    msg = f"{who} has no usable column: {reasons}."
    raise NotEnoughDataError(msg)


def training_data(
    X: Any, y: Any, columns: Sequence[str] | None, endpoint: OutcomeKind, who: str
) -> TrainingData:
    """Return what a model is fitted on.

    Parameters
    ----------
    columns : sequence of str or None
        Feature columns by name; None takes every feature column of the table.
    who : str
        The model's name, for messages.
    """
    frame, outcome = known_rows(X, y, endpoint, late_entry=True)  # `TableModel.fit_data` warns, by name
    names = feature_columns(frame) if columns is None else list(columns)
    if not names:
        msg = f"{who} found no feature column: features are numeric columns named '<modality>.<name>'."
        raise InputError(msg)
    return TrainingData(to_matrix(frame, names), names, outcome, patient_keys(frame, names))
