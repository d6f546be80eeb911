"""Whom the patient resembles for the model: the nearest patients by explanation, with their courses as swimmers."""

from __future__ import annotations

import math
import statistics
from typing import Any

import polars as pl
from markupsafe import Markup

from hybridx.errors import InputError
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import number
from hybridx.report.svg import ACCENT, HIGHER, INK, MUTED, Drawing, Scale, ticks
from hybridx.report.value_words import with_unit
from hybridx.terms import DAYS_PER_MONTH

__all__ = ["FEWEST", "NEAREST", "resemblance", "swimmers"]

NEAREST = 8
FEWEST = 5  # fewer would show single persons rather than a group


def resemblance(background: Background, patient: str) -> dict[str, Any]:
    """Return the neighbours' courses, by rank and without their names; `reason` where there is nothing to show."""
    why = background.explanation
    if why is None or not hasattr(why, "similar"):
        return {"reason": say("The run was made without explanations.")}
    if patient not in background.predicted or patient not in set(why.patients):
        return {"reason": say("There is no prediction to explain for this patient.")}
    known = _outcomes(background)
    try:
        near = why.similar(patient, len(why.patients), outcomes=known).table()
    except InputError:
        return {"reason": say("There is no prediction to explain for this patient.")}
    seen = near.drop_nulls("known").head(NEAREST)
    if seen.height < FEWEST:
        return {
            "reason": say("Fewer than {n} patients with a known course are near enough to compare.", n=FEWEST)
        }
    return _courses(background, seen)


def _outcomes(background: Background) -> pl.DataFrame:
    y = background.outcome
    columns: dict[str, Any] = {
        "patient_id": list(background.cohort.patients),
        "known": [True if k else None for k in y.known],
    }
    if background.is_survival:
        columns |= {"months": y.time_days / DAYS_PER_MONTH, "event": y.event}
    else:
        columns |= {"value": y.value}
    return pl.DataFrame(columns, schema_overrides={"known": pl.Boolean})


def _courses(background: Background, seen: pl.DataFrame) -> dict[str, Any]:
    n = seen.height
    predicted = [background.predicted.get(p, math.nan) for p in seen["patient_id"]]
    if not background.is_survival:
        return _found(background, seen["value"].to_list(), predicted)
    shares = ["–" if math.isnan(v) else f"{100 * v:.0f} %" for v in predicted]
    months, events = seen["months"].to_list(), seen["event"].to_list()
    title = say("Courses of the {n} nearest patients", n=n)
    return {
        "reason": None,
        "figure": swimmers(months, events, title=title),
        "sentence": say(
            "Of the {n} nearest {events} had the event, within {low} to {high} months of follow-up.",
            n=n,
            events=sum(events),
            low=number(round(min(months), 1)),
            high=number(round(max(months), 1)),
        ),
        "columns": (say("Rank"), say("Months"), say("Observed"), say("Predicted")),
        "rows": [
            (str(i + 1), f"{m:.1f}", say("event") if e else say("no event so far"), share)
            for i, (m, e, share) in enumerate(zip(months, events, shares, strict=True))
        ],
    }


def _found(background: Background, values: list[float], predicted: list[float]) -> dict[str, Any]:
    """Return what was found in the nearest patients, without a time axis."""
    y, n = background.outcome, len(values)
    if y.kind == "response":
        sentence = say("Of the {n} nearest {did} responded.", n=n, did=int(sum(values)))
        found = [say("responder") if v == 1 else say("non-responder") for v in values]
        told = ["–" if math.isnan(v) else f"{100 * v:.0f} %" for v in predicted]
    elif y.kind == "ordinal":
        counts = [(level, values.count(float(k))) for k, level in enumerate(y.levels)]
        what = ", ".join(f"{count} {level}" for level, count in counts if count)
        sentence = say("Of the {n} nearest: {what}.", n=n, what=what)
        found = [y.levels[int(v)] for v in values]
        told = ["–" if math.isnan(v) else number(1 + v) for v in predicted]
    else:
        low, middle, high = (
            with_unit(v, y.unit) for v in (min(values), statistics.median(values), max(values))
        )
        sentence = say(
            "Of the {n} nearest the median was {middle}, from {low} to {high}.",
            n=n,
            low=low,
            middle=middle,
            high=high,
        )
        found, told = ([with_unit(v, y.unit) for v in part] for part in (values, predicted))
    return {
        "reason": None,
        "figure": None,
        "sentence": sentence,
        "columns": (
            say("Rank"),
            say("Predicted level (1 the best)") if y.kind == "ordinal" else say("Predicted"),
            say("Observed"),
        ),
        "rows": [(str(i + 1), t, f) for i, (t, f) in enumerate(zip(told, found, strict=True))],
    }


def swimmers(months: list[float], events: list[bool], *, title: str, width: float = 520) -> Markup:
    """Draw one lane per patient, nearest on top: a diamond ends it at the event, an arrow where follow-up ended."""
    row, top = 19, 8
    bottom = top + row * len(months)
    x = Scale(0.0, max(*months, 1.0) * 1.04, 30, width - 14)
    spoken = "; ".join(
        f"{i + 1}: {m:.1f}, {say('event') if e else say('no event so far')}"
        for i, (m, e) in enumerate(zip(months, events, strict=True))
    )
    drawing = Drawing(width, bottom + 52, title, spoken)
    for tick in ticks(0.0, x.high, 6):
        drawing.line(x(tick), top, x(tick), bottom)
        drawing.text(x(tick), bottom + 15, f"{tick:g}", anchor="middle", size=11.5)
    for i, (month, event) in enumerate(zip(months, events, strict=True)):
        y = top + row * i + row / 2
        drawing.text(22, y + 4, str(i + 1), anchor="end", size=11.5, colour=INK)
        drawing.rect(x(0), y - 5, x(month) - x(0), 10, ACCENT, f"{month:.1f}", fill_opacity="0.8", rx="2")
        _end(drawing, x(month), y, event=event)
    drawing.text(x.end, bottom + 30, say("months"), anchor="end", size=11.5)
    legend = bottom + 44
    _end(drawing, 36, legend - 4, event=True)
    drawing.text(46, legend, say("event"), size=11.5)
    _end(drawing, 36 + width / 4, legend - 4, event=False)
    drawing.text(48 + width / 4, legend, say("no event so far"), size=11.5)
    return drawing.markup()


def _end(drawing: Drawing, x: float, y: float, *, event: bool) -> None:
    if event:
        drawing.path([(x, y - 7), (x + 7, y), (x, y + 7), (x - 7, y)], HIGHER, closed=True, stroke="#fff")
        return
    drawing.path([(x + 1, y - 5), (x + 9, y), (x + 1, y + 5)], MUTED, closed=True)
