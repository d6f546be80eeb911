"""Tumour size and uptake over time, where a patient was scanned more than once, and the response category."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
from markupsafe import Markup

from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import number
from hybridx.report.response_lines import response_lines
from hybridx.report.svg import ACCENT, GRID, INK, MUTED, Drawing, Scale

__all__ = ["tumour_course"]

_MEASURES = {
    "volume_ml": ("Tumour volume, mL", "sum"),
    "suv_max": ("SUVmax", "max"),
    "tlg": ("TLG, mL·SUV", "sum"),
}


def tumour_course(background: Background, patient: str) -> dict[str, Any]:
    """Return size and uptake per timepoint with their change from the first, and the response: stated, computed."""
    return {**_over_time(background, patient), "response": response_lines(background, patient)}


def _over_time(background: Background, patient: str) -> dict[str, Any]:
    rows = background.rows_of("lesions", patient)
    nothing: dict[str, Any] = {"rows": [], "columns": [], "figure": None}
    if rows is None or not rows.height or "timepoint" not in rows.columns:
        return nothing
    if "modality" in rows.columns and (rows["modality"] == "pet").any():
        rows = rows.filter(pl.col("modality") == "pet")
    if rows["timepoint"].n_unique() < 2:
        return nothing
    measures = {c: t for c, t in _MEASURES.items() if c in rows.columns and rows[c].is_not_null().any()}
    table = (
        rows.group_by("timepoint")
        .agg(*(getattr(pl.col(c), how)() for c, (_, how) in measures.items()))
        .sort("timepoint")
    )
    days = _days(background, patient)
    times = [days.get(t, math.nan) for t in table["timepoint"]]
    lines = []
    for i, row in enumerate(table.iter_rows(named=True)):
        cells = [_cell(row[c], table[c][0], first=i == 0) for c in measures]
        day = "–" if math.isnan(times[i]) else f"{times[i]:.0f}".replace("-", "−")
        lines.append((str(row["timepoint"]), day, *cells))
    placed = times if all(map(math.isfinite, times)) else [float(t) for t in range(len(times))]
    shares = {say(title): [_share(v, table[c][0]) for v in table[c]] for c, (title, _) in measures.items()}
    return {
        "rows": lines,
        "columns": (say("Timepoint"), say("Day"), *(say(title) for title, _ in measures.values())),
        "figure": _figure(placed, shares),
    }


def _days(background: Background, patient: str) -> dict[Any, float]:
    studies = background.rows_of("studies", patient)
    if studies is None or not {"timepoint", "day"} <= set(studies.columns):
        return {}
    known = studies.drop_nulls("day").group_by("timepoint").agg(pl.col("day").min())
    return {t: float(d) for t, d in known.select("timepoint", "day").iter_rows()}


def _share(value: Any, first: Any) -> float:
    if value is None or first is None or not math.isfinite(value) or not first > 0:
        return math.nan
    return 100 * (value / first - 1)


def _cell(value: Any, baseline: Any, *, first: bool) -> str:
    if value is None:
        return "–"
    change = _share(value, baseline)
    if first or math.isnan(change):
        return number(value)
    return f"{number(value)} ({'+' if change >= 0 else '−'}{abs(change):.0f} %)"


def _figure(times: list[float], shares: dict[str, list[float]], width: float = 520) -> Markup:
    """Draw the change from the first scan in per cent, one line per measure, told apart by dashes and name."""
    known = [v for values in shares.values() for v in values if math.isfinite(v)]
    x = Scale(min(times), max(times), 46, width - 130)
    y = Scale(min([*known, -35.0]), max([*known, 25.0]), 150, 12)
    spoken = "; ".join(
        f"{name}: {', '.join('–' if math.isnan(v) else f'{v:+.0f} %' for v in values)}"
        for name, values in shares.items()
    )
    drawing = Drawing(width, 190, say("Change from the first scan, %"), spoken)
    for level in (-30.0, 0.0, 20.0):
        drawing.line(x.start, y(level), x.end, y(level), MUTED if level == 0 else GRID)
        drawing.text(x.start - 6, y(level) + 4, f"{level:+.0f}".replace("-", "−"), anchor="end", size=11)
    for day in times:
        drawing.text(x(day), 168, f"{day:.0f}".replace("-", "−"), anchor="middle", size=11)
    drawing.text(x.end, 184, say("day"), anchor="end", size=11)
    names: list[tuple[float, float, str]] = []
    for (name, values), dashes in zip(shares.items(), (None, "5 3", "1.5 3"), strict=False):
        points = [(x(d), y(v)) for d, v in zip(times, values, strict=True) if math.isfinite(v)]
        drawing.path(points, ACCENT, stroke_width=2.0, stroke_dasharray=dashes)
        for px, py in points:
            drawing.circle(px, py, 3.2, ACCENT)
        if points:
            names.append((points[-1][1], points[-1][0], name))
    below = -math.inf
    for height, end, name in sorted(names):  # two lines that end together must not write over each other
        below = max(height, below + 12)
        drawing.text(end + 8, below + 4, name, size=11, colour=INK)
    return drawing.markup()
