"""Response at a stated threshold: one row per model and measure; levels predicted against levels found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.classification import MEASURES, RULES, learnt_thresholds, shifted_to_half
from hybridx.evaluate.ordinal_scores import predicted_level
from hybridx.evaluate.registry import measure, metric_named

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["check_threshold", "confusion_table", "threshold_table", "threshold_words"]

_SCHEMA: dict[str, Any] = {
    "model": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "n_events": pl.Int64,
    "threshold": pl.String,
    "method": pl.String,
}


def check_threshold(threshold: Any, rules: tuple[str, ...] = RULES) -> None:
    """Refuse what is neither a probability nor one of the rules to learn one.

    Raises
    ------
    InputError
    """
    number = isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool)
    if threshold in rules or (number and 0 < threshold < 1):
        return
    others = "".join(f", or {rule!r}" for rule in rules)
    msg = f"threshold={threshold!r}: wanted a probability between 0 and 1{others}."
    raise InputError(msg)


def threshold_words(threshold: float | str) -> str:
    """Say where a threshold comes from."""
    if isinstance(threshold, str):
        return f"{threshold}, learnt on the other folds"
    return f"{threshold:g}"


def threshold_table(result: Result, threshold: float | str) -> pl.DataFrame:
    """Return one row per model and measure; see `Result.at_threshold`."""
    if result.kind != "response":
        msg = f"{result.endpoint!r} is a {result.kind} endpoint: thresholds belong to responses; see decision_curve."
        raise InputError(msg)
    check_threshold(threshold)
    rows = []
    for name in result.models:
        if result.roles[name] == "reference":
            continue
        panel, cut = result.panel(name), threshold
        if isinstance(threshold, str):
            panel, cut = shifted_to_half(panel, learnt_thresholds(panel, threshold)), 0.5
        moment = replace(result.moment, threshold=float(cut))
        for asked in MEASURES:
            e = measure(metric_named(asked, "response"), panel, moment, result._resamples)  # noqa: SLF001 - one result
            values = (e.value, e.low, e.high, e.level, e.n, e.n_events)
            rows.append((name, asked, *values, threshold_words(threshold), e.method))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def confusion_table(result: Result, model: str) -> pl.DataFrame:
    """Return patients by level found (rows) and most probable level (columns); see `Result.confusion`."""
    if result.kind != "ordinal":
        msg = f"{result.endpoint!r} is a {result.kind} endpoint: a table of levels belongs to ordinal ones."
        raise InputError(msg)
    panel = result.panel(model)
    names = panel.outcome.levels
    counts = np.zeros((len(names), len(names)))
    if panel.levels is not None:
        told = predicted_level(panel.levels)
        for repeat in range(told.shape[0]):
            there = panel.valid[repeat] & ~np.isnan(told[repeat])
            np.add.at(counts, (panel.outcome.value[there].astype(int), told[repeat, there].astype(int)), 1.0)
        counts /= told.shape[0]
    return pl.DataFrame({"found": list(names), **{name: counts[:, k] for k, name in enumerate(names)}})
