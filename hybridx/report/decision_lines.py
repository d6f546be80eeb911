"""The part of the cohort report on decisions: what acting by the model is worth, over thresholds of probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from hybridx.evaluate.decision_table import TREAT_ALL, TREAT_NONE
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import number, percent
from hybridx.report.svg import ACCENT, HIGHER, INK, MUTED, Drawing, Scale, ticks
from hybridx.report.words import model_title

__all__ = ["decision_figure", "decision_part"]

FEWEST_ACTED = 10  # fewer patients at or above a threshold say nothing about acting on them
_LISTED = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Points = Sequence[tuple[float, float]]


def decision_part(background: Background) -> dict[str, Any] | None:
    """Return figure, caption and table of the primary model's net benefit, beside clinical facts alone.

    None where the outcome has no probability to act on, or the model gave none.
    """
    result = background.result
    if result.kind not in ("survival", "response"):
        return None
    beside = [m for m in result.models if m == "clinical" and m != result.primary]
    table = result.decision_curve([result.primary, *beside])
    own = table.filter(pl.col("model") == result.primary).drop_nulls(["net_benefit"])
    if own.filter(_enough()).is_empty():
        return None
    if background.is_survival:
        x_label = say(
            "act from this probability of the event by {n} months on, %", n=number(background.main_horizon)
        )
    else:
        x_label = say("act from this probability of the response on, %")
    drawing = decision_figure(
        {name: _points(table, name) for name in (result.primary, *beside, TREAT_ALL)},
        result.primary,
        title=say("Net benefit over thresholds"),
        x_label=x_label,
    )
    rows = [_row(table, result.primary, cut) for cut in _LISTED]
    return {
        "drawing": drawing,
        "caption": " ".join(
            (
                say(
                    "Net benefit: true positives per 100 patients, less false positives weighed by the threshold."
                ),
                _said(own),
                say("Which thresholds are sensible is a clinical question, to be settled before looking."),
            )
        ),
        "columns": (
            say("Threshold"),
            say("Acted on"),
            say("Net benefit per 100"),
            say("Gain over the better of all and none"),
        ),
        "rows": [row for row in rows if row],
    }


def decision_figure(
    lines: dict[str, Points], primary: str, *, title: str, x_label: str, width: float = 520
) -> Markup:
    """Draw net benefit (per 100 patients) over thresholds; acting on nobody is the line at 0.

    Parameters
    ----------
    lines : mapping of str to sequence of (threshold, net benefit)
        As shares; ``treat all`` is drawn in grey.
    primary : str
        The line that stands out.
    """
    points = [p for line in lines.values() for p in line]
    top = max((100 * b for _, b in points), default=1.0) * 1.06 or 1.0
    bottom = -0.12 * top
    end = max((100 * t for name, line in lines.items() if name != TREAT_ALL for t, _ in line), default=100.0)
    names = list(lines)
    x, y = Scale(0.0, min(100.0, end + 2), 46, width - 12), Scale(bottom, top, 250, 20)
    drawing = Drawing(width, 300 + 17 * (len(names) + 1), title)
    for tick in ticks(0.0, top, 4):
        drawing.line(x.start, y(tick), x.end, y(tick))
        drawing.text(x.start - 6, y(tick) + 4, f"{tick:g}", anchor="end", size=11)
    for tick in ticks(0.0, x.high, 6):
        drawing.text(x(tick), y.start + 16, f"{tick:g}", anchor="middle", size=11)
    drawing.line(x.start, y(0.0), x.end, y(0.0), INK)
    drawing.text(4, 12, say("net benefit per 100 patients"), size=11)
    drawing.text(x.end, y.start + 33, x_label, anchor="end", size=11)
    for i, name in enumerate([*names, TREAT_NONE]):
        colour, dashes = _style(name, primary)
        seen = [
            (x(100 * t), y(100 * b))
            for t, b in lines.get(name, ())
            if 100 * b >= bottom and 100 * t <= x.high
        ]
        drawing.path(seen, colour, stroke_width=2.6 if name == primary else 1.6, stroke_dasharray=dashes)
        row = y.start + 56 + 17 * i
        drawing.line(46, row - 4, 72, row - 4, colour, stroke_width=2.0, stroke_dasharray=dashes)
        drawing.text(80, row, _title(name), size=11.5, colour=INK)
    return drawing.markup()


def _style(name: str, primary: str) -> tuple[str, str | None]:
    if name == primary:
        return ACCENT, None
    return {TREAT_ALL: (MUTED, "5 4"), TREAT_NONE: (INK, None)}.get(name, (HIGHER, "2 3"))


def _title(name: str) -> str:
    if name in (TREAT_ALL, TREAT_NONE):
        return say("act on everybody") if name == TREAT_ALL else say("act on nobody")
    return model_title(name)


def _points(table: pl.DataFrame, name: str) -> Points:
    """Return the curve as far as enough patients are acted on."""
    rows = table.filter(pl.col("model") == name).drop_nulls(["net_benefit"])
    rows = rows.filter(_enough())
    return list(rows.select("threshold", "net_benefit").iter_rows())


def _enough() -> pl.Expr:
    return pl.col("flagged") * pl.col("n") >= FEWEST_ACTED


def _row(table: pl.DataFrame, name: str, cut: float) -> list[str] | None:
    rows = table.filter((pl.col("model") == name) & ((pl.col("threshold") - cut).abs() < 1e-9))
    rows = rows.drop_nulls(["net_benefit"])
    if rows.filter(_enough()).is_empty():
        return None
    found = rows.row(0, named=True)
    return [
        percent(cut),
        percent(found["flagged"]),
        _per_hundred(found["net_benefit"], found["low"], found["high"]),
        _per_hundred(found["gain"], found["gain_low"], found["gain_high"]),
    ]


def _per_hundred(value: Any, low: Any, high: Any) -> str:
    if value is None:
        return "–"
    text = f"{100 * value:.1f}"
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        text += f" ({say('{low} to {high}', low=f'{100 * low:.1f}', high=f'{100 * high:.1f}')})"
    return text.replace("-0.0 ", "0.0 ").replace("-", "−")


def _said(own: pl.DataFrame) -> str:
    """Say in which range of thresholds the interval of the gain lies above zero."""
    used = own.filter(_enough())
    better = used.filter(pl.col("gain_low") > 0)["threshold"].to_list()
    if not better:
        return say("At no threshold is the model shown to be better than acting on everybody or on nobody.")
    runs: list[list[float]] = []
    for cut in better:
        if runs and cut - runs[-1][1] < 0.0101:
            runs[-1][1] = cut
        else:
            runs.append([cut, cut])
    where = ", ".join(
        percent(a) if a == b else say("{low} to {high}", low=f"{100 * a:.0f}", high=percent(b))
        for a, b in runs
        if b - a >= 0.02 or a == b
    )
    return say(
        "The model is shown to be better than acting on everybody or on nobody at thresholds of {where} (95 % "
        "intervals, each threshold on its own).",
        where=where,
    )
