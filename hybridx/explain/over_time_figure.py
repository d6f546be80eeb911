"""Contributions drawn over time: one line per modality or feature, above zero raises the number, below it lowers it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from hybridx.explain.figures import TOTAL
from hybridx.explain.tabled import TabledFigure

if TYPE_CHECKING:
    from hybridx.explain.over_time import TimeExplanation

__all__ = ["importance_over_time", "patient_over_time"]

_MONTH = 30.4375  # days
# Okabe & Ito, without the two that mean raising and lowering elsewhere in this room, then by dash
_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_DASHES = ("solid", "dash", "dot")
_DIRECTION = {"risk": "higher: worse", "survival": "higher: better"}
_REST = "all others"


def patient_over_time(why: TimeExplanation, patient_id: str, level: str, top: int) -> TabledFigure:
    """Return a patient's curve beside the average one, and below it what each row adds at each time.

    Parameters
    ----------
    why : TimeExplanation
    patient_id : str
    level : {"modality", "feature"}
    top : int
        Rows by mean size over time; the sum of the others is one more, so that the lines add up.
    """
    table = _with_rest(why.table(level, patient_id), level, top)
    days = np.asarray(why.days)
    first = table.unique("time_days", keep="first", maintain_order=True)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.4, 0.6], vertical_spacing=0.07)
    ends = (("this patient", "prediction", "solid"), ("average patient", "base", "dot"))
    for name, column, dash in ends:
        figure.add_scatter(
            x=(days / _MONTH).tolist(),
            y=first[column].to_list(),
            name=name,
            line={"color": TOTAL, "dash": dash, "width": 2.5},
            hovertemplate=f"{name}: %{{y:.3f}}<extra></extra>",
            row=1,
            col=1,
        )
    for k, (name, rows) in enumerate(_by(table, level)):
        label = _label(why, patient_id, name)
        figure.add_scatter(
            x=(rows["time_days"] / _MONTH).to_list(),
            y=rows["contribution"].to_list(),
            name=label,
            line=_line(k, name),
            hovertemplate=f"{label}: %{{y:+.3f}}<extra></extra>",
            row=2,
            col=1,
        )
    figure.add_hline(y=0, line={"color": TOTAL, "width": 1}, row=2, col=1)
    kind = why.scales[0].split()[0]
    figure.update_yaxes(title=f"{kind} (probability)", row=1, col=1)
    figure.update_yaxes(
        title=f"adds to the {kind}<br>(probability; {_DIRECTION[kind]})", row=2, col=1, automargin=True
    )
    figure.update_xaxes(title="months", row=2, col=1)
    return TabledFigure(_finished(figure, f"{escape(patient_id)}: {escape(why.method)}", 560), table=table)


def importance_over_time(why: TimeExplanation, level: str, top: int) -> TabledFigure:
    """Return the mean size of contribution at each time, a line for each of the `top` rows."""
    table = why.importance(level)
    means = table.group_by(level, maintain_order=True).agg(pl.col("mean_abs").mean())
    shown = means.sort("mean_abs", level, descending=[True, False])[level].head(top).to_list()
    table = table.filter(pl.col(level).is_in(shown))
    figure = go.Figure()
    for k, name in enumerate(shown):
        rows = table.filter(pl.col(level) == name).sort("time_days")
        label = escape(name)
        figure.add_scatter(
            x=(rows["time_days"] / _MONTH).to_list(),
            y=rows["mean_abs"].to_list(),
            name=label,
            line=_line(k, name),
            hovertemplate=f"{label}: %{{y:.3f}}<extra></extra>",
        )
    kind = why.scales[0].split()[0]
    figure.update_yaxes(title=f"mean size of contribution to the {kind}<br>(probability)", rangemode="tozero")
    figure.update_xaxes(title="months")
    return TabledFigure(_finished(figure, f"{len(why)} patients: {escape(why.method)}", 400), table=table)


def _with_rest(table: pl.DataFrame, level: str, top: int) -> pl.DataFrame:
    """Keep the `top` rows of each time and add the sum of the others, which keeps the sum what it was."""
    size = table.group_by(level, maintain_order=True).agg(pl.col("contribution").abs().mean().fill_null(0.0))
    largest = size.sort("contribution", level, descending=[True, False])
    order: list[str] = largest.filter(pl.col("contribution") > 0)[level].to_list()
    shown = order[:top]
    kept = table.filter(pl.col(level).is_in(shown))
    rank = pl.col(level).replace_strict({name: i for i, name in enumerate(shown)}, return_dtype=pl.Int64)
    kept = kept.sort(rank, "time_days") if shown else kept
    if len(order) <= top:
        return kept
    others = table.filter(~pl.col(level).is_in(shown)).group_by("time_days", maintain_order=True)
    rest = others.agg(
        pl.col("patient_id").first(),
        pl.lit(_REST).alias("modality"),
        *([pl.lit(_REST).alias("feature")] if level == "feature" else []),
        pl.col("contribution").sum(),
        pl.col("base", "prediction").first(),
    )
    return pl.concat([kept, rest.select(table.columns)])


def _by(table: pl.DataFrame, level: str) -> list[tuple[str, pl.DataFrame]]:
    names = table[level].unique(maintain_order=True).to_list()
    return [(name, table.filter(pl.col(level) == name).sort("time_days")) for name in names]


def _label(why: TimeExplanation, patient_id: str, name: str) -> str:
    """Return a feature with the patient's value and unit; a modality by its name."""
    if name not in why.values.columns:
        return escape(name)
    value = why.values.filter(pl.col("patient_id") == patient_id)[name][0]
    unit = why.units.get(name, "")
    shown = "missing" if value is None else f"{value:.4g} {'' if unit == '1' else unit}".rstrip()
    return escape(f"{name} = {shown}" if value is not None else f"{name} ({shown})")


def _line(k: int, name: str) -> dict[str, object]:
    if name == _REST:
        return {"color": "#BBBBBB", "width": 1.5}
    dash = _DASHES[k // len(_COLOURS) % len(_DASHES)]
    return {"color": _COLOURS[k % len(_COLOURS)], "dash": dash, "width": 2}


def _finished(figure: go.Figure, title: str, height: int) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 10, "r": 20, "t": 60, "b": 50},
        font={"size": 13},
        hovermode="x unified",
        title={"text": title, "font": {"size": 12}},
    )
    figure.update_xaxes(automargin=True)
    return figure
