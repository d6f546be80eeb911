"""How far to trust it: every metric with its interval beside the baselines, calibration, honest notes, provenance."""

from __future__ import annotations

import importlib.metadata
import math
from typing import Any

import polars as pl

import hybridx
from hybridx.report.background import Background
from hybridx.report.rendering import number
from hybridx.report.words import metric_title, model_title

__all__ = ["provenance", "trust"]

# In a page's table: the few that a board discusses; the cohort report shows them all.
_FIRST_METRICS = ("harrell_c", "uno_c", "auc_t", "ibs", "calibration_oe", "roc_auc", "brier")


def _interval(row: dict[str, Any]) -> str:
    if row["value"] is None or not math.isfinite(row["value"]):
        return "–"
    text = f"{row['value']:.2f}"
    if row["low"] is not None and row["high"] is not None and math.isfinite(row["low"]) and math.isfinite(row["high"]):
        text += f" ({row['low']:.2f} to {row['high']:.2f})"
    return text


def trust(background: Background, *, every_metric: bool = False) -> dict[str, Any]:
    """Return the performance table of the primary model and its baselines, notes and counts."""
    result = background.result
    table = result.table()
    available = list(dict.fromkeys(table["metric"]))
    wanted = [m for m in available if every_metric or _rank(m) < len(_FIRST_METRICS)]
    metrics = sorted(wanted or available, key=_rank)[: None if every_metric else 4]
    cells = {(r["model"], r["metric"]): r for r in table.iter_rows(named=True)}
    baseline = {r["model"]: bool(r["baseline"]) for r in table.iter_rows(named=True)}
    models = sorted(baseline, key=lambda m: (m != result.primary, baseline[m]))
    rows, seen_baseline = [], False
    for model in models:
        first = baseline[model] and not seen_baseline
        seen_baseline |= baseline[model]
        rows.append(
            {
                "model": model_title(model),
                "primary": model == result.primary,
                "first_baseline": first,
                "cells": [_interval(cells[model, m]) if (model, m) in cells else "–" for m in metrics],
            }
        )
    own = table.filter(pl.col("model") == result.primary)
    n, events = _count(own, "n"), _count(own, "n_events")
    level = own["level"].drop_nulls()
    kind = "events" if background.is_survival else "responders"
    return {
        "metrics": [metric_title(m) for m in metrics],
        "rows": rows,
        "n": n,
        "n_events": events,
        "kind": kind,
        "caption": (
            f"Out-of-fold performance with {100 * (level[0] if len(level) else 0.95):g} % interval; {number(n)} patients, "
            f"{number(events)} {kind}; {_design_words(result.design)}. Models below the line are the baselines that any "
            "larger model has to beat."
        ),
        "notes": [str(note) for note in result.notes],
    }


def _rank(metric: str) -> int:
    names = [i for i, name in enumerate(_FIRST_METRICS) if metric.startswith(name)]
    return names[0] if names else len(_FIRST_METRICS)


def _count(own: pl.DataFrame, column: str) -> int | None:
    values = own[column].drop_nulls()
    return int(values.max()) if len(values) else None


def _design_words(design: Any) -> str:
    folds, repeats = getattr(design, "folds", None), getattr(design, "repeats", None)
    return f"{repeats} × {folds}-fold nested cross-validation" if folds and repeats else str(design)


def provenance(background: Background) -> list[tuple[str, str]]:
    """Return name and value of all that a reader needs to find this result again."""
    result = background.result
    pairs = [
        ("hybridx", hybridx.__version__),
        ("endpoint", f"{result.endpoint} from {background.outcome.origin}"),
        ("model", str(result.primary)),
        ("design", str(result.design)),
    ]
    for name in ("scikit-learn", "scikit-survival", "polars"):
        pairs.append((name, importlib.metadata.version(name)))
    pairs += [
        (str(key).replace("_", " "), str(value))
        for key, value in sorted(background.cohort.provenance.items(), key=lambda kv: str(kv[0]))
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
    return pairs
