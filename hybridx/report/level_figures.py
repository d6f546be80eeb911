"""Drawings of ordered and continuous predictions: a bar per level with its band, a value among those of the cohort."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from hybridx.report.language import say
from hybridx.report.reasons import unit_text
from hybridx.report.rendering import percent, shorten
from hybridx.report.svg import ACCENT, GRID, INK, MUTED, Drawing, Scale, ticks
from hybridx.report.value_words import signed_number, with_unit
from hybridx.terms import Estimate

__all__ = ["levels_figure", "values_figure"]


def levels_figure(
    levels: Sequence[str],
    found: Sequence[Estimate],
    shares: Sequence[float],
    *,
    title: str,
    width: float = 620,
) -> Markup:
    """Draw the probability of each level as a bar with its 95 % band; a tick marks the level's share of the cohort.

    Parameters
    ----------
    levels : sequence of str
        Best to worst, from top to bottom.
    found : sequence of Estimate
        Probability of each with its band; NaN ends where there is none.
    shares : sequence of float
        How often the level was found in the cohort.
    """
    row, top, labels = 40.0, 26.0, 110.0
    bottom = top + row * len(levels)
    x = Scale(0.0, 1.0, labels, width - 60)
    said = "; ".join(f"{level}: {percent(e.value)}" for level, e in zip(levels, found, strict=True))
    drawing = Drawing(width, bottom + 58, title, said)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line(x(share), top - 6, x(share), bottom)
        drawing.text(x(share), bottom + 16, f"{100 * share:.0f}", anchor="middle", size=11.5)
    for i, (level, e, share) in enumerate(zip(levels, found, shares, strict=True)):
        y = top + row * i
        drawing.text(labels - 10, y + 21, shorten(level, 16), anchor="end", colour=INK, size=12.5)
        drawing.rect(x(0), y + 8, x(e.value) - x(0), 18, ACCENT, fill_opacity="0.8", rx="2")
        end = x(e.value)
        if math.isfinite(e.low) and math.isfinite(e.high):
            end = x(e.high)
            drawing.line(x(e.low), y + 17, x(e.high), y + 17, "#fff", stroke_width=4.5)
            drawing.line(x(e.low), y + 17, x(e.high), y + 17, INK, stroke_width=1.6)
            for place in (e.low, e.high):
                drawing.line(x(place), y + 11, x(place), y + 23, INK, stroke_width=1.6)
        if math.isfinite(share):
            drawing.line(x(share), y + 3, x(share), y + 31, "#fff", stroke_width=4.5)
            drawing.line(x(share), y + 3, x(share), y + 31, MUTED, stroke_width=2.2, stroke_dasharray="3 2")
        drawing.text(
            max(end, x(share) if math.isfinite(share) else 0) + 8,
            y + 21,
            percent(e.value),
            colour=INK,
            size=12,
        )
    drawing.text(x.end, bottom + 33, say("predicted probability, %, out of fold"), anchor="end", size=11.5)
    drawing.line(labels, bottom + 46, labels + 22, bottom + 46, INK, stroke_width=1.6)
    drawing.text(labels + 28, bottom + 50, say("95 % band"), size=11.5)
    drawing.line(
        labels + 150, bottom + 39, labels + 150, bottom + 53, MUTED, stroke_width=2.2, stroke_dasharray="3 2"
    )
    drawing.text(labels + 158, bottom + 50, say("share of the cohort"), size=11.5)
    return drawing.markup()


def values_figure(
    lanes: Sequence[tuple[str, Sequence[float]]],
    patient: Estimate,
    interval: tuple[float, float],
    *,
    title: str,
    unit: str,
    width: float = 620,
) -> Markup:
    """Draw a predicted value with its band and its conformal interval over the values of the cohort.

    Parameters
    ----------
    lanes : sequence of (name, values)
        What was found, what was predicted.
    patient : Estimate
        This patient's predicted value with the band of the model's mean.
    interval : (float, float)
        Ends of the conformal interval of the patient's own value; NaN where there is none.
    unit : str
        UCUM.
    """
    row, top, labels = 58.0, 62.0, 110.0
    ends = [v for v in (*interval, patient.low, patient.high, patient.value) if math.isfinite(v)]
    every = [*ends, *(v for _, values in lanes for v in values)]
    pad = 0.04 * (max(every) - min(every)) or 1.0
    x = Scale(min(every) - pad, max(every) + pad, labels, width - 14)
    bottom = top + row * len(lanes)
    said = say("this patient {value}", value=with_unit(patient.value, unit))
    drawing = Drawing(width, bottom + 40, title, said)
    if all(map(math.isfinite, interval)):
        drawing.rect(
            x(interval[0]),
            top - 8,
            x(interval[1]) - x(interval[0]),
            bottom - top + 8,
            ACCENT,
            fill_opacity="0.10",
        )
        drawing.text(x(interval[0]) + 4, top - 14, say("90 % interval"), size=11, colour=ACCENT)
    if math.isfinite(patient.low) and math.isfinite(patient.high):
        drawing.rect(
            x(patient.low),
            top - 8,
            x(patient.high) - x(patient.low),
            bottom - top + 8,
            ACCENT,
            fill_opacity="0.22",
        )
    for tick in ticks(x.low, x.high, 7):
        drawing.line(x(tick), top - 8, x(tick), bottom, MUTED if tick == 0 else GRID)
        drawing.text(x(tick), bottom + 16, signed_number(tick), anchor="middle", size=11.5)
    for i, (name, values) in enumerate(lanes):
        y = top + row * (i + 0.5)
        drawing.text(labels - 10, y + 4, shorten(name, 16), anchor="end", colour=INK, size=12)
        for k, value in enumerate(sorted(values)):
            # spread a little so that patients with nearly the same value do not hide each other
            drawing.circle(x(value), y + 5.0 * ((k % 7) - 3), 3.0, MUTED, fill_opacity="0.55")
    drawing.line(x(patient.value), top - 24, x(patient.value), bottom, ACCENT, stroke_width=3.0)
    anchor = "start" if patient.value < (x.low + x.high) / 2 else "end"
    step = 6 if anchor == "start" else -6
    drawing.text(
        x(patient.value) + step, top - 34, said, anchor=anchor, colour=ACCENT, size=12, font_weight="600"
    )
    drawing.text(x.end, bottom + 34, unit_text(unit) or say("value"), anchor="end", size=11.5)
    return drawing.markup()
