"""Which event came first: the causes of a survival outcome, and the outcome of one cause with the others censored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hybridx.cohort import Outcome
from hybridx.errors import InputError
from hybridx.terms.text import check_name, listing

__all__ = ["asked_cause", "cause_specific", "numbers_at_risk", "stated_causes"]

FloatArray = npt.NDArray[np.float64]


def stated_causes(y: Outcome) -> list[str]:
    """Return the causes among the events of a survival outcome, sorted.

    Raises
    ------
    InputError
        It is no survival outcome, has no causes, no events, or events without a stated cause.
    """
    if y.kind != "survival":
        msg = f"Competing risks are for survival outcomes; {y.endpoint!r} is a {y.kind} outcome."
        raise InputError(msg)
    if y.cause is None:
        msg = (
            f"{y.endpoint!r} has no causes: state which event each patient had, as in "
            "Outcome.survival(time_days, event, cause=[...]), or the column `cause` of outcomes.csv."
        )
        raise InputError(msg)
    happened = y.event & y.known
    silent = happened & (y.cause == "")
    if silent.any():
        msg = (
            f"{int(silent.sum())} of {int(happened.sum())} events of {y.endpoint!r} have no stated cause: state it, or "
            "make the time of these patients unknown (NaN) to leave them out."
        )
        raise InputError(msg)
    causes = sorted(set(y.cause[happened].tolist()))
    if not causes:
        msg = f"{y.endpoint!r} has no events in {len(y)} patients."
        raise InputError(msg)
    return causes


def cause_specific(y: Outcome, cause: str) -> Outcome:
    """Return the outcome in which only events of `cause` count; whoever had another one first is censored there.

    Examples
    --------
    >>> y = Outcome.survival([10, 20, 30], [True, True, False], endpoint="DFS", cause=["relapse", "death", ""])
    >>> cause_specific(y, "relapse").event.tolist()
    [True, False, False]
    """
    causes = stated_causes(y)
    check_name(cause, causes, f"cause of {y.endpoint!r}")
    event = y.event & (np.asarray(y.cause) == cause)
    return replace(y, endpoint=f"{y.endpoint}: {cause}", event=event, cause=None)


def numbers_at_risk(y: Outcome, days: FloatArray) -> FloatArray:
    """Return how many patients are under observation just before each day, shape (n_days,).

    Whoever leaves or has an event on a day is at risk on that day; whoever enters on it (`entry_days`) is not yet.
    """
    entry = np.zeros(len(y)) if y.entry_days is None else np.nan_to_num(y.entry_days)
    entered = np.searchsorted(np.sort(entry), days, side="left")
    return (entered - np.searchsorted(np.sort(y.time_days), days, side="left")).astype(np.float64)


def asked_cause(cause: str | None, default: str | None, causes: Sequence[str]) -> str:
    """Return the cause that a call means.

    Raises
    ------
    SettingsError
        It is none of those of the fit.
    InputError
        None was named, and there are several.
    """
    wanted = default if cause is None else cause
    if wanted is not None:
        return check_name(wanted, causes, "cause")
    if len(causes) == 1:
        return causes[0]
    msg = f"Say which cause is meant: {listing(causes, 20)}."
    raise InputError(msg)
