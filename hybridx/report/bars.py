"""What drove the prediction: bars around a zero line, small bars inside table cells, and the dots of 100 patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hybridx.report.language import say
from hybridx.report.rendering import shorten, signed
from hybridx.report.svg import ACCENT, GRID, HIGHER, INK, LOWER, MUTED, Drawing, Scale
from hybridx.terms import Estimate

__all__ = [
    "Bar",
    "contribution_figure",
    "dots_of_hundred",
    "percentile_cell",
    "share_cell",
    "spread_figure",
    "value_cell",
]


@dataclass(frozen=True)
class Bar:
    """One contribution; `value` is NaN for a modality that was not measured."""

    label: str
    value: float
    note: str = ""


def contribution_figure(
    bars: Sequence[Bar],
    *,
    title: str,
    unit: str,
    ends: tuple[str, str],
    good: bool = False,
    width: float = 460,
) -> Markup:
    """Draw contributions as bars to the left and right of zero.

    Parameters
    ----------
    bars : sequence of Bar
        In the order in which they are drawn.
    title, unit : str
        What is shown and on which scale (``log-hazard``).
    ends : (str, str)
        What the left and the right side mean: ``("lower risk", "higher risk")``.
    good : bool
        Whether the right side is the good one (response more likely); decides the colours.
    """
    row, top = 28, 30
    reach = max((abs(b.value) for b in bars if math.isfinite(b.value)), default=0.0) or 1.0
    labels = 138
    x = Scale(-reach * 1.32, reach * 1.32, labels, width)
    drawing = Drawing(
        width, top + row * len(bars) + 24, title,
        "; ".join(f"{b.label}: {signed(b.value) if math.isfinite(b.value) else b.note}" for b in bars),
    )  # fmt: skip
    bottom = top + row * len(bars)
    left_colour, right_colour = _sides(good=good)
    drawing.text(x(0) - 8, 14, f"◀ {ends[0]}", anchor="end", colour=left_colour, size=11.5)
    drawing.text(x(0) + 8, 14, f"{ends[1]} ▶", colour=right_colour, size=11.5)
    for i, bar in enumerate(bars):
        y = top + row * i
        drawing.text(labels - 10, y + 16, shorten(bar.label, 20), anchor="end", colour=INK, size=12.5)
        if not math.isfinite(bar.value):
            drawing.text(x(0) + 8, y + 16, bar.note or say("not measured"), size=11.5, font_style="italic")
            continue
        left, right = sorted((x(0), x(bar.value)))
        raises = bar.value > 0
        drawing.rect(left, y + 4, right - left, 17, right_colour if raises else left_colour, rx="2")
        where = (right + 6, "start") if raises else (left - 6, "end")
        drawing.text(where[0], y + 17, signed(bar.value), anchor=where[1], colour=INK, size=12)
    drawing.line(x(0), top - 8, x(0), bottom, MUTED)
    drawing.text(width, bottom + 17, unit, anchor="end", size=11)
    return drawing.markup()


def _sides(*, good: bool) -> tuple[str, str]:
    return (HIGHER, LOWER) if good else (LOWER, HIGHER)


def value_cell(value: float, reach: float, *, good: bool = False, width: float = 110) -> Markup:
    """Draw one contribution as a small bar for a table cell; `reach` is the longest bar of the table."""
    x = Scale(-(reach or 1.0), reach or 1.0, 2, width - 2)
    drawing = Drawing(width, 14, say("contribution {value}", value=signed(value)))
    drawing.line(x(0), 0, x(0), 14, MUTED)
    if math.isfinite(value):
        left, right = sorted((x(0), x(value)))
        drawing.rect(left, 2, right - left, 10, _sides(good=good)[value > 0], rx="1.5")
    return drawing.markup()


def percentile_cell(percentile: float | None, *, width: float = 84) -> Markup:
    """Draw where a value stands among the cohort: a dot on a line from the lowest to the highest patient."""
    if percentile is None or not math.isfinite(percentile):
        return Markup("–")
    x = Scale(0.0, 100.0, 4, width - 4)
    drawing = Drawing(width, 14, say("percentile {n:.0f} of the cohort", n=percentile))
    drawing.line(x(0), 7, x(100), 7, "#c3cad3", stroke_width=2.0)
    drawing.line(x(50), 3, x(50), 11, MUTED)
    drawing.circle(x(percentile), 7, 4, ACCENT)
    return drawing.markup()


def share_cell(share: float, *, width: float = 84, title: str = "") -> Markup:
    """Draw a probability as a filled part of a small bar."""
    if not math.isfinite(share):
        return Markup("–")
    drawing = Drawing(width, 12, title or f"{100 * share:.0f} %")
    drawing.rect(0, 2, width, 8, GRID, rx="4")
    drawing.rect(0, 2, width * min(max(share, 0), 1), 8, ACCENT, rx="4")
    return drawing.markup()


def dots_of_hundred(share: float, *, title: str) -> Markup:
    """Draw 100 dots, as many filled as patients are expected without the event; rings for the others."""
    filled = round(100 * share)
    drawing = Drawing(214, 54, title)
    for i in range(100):
        x, y = 6 + 10.6 * (i % 20), 6 + 10.6 * (i // 20)
        if i < filled:
            drawing.circle(x, y, 4.2, ACCENT)
        else:
            drawing.circle(x, y, 3.6, "#fff", stroke="#8a94a3", stroke_width=1.1)
    return drawing.markup()


def spread_figure(
    lanes: Sequence[tuple[str, Sequence[float]]], patient: Estimate, *, title: str, width: float = 620
) -> Markup:
    """Draw where a patient's probability lies among those of the cohort, one lane per observed outcome.

    Parameters
    ----------
    lanes : sequence of (name, probabilities)
        Out-of-fold predictions of the patients with that outcome.
    patient : Estimate
        This patient's probability with its band.
    """
    row, top = 46.0, 34.0
    x = Scale(0.0, 1.0, 110, width - 14)
    bottom = top + row * len(lanes)
    said = say("this patient {n:.0f} %", n=100 * patient.value)
    drawing = Drawing(width, bottom + 44, title, said)
    if math.isfinite(patient.low) and math.isfinite(patient.high):
        drawing.rect(
            x(patient.low),
            top - 6,
            x(patient.high) - x(patient.low),
            bottom - top + 6,
            ACCENT,
            fill_opacity="0.14",
        )
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line(x(share), top - 6, x(share), bottom)
        drawing.text(x(share), bottom + 16, f"{100 * share:.0f}", anchor="middle", size=11.5)
    for i, (name, shares) in enumerate(lanes):
        y = top + row * (i + 0.5)
        drawing.text(100, y + 4, shorten(name, 16), anchor="end", colour=INK, size=12)
        for k, share in enumerate(sorted(shares)):
            # spread a little so that patients with the same prediction do not hide each other
            drawing.circle(x(share), y + 4.5 * ((k % 5) - 2), 3.2, MUTED, fill_opacity="0.55")
    drawing.line(x(patient.value), top - 10, x(patient.value), bottom, ACCENT, stroke_width=3.0)
    anchor = "start" if patient.value < 0.7 else "end"
    drawing.text(x(patient.value), top - 16, said, anchor=anchor, colour=ACCENT, size=12, font_weight="600")
    drawing.text(x.end, bottom + 34, say("predicted probability, %, out of fold"), anchor="end", size=11.5)
    return drawing.markup()
