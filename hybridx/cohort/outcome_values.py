"""Columns of an outcome as people give them -> arrays, and what cannot be true of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError, SettingsError
from hybridx.terms.response import CRITERIA
from hybridx.terms.text import check_name, listing, nearest

__all__ = ["flags", "floats", "level_names", "level_problems", "ranks", "survival_problems"]

FloatArray = npt.NDArray[np.float64]


def survival_problems(time: FloatArray, entry: FloatArray | None) -> list[str]:
    """Return what cannot be true of follow-up times and entry times, in words."""
    problems = []
    bad = np.flatnonzero(~np.isnan(time) & ~((time > 0) & np.isfinite(time)))
    if bad.size:
        rows = listing(f"row {i}: {time[i]:g}" for i in bad)
        problems.append(f"time_days must be > 0 and finite ({rows})")
    if entry is not None and np.any(entry >= time):
        rows = listing(f"row {i}" for i in np.flatnonzero(entry >= time))
        problems.append(f"entry_days must lie before time_days ({rows})")
    return problems


def level_problems(value: FloatArray, levels: tuple[str, ...]) -> list[str]:
    """Return what cannot be true of the ranks of an ordinal outcome, in words."""
    there = value[~np.isnan(value)]
    odd = np.setdiff1d(there, np.arange(len(levels), dtype=np.float64))
    wanted = f"the rank of one of its {len(levels)} levels, 0 (best) to {len(levels) - 1} (worst)"
    return [f"an ordinal value is {wanted}, got {listing(odd.tolist())}"] if odd.size else []


def _level_name(level: Any) -> str | None:
    """Return a level as text; a whole number read as a float (1.0) is the grade "1"."""
    if level is None or (isinstance(level, float | np.floating) and np.isnan(level)):
        return None
    if isinstance(level, float | np.floating) and float(level).is_integer():
        level = int(level)
    return str(level).strip() or None


def level_names(levels: Sequence[Any] | None, criterion: str) -> tuple[str, ...]:
    """Return the levels from best to worst as texts; those of the criterion when none are given."""
    if levels is None:
        return tuple(CRITERIA[check_name(criterion, CRITERIA, "criterion without `levels`")].categories)
    if isinstance(levels, str):
        levels = [levels]
    names = [_level_name(level) for level in levels]
    known = tuple(name for name in names if name is not None)
    if len(known) < 2 or len(known) < len(names) or len(set(known)) < len(known):
        msg = f"levels are at least two different names from best to worst, got {levels!r}."
        raise SettingsError(msg)
    return known


def ranks(level: Any, names: tuple[str, ...]) -> FloatArray:
    """Return the rank of each patient's level, 0 for the best, NaN where it is unknown, shape (n,)."""
    if isinstance(level, str) or np.ndim(level) != 1:
        msg = f"The levels of the patients are one column, (n,), got {type(level).__name__}."
        raise InputError(msg)
    if type(level).__module__.startswith("pandas"):  # its NA is neither None nor NaN
        level = [None if gone else one for one, gone in zip(level, level.isna(), strict=True)]
    given = [_level_name(one) for one in level]
    known = {None: float("nan")} | {name: float(rank) for rank, name in enumerate(names)}
    odd = [row for row, name in enumerate(given) if name not in known]
    if odd:
        guess = nearest(str(given[odd[0]]), names)
        hint = f" Did you mean {guess!r}?" if guess else ""
        msg = (
            f"{len(odd)} patients have a level that is none of {listing(names, 12)}: "
            f"{listing(f'row {row}: {given[row]!r}' for row in odd)}.{hint}"
        )
        raise InputError(msg)
    return np.array([known[name] for name in given], dtype=np.float64)


def floats(values: Any, name: str) -> FloatArray:
    """Return a column as float64, shape (n,), NaN where nothing is given."""
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


def flags(values: Any, unknown: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return a column of 0 and 1 as booleans, shape (n,); False where the outcome is unknown."""
    numbers = floats(values, "event")
    if len(numbers) != len(unknown):
        msg = f"event has {len(numbers)} rows where time_days has {len(unknown)}."
        raise InputError(msg)
    odd = ~unknown & ~np.isin(numbers, (0.0, 1.0))
    if odd.any():
        rows = listing(f"row {i}: {numbers[i]:g}" for i in np.flatnonzero(odd))
        msg = f"event must be 1 (it happened) or 0 (censored): {rows}."
        raise InputError(msg)
    return np.asarray(np.where(unknown, 0.0, numbers) == 1.0)
