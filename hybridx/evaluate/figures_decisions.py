"""Decision curves, and what was predicted against what was found of ordered and continuous outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.decision_table import TREAT_ALL, TREAT_NONE
from hybridx.evaluate.figures import COLOURS, DASHES, GREY, _add_band, _finish
from hybridx.evaluate.horizon import months
from hybridx.evaluate.panel import mean_over_repeats

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["decision_curve_figure", "predicted_figure"]


def decision_curve_figure(
    result: Result, models: Sequence[str] | None = None, thresholds: Sequence[float] | None = None
) -> go.Figure:
    """Draw net benefit over thresholds, with a band for the primary model, treating all and none in grey."""
    table = result.decision_curve(models, thresholds)
    figure = go.Figure()
    names = table["model"].unique(maintain_order=True).to_list()
    colour = dict(zip([n for n in names if n not in (TREAT_ALL, TREAT_NONE)], COLOURS * 9, strict=False))
    for i, name in enumerate(names):
        rows = table.filter(pl.col("model") == name)
        x = (100 * rows["threshold"]).to_numpy()
        plain = name in (TREAT_ALL, TREAT_NONE)
        label = name if name == TREAT_NONE else f"{name} (n = {rows['n'][0]})"
        if name == result.primary:
            banded = rows.drop_nulls(["low", "high"])
            at = (100 * banded["threshold"]).to_numpy()
            _add_band(figure, at, banded["low"].to_list(), banded["high"].to_list(), colour[name])
        figure.add_scatter(
            x=x, y=rows["net_benefit"].to_list(), mode="lines", name=escape(label),
            line={
                "color": GREY if plain else colour[name],
                "dash": ("dash" if name == TREAT_ALL else "dot") if plain else DASHES[i % len(DASHES)],
                "width": 3 if name == result.primary else 1.5,
            },
            customdata=(100 * rows["flagged"]).to_numpy(),
            hovertemplate="threshold %{x:.0f} %: net benefit %{y:.3f}, %{customdata:.0f} % flagged<extra></extra>",
        )  # fmt: skip
    flagged = table.filter((pl.col("flagged") > 0) & ~pl.col("model").is_in([TREAT_ALL, TREAT_NONE]))
    end = 100.0 if flagged.is_empty() else min(100.0, 100 * float(flagged["threshold"].to_numpy().max()) + 5)
    top = float(np.nanmax(table["net_benefit"].fill_null(float("nan")).to_numpy()))
    at_time = "" if result.horizon_days is None else f" of an event by {months(result.horizon_days)}"
    word = at_time or " of response"
    figure.update_xaxes(title=f"Treat from this probability{word} on (%)", range=[0, end])
    figure.update_yaxes(
        title="Net benefit (true positives per patient)", range=[-0.15 * top - 0.02, 1.1 * top + 0.02]
    )
    return _finish(
        figure, result, f"{escape(result.endpoint)}: what deciding by a model is worth", height=480
    )


def predicted_figure(result: Result, model: str) -> go.Figure:
    """Draw found against predicted: a table of levels (ordinal), or points and the diagonal (continuous)."""
    panel = result.panel(model)
    truth = panel.outcome.value
    if result.kind == "ordinal":
        names = [escape(level) for level in panel.outcome.levels]
        counts = result.confusion(model).drop("found").to_numpy().astype(float)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
        figure = go.Figure(
            go.Heatmap(
                z=share, x=names, y=names, zmin=0, zmax=1, colorscale="Blues", colorbar={"title": "share of row"},
                text=[[f"{value:.1f}" for value in row] for row in counts], texttemplate="%{text}",
            )
        )  # fmt: skip
        figure.update_yaxes(title="Found", autorange="reversed")
        figure.update_xaxes(title="Predicted (most probable level)")
        title = f"{escape(result.endpoint)}: levels by {escape(model)}, patients, mean over repeats"
        return _finish(figure, result, title, height=440)
    if result.kind != "continuous":
        msg = f"{result.endpoint!r} is a {result.kind} endpoint: see figure_calibration."
        raise InputError(msg)
    told = mean_over_repeats(np.where(panel.valid, panel.score, np.nan))
    there = ~np.isnan(told)
    ends = [
        float(min(told[there].min(), truth[there].min())),
        float(max(told[there].max(), truth[there].max())),
    ]
    unit = f" ({escape(panel.outcome.unit)})" if panel.outcome.unit else ""
    figure = go.Figure(
        go.Scatter(
            x=told[there], y=truth[there], mode="markers", marker={"color": COLOURS[0]}, showlegend=False
        )
    )
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip", showlegend=False
    )
    figure.update_xaxes(title=f"Predicted{unit}, mean over repeats")
    figure.update_yaxes(title=f"Found{unit}")
    return _finish(figure, result, f"{escape(result.endpoint)} by {escape(model)}", height=480)
