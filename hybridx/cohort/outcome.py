"""What happened to the patients: one type for survival, response, ordinal and continuous outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.outcome_values import (
    flags,
    floats,
    level_names,
    level_problems,
    ranks,
    survival_problems,
)
from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["Outcome", "OutcomeKind", "as_outcome"]

OutcomeKind = Literal["survival", "response", "ordinal", "continuous"]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """One endpoint of n patients, in the order of their cohort.

    Build it with `Outcome.survival`, `Outcome.response`, `Outcome.ordinal` or `Outcome.continuous`. An unknown outcome
    is NaN (`known` says where); models leave such patients out of the fit and say so.

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
        Response: 1.0 responder, 0.0 not. Ordinal: rank of the level from 0, higher is worse. Continuous: the value
        itself. NaN throughout for survival.
    origin : str
        What day 0 of `time_days` is, for example ``treatment_start``.
    criterion, responder : str
        For a response: ``RECIST 1.1``, and which categories count as responder.
    levels : tuple of str
        For an ordinal outcome, from best to worst.
    unit : str
        For a continuous outcome, UCUM, for example ``Gy`` or ``%``.
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
    unit: str = ""

    def __post_init__(self) -> None:
        n = len(self.time_days)
        problems = [
            f"{name} has {len(column)} rows where time_days has {n}"
            for name in ("event", "value", "entry_days", "cause")
            if (column := getattr(self, name)) is not None and len(column) != n
        ]
        if self.kind == "survival":
            problems += survival_problems(self.time_days, self.entry_days)
        elif self.kind == "response" and not set(np.unique(self.value[~np.isnan(self.value)])) <= {0.0, 1.0}:
            odd = np.setdiff1d(self.value[~np.isnan(self.value)], [0.0, 1.0])
            problems.append(f"a response is 1 (responder) or 0, got {listing(odd.tolist())}")
        elif self.kind == "ordinal":
            problems += level_problems(self.value, self.levels)
        elif self.kind == "continuous" and np.isinf(self.value).any():
            rows = listing(f"row {i}" for i in np.flatnonzero(np.isinf(self.value)))
            problems.append(f"a value must be finite ({rows})")
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
        time = floats(time_days, "time_days")
        return cls(
            kind="survival",
            endpoint=endpoint,
            time_days=time,
            event=flags(event, unknown=np.isnan(time)),
            value=np.full(len(time), np.nan),
            origin=origin,
            entry_days=None if entry_days is None else floats(entry_days, "entry_days"),
            cause=None if cause is None else np.asarray(cause, dtype=np.str_),
        )

    @classmethod
    def response(
        cls, value: Any, *, endpoint: str = "response", criterion: str = "", responder: str = "value is 1"
    ) -> Outcome:
        """Build a binary response: 1 (or True) responder, 0 not, NaN or null unknown."""
        values = floats(value, "response")
        return cls._without_time("response", endpoint, values, criterion=criterion, responder=responder)

    @classmethod
    def ordinal(
        cls,
        level: Any,
        *,
        levels: Sequence[Any] | None = None,
        endpoint: str = "response",
        criterion: str = "",
    ) -> Outcome:
        """Build an ordered outcome, for example CR > PR > SD > PD or tumour grades.

        Parameters
        ----------
        level : sequence of str or int, length n
            Level of each patient, by name (grades may be numbers); None, NaN or an empty text is unknown.
        levels : sequence of str or int, optional
            All levels from BEST to WORST, at least two. Left out, they are those of `criterion`.
        endpoint : str
            Its name.
        criterion : str
            ``RECIST`` and ``PERCIST`` bring their levels along; any other text is carried along.

        Raises
        ------
        InputError
            A level is none of `levels` (the nearest one is named).
        SettingsError
            `levels` repeats a level, has fewer than two, or is missing for an unknown criterion.

        Examples
        --------
        >>> y = Outcome.ordinal(["PR", "PD", None, "CR"], criterion="RECIST")
        >>> y
        Outcome(response: 3 patients, CR 1, PR 1, SD 0, PD 1, 1 unknown)
        >>> y.value.tolist()
        [1.0, 3.0, nan, 0.0]
        """
        names = level_names(levels, criterion)
        return cls._without_time("ordinal", endpoint, ranks(level, names), criterion=criterion, levels=names)

    @classmethod
    def continuous(cls, value: Any, *, endpoint: str = "value", unit: str = "") -> Outcome:
        """Build a continuous outcome, for example % change of PSA, tumour size or absorbed dose.

        Parameters
        ----------
        value : sequence of float, length n
            In `unit`; NaN or null is unknown. No direction is implied: whether more is better, only the reader knows.
        endpoint : str
            Its name.
        unit : str
            UCUM, for example ``Gy``, ``mm`` or ``%``.

        Raises
        ------
        InputError
            A value is infinite or no number.

        Examples
        --------
        >>> Outcome.continuous([-62.0, 14.5, None], endpoint="PSA change", unit="%")
        Outcome(PSA change: 2 patients, -62 to 14.5 %, 1 unknown)
        """
        return cls._without_time("continuous", endpoint, floats(value, endpoint), unit=unit)

    @classmethod
    def _without_time(cls, kind: OutcomeKind, endpoint: str, value: FloatArray, **more: Any) -> Outcome:
        n = len(value)
        nothing = np.full(n, np.nan), np.zeros(n, dtype=bool)
        return cls(kind=kind, endpoint=endpoint, time_days=nothing[0], event=nothing[1], value=value, **more)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether each patient's outcome is known, shape (n,)."""
        return np.asarray(~np.isnan(self.time_days if self.kind == "survival" else self.value))

    @property
    def n_events(self) -> int:
        """Number of events (survival), of responders (response), or of known values (ordinal, continuous)."""
        if self.kind == "survival":
            return int(self.event[self.known].sum())
        return int(np.sum(self.value == 1.0) if self.kind == "response" else self.known.sum())

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
            unit=self.unit,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outcome):
            return NotImplemented
        return (
            (self.kind, self.endpoint, self.origin) == (other.kind, other.endpoint, other.origin)
            and (self.levels, self.unit) == (other.levels, other.unit)
            and np.array_equal(self.time_days, other.time_days, equal_nan=True)
            and np.array_equal(self.event, other.event)
            and np.array_equal(self.value, other.value, equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        n_known = int(self.known.sum())
        unknown = f", {len(self) - n_known} unknown" if n_known < len(self) else ""
        if self.kind in ("response", "ordinal"):
            counts = [f"{level} {int(np.sum(self.value == k))}" for k, level in enumerate(self.levels)]
            found = ", ".join(counts) if self.kind == "ordinal" else f"{self.n_events} responders"
            return f"Outcome({self.endpoint}: {n_known} patients, {found}{unknown})"
        if not n_known:
            return f"Outcome({self.endpoint}: 0 patients{unknown})"
        if self.kind == "continuous":
            span = f"{np.nanmin(self.value):g} to {np.nanmax(self.value):g} {self.unit}".rstrip()
            return f"Outcome({self.endpoint}: {n_known} patients, {span}{unknown})"
        low, high = np.nanmin(self.time_days) / 30.4375, np.nanmax(self.time_days) / 30.4375
        return (
            f"Outcome({self.endpoint}: {n_known} patients, {self.n_events} events, "
            f"follow-up {low:.1f} to {high:.1f} months{unknown})"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:  # noqa: FBT001
        """Return the column that scikit-learn looks at: the values, or (event, time_days) records of a survival."""
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
        events = [f for f in array.dtype.names if array.dtype[f] == np.bool_]
        times = [f for f in array.dtype.names if f not in events]
        if len(events) == 1 and len(times) == 1:
            return Outcome.survival(array[times[0]], array[events[0]], endpoint=endpoint or "OS")
    elif array.ndim == 1:
        return Outcome.response(array, endpoint=endpoint or "response")
    msg = f"Expected an Outcome, (event, time) records or a column of 0/1, got {type(y).__name__} {array.dtype}."
    raise InputError(msg)
