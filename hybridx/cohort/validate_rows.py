"""Rules about the rows of one table: days, keys, paths, patients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import reduce
from operator import and_
from pathlib import PurePosixPath, PureWindowsPath

import polars as pl

from hybridx.cohort.read_table import Table

__all__ = ["baselines", "check_keys", "check_paths", "check_patients", "count_days"]

# A day that is given as well may be rounded, so less than a whole day apart is agreement.
_TOLERANCE_DAYS = 1.0
_DAY_COLUMNS = {"day": "date", "end_day": "end_date"}
# In these columns of a key an empty cell says "unknown", and two unknowns are not the same.
_UNKNOWN_DIFFERS = {"hgvsp", "agent"}


def check_patients(table: Table) -> None:
    """Look for ids that a person would read as one, and for unusual ones."""
    ids = table.frame["patient_id"]
    folded: dict[str, tuple[int, str]] = {}
    for row, patient in enumerate(ids):
        if patient is None:
            continue
        key = re.sub(r"[\s._-]", "", patient).casefold()
        before = folded.setdefault(key, (row, patient))
        if before[1] != patient:
            hint = f"Row {table.raw.lines[before[0]]} has {before[1]!r}: two patients, or one?"
            table.blame("T041", row, "patient_id", hint=hint)
    unusual = [r for r, p in enumerate(ids) if p is not None and not re.fullmatch(r"[A-Za-z0-9._-]*", p)]
    unusual = [
        r
        for r in unusual
        if not any(p.row == table.raw.lines[r] and p.code == "T031" for p in table.problems)
    ]
    if unusual:
        more = f" {len(unusual)} ids are like this." if len(unusual) > 1 else ""
        table.blame("T033", unusual[0], "patient_id", hint=f"Fine when it is meant.{more}")


def baselines(patients: Table | None) -> dict[str, date | None]:
    """Return each patient's baseline date; a patient whose date could not be read is left out."""
    if patients is None or "patient_id" not in patients.frame.columns:
        return {}
    ids, dates = patients.frame["patient_id"], patients.frame["baseline_date"]
    unread = patients.given("baseline_date") & dates.is_null()
    return {str(i): d for i, d, bad in zip(ids, dates, unread, strict=True) if i is not None and not bad}


def count_days(table: Table, start: Mapping[str, date | None]) -> None:
    """Turn dates into days from baseline, fill defaults, and name what contradicts or lacks a time."""
    for day, when in _DAY_COLUMNS.items():
        if day not in table.schema.columns:
            continue
        column = table.schema.columns[day]
        needed = day == "day" and column.default is None
        if needed and not (table.has(day) or table.has(when)):
            hint = f"Add it: {column.description} Or a column {when!r} with dates."
            table.blame("T015", None, day, expected=column.expected, hint=hint)
            continue
        if table.has(when):
            _from_dates(table, start, day, when)
        if needed:
            for row in (~table.given(day) & ~table.given(when)).arg_true():
                table.blame("T044", row, day, expected=f"{column.expected}, or a {when}")
        elif column.default is not None and day == "day":
            empty = ~table.given(day) & ~table.given(when)
            table.frame = table.frame.with_columns(
                pl.when(~empty).then(pl.col(day)).otherwise(pl.lit(float(column.default))).alias(day)
            )


def _from_dates(table: Table, start: Mapping[str, date | None], day: str, when: str) -> None:
    days = table.frame[day].to_list()
    undated: dict[str, list[int]] = {}
    for row, (patient, moment) in enumerate(zip(table.frame["patient_id"], table.frame[when], strict=True)):
        if moment is None or patient not in start:
            continue
        baseline = start[patient]
        if baseline is None:
            undated.setdefault(patient, []).append(row)
            continue
        counted = float((moment - baseline).days)
        if days[row] is None and not table.given(day)[row]:
            days[row] = counted
        elif days[row] is not None and abs(days[row] - counted) >= _TOLERANCE_DAYS:
            expected = f"{counted:g}, the day of {moment} from baseline {baseline}"
            table.blame("T042", row, day, expected=expected, hint="Mend one of the two, or give only one.")
    table.frame = table.frame.with_columns(pl.Series(day, days, dtype=pl.Float64))
    blame_undated(table, undated, when)


def blame_undated(table: Table, undated: Mapping[str, list[int]], when: str) -> None:
    """Name each patient whose dates cannot be counted, once per table."""
    for patient, rows in undated.items():
        more = f" And in {len(rows) - 1} more rows." if len(rows) > 1 else ""
        hint = f"Give baseline_date of {patient!r} in the patients table, or days instead of dates.{more}"
        table.blame("T043", rows[0], when, hint=hint)


def check_keys(table: Table) -> None:
    """Name every row that repeats an earlier one in all columns of the table's key."""
    key = [c for c in table.schema.key if c in table.frame.columns]
    # A cell that was bad or is missing where it must not be is no evidence of a repetition.
    usable = [table.good(c) | ~table.given(c) for c in key]
    usable += [table.good(c) for c in key if c in _UNKNOWN_DIFFERS or not table.schema.columns[c].nullable]
    rows = table.frame.select(key).with_row_index("row").filter(reduce(and_, usable))
    if table.name == "variants":
        rows = rows.filter(pl.col("gene") != "-")
    first = rows.with_columns(pl.col("row").first().over(key).alias("first")).filter(
        pl.col("row") != pl.col("first")
    )
    for row, before in first.select("row", "first").iter_rows():
        _blame_repeat(table, row, before)


def _blame_repeat(table: Table, row: int, before: int) -> None:
    column = table.schema.key[-1] if table.has(table.schema.key[-1]) else "patient_id"
    line = table.raw.lines[before]
    if (
        table.name == "labs"
        and table.frame["value"][row] is not None
        and table.frame["value"][before] is not None
    ):
        values = [f"{table.text(r, 'value')} {table.text(r, 'unit')}" for r in (row, before)]
        same = abs(table.frame["value"][row] - table.frame["value"][before]) <= 1e-9
        if not same:
            table.blame("T046", row, "value", values[0], hint=f"Row {line} says {values[1]}.")
            return
    column = "patient_id" if table.name in {"patients", "studies", "outcomes"} else column
    what = {"patients": "the same patient", "outcomes": "the same endpoint of this patient"}.get(
        table.name, f"the same {table.schema.row.removeprefix('one ')}"
    )
    hint = f"Row {line} holds {what}; keep one."
    table.blame("T040", row, column, hint=hint)


def check_paths(table: Table) -> None:
    """Refuse paths that are absolute, Windows-like, or climb out of the data folder."""
    for column in (c.name for c in table.schema.columns.values() if c.path and table.has(c.name)):
        bad = []
        for row, text in enumerate(table.frame[column]):
            if text is None:
                continue
            hint = _path_defect(text)
            if hint is not None:
                table.blame("T045", row, column, expected="a path below the data folder, with '/'", hint=hint)
                bad.append(row)
        table.spoil(column, bad)


def _path_defect(text: str) -> str | None:
    if "\\" in text:
        return (
            f"Did you mean {text.replace(chr(92), '/')!r}?"
            if ":" not in text
            else "Make it relative, with '/'."
        )
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive or text.startswith("~"):
        return "Make it relative to the data folder."
    if "://" in text:
        return "Copy the file into the data folder; addresses are not read."
    if ".." in PurePosixPath(text).parts:
        return "Copy the file into the data folder."
    if re.search(r"[\x00-\x1f\x7f]", text):
        return "Control characters do not belong in a file name."
    return None
