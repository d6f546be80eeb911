"""Estimates with intervals under one another (forest plot), who was measured with what (map), and plain bars."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hybridx.report.language import say
from hybridx.report.rendering import shorten
from hybridx.report.svg import ACCENT, GRID, HIGHER, INK, MUTED, Drawing, Scale, ticks

__all__ = ["ForestRow", "estimate_text", "forest_figure", "importance_figure", "measured_map", "or_nan"]

_MAP_PATIENTS = 5000  # drawn; a larger cohort is shown by its first ones, and says so


@dataclass(frozen=True)
class ForestRow:
    """One estimate: `strong` marks the model of the report."""

    label: str
    value: float
    low: float
    high: float
    strong: bool = False
    digits: int = 2


def or_nan(value: float | None) -> float:
    """Return a cell of a result's table as a row of a forest wants it: NaN where nothing could be said."""
    return math.nan if value is None else float(value)


def forest_figure(
    rows: Sequence[ForestRow], *, title: str, x_label: str, reference: float, width: float = 520
) -> Markup:
    """Draw estimates with their intervals; the dashed line is where knowing nothing (or no difference) lies."""
    labels, numbers, row, top = 186.0, 132.0, 25.0, 12.0
    ends = [v for r in rows for v in (r.value, r.low, r.high) if math.isfinite(v)]
    ends += [reference] if math.isfinite(reference) else []
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    pad = 0.06 * (high - low) or 0.1
    x = Scale(low - pad, high + pad, labels, width - numbers)
    bottom = top + row * len(rows)
    drawing = Drawing(width, bottom + 40, title, "; ".join(f"{r.label} {estimate_text(r)}" for r in rows))
    for tick in ticks(x.low, x.high, 3):
        drawing.line(x(tick), top, x(tick), bottom)
        drawing.text(x(tick), bottom + 16, f"{tick:g}", anchor="middle", size=11.5)
    if math.isfinite(reference):
        drawing.line(x(reference), top - 4, x(reference), bottom, MUTED, stroke_dasharray="4 3")
    for i, r in enumerate(rows):
        y = top + row * (i + 0.5)
        colour = ACCENT if r.strong else MUTED
        weight = "650" if r.strong else None
        drawing.text(
            labels - 10, y + 4, shorten(r.label, 29), anchor="end", colour=INK, size=12.5, font_weight=weight
        )
        if math.isfinite(r.low) and math.isfinite(r.high):
            drawing.line(x(r.low), y, x(r.high), y, colour, stroke_width=2.6 if r.strong else 1.8)
        if math.isfinite(r.value):
            drawing.circle(x(r.value), y, 5 if r.strong else 4, colour, stroke="#fff")
        drawing.text(
            width - 4, y + 4, estimate_text(r), anchor="end", colour=INK, size=12, font_weight=weight
        )
    drawing.text((x.start + x.end) / 2, bottom + 34, x_label, anchor="middle", size=11.5)
    return drawing.markup()


def estimate_text(row: ForestRow) -> str:
    """Write an estimate with its interval, with a true minus and without a minus before zero."""
    if not math.isfinite(row.value):
        return say("undefined")
    if not (math.isfinite(row.low) and math.isfinite(row.high)):
        text = f"{row.value:.{row.digits}f}"
    else:
        low, high = (f"{v:.{row.digits}f}" for v in (row.low, row.high))
        text = f"{row.value:.{row.digits}f} ({say('{low} to {high}', low=low, high=high)})"
    return re.sub(r"-(?=0\.0+(?!\d))", "", text).replace("-", "−")


def importance_figure(
    rows: Sequence[tuple[str, float]], *, title: str, unit: str, width: float = 520
) -> Markup:
    """Draw mean absolute contributions, longest first."""
    row, labels = 24.0, 210.0
    reach = max((v for _, v in rows), default=0.0) or 1.0
    x = Scale(0.0, reach * 1.18, labels, width)
    drawing = Drawing(width, row * len(rows) + 26, title, "; ".join(f"{name}: {v:.3f}" for name, v in rows))
    for i, (name, value) in enumerate(rows):
        drawing.text(labels - 10, row * i + 16, shorten(name, 32), anchor="end", colour=INK, size=12)
        drawing.rect(labels, row * i + 5, x(value) - labels, 14, ACCENT, rx="2")
        drawing.text(
            x(value) + 6,
            row * i + 16,
            f"{value:.2f}" if reach >= 0.1 else f"{value:.3f}",
            colour=INK,
            size=11.5,
        )
    drawing.text(width, row * len(rows) + 18, unit, anchor="end", size=11.5)
    return drawing.markup()


def measured_map(
    modalities: Sequence[tuple[str, Sequence[bool], Sequence[bool]]], *, title: str, width: float = 1060
) -> Markup:
    """Draw who was measured with what: a row per modality, a stripe per patient.

    Parameters
    ----------
    modalities : sequence of (title, measured per patient, failed per patient)
        Patients in the same order everywhere.
    """
    row, labels, counts = 22.0, 150.0, 74.0
    total = max((len(m) for _, m, _ in modalities), default=0)
    n = min(total, _MAP_PATIENTS)
    step = (width - labels - counts) / max(n, 1)
    said = "; ".join(f"{name}: {say('{n} of {of}', n=sum(m), of=total)}" for name, m, _ in modalities)
    drawing = Drawing(width, row * len(modalities) + 24, title, said)
    for i, (name, measured, failed) in enumerate(modalities):
        y = row * i
        drawing.text(labels - 10, y + 15, shorten(name, 22), anchor="end", colour=INK, size=12)
        drawing.rect(labels, y + 3, step * n, row - 6, GRID)
        _runs(drawing, measured[:n], ACCENT, left=labels, y=y + 3, step=step, height=row - 6)
        # half as high: told from the measured ones in grey print, too
        _runs(drawing, failed[:n], HIGHER, left=labels, y=y + 11, step=step, height=row - 14)
        drawing.text(width, y + 15, f"{sum(measured)}/{total}", anchor="end", colour=INK, size=12)
    words = say("one stripe per patient: blue measured, orange at half height failed, grey not measured")
    words += "; " + say("the first {n} of {of} are drawn", n=n, of=total) if n < total else ""
    drawing.text(labels, row * len(modalities) + 17, words, size=11.5)
    return drawing.markup()


def _runs(
    drawing: Drawing, flags: Sequence[bool], colour: str, *, left: float, y: float, step: float, height: float
) -> None:
    """Neighbouring stripes as one rectangle each: a tenth of the elements, no seams."""
    start = None
    for i, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = i
        elif not flag and start is not None:
            drawing.rect(left + start * step, y, (i - start) * step, height, colour)
            start = None
