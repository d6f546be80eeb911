"""The course on one axis of days: scans, blood samples, sequencing and treatments around baseline; lab sparklines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hybridx.report.language import say
from hybridx.report.rendering import shorten
from hybridx.report.svg import ACCENT, GRID, HIGHER, INK, MUTED, Drawing, Scale, ticks

__all__ = ["Happening", "sparkline", "timeline_figure"]


@dataclass(frozen=True)
class Happening:
    """Something on the time axis: a point (no `end`) or a stretch of days relative to baseline."""

    lane: str
    label: str
    day: float
    end: float | None = None


def timeline_figure(happenings: Sequence[Happening], *, title: str, width: float = 1060) -> Markup:
    """Draw one lane per kind of happening; day 0 is baseline.

    Parameters
    ----------
    happenings : sequence of Happening
        Those with a finite day; lanes appear in the order of their first member.
    """
    shown = [h for h in happenings if math.isfinite(h.day)]
    lanes = list(dict.fromkeys(h.lane for h in shown))
    first = min([0.0, *(h.day for h in shown)])
    last = max([30.0, *(h.day if h.end is None else h.end for h in shown)])
    margin = 0.03 * (last - first)
    row, top = 26, 12
    x = Scale(first - margin, last + margin, 116, width - 12)
    bottom = top + row * len(lanes)
    drawing = Drawing(
        width,
        bottom + 38,
        title,
        "; ".join(
            say("{what}: day {day:.0f}", what=f"{h.lane}, {shorten(h.label, 40)}", day=h.day) for h in shown
        ),
    )
    for i, lane in enumerate(lanes):
        y = top + row * i
        drawing.rect(x.start, y + 2, x.end - x.start, row - 4, "#f4f6f8", rx="3")
        drawing.text(x.start - 10, y + 17, shorten(lane, 18), anchor="end", colour=INK, size=12)
        members = [h for h in shown if h.lane == lane]
        for happening in members:
            # a lone point carries its name where the lane does not say it already
            named = len(members) == 1 and happening.label.casefold() != lane.casefold()
            _place(drawing, happening, x, y, row, named=named)
    drawing.line(x(0), top - 6, x(0), bottom + 2, HIGHER, stroke_width=1.4, stroke_dasharray="4 2")
    for day in ticks(first, last, 8):
        drawing.line(x(day), bottom, x(day), bottom + 4, MUTED)
        drawing.text(x(day), bottom + 17, f"{day:g}", anchor="middle", size=11.5)
    drawing.text(x.end, bottom + 33, say("days from baseline (dashed line)"), anchor="end", size=11.5)
    return drawing.markup()


def _place(drawing: Drawing, happening: Happening, x: Scale, y: float, row: float, *, named: bool) -> None:
    tip = say("{what}: day {day:.0f}", what=shorten(happening.label), day=happening.day)
    if happening.end is None:
        drawing.circle(x(happening.day), y + row / 2, 5, ACCENT, tip, stroke="#fff")
        if named:
            drawing.text(x(happening.day) + 9, y + 17, shorten(happening.label, 28), colour=INK, size=11)
        return
    tip += f" – {happening.end:.0f}"
    left, right = x(happening.day), max(x(happening.end), x(happening.day) + 5)
    drawing.rect(left, y + 5, right - left, row - 10, ACCENT, tip, rx="3", fill_opacity="0.85")
    label = shorten(happening.label, 28)
    if right - left > 7 * len(
        label
    ):  # the name inside its bar when it fits, else beside it where there is room
        drawing.text(left + 6, y + 17, label, colour="#fff", size=11)
    elif right + 7 * len(label) < x.end:
        drawing.text(right + 6, y + 17, label, colour=INK, size=11)


def sparkline(
    days: Sequence[float], values: Sequence[float], low: float | None, high: float | None, *, title: str
) -> Markup:
    """Draw a laboratory value over days with its reference range as a grey band and baseline dashed."""
    known = sorted((d, v) for d, v in zip(days, values, strict=True) if math.isfinite(d) and math.isfinite(v))
    if not known:
        return Markup("–")
    bounds = [b for b in (low, high) if b is not None and math.isfinite(b)]
    floor, ceiling = min([*(v for _, v in known), *bounds]), max([*(v for _, v in known), *bounds])
    pad = 0.12 * (ceiling - floor) or 1.0
    y = Scale(floor - pad, ceiling + pad, 25, 1)
    x = Scale(known[0][0], known[-1][0], 6, 112)
    drawing = Drawing(
        118, 26, title, "; ".join(say("day {day:.0f}: {value:g}", day=d, value=v) for d, v in known)
    )
    if bounds:
        top = y(high) if high is not None and math.isfinite(high) else 1.0
        bottom = y(low) if low is not None and math.isfinite(low) else 25.0
        drawing.rect(0, top, 118, bottom - top, GRID)
    if known[0][0] < 0 < known[-1][0]:
        drawing.line(x(0), 0, x(0), 26, MUTED, stroke_dasharray="3 2")
    drawing.path([(x(d), y(v)) for d, v in known], ACCENT, stroke_width=1.6)
    for day, value in known:
        outside = any(
            b is not None and math.isfinite(b) and sign * (value - b) > 0
            for b, sign in ((low, -1), (high, 1))
        )
        drawing.circle(
            x(day),
            y(value),
            2.8,
            HIGHER if outside else ACCENT,
            say("day {day:.0f}: {value:g}", day=day, value=value),
        )
    return drawing.markup()
