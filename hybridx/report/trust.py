"""How far to trust it: every metric with its interval beside the baselines, calibration, honest notes, provenance."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from hybridx.evaluate.registry import metric_named
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import number
from hybridx.report.words import model_title, spoken_design, spoken_note

__all__ = ["provenance", "trust"]

# In a page's table: the few that a board discusses; the cohort report shows them all.
_FIRST_METRICS = (
    *("harrell_c", "auc_t", "observed_expected", "roc_auc", "brier"),
    *("ordinal_c", "quadratic_kappa", "rps", "within_one", "r2", "rmse", "mae", "spearman"),
)
_TABLE_WIDTH = 4  # metrics side by side; five fit where they are all
_WIDEST = 5


def _interval(row: dict[str, Any]) -> str:
    if row["value"] is None or not math.isfinite(row["value"]):
        return "–"
    text = f"{row['value']:.2f}"
    if (
        row["low"] is not None
        and row["high"] is not None
        and math.isfinite(row["low"])
        and math.isfinite(row["high"])
    ):
        text += " (" + say("{low:.2f} to {high:.2f}", low=row["low"], high=row["high"]) + ")"
    return text.replace("-", "−")


def trust(background: Background, *, every_metric: bool = False) -> dict[str, Any]:
    """Return the performance table of the primary model and its baselines, notes and counts."""
    result = background.result
    table = result.table()
    metrics = [m for m in result.metrics if every_metric or m in _FIRST_METRICS]
    cells = {(r["model"], r["metric"]): r for r in table.iter_rows(named=True)}
    baseline = {r["model"]: bool(r["baseline"]) for r in table.iter_rows(named=True)}
    models = sorted(baseline, key=lambda m: (m != result.primary, baseline[m]))
    patients = {m: _count(table.filter(pl.col("model") == m), "n") for m in models}
    rows, seen_baseline = [], False
    for model in models:
        first = baseline[model] and not seen_baseline
        seen_baseline |= baseline[model]
        rows.append(
            {
                "model": model_title(model),
                "primary": model == result.primary,
                "n": number(patients[model]),
                "first_baseline": first,
                "cells": [_interval(cells[model, m]) if (model, m) in cells else "–" for m in metrics],
            }
        )
    own = table.filter(pl.col("model") == result.primary)
    n, events = _count(own, "n"), _count(own, "n_events")
    level = own["level"].drop_nulls()
    kind = say("events") if background.is_survival else say("responders")
    what = say("Performance") if background.is_external else say("Out-of-fold performance")
    width = _WIDEST if len(metrics) <= _WIDEST else _TABLE_WIDTH
    return {
        "tables": [
            {
                "metrics": [_metric_title(background, m) for m in metrics[i : i + width]],
                "rows": [{**row, "cells": row["cells"][i : i + width]} for row in rows],
            }
            for i in range(0, len(metrics), width)
        ],
        "n": n,
        "n_events": events,
        "kind": kind,
        "caption": (
            _caption(background, what, 100 * (level[0] if len(level) else 0.95), n, events, kind)
            + (
                " " + say("Models below the line are the baselines that any larger model has to beat.")
                if any(baseline.values())
                else ""
            )
        ),
        "notes": [spoken_note(str(note), result.models) for note in result.notes],
    }


def _caption(  # noqa: PLR0917 - one word each
    background: Background, what: str, level: float, n: int | None, events: int | None, kind: str
) -> str:
    design = _design_words(background.result.design)
    if background.result.kind in ("ordinal", "continuous"):  # nothing happens or not: there are no events
        return say(
            "{what} with {level:g} % interval; {n} patients; {design}.",
            what=what,
            level=level,
            n=number(n),
            design=design,
        )
    return say(
        "{what} with {level:g} % interval; {n} patients, {events} {kind}; {design}.",
        what=what,
        level=level,
        n=number(n),
        events=number(events),
        kind=kind,
        design=design,
    )


def _metric_title(background: Background, name: str) -> str:
    """Write a metric with the time it belongs to: ``AUC at 24 months``."""
    metric = metric_named(name, background.result.kind)
    title = say(metric.title.replace("(t)", ""))
    return (
        say("{metric} at {n} months", metric=title, n=number(background.main_horizon))
        if metric.when == "horizon"
        else title
    )


def _count(own: pl.DataFrame, column: str) -> int | None:
    values = own[column].drop_nulls()
    return int(values.max()) if len(values) else None


def _design_words(design: Any) -> str:
    return spoken_design(str(getattr(design, "words", "") or design))


def provenance(background: Background, response: Background | None = None) -> list[tuple[str, str]]:
    """Return name and value of all that a reader needs to find this result, and that of the response, again."""
    result = background.result
    versions = dict(result.provenance.get("versions", {}))
    pairs = [
        (
            say("endpoint"),
            say(
                "{endpoint} from {origin}",
                endpoint=result.endpoint,
                origin=say(result.origin.replace("_", " ")),
            ),
        ),
        (say("model"), str(result.primary)),
        (say("design"), str(result.design)),
        (say("versions"), ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    if response is not None:
        other = response.result
        pairs.append((say("response"), f"{other.endpoint}, {other.primary}, {other.design}"))
    # settings in full stand in the cohort's own file; their hash is enough to find them
    return pairs + [
        (str(key).replace("_", " "), str(value))
        for key, value in sorted(background.cohort.provenance.items())
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
