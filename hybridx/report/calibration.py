"""Calibration as a picture: patients told 30 % should have the event in 30 of 100 cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from hybridx.errors import HybridxError
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import number, percent
from hybridx.report.svg import ACCENT, INK, MUTED, Drawing, Scale
from hybridx.terms import Estimate

__all__ = ["calibration_drawing", "calibration_figure"]


def calibration_figure(
    curve: Sequence[tuple[float, float, float, float]],
    groups: Sequence[tuple[float, float, float, float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    size: float = 320,
) -> Markup:
    """Draw predicted against observed shares; on the diagonal the predictions are right.

    Parameters
    ----------
    curve, groups : sequence of (predicted, observed, low, high)
        Shares in [0, 1]: the flexible curve with its band, and groups of patients with their intervals.
    """
    x, y = Scale(0.0, 1.0, 42, size - 10), Scale(0.0, 1.0, size - 42, 24)
    said = "; ".join(say("told {p:.0f} %, found {o:.0f} %", p=100 * p, o=100 * o) for p, o, _, _ in groups)
    drawing = Drawing(size, size, title, said)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line(x.start, y(share), x.end, y(share))
        drawing.text(x.start - 6, y(share) + 4, f"{100 * share:.0f}", anchor="end", size=11)
        drawing.text(x(share), y.start + 16, f"{100 * share:.0f}", anchor="middle", size=11)
    drawing.line(x(0), y(0), x(1), y(1), MUTED, stroke_dasharray="4 3")
    banded = [c for c in curve if all(map(math.isfinite, c))]
    upper, lower = (
        [(x(p), y(h)) for p, _, _, h in banded],
        [(x(p), y(low)) for p, _, low, _ in reversed(banded)],
    )
    drawing.path([*upper, *lower], ACCENT, closed=True, fill_opacity="0.14")
    drawing.path([(x(p), y(o)) for p, o, _, _ in curve if math.isfinite(o)], ACCENT, stroke_width=2.0)
    for predicted, observed, low, high in groups:
        if not (math.isfinite(predicted) and math.isfinite(observed)):
            continue
        if math.isfinite(low) and math.isfinite(high):
            drawing.line(x(predicted), y(low), x(predicted), y(high), INK, stroke_width=1.3)
        tip = say("told {p:.0f} %, found {o:.0f} %", p=100 * predicted, o=100 * observed)
        drawing.circle(x(predicted), y(observed), 4, INK, tip, stroke="#fff")
    drawing.text(4, 12, y_label, size=11)
    drawing.text(x.end, size - 8, x_label, anchor="end", size=11)
    return drawing.markup()


def calibration_drawing(background: Background) -> dict[str, Any] | None:
    """Return the primary model's calibration at its horizon; None when the data allow none."""
    try:
        found = background.result.calibration()
    except HybridxError:  # too few events for any calibration: the page says that there is none
        return None
    curve, groups = _rows(found.curve), _rows(found.groups)
    if not curve and not groups:
        return None
    event = say("event") if background.is_survival else say("response")
    when = " " + say("at {n} months", n=number(background.main_horizon)) if background.is_survival else ""
    drawing = calibration_figure(
        curve,
        groups,
        title=say("Calibration{when}", when=when),
        x_label=say("predicted {event}{when}, %", event=event, when=when),
        y_label=say("observed {event}, %", event=event),
    )
    table = [
        (
            f"{i}",
            number(row["n"]),
            number(row["n_events"]),
            percent(row["predicted"]),
            percent(row["observed"]),
        )
        for i, row in enumerate(found.groups.iter_rows(named=True), start=1)
    ]
    said = [
        f"{name} {_short(estimate)}"
        for name, estimate in (
            (say("Observed : expected"), found.observed_expected),
            (say("slope"), found.slope),
            ("ICI", found.ici),
        )
    ]
    return {
        "drawing": drawing,
        "caption": say(
            "Calibration{when}: on the diagonal the model's probabilities are right. {numbers}.",
            when=when,
            numbers="; ".join(said),
        ),
        "columns": (say("Group"), say("Patients"), say("Events"), say("Predicted"), say("Observed")),
        "rows": table,
    }


def _short(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return say("undefined")
    band = (
        " (" + say("{low:.2f} to {high:.2f}", low=estimate.low, high=estimate.high) + ")"
        if math.isfinite(estimate.low)
        else ""
    )
    return f"{estimate.value:.2f}{band}".replace("-", "−")


def _rows(table: pl.DataFrame) -> list[tuple[float, float, float, float]]:
    columns = table.select(
        pl.col("predicted", "observed", "low", "high").cast(pl.Float64).fill_null(math.nan)
    )
    return [(p, o, low, high) for p, o, low, high in columns.iter_rows()]
