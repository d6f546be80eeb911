"""Survival over months: the patient's curve with its band before the observed curves of the cohort's risk groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from hybridx.report.language import say
from hybridx.report.rendering import shorten
from hybridx.report.svg import ACCENT, HIGHER, INK, LOWER, MUTED, Drawing, Scale, ticks

__all__ = ["Curve", "survival_figure"]

Floats = npt.NDArray[np.float64]
# colour and dashes: the groups stay apart in grey print
_STYLES = {"low": (LOWER, None), "mid": (MUTED, "5 3"), "high": (HIGHER, "1.5 3")}


@dataclass(frozen=True)
class Curve:
    """A survival curve.

    Parameters
    ----------
    label : str
        Its name in the legend.
    months, survival : ndarray, shape (n,)
        Time and probability of no event until then.
    low, high : ndarray, shape (n,), or None
        Ends of the 95 % band.
    entries : ndarray of the follow-up months behind an observed curve, or None
        Needed to count who is still at risk.
    style : {"low", "mid", "high"}
        Colour and dashes of an observed curve.
    """

    label: str
    months: Floats
    survival: Floats
    low: Floats | None = None
    high: Floats | None = None
    entries: Floats | None = field(default=None, repr=False)
    style: str = "mid"

    def at(self, month: float) -> tuple[float, float, float]:
        """Return survival, low and high at `month` (a step function), NaN beyond the last time."""
        if not len(self.months) or month > self.months[-1] + 1e-9:
            return np.nan, np.nan, np.nan
        i = int(np.searchsorted(self.months, month + 1e-9, side="right")) - 1
        if i < 0:
            return 1.0, 1.0, 1.0
        low = np.nan if self.low is None else float(self.low[i])
        high = np.nan if self.high is None else float(self.high[i])
        return float(self.survival[i]), low, high


def _steps(months: Floats, values: Floats, x: Scale, y: Scale) -> list[tuple[float, float]]:
    """Corners of a right-continuous step function that starts at 1."""
    points, last = [(x(0.0), y(1.0))], 1.0
    for month, value in zip(months, values, strict=True):
        if month > x.high + 1e-9:
            break
        points += [(x(month), y(last)), (x(month), y(value))]
        last = value
    if len(months):
        points.append((x(min(float(months[-1]), x.high)), y(last)))
    return points


def _frame(  # noqa: PLR0917 - one axis each
    drawing: Drawing, x: Scale, y: Scale, month_ticks: Sequence[float], y_label: str, origin: str
) -> None:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line(x.start, y(share), x.end, y(share))
        drawing.text(x.start - 7, y(share) + 4, f"{100 * share:.0f}", anchor="end", size=11.5)
    for month in month_ticks:
        drawing.line(x(month), y.start, x(month), y.start + 4, MUTED)
        drawing.text(x(month), y.start + 17, f"{month:g}", anchor="middle", size=11.5)
    drawing.line(x.start, y.start, x.end, y.start, MUTED)
    drawing.text(x.start - 36, y.end - 12, y_label, size=11.5)
    drawing.text(
        x.end,
        y.start + 33,
        say("months from {origin}", origin=shorten(say(origin.replace("_", " ")), 40)),
        anchor="end",
        size=11.5,
    )


def _group_labels(
    drawing: Drawing, groups: Sequence[Curve], x: Scale, top: float, month_ticks: Sequence[float]
) -> None:
    """Legend and numbers at risk in one: each group's line sample, name and counts stand in one row."""
    drawing.text(x.start - 36, top - 4, say("Observed in the cohort, number at risk"), size=11)
    for i, group in enumerate(groups):
        row = top + 14 + 16 * i
        colour, dashes = _STYLES[group.style]
        drawing.line(8, row - 4, 30, row - 4, colour, stroke_width=2.0, stroke_dasharray=dashes)
        drawing.text(36, row, group.label, size=11, colour=colour)
        if group.entries is None:
            continue
        for month in month_ticks:
            at_risk = int(np.sum(group.entries >= month - 1e-9))
            drawing.text(x(month), row, at_risk, anchor="middle", size=11, colour=INK if at_risk else MUTED)


def survival_figure(
    patient: Curve | None,
    groups: Sequence[Curve],
    *,
    title: str,
    y_label: str,
    until: float,
    marks: Sequence[float] = (),
    width: float = 620,
    origin: str = "baseline",
) -> Markup:
    """Draw the patient's predicted curve with its band over the observed curves of the risk groups.

    Parameters
    ----------
    patient : Curve or None
        The prediction; None draws the cohort alone.
    groups : sequence of Curve
        Kaplan-Meier curves, lowest risk first, at most three.
    title, y_label : str
        What the figure shows; what the height means.
    until : float
        Last month of the axis.
    marks : sequence of float
        Months marked on the patient's curve.
    origin : str
        From when the months count.
    """
    height = 300 + 22 + 16 * len(groups)
    month_ticks = [t for t in ticks(0, until, 6) if t <= until]
    inset = 172 if groups else 44
    x, y = Scale(0.0, until, inset, width - 14), Scale(0.0, 1.0, 244, 26)
    said = []
    if patient is not None:
        for mark in marks:
            value, low, high = patient.at(mark)
            if np.isfinite(value):
                band = (
                    " (" + say("{low:.0f} to {high:.0f} %", low=100 * low, high=100 * high) + ")"
                    if np.isfinite(low)
                    else ""
                )
                said.append(
                    say("{value:.0f} %{band} at {month:g} months", value=100 * value, band=band, month=mark)
                )
    drawing = Drawing(width, height, title, say("Predicted: {what}.", what="; ".join(said)) if said else "")
    _frame(drawing, x, y, month_ticks, y_label, origin)
    if patient is not None and patient.low is not None and patient.high is not None:
        upper, lower = _steps(patient.months, patient.high, x, y), _steps(patient.months, patient.low, x, y)
        drawing.path([*upper, *reversed(lower)], ACCENT, closed=True, fill_opacity="0.16")
    for group in groups:
        colour, dashes = _STYLES[group.style]
        drawing.path(
            _steps(group.months, group.survival, x, y), colour, stroke_width=1.6, stroke_dasharray=dashes
        )
    if patient is not None:
        drawing.path(_steps(patient.months, patient.survival, x, y), ACCENT, stroke_width=3.0)
        for mark in marks:
            value, _, _ = patient.at(mark)
            if np.isfinite(value):
                drawing.line(
                    x(mark), y.start, x(mark), y(value), ACCENT, stroke_dasharray="2 3", stroke_width=1.0
                )
                drawing.circle(
                    x(mark),
                    y(value),
                    4.2,
                    ACCENT,
                    say("{month:g} months: {value:.0f} %", month=mark, value=100 * value),
                    stroke="#fff",
                )
        drawing.line(x.end - 150, 14, x.end - 126, 14, ACCENT, stroke_width=3.0)
        words = say("this patient, 95 % band") if patient.low is not None else say("this patient (no band)")
        drawing.text(x.end - 120, 18, words, size=11.5, colour=INK)
    if groups:
        _group_labels(drawing, groups, x, 300, month_ticks)
    return drawing.markup()
