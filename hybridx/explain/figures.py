"""Figures of explanations: vermilion raises the risk, blue lowers it (Okabe & Ito), the sign says it too."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from hybridx.explain.tabled import TabledFigure

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


# Scales on which more is better; on all others more is worse.
_GOOD = ("log-odds", "probability of response", "survival to", "event-free days")


def colour_of(value: float, scale: str) -> str:
    """Return the colour of a contribution: vermilion for the worse."""
    raises = value < 0 if scale.startswith(_GOOD) else value > 0
    return RAISES if raises else LOWERS


def _axis(scale: str) -> str:
    better = "better" if scale.startswith(_GOOD) else "worse"
    return _AXIS.get(scale, f"{scale} (higher: {better})")


def _factor(step: float, scale: str) -> str:
    return f"<br>{_NOUN[scale]} × {np.exp(step):.2f}" if scale in _NOUN else ""


def _label(row: Mapping[str, Any]) -> str:
    """Return a feature with its value: as measured, filled in, missing, or how many features it sums up."""
    name, state, unit = row["feature"], row["state"], _shown(row["unit"])
    if state == "measured":
        return escape(f"{name} = {row['value']:.4g} {unit}".rstrip())
    if state == "imputed":
        return (
            escape(name if row["filled"] is None else f"{name} = {row['filled']:.4g} {unit}".rstrip())
            + " (filled in)"
        )
    return escape(f"{name} ({state})" if state else name)


def _shown(unit: str) -> str:
    return "" if unit == "1" else unit  # UCUM's pure number


def _copies(row: Mapping[str, Any]) -> str:
    return f"<br>stands for {escape(row['stands_for'])}" if row["stands_for"] else ""


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


def waterfall(table: pl.DataFrame, base: float, prediction: float, scale: str) -> TabledFigure:
    """Return the way from the average patient to this one, a step per row of `table` (adds up)."""
    # what adds exactly nothing (absent modality, dropped column) takes no step
    rows = [row for row in table.iter_rows(named=True) if row["contribution"]]
    ends = np.cumsum([base, *(row["contribution"] for row in rows)])
    figure = go.Figure()
    for row, start in zip(rows, ends, strict=False):
        step, label = float(row["contribution"]), _label(row)
        figure.add_bar(
            y=[label],
            x=[step],
            base=[start],
            orientation="h",
            marker={
                "color": colour_of(step, scale),
                # a value that nobody measured is hatched
                "pattern": {"shape": "/" if row["state"] in ("imputed", "missing") else ""},
            },
            text=[f"{step:+.2f}"],
            textposition="outside" if abs(step) < 0.2 * (np.ptp(ends) or 1.0) else "inside",
            hovertemplate=f"{label}<br>{step:+.3f} {escape(scale)}{_factor(step, scale)}{_copies(row)}<extra></extra>",
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
    return TabledFigure(layout(figure, _axis(scale), len(rows)), table=table)


def modality_bars(table: pl.DataFrame, scale: str) -> TabledFigure:
    """Return one bar per modality of a patient; a mark beside it is what knowing the modality does."""
    shown = table.filter(pl.col("contribution").is_not_null())
    rows = [(escape(name), value) for name, value in shown.select("modality", "contribution").iter_rows()]
    figure = go.Figure(
        go.Bar(
            y=[name for name, _ in rows],
            x=[value for _, value in rows],
            orientation="h",
            marker={"color": [colour_of(value, scale) for _, value in rows]},
            text=[f"{value:+.2f}" for _, value in rows],
            textposition="inside",
            insidetextanchor="middle",  # the ends are for the marks
            hovertemplate="%{y}: %{x:+.3f}<extra></extra>",
        )
    )
    known = shown.filter(pl.col("knowing").is_not_null())
    figure.add_scatter(
        y=[escape(name) for name in known["modality"].to_list()],
        x=known["knowing"].to_list(),
        mode="markers",
        marker={"symbol": "diamond-open", "size": 10, "color": TOTAL, "line": {"width": 2}},
        hovertemplate="knowing %{y} at all: %{x:+.3f}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": TOTAL})
    words = f"contribution to the {_axis(scale)}" + (
        "<br>◇ knowing the modality at all" if known.height else ""
    )
    return TabledFigure(layout(figure, words, len(rows)), table=table)


def importance(table: pl.DataFrame, scale: str, top: int) -> TabledFigure:
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
    return TabledFigure(
        layout(figure, f"mean size of contribution, {escape(scale)}", rows.height), table=rows
    )


def beeswarm(table: pl.DataFrame, scale: str) -> TabledFigure:
    """Return a dot per patient and feature: its contribution, coloured by the value's rank, open where missing.

    Parameters
    ----------
    table : polars.DataFrame
        `patient_id`, `feature`, `value`, `unit`, `filled`, `contribution`; features in the order of their rows.
    """
    names = table["feature"].unique(maintain_order=True).to_list()
    figure = go.Figure()
    for position, name in enumerate(names):
        rows = table.filter(pl.col("feature") == name)
        # dots spread around their line in a fixed pattern: the height carries no information
        jitter = pl.Series("y", position + 0.3 * np.sin(2.4 * np.arange(rows.height)))
        rows = rows.with_columns(jitter).drop_nulls("contribution")
        # 0 without a value: the modality is not measured
        known, unknown = (
            rows.drop_nulls("value"),
            rows.filter(pl.col("value").is_null() & (pl.col("contribution") != 0)),
        )
        label = escape(name)
        figure.add_scatter(
            x=known["contribution"].to_list(),
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
            customdata=[_hover(row) for row in known.iter_rows(named=True)],
            hovertemplate=f"{label} = %{{customdata}}<br>%{{x:+.3f}} {escape(scale)}<extra></extra>",
        )
        figure.add_scatter(
            x=unknown["contribution"].to_list(),
            y=unknown["y"].to_list(),
            mode="markers",
            marker={"size": 6, "symbol": "circle-open", "color": TOTAL},
            customdata=[_hover(row) for row in unknown.iter_rows(named=True)],
            hovertemplate=f"{label} %{{customdata}}<br>%{{x:+.3f}} {escape(scale)}<extra></extra>",
        )
    figure = layout(figure, f"contribution to the {_axis(scale)}", len(names))
    labels = [escape(name) for name in names]
    figure.update_yaxes(type="linear", tickvals=list(range(len(names))), ticktext=labels)
    return TabledFigure(figure, table=table)


def _hover(row: Mapping[str, Any]) -> str:
    who, unit = escape(str(row["patient_id"])), escape(_shown(row["unit"]))
    if row["value"] is not None:
        return f"{row['value']:.4g} {unit} ({who})"
    if row["filled"] is not None:
        return f"is missing, filled in with {row['filled']:.4g} {unit} ({who})"
    return f"has no value of its own ({who})"
