"""The forest plot of subgroups and centres."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from hybridx.evaluate.figures import COLOURS, GREY

if TYPE_CHECKING:
    from hybridx.evaluate.subgroup_summary import Subgroups

__all__ = ["forest_figure"]


def forest_figure(found: Subgroups) -> go.Figure:
    """Draw each subgroup's score with its interval, larger ones with larger marks; the pooled value below."""
    rows = list(found.table.filter(pl.col("value").is_not_null()).iter_rows(named=True))
    figure = go.Figure()
    largest = max(row["n"] for row in rows)
    for row in rows:
        size = 7 + 11 * float(np.sqrt(row["n"] / largest))
        name = f"{row['group']} (n = {row['n']}, {row['n_events']} events)"
        _mark(
            figure, name, row["value"], row["low"], row["high"], size=size, colour=COLOURS[0], symbol="square"
        )
    pooled: Any = getattr(found, "pooled", None)
    if pooled is not None and not np.isnan(pooled.value):
        _mark(
            figure,
            "all centres",
            pooled.value,
            pooled.low,
            pooled.high,
            size=13,
            colour=COLOURS[1],
            symbol="diamond",
        )
        low, high = found.new_centre  # type: ignore[attr-defined]
        figure.add_scatter(
            x=[low, high],
            y=["a new centre"] * 2,
            mode="lines",
            line={"color": COLOURS[1], "width": 3, "dash": "dot"},
            hovertemplate=f"expected in a new centre: {low:.3f} to {high:.3f}<extra></extra>",
            showlegend=False,
        )
    figure.update_yaxes(autorange="reversed", ticksuffix="  ")
    figure.update_xaxes(title=f"{escape(found.title)} with interval", zeroline=False)
    figure.update_layout(
        template="plotly_white",
        title=f"{escape(found.title)} of {escape(found.model)} by {escape(found.by)}",
        height=160 + 34 * (len(rows) + 2),
        margin={"l": 20, "r": 20},
    )
    return figure


def _mark(
    figure: go.Figure,
    name: str,
    value: float,
    low: float | None,
    high: float | None,
    *,
    size: float,
    colour: str,
    symbol: str,
) -> None:
    ends = (value if low is None else low, value if high is None else high)
    figure.add_scatter(
        x=[value],
        y=[escape(name)],
        error_x={"type": "data", "array": [ends[1] - value], "arrayminus": [value - ends[0]], "color": GREY},
        mode="markers",
        marker={"size": size, "color": colour, "symbol": symbol},
        hovertemplate=f"%{{x:.3f}} ({ends[0]:.3f} to {ends[1]:.3f})<extra></extra>",
        showlegend=False,
    )
