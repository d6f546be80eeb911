"""A counterfactual drawn: how far each value would move among the background patients."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from hybridx.explain.figures import TOTAL, layout
from hybridx.explain.tabled import TabledFigure

if TYPE_CHECKING:
    from hybridx.explain.counterfactual import Counterfactual

__all__ = ["moves_figure"]


def moves_figure(found: Counterfactual) -> TabledFigure:
    """Return a bar per change: the share of background patients that the value passes, with both values as text."""
    labels, passes, texts = [], [], []
    for row in found.rows.iter_rows(named=True):
        labels.append(escape(row["feature"]) + (" (follows)" if row["change"] == "follows" else ""))
        passes.append(row["passes"])
        texts.append(escape(f"{row['value']:.4g} → {row['to']:.4g} {row['unit']}".rstrip()))
    figure = go.Figure(
        go.Bar(
            y=labels,
            x=passes,
            orientation="h",
            marker={"color": TOTAL, "opacity": 0.75},
            text=texts,
            hovertemplate="%{y}: %{text}, past %{x:.0%} of patients<extra></extra>",
        )
    )
    figure = layout(figure, "share of background patients whose values are passed", max(len(labels), 1) + 2)
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    words = f"{found.before:.2f} → {found.after:.2f} {found.scale}. {found.caution}"
    figure.update_layout(title={"text": words, "font": {"size": 12}}, margin={"t": 60})
    return TabledFigure(figure, table=found.rows)
