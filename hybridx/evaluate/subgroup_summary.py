"""What `Result.subgroups` and `Result.centres` return: tables that show themselves, and their forest plot."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.special import expit, logit

from hybridx.errors import InputError
from hybridx.evaluate.designs_centres import LeaveOneCentreOut, centres_of
from hybridx.evaluate.designs_locked import Locked
from hybridx.evaluate.metric import Metric
from hybridx.evaluate.pooling import pool
from hybridx.evaluate.subgroups import (
    NOT_RECORDED,
    Labels,
    check_some,
    group_labels,
    score_gaps,
    score_groups,
)
from hybridx.terms.estimate import Estimate

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from hybridx.evaluate.result import Result

__all__ = ["Centres", "Subgroups", "centres_summary", "subgroups_summary"]

FEWEST_TO_POOL = 3


@dataclass(frozen=True, eq=False)
class Subgroups:
    """A score per subgroup, and the gaps between subgroups.

    Parameters
    ----------
    by, model, metric, title : str
        What divides the patients, who predicted, what was scored, and the metric's title.
    table : polars.DataFrame
        `group`, `value`, `low`, `high`, `level`, `n`, `n_events`, `method`; a subgroup that is too small has
        counts only.
    gaps : polars.DataFrame
        Each subgroup minus the largest: `group`, `other`, `value_group`, `value_other`, `difference`, `low`, `high`,
        `n`, `n_other`, `separated` (at a level shared among all gaps), `method`.
    notes : tuple of str
    """

    by: str
    model: str
    metric: str
    title: str
    table: pl.DataFrame
    gaps: pl.DataFrame
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}({self.title} of {self.model} by {self.by})"]
        lines += [f"  {row['group']:<16} {_text(row)}  n = {row['n']}{_events(row)}" for row in _rows(self)]
        lines += [
            f"  {row['group']} - {row['other']}: {_text(row, 'difference', '+')}" for row in _gaps(self)
        ]
        return "\n".join([*lines, *(f"  - {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><td>{escape(row['group'])}</td><td>{_text(row)}</td><td>{row['n']}</td>"
            f"<td>{_events(row, '{}')}</td></tr>"
            for row in _rows(self)
        )
        gaps = "".join(
            f"<li>{escape(row['group'])} minus {escape(row['other'])}: {_text(row, 'difference', '+')}</li>"
            for row in _gaps(self)
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<div><p><b>{escape(self.title)} of {escape(self.model)} by {escape(self.by)}</b></p>"
            f"<table><thead><tr><th>{escape(self.by)}</th><th>{escape(self.title)}</th><th>n</th><th>events</th></tr>"
            f"</thead><tbody>{body}</tbody></table><ul>{gaps}{notes}</ul></div>"
        )

    def figure(self) -> go.Figure:
        """Draw each subgroup's score with its interval."""
        from hybridx.evaluate.forest import forest_figure  # noqa: PLC0415 - plotly is loaded when something is drawn

        return forest_figure(self)


@dataclass(frozen=True, eq=False, repr=False)
class Centres(Subgroups):
    """A score per centre, and over centres: their random-effects mean and what a new centre may show.

    Parameters
    ----------
    pooled : Estimate
        Mean over centres with its interval; undefined with fewer than three.
    new_centre : tuple of float
        95 % (or as asked) prediction interval: where the true score of another such centre is expected.
    tau : float
        Standard deviation between centres, on the scale of pooling (logit of a C or AUC, log of O:E, else the score's
        own).
    """

    pooled: Estimate = field(default_factory=lambda: Estimate(np.nan))
    new_centre: tuple[float, float] = (np.nan, np.nan)
    tau: float = np.nan

    def __repr__(self) -> str:
        first, *rest = super().__repr__().split("\n")
        if np.isnan(self.pooled.value):
            return "\n".join([first, *rest])
        e, (low, high) = self.pooled, self.new_centre
        line = f"  all centres: {e.value:.3f} ({e.low:.3f} to {e.high:.3f}); a new centre: {low:.3f} to {high:.3f}"
        return "\n".join([first, line, *rest])


def subgroups_summary(result: Result, by: Any, cuts: Any, model: str, metric: Metric) -> Subgroups:
    """Score each subgroup and the gaps; see `Result.subgroups`."""
    name, labels = group_labels(result, by, cuts)
    table = score_groups(result, model, metric, labels)
    check_some(table, name)
    return Subgroups(
        name,
        model,
        metric.name,
        metric.title,
        table,
        score_gaps(result, model, metric, table, labels),
        _notes(table),
    )


