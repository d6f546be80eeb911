"""The distinct event times of each stratum, and which of them fall into each patient's time at risk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["event_times", "late_start"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


def event_times(
    time: FloatArray, happened: npt.NDArray[np.bool_], code: IntArray | None
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return the order of rows by stratum and time, and the distinct event times of each stratum in turn.

    Those are numbered 0 to K - 1; returned are, for each row, one more than the last at which it is at risk, the first
    of each stratum (and K), and the times themselves.
    """
    order = np.argsort(time, kind="stable") if code is None else np.lexsort((time, code))
    ordered, dead = time[order], happened[order]
    new = np.append(True, np.diff(ordered) != 0) if len(order) else np.zeros(0, dtype=bool)
    if code is not None:
        new[1:] |= np.diff(code[order]) != 0
    moment = np.cumsum(new) - 1  # rank of each distinct (stratum, time)
    has_event = np.bincount(moment, dead, int(moment[-1]) + 1 if len(order) else 0) > 0
    end = np.empty(len(order), dtype=np.intp)
    end[order] = np.cumsum(has_event)[moment]
    starts = np.flatnonzero(new)[has_event]  # a row of each event time
    bounds = np.array([0, len(starts)])
    if code is not None:
        per = np.bincount(code[order][starts], minlength=int(code.max(initial=-1)) + 1)
        bounds = np.append(0, np.cumsum(per))
    return order, end, bounds, ordered[starts]


def late_start(
    first: IntArray,
    bounds: IntArray,
    group_time: FloatArray,
    entry: npt.ArrayLike | None,
    code: IntArray | None,
) -> IntArray:
    """Return the first event time at which each row is at risk: the first of its stratum after its entry."""
    if entry is None:
        return first
    days = np.asarray(entry, dtype=np.float64)
    days = np.where(np.isnan(days), -np.inf, days)
    if code is None:
        return np.searchsorted(group_time, days, side="right")
    begin = np.empty(len(days), dtype=np.intp)
    order = np.argsort(code, kind="stable")
    for s, rows in enumerate(np.split(order, np.cumsum(np.bincount(code))[:-1])):
        a, b = bounds[s], bounds[s + 1]
        begin[rows] = a + np.searchsorted(group_time[a:b], days[rows], side="right")
    return begin
