"""Figures of a result: plotly, colours that colour-blind readers can tell apart, times in months."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from hybridx.errors import InputError
from hybridx.evaluate.groups import GROUP_NAMES
from hybridx.evaluate.horizon import months
from hybridx.evaluate.notes import SYNTHETIC
from hybridx.evaluate.registry import Moment, measure, metric_named
from hybridx.evaluate.weighted_km import kaplan_meier, late_entry
from hybridx.terms.text import DAYS_PER_MONTH, check_name

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["calibration_figure", "comparisons_figure", "groups_figure", "metrics_figure", "over_time_figure"]

# Okabe M, Ito K. Color Universal Design (2008): distinct in every common form of colour blindness, and in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GROUP_COLOURS = {"low": "#0072B2", "intermediate": "#E69F00", "high": "#D55E00"}
GREY = "#767676"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def metrics_figure(result: Result, metric: str) -> go.Figure:
    """Draw one metric of every model with its interval, baselines in grey."""
    asked = metric_named(metric, result.kind)
    rows = list(result.table(metric).filter(pl.col("value").is_not_null()).iter_rows(named=True))[::-1]
    figure = go.Figure()
    for row in rows:
        own = result.roles[row["model"]] == "model"
        low, high = (row["value"] if row[k] is None else row[k] for k in ("low", "high"))
        figure.add_scatter(
            x=[row["value"]],
            y=[f"{escape(row['model'])} (n = {row['n']})"],
            error_x={"type": "data", "array": [high - row["value"]], "arrayminus": [row["value"] - low]},
            mode="markers",
            marker={
                "color": COLOURS[0] if own else GREY,
                "size": 10,
                "symbol": "square" if own else "circle",
            },
            hovertemplate=f"%{{x:.3f}} ({low:.3f} to {high:.3f})<extra>{escape(row['model'])}</extra>",
            showlegend=False,
        )
    figure.update_yaxes(ticksuffix="  ")  # names keep off the axis
    line = {"one": 1.0, "zero": 0.0}.get(asked.best, asked.useless)
    if not np.isnan(line):
        figure.add_vline(x=line, line={"color": GREY, "dash": "dot"})
    at = asked.time_days(result.moment)
    better = {
        "high": "higher is better",
        "low": "lower is better",
        "one": "1 is right",
        "zero": "0 is right",
    }[asked.best]
    when = "" if at is None else f" at {months(at)}" if asked.when == "horizon" else f" up to {months(at)}"
    figure.update_xaxes(title=f"{asked.title}{when} ({better}), {100 * result.level:g} % interval")
    return _finish(figure, result, f"{result.endpoint}: {asked.title}", height=140 + 34 * len(rows))


def comparisons_figure(result: Result, metric: str, model: str) -> go.Figure:
    """Draw the paired differences of `model` to every other model, each with its interval; 0 is "no difference".

    Marks are filled in colour where the difference survives the number of comparisons (see `Result.comparisons`).
    """
    asked = metric_named(metric, result.kind)
    rows = result.comparisons(metric, model=model).drop_nulls("difference")[::-1]
    value = rows["difference"].to_numpy()
    low, high = (rows[k].fill_null(rows["difference"]).to_numpy() for k in ("low", "high"))
    figure = go.Figure(
        go.Scatter(
            x=value.tolist(),
            y=[f"{escape(other)} (n = {n})" for other, n in rows.select("other", "n").iter_rows()],
            error_x={
                "type": "data",
                "array": (high - value).tolist(),
                "arrayminus": (value - low).tolist(),
                "color": GREY,
            },
            mode="markers",
            marker={
                "color": [GREY if v == "not separated" else COLOURS[0] for v in rows["verdict"]],
                "symbol": ["circle" if v == "not separated" else "square" for v in rows["verdict"]],
                "size": 10,
            },
            customdata=list(zip(low.tolist(), high.tolist(), rows["verdict"].to_list(), strict=True)),
            hovertemplate="%{x:+.3f} (%{customdata[0]:+.3f} to %{customdata[1]:+.3f}), %{customdata[2]}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": GREY, "dash": "dot"})
    figure.update_yaxes(ticksuffix="  ")  # names keep off the axis
    better = {"high": "right of 0: better", "low": "left of 0: better"}.get(asked.best, "no direction")
    figure.update_xaxes(
        title=f"{escape(model)} minus the other ({better}), {100 * result.level:g} % interval", zeroline=False
    )
    title = (
        f"{escape(result.endpoint)}: difference in {asked.title}, {escape(model)} against each other model"
    )
    return _finish(figure, result, title, height=140 + 34 * rows.height)


def calibration_figure(result: Result, model: str) -> go.Figure:
    """Draw told against found probability: flexible curve with band, groups with intervals, the diagonal."""
    found = result.calibration(model)
    figure = go.Figure()
    if found.groups.height == 0:
        msg = f"{model!r} gives risks, not probabilities: there is no calibration to draw."
        raise InputError(msg)
    top = min(1.0, 1.05 * max(_largest(found.groups, "high"), _largest(found.curve, "predicted"), 0.2))
    figure.add_scatter(
        x=[0, top],
        y=[0, top],
        mode="lines",
        line={"color": GREY, "dash": "dot"},
        name="perfect",
        hoverinfo="skip",
    )
    curve = found.curve.drop_nulls("observed")
    banded = curve.drop_nulls(["low", "high"])
    if banded.height:
        figure.add_scatter(
            x=[*banded["predicted"], *banded["predicted"].reverse()],
            y=[*banded["low"], *banded["high"].reverse()],
            fill="toself", fillcolor="rgba(0,114,178,0.15)", line={"width": 0}, hoverinfo="skip", name="95 % band",
        )  # fmt: skip
    if curve.height:
        figure.add_scatter(
            x=curve["predicted"].to_list(), y=curve["observed"].to_list(), mode="lines",
            line={"color": COLOURS[0]}, name="flexible curve",
        )  # fmt: skip
    groups = found.groups.drop_nulls("observed")
    value = groups["observed"].to_numpy()
    low, high = (groups[k].fill_null(groups["observed"]).to_numpy() for k in ("low", "high"))
    figure.add_scatter(
        x=groups["predicted"].to_list(), y=value.tolist(), mode="markers", name="groups of patients",
        error_y={"type": "data", "array": (high - value).tolist(), "arrayminus": (value - low).tolist()},
        marker={"color": COLOURS[1], "size": 9},
        customdata=groups.select("n", "n_events").to_numpy().tolist(),
        hovertemplate="told %{x:.2f}, found %{y:.2f}<br>n = %{customdata[0]}, %{customdata[1]} events<extra></extra>",
    )  # fmt: skip
    what = "response" if result.kind == "response" else f"event by {months(found.time_days or 0.0)}"
    figure.update_xaxes(title=f"Predicted probability of {what}", range=[0, top])
    figure.update_yaxes(
        title=f"Observed probability of {what}", range=[0, min(1.0, max(top, _largest(groups, "high")))]
    )
    return _finish(figure, result, f"Calibration of {escape(model)}", height=480)


def groups_figure(result: Result, model: str, groups: int | None = None) -> go.Figure:
    """Draw Kaplan-Meier curves of out-of-fold risk groups, with intervals and numbers at risk."""
    if result.kind != "survival":
        msg = f"{result.endpoint!r} is a {result.kind} endpoint: it has no survival curves."
        raise InputError(msg)
    table = result.risk_groups(model, groups)
    place = table["group"].to_numpy()
    time, event = result.outcome.time_days, result.outcome.event
    late = late_entry(result.outcome)
    entry = np.full(len(time), -np.inf) if late is None else late
    names = [name for name in GROUP_NAMES[3] if np.any(place == name)]
    end = float(time.max()) / DAYS_PER_MONTH
    ticks = _ticks(end)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.8, 0.2], vertical_spacing=0.12)
    for i, name in enumerate(names):
        rows = place == name
        at, survival, low, high = kaplan_meier(time[rows], event[rows], entry=entry[rows], level=result.level)
        x = np.concatenate([[0.0], at / DAYS_PER_MONTH])
        steps = [np.concatenate([[1.0], part]).tolist() for part in (survival, low, high)]
        _add_step_band(figure, x, steps[1], steps[2], GROUP_COLOURS[name])
        label = f"{name} risk: {int(rows.sum())} patients, {int(event[rows].sum())} events"
        figure.add_scatter(
            x=x, y=steps[0], mode="lines", name=label, row=1, col=1,
            line={"shape": "hv", "color": GROUP_COLOURS[name], "dash": DASHES[i]},
        )  # fmt: skip
        at_risk = [_at_risk(time[rows], entry[rows], tick * DAYS_PER_MONTH) for tick in ticks]
        figure.add_scatter(
            x=ticks, y=[i] * len(ticks), text=at_risk, mode="text", row=2, col=1, showlegend=False,
            textfont={"color": GROUP_COLOURS[name]}, hoverinfo="skip",
        )  # fmt: skip
    figure.update_yaxes(title=f"Free of {escape(result.endpoint)} event", range=[0, 1.02], row=1, col=1)
    figure.update_yaxes(
        title="At risk",
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        row=2,
        col=1,
    )
    figure.update_xaxes(tickvals=ticks, range=[-0.03 * end, 1.03 * end])
    figure.update_xaxes(title=f"Months from {escape(result.origin)}", row=2, col=1)
    return _finish(
        figure, result, f"{escape(result.endpoint)} by out-of-fold risk group of {escape(model)}", height=540
    )


def over_time_figure(result: Result, metric: str, models: tuple[str, ...] | None = None) -> go.Figure:
    """Draw AUC(t) or Brier(t) with pointwise intervals for the primary model, lines for the others."""
    check_name(metric, ("auc_t", "brier_t"), "metric over time")
    asked = metric_named(metric, result.kind)
    chosen = result.models if models is None else tuple(check_name(m, result.models, "model") for m in models)
    if metric == "auc_t":
        chosen = tuple(name for name in chosen if result.roles[name] != "reference")
    times = _curve_times(result)
    figure = go.Figure()
    for i, name in enumerate(chosen):
        panel = result.panel(name)
        colour = COLOURS[i % len(COLOURS)]
        own = name == result.primary
        if own:
            found = [measure(asked, panel, Moment(horizon_days=t), result._resamples) for t in times]  # noqa: SLF001
            values = [e.value for e in found]
            _add_band(figure, times / DAYS_PER_MONTH, [e.low for e in found], [e.high for e in found], colour)
        else:
            once = np.ones((1, panel.n)) * panel.predicted
            usable = metric == "auc_t" or panel.survival is not None
            values = [
                float(asked.values(panel, once, Moment(horizon_days=t))[0]) if usable else np.nan
                for t in times
            ]
        figure.add_scatter(
            x=times / DAYS_PER_MONTH, y=values, mode="lines+markers" if own else "lines", name=escape(name),
            line={"color": colour, "dash": DASHES[i % len(DASHES)], "width": 3 if own else 1.5},
        )  # fmt: skip
    if metric == "auc_t":
        figure.add_hline(y=0.5, line={"color": GREY, "dash": "dot"})
    figure.update_xaxes(title=f"Months from {escape(result.origin)}")
    figure.update_yaxes(title=f"{asked.title} ({'higher' if asked.best == 'high' else 'lower'} is better)")
    return _finish(figure, result, f"{escape(result.endpoint)}: {asked.title} over follow-up", height=440)


def _curve_times(result: Result) -> np.typing.NDArray[np.float64]:
    """Return at most twelve times between the first tenth of events and tau."""
    event_times = np.sort(result.outcome.time_days[result.outcome.event])
    start = float(np.quantile(event_times, 0.1))
    grid = np.asarray(result.moment.grid_days)
    inside = grid[(grid >= start) & (grid < grid[-1])]
    inside = inside if len(inside) else grid[-1:]
    return np.asarray(inside[np.unique(np.linspace(0, len(inside) - 1, min(12, len(inside))).astype(int))])


def _add_step_band(figure: go.Figure, x: Any, low: list[float], high: list[float], colour: str) -> None:
    shared = {"mode": "lines", "line": {"shape": "hv", "width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=x, y=high, **shared, row=1, col=1)
    figure.add_scatter(x=x, y=low, **shared, row=1, col=1, fill="tonexty", fillcolor=_faint(colour))


def _add_band(figure: go.Figure, x: Any, low: list[float], high: list[float], colour: str) -> None:
    shared = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=x, y=high, **shared)
    figure.add_scatter(x=x, y=low, **shared, fill="tonexty", fillcolor=_faint(colour))


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def _largest(frame: pl.DataFrame, column: str) -> float:
    value = frame[column].max()
    return float(value) if isinstance(value, (int, float)) else 0.0


def _at_risk(time: npt.NDArray[np.float64], entry: npt.NDArray[np.float64], days: float) -> str:
    return str(int(np.sum((time >= days) & (entry <= days))))


def _ticks(end: float) -> list[float]:
    step = next((s for s in (1, 3, 6, 12, 24, 60) if end / s <= 8), 120)
    return [float(tick) for tick in np.arange(0, end + 1e-9, step)]


def _finish(figure: go.Figure, result: Result, title: str, height: int) -> go.Figure:
    subtitle = SYNTHETIC if SYNTHETIC in result.run_notes else ""
    figure.update_layout(
        title={"text": title, "subtitle": {"text": subtitle}},
        template="plotly_white",
        height=height,
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "yref": "container",
            "yanchor": "bottom",
            "y": 0.01,
            "x": 0,
        },
        margin={
            "l": 80,
            "r": 20,
            "t": 80,
            "b": 110 if any(t.showlegend is not False for t in figure.data) else 60,
        },
    )
    return figure
