"""Swimmer plot: each patient a lane from the origin to the event or the last follow-up, with treatments on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from markupsafe import Markup

from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import months, shorten
from hybridx.report.svg import GRID, HIGHER, INK, MUTED, Drawing, Scale, ticks
from hybridx.terms import DAYS_PER_MONTH

__all__ = ["Lane", "lane_frame", "swimmer_figure", "swimmer_part"]

MOST_LANES = 60  # more are thinner than a line; a larger cohort is drawn by evenly spaced ranks of time
_KINDS = 4
# From dark to light: the kinds stay apart in grey print.
_FILLS = ("#12355b", "#0f7fa8", "#e08a2c", "#f3d58a")
_OTHER = "other"


@dataclass(frozen=True)
class Lane:
    """One patient: months to the event or the last follow-up, the group, and stretches of treatment in months."""

    until: float
    event: bool
    group: str = ""
    treatments: tuple[tuple[str, float, float], ...] = ()


def swimmer_part(background: Background) -> dict[str, Any] | None:
    """Return figure, caption and table of the courses; None for an endpoint without time."""
    lanes = _lanes(background)
    if not lanes:
        return None
    shown = _evenly(lanes, MOST_LANES)
    drawing = swimmer_figure(
        shown,
        title=say("Courses to {endpoint}", endpoint=background.result.endpoint),
        x_label=say(
            "months from {origin}", origin=shorten(say(background.result.origin.replace("_", " ")), 40)
        ),
    )
    part = (
        say("{n} of {of} patients, evenly spaced by time", n=len(shown), of=len(lanes))
        if len(shown) < len(lanes)
        else say("{n} patients", n=len(lanes))
    )
    treated = any(lane.treatments for lane in lanes)
    how = " " + say("Who got which treatment was not decided by chance.") if treated else ""
    return {
        "drawing": drawing,
        "caption": say(
            "{patients}, one lane each, the longest on top; × event, ▸ without it at the last follow-up.",
            patients=part,
        )
        + how,
        "columns": (
            say("Group"),
            say("Patients"),
            say("Events"),
            say("Median time seen, months"),
            say("Longest, months"),
        ),
        "rows": _table(background, lanes),
    }


def _lanes(background: Background) -> list[Lane]:
    y = background.outcome
    if y.kind != "survival":
        return []
    treatments = _treatments(background)
    lanes = []
    for i in np.flatnonzero(y.known):
        patient = background.cohort.patients[i]
        until = float(y.time_days[i]) / DAYS_PER_MONTH
        group = background.groups.get(patient, "")
        given = tuple(
            (k, max(a, 0.0), min(b, until)) for k, a, b in treatments.get(patient, ()) if a < until and b > 0
        )
        lanes.append(Lane(until, bool(y.event[i]), background.group_title(group) if group else "", given))
    return sorted(lanes, key=lambda lane: (-lane.until, lane.event, lane.group, lane.treatments))


def _treatments(background: Background) -> dict[str, list[tuple[str, float, float]]]:
    """Return stretches of treatment in months by patient; the rarest kinds are one."""
    table = background.cohort.tables.get("treatments")
    # days count from baseline: on an axis that counts from elsewhere they would stand in the wrong place
    if (
        table is None
        or background.result.origin not in ("baseline", "")
        or not {"kind", "day"} <= set(table.columns)
    ):
        return {}
    rows = table.drop_nulls(["kind", "day"])
    counts = rows["kind"].value_counts().sort(["count", "kind"], descending=[True, False])
    first = counts["kind"].to_list()
    named = set(first if len(first) <= _KINDS else first[: _KINDS - 1])
    found: dict[str, list[tuple[str, float, float]]] = {}
    for row in rows.sort("day").iter_rows(named=True):
        end = row.get("end_day")
        last = row["day"] + 1 if end is None else max(end, row["day"] + 1)
        kind = row["kind"] if row["kind"] in named else _OTHER
        found.setdefault(row["patient_id"], []).append(
            (kind, row["day"] / DAYS_PER_MONTH, last / DAYS_PER_MONTH)
        )
    return found


def _evenly(lanes: Sequence[Lane], most: int) -> list[Lane]:
    if len(lanes) <= most:
        return list(lanes)
    return [lanes[i] for i in np.linspace(0, len(lanes) - 1, most).round().astype(int)]


def lane_frame(background: Background) -> pl.DataFrame | None:
    """Return what the lanes show, without identifiers: `row`, `group`, `months`, `event`, `treatments`."""
    lanes = _lanes(background)
    if not lanes:
        return None
    return pl.DataFrame(
        {
            "row": range(1, len(lanes) + 1),
            "group": [lane.group for lane in lanes],
            "months": [round(lane.until, 2) for lane in lanes],
            "event": [lane.event for lane in lanes],
            "treatments": [
                "; ".join(f"{k} {a:.1f} to {b:.1f}" for k, a, b in lane.treatments) for lane in lanes
            ],
        }
    )


def _table(background: Background, lanes: Sequence[Lane]) -> list[list[str]]:
    names = [background.group_title(g) for g in background.group_names]
    rows = []
    for name in [*names, None]:
        own = [lane for lane in lanes if name is None or lane.group == name]
        if own:
            times = [lane.until * DAYS_PER_MONTH for lane in own]
            rows.append(
                [
                    name or say("all"),
                    str(len(own)),
                    str(sum(lane.event for lane in own)),
                    months(float(np.median(times))),
                    months(max(times)),
                ]
            )
    return rows


def swimmer_figure(lanes: Sequence[Lane], *, title: str, x_label: str, width: float = 1060) -> Markup:
    """Draw the lanes in the order given.

    Parameters
    ----------
    lanes : sequence of Lane
        Times in months.
    title, x_label : str
        What is shown; what the axis counts.
    """
    row = 13.0 if len(lanes) <= 30 else 8.0
    left, top = 8.0, 6.0
    bottom = top + row * len(lanes)
    kinds = list(dict.fromkeys(k for lane in lanes for k, _, _ in lane.treatments))
    kinds = sorted(kinds, key=lambda k: (k == _OTHER, k))
    fill = {kind: _FILLS[i % len(_FILLS)] for i, kind in enumerate(kinds)}
    last = max((lane.until for lane in lanes), default=12.0)
    x = Scale(0.0, last * 1.02, left, width - 22)
    events = sum(lane.event for lane in lanes)
    drawing = Drawing(
        width,
        bottom + (66 if kinds else 42),
        title,
        say(
            "{n} courses, {events} with the event, the longest {last:.0f} months",
            n=len(lanes),
            events=events,
            last=last,
        ),
    )
    for tick in ticks(0.0, last, 8):
        drawing.line(x(tick), top, x(tick), bottom)
        drawing.text(x(tick), bottom + 16, f"{tick:g}", anchor="middle", size=11.5)
    for i, lane in enumerate(lanes):
        _draw_lane(drawing, lane, x, top + row * i, row, fill)
    drawing.text(width - 8, bottom + 33, x_label, anchor="end", size=11.5)
    for i, kind in enumerate(kinds):
        drawing.rect(left + 160 * i, bottom + 42, 16, 11, fill[kind], stroke=MUTED)
        drawing.text(left + 160 * i + 22, bottom + 52, say(kind.replace("_", " ")), size=11.5, colour=INK)
    return drawing.markup()


def _draw_lane(  # noqa: PLR0917 - what, then where
    drawing: Drawing, lane: Lane, x: Scale, y: float, row: float, fill: dict[str, str]
) -> None:
    middle, half = y + row / 2, 0.36 * row
    drawing.rect(x.start, middle - half, x(lane.until) - x.start, 2 * half, GRID)
    for kind, start, end in lane.treatments:
        drawing.rect(x(start), middle - half, max(x(end) - x(start), 2.0), 2 * half, fill[kind])
    tip, r = x(lane.until) + 5, min(3.4, half)
    if lane.event:
        drawing.line(tip - r, middle - r, tip + r, middle + r, HIGHER, stroke_width=1.8)
        drawing.line(tip - r, middle + r, tip + r, middle - r, HIGHER, stroke_width=1.8)
    else:
        drawing.path([(tip - r, middle - r), (tip + r, middle), (tip - r, middle + r)], MUTED, closed=True)
