"""The part of the cohort report on parts of the cohort: scores of centres and subgroups, with counts and gaps."""

from __future__ import annotations

import math
import re
from typing import Any

import polars as pl

from hybridx.errors import HybridxError
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import number

__all__ = ["doubts_part", "parts_of_cohort"]

AGE_CUT = 65.0  # a customary one, fixed beforehand: a cut chosen on the data would flatter itself
_MOST_DOUBTS = 8
_MOST_SMALL = 3
_KINDS = (
    (r"^(\S+) lies further out than", "{what} lies further out than in nearly all training patients"),
    (r"% of the (\S+) features lie outside", "many {what} features lie outside the training range"),
    (r"far outside what training saw", "single values far outside what training saw"),
    (r"only \d+ training patients? had just (.+)", "few training patients had just {what}"),
)


def parts_of_cohort(background: Background) -> list[dict[str, Any]]:
    """Return one table each for centre, sex and age; what the cohort cannot tell, or only of too few, is absent."""
    result, found = background.result, []
    patients = background.cohort.tables["patients"]
    asks: list[tuple[str, Any]] = []
    if "centre" in background.cohort.frame([]).columns:
        asks.append((say("Centre"), result.centres))
    if "sex" in patients.columns:
        asks.append((say("Sex"), lambda: result.subgroups("sex")))
    if "age_years" in patients.columns:
        title = say("Age, cut at {n:g} years", n=AGE_CUT)
        asks.append((title, lambda: result.subgroups("age_years", cuts=[AGE_CUT])))
    for title, ask in asks:
        try:
            scores = ask()
        except HybridxError:  # too few patients or events in every part: nothing to show
            continue
        rows = _rows(scores)
        if len(rows) > 1:
            found.append(
                {
                    "columns": _columns(background, title, scores),
                    "rows": rows,
                    "note": _note(scores),
                    # the table says who has no score
                    "told": [note for note in scores.notes if not note.startswith("Without a score")],
                }
            )
    return found


def _columns(background: Background, title: str, scores: Any) -> tuple[str, ...]:
    events = say("Events") if background.is_survival else say("Responders")
    against = next(iter(scores.gaps["other"].to_list()), "")
    gap = say("Difference to {group}", group=say(against)) if against else say("Difference")
    return (title, say("Patients"), events, say(scores.title), gap)


def _rows(scores: Any) -> list[list[str]]:
    """Return a row per part; parts too small to score are one row together when they are many."""
    gaps = {row["group"]: row for row in scores.gaps.iter_rows(named=True)}
    small = scores.table.filter(pl.col("value").is_null())
    many = small.height > _MOST_SMALL
    shown = scores.table.drop_nulls("value") if many else scores.table
    together = [
        say("{n} more", n=small.height),
        number(small["n"].sum()),
        number(small["n_events"].sum()),
        say("too few each"),
        "–",
    ]
    return [
        [
            say(row["group"]),
            number(row["n"]),
            number(row["n_events"]),
            _interval(row["value"], row["low"], row["high"]) if row["value"] is not None else say("too few"),
            _gap(gaps.get(row["group"])),
        ]
        for row in shown.iter_rows(named=True)
    ] + ([together] if many else [])


def _gap(row: Any) -> str:
    if row is None or row["difference"] is None:
        return "–"
    return _interval(row["difference"], row["low"], row["high"], "+")


def _interval(value: float, low: float | None, high: float | None, sign: str = "") -> str:
    text = f"{value:{sign}.2f}"
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        text += f" ({say('{low} to {high}', low=f'{low:{sign}.2f}', high=f'{high:{sign}.2f}')})"
    return text.replace("-", "−")


def _note(scores: Any) -> str:
    """Say whether any gap was shown, and what a new centre may expect."""
    said = []
    pooled = getattr(scores, "pooled", None)
    if pooled is not None and math.isfinite(pooled.value):
        low, high = scores.new_centre
        said.append(
            say(
                "Mean over centres {mean}; the score of another such centre is expected between {low:.2f} and "
                "{high:.2f}.",
                mean=_interval(pooled.value, pooled.low, pooled.high),
                low=low,
                high=high,
            )
        )
    apart = [
        say("{one} and {other}", one=say(r["group"]), other=say(r["other"]))
        for r in scores.gaps.iter_rows(named=True)
        if r["separated"]
    ]
    if scores.gaps.height:
        said.append(
            say("Shown to differ, counting how many were compared: {pairs}.", pairs=", ".join(apart))
            if apart
            else say("No difference between these groups was shown; that does not show that they are alike.")
        )
    return " ".join(said)


def doubts_part(background: Background) -> dict[str, Any] | None:
    """Return how often each doubt about a locked model's single predictions was raised; nobody is named."""
    doubts = getattr(background.result, "doubts", None)
    if doubts is None or not doubts.height:
        return None
    counts: dict[str, int] = {}
    for text in doubts["doubt"].to_list():
        for kind in {_kind(part) for part in str(text).split("; ")}:
            counts[kind] = counts.get(kind, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "rows": [[kind, number(count)] for kind, count in ordered[:_MOST_DOUBTS]],
        "more": max(len(ordered) - _MOST_DOUBTS, 0),
        "said": say("{n} of {of} predictions come with a doubt.", n=doubts.height, of=len(background.cohort)),
    }


def _kind(doubt: str) -> str:
    """Return a doubt without the figures of its patient, so that equal ones can be counted."""
    for pattern, words in _KINDS:
        found = re.search(pattern, doubt)
        if found:
            return say(words, what=found.group(1) if found.groups() else "")
    return doubt