def centres_summary(result: Result, model: str, metric: Metric) -> Centres:
    """Score each centre and pool; see `Result.centres`."""
    of = dict(zip(result.cohort.patients, centres_of(result.cohort), strict=True))
    labels = np.array([of[p] or NOT_RECORDED for p in result.scored_patients], dtype=object)
    if set(labels.tolist()) <= {NOT_RECORDED}:
        msg = "The cohort does not say where patients were treated: it has no column 'centre' in its patients table."
        raise InputError(msg)
    table = score_groups(result, model, metric, labels)
    check_some(table, "centre")
    gaps = score_gaps(result, model, metric, table, labels)
    pooled, new, tau, more = _pool(result, model, metric, table, labels)
    return Centres(
        "centre",
        model,
        metric.name,
        metric.title,
        table,
        gaps,
        (*_notes(table), *more, _of_design(result)),
        pooled=pooled,
        new_centre=new,
        tau=tau,
    )


def _pool(
    result: Result, model: str, metric: Metric, table: pl.DataFrame, labels: Labels
) -> tuple[Estimate, tuple[float, float], float, list[str]]:
    nothing = Estimate(np.nan, level=result.level, method="not pooled")
    if metric.distance:
        return nothing, (np.nan, np.nan), np.nan, ["A distance from perfection is not pooled over centres."]
    there, back, scale = _scale(metric)
    panel, counts = result.panel(model), result._resamples.counts  # noqa: SLF001 - one mechanism for all intervals
    values, errors, n, events = [], [], 0, 0
    for row in table.filter(pl.col("group") != NOT_RECORDED).drop_nulls("value").iter_rows(named=True):
        mask = panel.predicted & (labels == row["group"])
        drawn = metric.values(panel.rows(mask), counts[:, mask].astype(np.float64), result.moment)
        with np.errstate(divide="ignore", invalid="ignore"):
            value, moved = there(row["value"]), there(drawn)
        moved = moved[np.isfinite(moved)]
        if np.isfinite(value) and len(moved) >= 0.9 * len(drawn) and moved.std(ddof=1) > 0:
            values.append(float(value))
            errors.append(float(moved.std(ddof=1)))
            n, events = n + row["n"], events + (row["n_events"] or 0)
    if len(values) < FEWEST_TO_POOL:
        return (
            nothing,
            (np.nan, np.nan),
            np.nan,
            [
                f"Not pooled: {len(values)} centres have a score with a standard error, {FEWEST_TO_POOL} are needed."
            ],
        )
    found = pool(values, errors, result.level)
    method = (
        f"random effects of {found.centres} centres on the {scale} scale, REML with Hartung-Knapp interval"
    )
    value, low, high = (float(back(x)) for x in (found.value, found.low, found.high))
    new = (float(back(found.new_low)), float(back(found.new_high)))
    counted = events if result.kind in ("survival", "response") else None
    return Estimate(value, low, high, result.level, n, counted, method), new, found.tau, []


def _scale(metric: Metric) -> tuple[Any, Any, str]:
    if metric.useless == 0.5:
        return logit, expit, "logit"
    if metric.name == "observed_expected":
        return np.log, np.exp, "log"
    return np.asarray, np.asarray, "plain"


def _of_design(result: Result) -> str:
    if isinstance(result.design, LeaveOneCentreOut):
        return "Each centre was predicted by models that never saw it."
    if isinstance(result.design, Locked):
        return "No centre was seen in training, unless the model was trained at one of them."
    return (
        "Patients of the same centre were in training too: this shows whether the model is as good everywhere, not "
        "whether it travels. LeaveOneCentreOut asks that."
    )


def _notes(table: pl.DataFrame) -> tuple[str, ...]:
    small = table.filter(pl.col("value").is_null())
    if not small.height:
        return ()
    which = ", ".join(f"{g} ({n})" for g, n in small.select("group", "n").iter_rows())
    return (f"Without a score: {which}; the reason is in `table`.",)


def _rows(found: Subgroups) -> list[dict[str, Any]]:
    return list(found.table.iter_rows(named=True))


def _gaps(found: Subgroups) -> list[dict[str, Any]]:
    return list(found.gaps.iter_rows(named=True))


def _events(row: dict[str, Any], form: str = ", {} events") -> str:
    return "" if row["n_events"] is None else form.format(row["n_events"])


def _text(row: dict[str, Any], name: str = "value", sign: str = "") -> str:
    if row[name] is None:
        return "no score"
    text = f"{row[name]:{sign}.3f}"
    return text if row["low"] is None else f"{text} ({row['low']:{sign}.3f} to {row['high']:{sign}.3f})"
