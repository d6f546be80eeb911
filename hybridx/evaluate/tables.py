"""The tables of a result: models x metrics, paired comparisons, risk groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.compare import holm, judged
from hybridx.evaluate.groups import EVENTS_FOR_THIRDS, GROUP_NAMES, group_of, percentile_of, ranking
from hybridx.evaluate.registry import Metric

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["OF_REFERENCES", "comparison_table", "group_table", "number_of_groups", "score_table"]

# a constant prediction ranks nobody and has no slope
OF_REFERENCES = ("brier_t", "ibs", "brier", "rps", "accuracy", "within_one", "rmse", "mae", "mean_error")

_SCORES: dict[str, Any] = {
    "model": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "n_events": pl.Int64,
    "time_days": pl.Float64,
    "method": pl.String,
    "baseline": pl.Boolean,
}
_COMPARISONS: dict[str, Any] = {
    "model": pl.String,
    "other": pl.String,
    "metric": pl.String,
    "value_model": pl.Float64,
    "value_other": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "p_adjusted": pl.Float64,
    "n": pl.Int64,
    "n_events": pl.Int64,
    "verdict": pl.String,
    "method": pl.String,
}


def score_table(result: Result, models: tuple[str, ...], metrics: list[Metric]) -> pl.DataFrame:
    """Return one row per model and metric; see `Result.table`."""
    rows = []
    for name in models:
        for metric in metrics:
            if result.roles[name] == "reference" and metric.name not in OF_REFERENCES:
                continue
            e = result.estimate(name, metric.name)
            at = metric.time_days(result.moment)
            role = result.roles[name] != "model"
            rows.append(
                (name, metric.name, e.value, e.low, e.high, e.level, e.n, e.n_events, at, e.method, role)
            )
    return pl.DataFrame(rows, schema=_SCORES, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def comparison_table(result: Result, model: str, metric: str) -> pl.DataFrame:
    """Return one row per other model; see `Result.comparisons`."""
    found = [
        result.compare(model, other, metric)
        for other in result.models
        if other != model and (result.roles[other] != "reference" or metric in OF_REFERENCES)
    ]
    rows = []
    for d, adjusted in zip(found, holm([d.p_value for d in found]), strict=True):
        values = (d.value_a, d.value_b, d.value, d.low, d.high, d.p_value, adjusted)
        rows.append((model, d.b, metric, *values, d.n, d.n_events, judged(d, adjusted), d.method))
    frame = pl.DataFrame(rows, schema=_COMPARISONS, orient="row")
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def number_of_groups(n_events: int, groups: int | None = None) -> int:
    """Return how many risk groups to make: as asked, else by events.

    Raises
    ------
    InputError
        Neither 2 nor 3.
    """
    if groups is None:
        return 3 if n_events >= EVENTS_FOR_THIRDS else 2
    if groups not in GROUP_NAMES:
        msg = f"groups={groups!r}: wanted 2 or 3."
        raise InputError(msg)
    return groups


def group_table(result: Result, model: str, groups: int | None) -> pl.DataFrame:
    """Return each patient's out-of-fold risk, percentile and group; see `Result.risk_groups`."""
    panel = result.panel(model)
    values = ranking(panel, result.horizon_days)
    frame = pl.DataFrame(
        {
            "patient_id": list(result.scored_patients),
            "value": values,
            "percentile": percentile_of(values),
            "group": group_of(values, number_of_groups(panel.outcome.n_events, groups)),
        }
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None), pl.col("group").replace("", None))
