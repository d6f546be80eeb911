"""Outcomes as rows of the cohort's outcome table, and read from them again.

An ordered outcome has `level` (a name) and `levels` (all of them, best to worst); a continuous one `value` and `unit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.outcome import Outcome

__all__ = ["from_rows", "to_rows", "with_rows"]


def from_rows(rows: pl.DataFrame, endpoint: str) -> Outcome:
    """Return the outcome that the rows of one endpoint hold, one per patient; the filled columns tell its kind."""
    criterion = _first(rows, "criterion")
    if _has(rows, "level"):
        levels = rows["levels"].drop_nulls()[0]
        return Outcome.ordinal(rows["level"], levels=list(levels), endpoint=endpoint, criterion=criterion)
    if _has(rows, "value"):
        return Outcome.continuous(rows["value"], endpoint=endpoint, unit=_first(rows, "unit"))
    if _has(rows, "responder"):
        meaning = _first(rows, "responder_means") or "responder"
        return Outcome.response(rows["responder"], endpoint=endpoint, criterion=criterion, responder=meaning)
    return Outcome.survival(
        rows["time_days"],
        rows["event"],
        endpoint=endpoint,
        origin=_first(rows, "origin") or "baseline",
        entry_days=rows["entry_days"].fill_null(0.0) if _has(rows, "entry_days") else None,
        cause=rows["cause"].fill_null("").to_list() if _has(rows, "cause") else None,
    )


def to_rows(y: Outcome, patients: Sequence[str]) -> pl.DataFrame:
    """Return one row per patient with a known outcome, in the columns of the outcome table."""
    n = len(y)
    columns: dict[str, Any] = {
        "patient_id": pl.Series(patients, dtype=pl.String),
        "endpoint": pl.Series([y.endpoint] * n, dtype=pl.String),
        "time_days": pl.Series(y.time_days, dtype=pl.Float64).fill_nan(None),
        "origin": pl.Series([y.origin] * n, dtype=pl.String),
    }
    if y.criterion:
        columns["criterion"] = pl.Series([y.criterion] * n, dtype=pl.String)
    if y.kind == "survival":
        columns["event"] = pl.Series(y.event)
        if y.entry_days is not None:
            columns["entry_days"] = pl.Series(y.entry_days, dtype=pl.Float64).fill_nan(None)
        if y.cause is not None:
            columns["cause"] = pl.Series(y.cause.tolist(), dtype=pl.String)
    elif y.kind == "response":
        columns["responder"] = pl.Series(y.value).fill_nan(None)
        columns["responder_means"] = pl.Series([y.responder] * n, dtype=pl.String)
    elif y.kind == "ordinal":
        names = [None if np.isnan(rank) else y.levels[int(rank)] for rank in y.value]
        columns["level"] = pl.Series(names, dtype=pl.String)
        columns["levels"] = pl.Series([list(y.levels)] * n, dtype=pl.List(pl.String))
    else:
        columns["value"] = pl.Series(y.value).fill_nan(None)
        columns["unit"] = pl.Series([y.unit] * n, dtype=pl.String)
    return pl.DataFrame(columns).filter(pl.Series(y.known))


def with_rows(table: pl.DataFrame | None, rows: pl.DataFrame, endpoint: str) -> pl.DataFrame:
    """Return an outcome table with these rows in the place of what it had of the endpoint."""
    if table is None:
        return rows
    others = table.filter(pl.col("endpoint") != endpoint)
    shared = [pl.col(name).cast(others.schema[name]) for name in rows.columns if name in others.columns]
    return pl.concat([others, rows.with_columns(shared)], how="diagonal_relaxed")


def _has(rows: pl.DataFrame, column: str) -> bool:
    return column in rows.columns and bool(rows[column].is_not_null().any())


def _first(rows: pl.DataFrame, column: str) -> str:
    values = rows[column].drop_nulls() if column in rows.columns else pl.Series([], dtype=pl.String)
    return str(values[0]) if len(values) else ""
