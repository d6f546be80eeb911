"""Horizontal bars with an interval each: the look of everything that is told of many patients at once."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
import polars as pl

from hybridx.explain.figures import TOTAL, layout
from hybridx.explain.tabled import TabledFigure

__all__ = ["interval_bars"]


def interval_bars(names: Sequence[str], rows: pl.DataFrame, value: str, axis: str, note: str) -> TabledFigure:
    """Return a bar per row of a table with `low` and `high`; the figure gives the table back.

    Parameters
    ----------
    names : sequence of str
        Of the bars; escaped here.
    rows : polars.DataFrame
        `value`, `low` and `high`, and `share`, which is told on hovering.
    value, axis : str
        Column of the length, and title of the axis.
    note : str
        What `share` is a share of.
    """
    size = rows[value].to_numpy()
    figure = go.Figure(
        go.Bar(
            y=[escape(name) for name in names],
            x=size.tolist(),
            orientation="h",
            marker={"color": TOTAL, "opacity": 0.75},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (rows["high"].to_numpy() - size).tolist(),
                "arrayminus": (size - rows["low"].to_numpy()).tolist(),
                "color": "#000000",
                "thickness": 1.2,
            },
            customdata=rows.select("low", "high", "share").to_numpy().tolist(),
            hovertemplate=(
                "%{y}: %{x:.3f} (%{customdata[0]:.3f} to %{customdata[1]:.3f}), "
                f"%{{customdata[2]:.0%}} of {note}<extra></extra>"
            ),
        )
    )
    return TabledFigure(layout(figure, axis, len(names)), table=rows)
