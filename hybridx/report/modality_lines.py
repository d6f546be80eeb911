"""The part of the cohort report on modalities: what each adds, and what is lost with it."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from hybridx.report.background import Background
from hybridx.report.forest import ForestRow, forest_figure
from hybridx.report.rendering import percent
from hybridx.terms.modalities import modality_title

__all__ = ["added_value_part", "stress_part"]


def added_value_part(background: Background) -> dict[str, Any] | None:
    """Return figure and table of what each modality adds; None where no coalition was fitted."""
    result = background.result
    if not getattr(result, "coalitions", ()):
        return None
    added = result.added_value()
    rows = [
        ForestRow(
            modality_title(row["modality"]),
            _f(row["added"]),
            _f(row["low_simultaneous"]),
            _f(row["high_simultaneous"]),
        )
        for row in added.averages.iter_rows(named=True)
        if row["added"] is not None
    ]
    title = added.metric.title
    drawing = (
        forest_figure(
            rows, title="What each modality adds", x_label=f"added {title}, on average", reference=0.0
        )
        if rows
        else None
    )
    caption = (
        "Average over all orders in which the modalities could have been added; the values add up to the whole. "
        "Intervals hold for all modalities together (95 %). An interval across the line: nothing was shown to be added."
    )
    table = [
        [" + ".join(modality_title(m) for m in row["coalition"].split(" + ")), str(row["n"]), _cell(row)]
        for row in added.coalitions.iter_rows(named=True)
    ]
    return {
        "drawing": drawing,
        "caption": caption,
        "columns": ("Modalities", "Patients", title),
        "rows": table,
        "note": added.note,
    }


def stress_part(background: Background) -> dict[str, Any] | None:
    """Return the table of what is lost with each modality; None where the test was not made."""
    result = background.result
    frame = getattr(result, "predictions_without", None)
    if frame is None or not frame.height:
        return None
    stress = result.stress_test()
    shares = stress.table["share"].unique().sort().to_list()
    rows = []
    for modality in stress.table["modality"].unique(maintain_order=True):
        own = stress.table.filter(pl.col("modality") == modality).sort("share")
        rows.append([modality_title(modality), *(_cell(row) for row in own.iter_rows(named=True))])
    return {
        "columns": ("Modality lost", *(f"by {percent(share)}" for share in shares)),
        "rows": rows,
        "caption": f"{stress.metric.title} of the same models when patients lose a modality. {stress.note}",
    }


def _f(value: Any) -> float:
    return math.nan if value is None else float(value)


def _cell(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "–"
    interval = "" if row["low"] is None else f" ({row['low']:.2f} to {row['high']:.2f})"
    return f"{row['value']:.2f}{interval}".replace("-", "−")
