"""What happened to the patients: one type for survival, response, ordinal and continuous outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["Outcome", "OutcomeKind", "as_outcome"]

OutcomeKind = Literal["survival", "response", "ordinal", "continuous"]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """One endpoint of n patients, in the order of their cohort.

    Build it with `Outcome.survival` or `Outcome.response`. An unknown outcome is NaN (`known` says where); models
    leave such patients out of the fit and say so.

    Parameters
    ----------
    kind : {"survival", "response", "ordinal", "continuous"}
        Decides which models and metrics apply.
    endpoint : str
        For example ``OS``, ``PFS``, ``response``.
    time_days : array of float, shape (n,)
        Days from `origin` to the event or to the last follow-up, > 0; NaN where unknown. NaN throughout unless
        ``kind="survival"``.
    event : array of bool, shape (n,)
        True: it happened. False: censored.
    value : array of float, shape (n,)
        Response: 1.0 responder, 0.0 not. Ordinal: rank of the level, higher is worse. NaN throughout for survival.
    origin : str
        What day 0 of `time_days` is, for example ``treatment_start``.
    criterion, responder : str
        For a response: ``RECIST 1.1``, and which categories count as responder.
    levels : tuple of str
        For an ordinal outcome, from best to worst.
    entry_days : array of float or None
        Delayed entry: the patient is at risk only from then on.
    cause : array of str or None
        For competing events.

    Examples
    --------
    >>> y = Outcome.survival([100, 250, 90], [True, False, True], endpoint="OS")
    >>> y
    Outcome(OS: 3 patients, 2 events, follow-up 3.0 to 8.2 months)
    >>> y[[0, 2]].n_events
    2
    """

    kind: OutcomeKind
    endpoint: str
    time_days: FloatArray
    event: npt.NDArray[np.bool_]
    value: FloatArray
    origin: str = "baseline"
    criterion: str = ""
    responder: str = ""
    levels: tuple[str, ...] = ()
    entry_days: FloatArray | None = field(default=None)
    cause: npt.NDArray[np.str_] | None = field(default=None)

    def __post_init__(self) -> None:
        n = len(self.time_days)
        problems = [
            f"{name} has {len(column)} rows where time_days has {n}"
            for name in ("event", "value", "entry_days", "cause")
            if (column := getattr(self, name)) is not None and len(column) != n
        ]
        if self.kind == "survival":
            problems += _survival_problems(self.time_days, self.entry_days)
        elif self.kind == "response" and not set(np.unique(self.value[~np.isnan(self.value)])) <= {0.0, 1.0}:
            odd = np.setdiff1d(self.value[~np.isnan(self.value)], [0.0, 1.0])
            problems.append(f"a response is 1 (responder) or 0, got {listing(odd.tolist())}")
        if problems:
            msg = f"The outcome {self.endpoint!r} cannot be used: {'; '.join(problems)}."
            raise InputError(msg)

    @classmethod
    def survival(
        cls,
        time_days: Any,
        event: Any,
        *,
        endpoint: str = "OS",
        origin: str = "baseline",
        entry_days: Any = None,
        cause: Any = None,
    ) -> Outcome:
        """Build a survival outcome; NaN (or null) time means that the patient's outcome is unknown.

        Raises
        ------
        InputError
            A time is negative, zero or infinite, or an event is neither 0 nor 1.
        """
        time = _floats(time_days, "time_days")
        return cls(
            kind="survival",
            endpoint=endpoint,
            time_days=time,
            event=_bools(event, unknown=np.isnan(time)),
            value=np.full(len(time), np.nan),
            origin=origin,
            entry_days=None if entry_days is None else _floats(entry_days, "entry_days"),
            cause=None if cause is None else np.asarray(cause, dtype=np.str_),
        )

    @classmethod
    def response(
        cls, value: Any, *, endpoint: str = "response", criterion: str = "", responder: str = "value is 1"
    ) -> Outcome:
        """Build a binary response: 1 (or True) responder, 0 not, NaN or null unknown."""
        values = _floats(value, "response")
        n = len(values)
        return cls(
            kind="response",
            endpoint=endpoint,
            time_days=np.full(n, np.nan),
            event=np.zeros(n, dtype=bool),
            value=values,
            criterion=criterion,
            responder=responder,
        )

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether each patient's outcome is known, shape (n,)."""
        return np.asarray(~np.isnan(self.time_days if self.kind == "survival" else self.value))

    @property
    def n_events(self) -> int:
        """Number of events (survival) or of responders (response)."""
        return int(self.event[self.known].sum() if self.kind == "survival" else np.nansum(self.value == 1.0))

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n,)``, so that scikit-learn's splitters treat an outcome as a column."""
        return (len(self),)

    def __len__(self) -> int:
        return len(self.time_days)

    def __getitem__(self, index: Any) -> Outcome:
        if isinstance(index, tuple):  # scikit-learn indexes rows as y[rows, ...]
            index = index[0]
        rows = np.atleast_1d(np.asarray(index)) if not isinstance(index, slice) else index
        if isinstance(rows, np.ndarray) and rows.size == 0:
            rows = rows.astype(np.intp)
        return Outcome(
            kind=self.kind,
            endpoint=self.endpoint,
            time_days=self.time_days[rows],
            event=self.event[rows],
            value=self.value[rows],
            origin=self.origin,
            criterion=self.criterion,
            responder=self.responder,
            levels=self.levels,
            entry_days=None if self.entry_days is None else self.entry_days[rows],
            cause=None if self.cause is None else self.cause[rows],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outcome):
            return NotImplemented
        return (
            (self.kind, self.endpoint, self.origin) == (other.kind, other.endpoint, other.origin)
            and np.array_equal(self.time_days, other.time_days, equal_nan=True)
            and np.array_equal(self.event, other.event)
            and np.array_equal(self.value, other.value, equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        n_known = int(self.known.sum())
        unknown = f", {len(self) - n_known} unknown" if n_known < len(self) else ""
        if self.kind != "survival":
            return f"Outcome({self.endpoint}: {n_known} patients, {self.n_events} responders{unknown})"
        if not n_known:
            return f"Outcome({self.endpoint}: 0 patients{unknown})"
        low, high = np.nanmin(self.time_days) / 30.4375, np.nanmax(self.time_days) / 30.4375
        return (
            f"Outcome({self.endpoint}: {n_known} patients, {self.n_events} events, "
            f"follow-up {low:.1f} to {high:.1f} months{unknown})"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:  # noqa: FBT001
        """Return the column that scikit-learn looks at: the response, or (event, time_days) records."""
        array = self.value if self.kind != "survival" else self._records()
        return np.array(array, dtype=dtype, copy=copy)

    def _records(self) -> npt.NDArray[np.void]:
        array = np.empty(len(self), dtype=[("event", "?"), ("time_days", "<f8")])
        array["event"], array["time_days"] = self.event, self.time_days
        return cast("npt.NDArray[np.void]", array)

    def to_array(self) -> npt.NDArray[np.void]:
        """Return the structured array (`event`, `time_days`) that scikit-survival takes.

        Raises
        ------
        InputError
            It is no survival outcome, or some outcomes are unknown (drop them first: ``y[y.known]``).
        """
        if self.kind != "survival":
            msg = f"{self.endpoint!r} is a {self.kind} outcome: it has no times."
            raise InputError(msg)
        if not self.known.all():
            msg = (
                f"{int((~self.known).sum())} outcomes of {self.endpoint!r} are unknown: use y[y.known] first."
            )
            raise InputError(msg)
        return self._records()


def as_outcome(y: Any, *, endpoint: str | None = None) -> Outcome:
    """Return `y` as an `Outcome`.

    Parameters
    ----------
    y : Outcome, structured array, polars or pandas table, or array of 0/1
        A structured array needs one boolean field (the event) and one numeric field (time in days), as
        scikit-survival makes it; a table needs `time_days` and `event`; a plain array is a response.
    endpoint : str, optional
        Name to give to what has none.

    Raises
    ------
    InputError
        It is none of these.
    """
    if isinstance(y, Outcome):
        return y
    if type(y).__module__.startswith("pandas") and hasattr(y, "columns"):
        y = pl.from_pandas(y)
    if isinstance(y, pl.DataFrame):
        if {"time_days", "event"} <= set(y.columns):
            return Outcome.survival(y["time_days"], y["event"], endpoint=endpoint or "OS")
        msg = f"An outcome table needs the columns 'time_days' and 'event', got {listing(y.columns)}."
        raise InputError(msg)
    array = np.asarray(y)
    if array.dtype.names:
        flags = [f for f in array.dtype.names if array.dtype[f] == np.bool_]
        times = [f for f in array.dtype.names if f not in flags]
        if len(flags) == 1 and len(times) == 1:
            return Outcome.survival(array[times[0]], array[flags[0]], endpoint=endpoint or "OS")
    elif array.ndim == 1:
        return Outcome.response(array, endpoint=endpoint or "response")
    msg = f"Expected an Outcome, (event, time) records or a column of 0/1, got {type(y).__name__} {array.dtype}."
    raise InputError(msg)


def _survival_problems(time: FloatArray, entry: FloatArray | None) -> list[str]:
    problems = []
    bad = np.flatnonzero(~np.isnan(time) & ~((time > 0) & np.isfinite(time)))
    if bad.size:
        rows = listing(f"row {i}: {time[i]:g}" for i in bad)
        problems.append(f"time_days must be > 0 and finite ({rows})")
    if entry is not None and np.any(entry >= time):
        rows = listing(f"row {i}" for i in np.flatnonzero(entry >= time))
        problems.append(f"entry_days must lie before time_days ({rows})")
    return problems


def _floats(values: Any, name: str) -> FloatArray:
    try:
        if isinstance(values, pl.Series):
            return values.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
        if isinstance(values, Sequence):
            values = [np.nan if v is None else v for v in values]
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        msg = f"{name} holds something that is not a number: {error}"
        raise InputError(msg) from error
    if array.ndim != 1:
        msg = f"{name} has shape {array.shape} while it should be one column, (n,)."
        raise InputError(msg)
    return array


def _bools(values: Any, unknown: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    numbers = _floats(values, "event")
    if len(numbers) != len(unknown):
        msg = f"event has {len(numbers)} rows where time_days has {len(unknown)}."
        raise InputError(msg)
    odd = ~unknown & ~np.isin(numbers, (0.0, 1.0))
    if odd.any():
        rows = listing(f"row {i}: {numbers[i]:g}" for i in np.flatnonzero(odd))
        msg = f"event must be 1 (it happened) or 0 (censored): {rows}."
        raise InputError(msg)
    return np.asarray(np.where(unknown, 0.0, numbers) == 1.0)
