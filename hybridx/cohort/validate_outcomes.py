"""Rules about outcomes: each row is one kind of outcome, times are after baseline, endpoints can be learnt."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date

import polars as pl

from hybridx.cohort.read_table import Table
from hybridx.cohort.validate_levels import read_levels
from hybridx.cohort.validate_rows import blame_undated
from hybridx.terms.endpoints import ENDPOINTS, canonical_endpoint, nearest_endpoint
from hybridx.terms.response import CRITERIA, find_response, nearest_response

__all__ = ["check_outcomes"]

_BASELINE = "baseline"
_OTHERS = {"response": "response", "level": "ordinal", "value": "continuous"}  # column: kind, beside survival
# These end with death at the latest, so their time cannot exceed that of overall survival.
_WITHIN_OS = ("PFS", "DFS", "RFS", "EFS", "DMFS", "MFS", "LMFS", "BMFS", "LRFS", "rPFS")


def check_outcomes(table: Table, start: Mapping[str, date | None]) -> None:
    """Check the rows of the outcomes table and complete them: time from dates, criterion, responder, origin."""
    _name_endpoints(table)
    kinds = _kinds(table)
    _count_times(table, start, kinds)
    _read_responses(table)
    read_levels(table, kinds)
    _check_entry(table)
    origin = pl.col("origin").fill_null(_BASELINE)
    table.frame = table.frame.with_columns(origin.alias("origin"))
    if table.has("endpoint"):
        _check_endpoints(table, kinds)
        _check_order(table)


def _name_endpoints(table: Table) -> None:
    names = {e: canonical_endpoint(e) for e in table.frame["endpoint"].drop_nulls().unique()}
    table.frame = table.frame.with_columns(pl.col("endpoint").replace(names))
    rows = []
    for row, name in enumerate(table.frame["endpoint"]):
        if name is not None and name not in ENDPOINTS and _resembles(name):
            rows.append(row)
    table.blame_values(
        "T072",
        rows,
        "endpoint",
        hint=lambda v: f"Did you mean {nearest_endpoint(v)!r}? Fine if it is a name of your own.",
    )


def _resembles(name: str) -> bool:
    guess = nearest_endpoint(name)
    return (
        guess is not None and difflib.SequenceMatcher(None, name.casefold(), guess.casefold()).ratio() >= 0.75
    )


def _kinds(table: Table) -> list[str]:
    """Tell the kind of each row and name those that are of none, of several, or half."""
    timed = table.given("time_days") | table.given("date")
    event = table.given("event")
    others = {column: table.given(column) for column in _OTHERS}
    any_other = pl.Series([any(row) for row in zip(*others.values(), strict=True)], dtype=pl.Boolean)
    has_other = any(table.has(column) for column in _OTHERS)
    has_time, has_event = table.has("time_days") or table.has("date"), table.has("event")
    if not has_time and (has_event or not has_other):
        _blame_column(table, "time_days")
    if not has_event and (has_time or not has_other) and (timed & ~any_other).any():
        _blame_column(table, "event")
    kinds = []
    for row, (t, e) in enumerate(zip(timed, event, strict=True)):
        filled = [column for column in _OTHERS if others[column][row]]
        if filled:
            several = e or table.given("time_days")[row] or len(filled) > 1
            kinds.append("" if several else _OTHERS[filled[0]])
            if several:
                hint = "Write two rows, one for each endpoint."
                wanted = "either time and event, or a response, or a level, or a value"
                table.blame("T061", row, filled[0], expected=wanted, hint=hint)
            continue
        kinds.append("survival" if t or e else "")
        if t and not e and has_event:
            table.blame("T063", row, "event", expected=table.schema.columns["event"].expected)
        elif e and not t and has_time:
            table.blame("T062", row, "time_days", expected=table.schema.columns["time_days"].expected)
        elif not t and not e and has_time and has_event:
            table.blame("T060", row, "time_days", expected="time and event, or a response, level or value")
    return kinds


def _blame_column(table: Table, name: str) -> None:
    column = table.schema.columns[name]
    table.blame("T015", None, name, expected=column.expected, hint=f"Add it: {column.description}")


def _count_times(table: Table, start: Mapping[str, date | None], kinds: list[str]) -> None:
    times = table.frame["time_days"].to_list()
    days: list[float | None] = [None] * table.frame.height
    undated: dict[str, list[int]] = {}
    moments = table.frame["date"]
    for row in moments.is_not_null().arg_true():
        patient, origin = table.frame["patient_id"][row], table.frame["origin"][row]
        if patient not in start:
            continue
        baseline = start[patient]
        if baseline is None:
            undated.setdefault(patient, []).append(row)
            continue
        counted = float((moments[row] - baseline).days)
        if counted <= 0:
            table.blame("T064", row, "date", expected=f"a date after baseline, {baseline}")
        elif kinds[row] in _OTHERS.values():
            days[row] = counted
        elif times[row] is None and not table.given("time_days")[row]:
            if (origin or _BASELINE) != _BASELINE:
                hint = "A date is counted from baseline: give time_days, or leave origin empty."
                table.blame("T069", row, "origin", hint=hint)
            times[row] = counted
        elif times[row] is not None and (origin or _BASELINE) == _BASELINE and abs(times[row] - counted) >= 1:
            expected = f"{counted:g}, the day of {moments[row]} from baseline {baseline}"
            table.blame(
                "T042", row, "time_days", expected=expected, hint="Mend one of the two, or give only one."
            )
    table.frame = table.frame.with_columns(
        pl.Series("time_days", times, dtype=pl.Float64), pl.Series("day", days, dtype=pl.Float64)
    )
    blame_undated(table, undated, "date")


def _read_responses(table: Table) -> None:
    categories: list[str | None] = []
    criteria: list[str | None] = []
    responders: list[float | None] = []
    levelled = table.given("level")
    for row, (text, criterion) in enumerate(
        zip(table.frame["response"], table.frame["criterion"], strict=True)
    ):
        known = None if text is None else find_response(text)
        if text is not None and known is None:
            guess = nearest_response(text)
            hint = f"Did you mean {guess!r}?" if guess else ""
            if text.strip().casefold() in {"ne", "not evaluable"}:
                hint = "Not evaluable: leave the row out, so that the patient's response counts as unknown."
            table.blame("T065", row, "response", expected=_all_categories(), hint=hint)
        elif known is not None and criterion is not None and criterion != known[0]:
            expected = f"one of {', '.join(CRITERIA[criterion].categories)}"
            table.blame("T066", row, "response", expected=expected, hint=f"{known[1]} is {known[0]}.")
        categories.append(known[1] if known else None)
        kept = criterion if levelled[row] else None
        criteria.append(known[0] if known else kept)
        responders.append(float(CRITERIA[known[0]].is_responder(known[1])) if known else None)
    means = [
        None if c is None or r is None else " or ".join(CRITERIA[c].responders)
        for c, r in zip(criteria, responders, strict=True)
    ]
    table.frame = table.frame.with_columns(
        pl.Series("response", categories, dtype=pl.String),
        pl.Series("criterion", criteria, dtype=pl.String),
        pl.Series("responder", responders, dtype=pl.Float64),
        pl.Series("responder_means", means, dtype=pl.String),
    )


def _all_categories() -> str:
    return "one of " + ", ".join(c for criterion in CRITERIA.values() for c in criterion.categories)


def _check_entry(table: Table) -> None:
    late = (table.frame["entry_days"] >= table.frame["time_days"]).fill_null(False)
    for row in late.arg_true():
        expected = f"a day before time_days, {table.frame['time_days'][row]:g}"
        table.blame("T068", row, "entry_days", expected=expected)


def _check_endpoints(table: Table, kinds: list[str]) -> None:
    rows = table.frame.select("endpoint", "event", "responder").with_row_index("row")
    rows = rows.with_columns(pl.Series("kind", kinds)).filter(pl.col("endpoint").is_not_null())
    for (endpoint,), group in rows.group_by(["endpoint"], maintain_order=True):
        seen = [k for k in group["kind"].unique(maintain_order=True) if k]
        if len(seen) > 1:
            odd = min(seen, key=lambda k: (group["kind"] == k).sum())
            row = group.filter(pl.col("kind") == odd)["row"][0]
            hint = f"Most rows of it are {next(k for k in seen if k != odd)}: use another name for the other."
            table.blame("T067", row, "endpoint", hint=hint)
        survival = group.filter(pl.col("kind") == "survival")
        unread = survival["event"].is_null().any()
        if survival.height and not unread and not survival["event"].any():
            hint = f"All {survival.height} patients are without event: nothing can be learnt about it."
            table.blame("T070", None, "endpoint", str(endpoint), hint=hint)
        known = group.filter(pl.col("kind") == "response")["responder"].drop_nulls()
        if len(known) and len(known) == (group["kind"] == "response").sum() and known.n_unique() == 1:
            word = "respond" if known[0] == 1 else "do not respond"
            table.blame("T071", None, "endpoint", str(endpoint), hint=f"All {len(known)} patients {word}.")


def _check_order(table: Table) -> None:
    columns = ["patient_id", "origin", "endpoint", "time_days"]
    rows = table.frame.select(columns).with_row_index("row").drop_nulls()
    survival = rows.filter(pl.col("endpoint") == "OS").select(
        "patient_id", "origin", pl.col("time_days").alias("os")
    )
    other = rows.filter(pl.col("endpoint").is_in(_WITHIN_OS)).join(survival, on=["patient_id", "origin"])
    later = (
        other.filter(pl.col("time_days") >= pl.col("os") + 1).sort("row").unique("row", maintain_order=True)
    )
    for row, endpoint, last in later.select("row", "endpoint", "os").iter_rows():
        hint = f"{endpoint} ends with death or last follow-up at the latest; OS of this patient ends at {last:g}."
        table.blame("T073", row, "time_days", hint=hint)
