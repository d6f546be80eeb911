"""Figures of explanations: vermilion raises the risk, blue lowers it (Okabe & Ito), the sign says it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
import polars as pl

__all__ = [
    "LOWERS",
    "RAISES",
    "TOTAL",
    "beeswarm",
    "colour_of",
    "importance",
    "layout",
    "modality_bars",
    "waterfall",
]

RAISES, LOWERS, TOTAL = "#D55E00", "#0072B2", "#555555"
_VALUES = "Cividis"  # dark to light in every colour vision; not the colours of raising and lowering
_AXIS = {
    "log-hazard": "log-hazard (higher: worse prognosis)",
    "log-mortality": "log expected events (higher: worse prognosis)",
    "log-odds": "log-odds of response (higher: response more likely)",
    "ordinal log-odds": "log-odds of a worse level (higher: worse)",
    "value": "value, in the unit of the outcome",
    "event log-odds": "log-odds of the event (higher: worse prognosis)",
    "SD of log-time": "earlier event, in standard deviations of log-time (higher: worse prognosis)",
}
# What e to the power of a contribution multiplies; values and standard deviations have no such reading.
_NOUN = {
    "log-hazard": "hazard",
    "log-mortality": "expected events",
    "log-odds": "odds of response",
    "ordinal log-odds": "odds of a worse level",
    "event log-odds": "odds of the event",
}


def colour_of(value: float, scale: str) -> str:
    """Return the colour of a contribution: vermilion for the worse."""
    raises = value > 0 if scale != "log-odds" else value < 0
    return RAISES if raises else LOWERS


def _factor(step: float, scale: str) -> str:
    return f"<br>{_NOUN[scale]} × {np.exp(step):.2f}" if scale in _NOUN else ""


def _label(feature: str, value: float | None, unit: str) -> str:
    return escape(f"{feature} (missing)" if value is None else f"{feature} = {value:.4g} {unit}".rstrip())


def layout(figure: go.Figure, axis: str, n_rows: int) -> go.Figure:
    """Give a figure of horizontal rows the look of this room."""
    figure.update_layout(
        template="plotly_white",
        height=110 + 26 * n_rows,
        margin={"l": 10, "r": 20, "t": 50, "b": 50},
        showlegend=False,
        font={"size": 13},
    )
    figure.update_xaxes(title=axis, automargin=True)
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", title=None)
    return figure


def waterfall(table: pl.DataFrame, base: float, prediction: float, scale: str) -> go.Figure:
    """Return the way from the average patient to this one, a step per row of `table` (adds up)."""
    # what adds exactly nothing (absent modality, dropped column) takes no step
    rows = [row for row in table.iter_rows(named=True) if row["contribution"]]
    ends = np.cumsum([base, *(row["contribution"] for row in rows)])
    # the row that sums up the rest has no modality and no value
    labels = [
        _label(row["feature"], row["value"], row["unit"]) if row["modality"] else row["feature"]
        for row in rows
    ]
    figure = go.Figure()
    for label, row, start in zip(labels, rows, ends, strict=False):
        step = float(row["contribution"])
        figure.add_bar(
            y=[label],
            x=[step],
            base=[start],
            orientation="h",
            marker={"color": colour_of(step, scale)},
            text=[f"{step:+.2f}"],
            textposition="outside" if abs(step) < 0.2 * (np.ptp(ends) or 1.0) else "inside",
            hovertemplate=f"{label}<br>{step:+.3f} {scale}{_factor(step, scale)}<extra></extra>",
        )
    for name, at, other in (("average patient", base, prediction), ("this patient", prediction, base)):
        figure.add_vline(x=at, line={"color": TOTAL, "dash": "dot"})
        # above the bars, each label on its own side of its line, so that the two never cover each other
        side = "right" if (at, name) < (other, "this") else "left"
        text, place = (
            f"{name} {round(at, 2) + 0.0:.2f}",
            {"yref": "paper", "y": 1.0, "yanchor": "bottom", "xanchor": side},
        )
        figure.add_annotation(x=at, text=text, showarrow=False, **place)
    return layout(figure, _AXIS[scale], len(rows))


def modality_bars(table: pl.DataFrame, scale: str) -> go.Figure:
    """Return one bar per modality of a patient."""
    rows = [(escape(name), value) for name, value in table.iter_rows() if value is not None]
    figure = go.Figure(
        go.Bar(
            y=[name for name, _ in rows],
            x=[value for _, value in rows],
            orientation="h",
            marker={"color": [colour_of(value, scale) for _, value in rows]},
            text=[f"{value:+.2f}" for _, value in rows],
            hovertemplate="%{y}: %{x:+.3f}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": TOTAL})
    return layout(figure, f"contribution to the {_AXIS[scale]}", len(rows))


def importance(table: pl.DataFrame, scale: str, top: int) -> go.Figure:
    """Return the mean size of contribution of the first `top` rows of an importance table."""
    rows = table.head(top)
    figure = go.Figure(
        go.Bar(
            y=[escape(name) for name in rows[rows.columns[0]].to_list()],
            x=rows["mean_abs"].to_list(),
            orientation="h",
            marker={"color": TOTAL},
            customdata=rows["share"].to_list(),
            hovertemplate="%{y}: %{x:.3f} (%{customdata:.0%} of all)<extra></extra>",
        )
    )
    return layout(figure, f"mean size of contribution, {scale}", rows.height)


def beeswarm(
    features: pl.DataFrame, values: pl.DataFrame, names: Sequence[str], scale: str, units: Mapping[str, str]
) -> go.Figure:
    """Return a dot per patient and feature: its contribution, coloured by the value's rank, open where missing."""
    figure = go.Figure()
    for position, name in enumerate(names):
        # dots spread around their line in a fixed pattern: the height carries no information
        jitter = position + 0.3 * np.sin(2.4 * np.arange(features.height))
        table = pl.DataFrame({"x": features[name], "value": values[name], "y": jitter}).drop_nulls("x")
        known, unknown = table.drop_nulls("value"), table.filter(pl.col("value").is_null())
        unit, label = escape(units.get(name, "")), escape(name)
        figure.add_scatter(
            x=known["x"].to_list(),
            y=known["y"].to_list(),
            mode="markers",
            marker={
                "size": 6,
                "color": (known["value"].rank() / max(known.height, 1)).to_list(),
                "colorscale": _VALUES,
                "cmin": 0,
                "cmax": 1,
                "showscale": position == 0,
                "colorbar": {
                    "title": "value",
                    "tickvals": [0, 1],
                    "ticktext": ["lowest", "highest"],
                    "len": 0.6,
                },
            },
            customdata=known["value"].to_list(),
            hovertemplate=f"{label} = %{{customdata:.4g}} {unit}<br>%{{x:+.3f}} {scale}<extra></extra>",
        )
        figure.add_scatter(
            x=unknown["x"].to_list(),
            y=unknown["y"].to_list(),
            mode="markers",
            marker={"size": 6, "symbol": "circle-open", "color": TOTAL},
            hovertemplate=f"{label} is missing<br>%{{x:+.3f}} {scale}<extra></extra>",
        )
    figure = layout(figure, f"contribution to the {_AXIS[scale]}", len(names))
    labels = [escape(name) for name in names]
    return figure.update_yaxes(type="linear", tickvals=list(range(len(names))), ticktext=labels)
