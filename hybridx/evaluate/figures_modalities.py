"""Figures about modalities and about how much data there is: added value, loss of a modality, learning curve."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from hybridx.evaluate.figures import COLOURS, DASHES, GREY
from hybridx.evaluate.metric import Metric

if TYPE_CHECKING:
    from hybridx.evaluate.added_value import AddedValue
    from hybridx.evaluate.learning import LearningCurve
    from hybridx.evaluate.stress import StressTest

__all__ = ["added_value_figure", "learning_curve_figure", "stress_figure"]


def added_value_figure(added: AddedValue) -> go.Figure:
    """Draw each modality's increments and its average over all orders, with simultaneous intervals."""
    figure = go.Figure()
    names = added.averages["modality"].to_list()
    labels: list[str] = []
    for i, name in enumerate(names):
        rows = added.increments.filter(pl.col("modality") == name).drop_nulls("difference")
        points = [
            (f"{escape(name)} to {escape(r['added_to'])} (n = {r['n']})", r["difference"], r, "circle")
            for r in rows.iter_rows(named=True)
        ]
        average = added.averages.row(i, named=True)
        if average["added"] is not None:
            points.append((f"<b>{escape(name)}, on average</b>", average["added"], average, "diamond"))
        labels += [label for label, *_ in points]
        low = [_or(r["low_simultaneous"], value) for _, value, r, _ in points]
        high = [_or(r["high_simultaneous"], value) for _, value, r, _ in points]
        value = [v for _, v, _, _ in points]
        figure.add_scatter(
            x=value,
            y=[label for label, *_ in points],
            error_x={
                "type": "data",
                "array": (np.array(high) - value).tolist(),
                "arrayminus": (np.array(value) - low).tolist(),
            },
            mode="markers",
            marker={
                "color": COLOURS[i % len(COLOURS)],
                "symbol": [s for *_, s in points],
                "size": [13 if s == "diamond" else 8 for *_, s in points],
            },
            name=escape(name),
            showlegend=False,
        )
    figure.add_vline(x=0, line={"color": GREY, "dash": "dot"})
    figure.update_yaxes(ticksuffix="  ", categoryorder="array", categoryarray=labels[::-1], automargin=True)
    better = "right" if added.metric.best == "high" else "left"
    figure.update_xaxes(
        title=f"difference in {added.metric.title} ({better}: the modality helps), simultaneous intervals"
    )
    return _titled(figure, added.title, 160 + 26 * len(labels))


def stress_figure(stress: StressTest) -> go.Figure:
    """Draw the score against the share of patients who lose each modality, with pointwise intervals."""
    figure = go.Figure()
    names = stress.table["modality"].unique(maintain_order=True).to_list()
    for i, name in enumerate(names):
        rows = stress.table.filter(pl.col("modality") == name).drop_nulls("value")
        value = rows["value"].to_numpy()
        low, high = (rows[k].fill_null(rows["value"]).to_numpy() for k in ("low", "high"))
        apart = (i - (len(names) - 1) / 2) * 0.8  # percent, so that intervals do not hide one another
        figure.add_scatter(
            x=(100 * rows["share"].to_numpy() + apart).tolist(),
            y=value.tolist(),
            error_y={"type": "data", "array": (high - value).tolist(), "arrayminus": (value - low).tolist()},
            mode="lines+markers",
            name=escape(name),
            line={"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
        )
    _chance(figure, stress.metric)
    figure.update_xaxes(title="% of the patients who have the modality, who lose it")
    figure.update_yaxes(title=stress.metric.title)
    return _titled(figure, stress.title, 440)


def learning_curve_figure(curve: LearningCurve) -> go.Figure:
    """Draw the held-out score against the number of training patients, and the power law that continues it."""
    figure = go.Figure()
    rows = curve.table.drop_nulls("value")
    value = rows["value"].to_numpy()
    low, high = (rows[k].fill_null(rows["value"]).to_numpy() for k in ("low", "high"))
    ahead = curve.extrapolated.drop_nulls("value")
    for column in ("high", "low"):
        figure.add_scatter(
            x=ahead["n_train"].to_list(),
            y=ahead[column].to_list(),
            mode="lines",
            line={"width": 0},
            fill="tonexty" if column == "low" else None,
            fillcolor="rgba(0,114,178,0.12)",
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=ahead["n_train"].to_list(), y=ahead["value"].to_list(), mode="lines", name="inverse power law",
        line={"color": COLOURS[0], "dash": "dash"},
    )  # fmt: skip
    figure.add_scatter(
        x=rows["n_train"].to_list(),
        y=value.tolist(),
        error_y={"type": "data", "array": (high - value).tolist(), "arrayminus": (value - low).tolist()},
        mode="markers",
        marker={"color": COLOURS[0], "size": 9},
        name="held out",
    )
    _chance(figure, curve.metric)
    figure.update_xaxes(title="training patients")
    figure.update_yaxes(title=curve.metric.title)
    return _titled(figure, curve.title, 440)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _chance(figure: go.Figure, metric: Metric) -> None:
    if not np.isnan(metric.useless):
        figure.add_hline(y=metric.useless, line={"color": GREY, "dash": "dot"})


def _titled(figure: go.Figure, title: str, height: int) -> go.Figure:
    layout: dict[str, Any] = {"template": "plotly_white", "height": height, "margin": {"t": 60, "r": 20}}
    figure.update_layout(title=escape(title), legend={"orientation": "h", "y": -0.2}, **layout)
    return figure
