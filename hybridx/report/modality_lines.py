"""The part of the cohort report on modalities: what each adds, and what is lost with it."""

from __future__ import annotations

from typing import Any

import polars as pl

from hybridx.report.background import Background
from hybridx.report.forest import ForestRow, forest_figure, or_nan
from hybridx.report.language import say
from hybridx.report.rendering import percent
from hybridx.report.words import modality_words

__all__ = ["added_value_part", "stress_part"]


def added_value_part(background: Background) -> dict[str, Any] | None:
    """Return figure and table of what each modality adds; None where no coalition was fitted."""
    result = background.result
    if not getattr(result, "coalitions", ()):
        return None
    added = result.added_value()
    rows = [
        ForestRow(
            modality_words(row["modality"]),
            or_nan(row["added"]),
            or_nan(row["low_simultaneous"]),
            or_nan(row["high_simultaneous"]),
        )
        for row in added.averages.iter_rows(named=True)
        if row["added"] is not None
    ]
    title = say(added.metric.title)
    drawing = (
        forest_figure(
            rows,
            title=say("What each modality adds"),
            x_label=say("added {metric}, on average", metric=title),
            reference=0.0,
        )
        if rows
        else None
    )
    caption = say(
        "Average over all orders in which the modalities could have been added; the values add up to the whole. "
        "Intervals hold for all modalities together (95 %). An interval across the line: nothing was shown to be added."
    )
    table = [
        [" + ".join(modality_words(m) for m in row["coalition"].split(" + ")), str(row["n"]), _cell(row)]
        for row in added.coalitions.iter_rows(named=True)
    ]
    return {
        "drawing": drawing,
        "caption": caption,
        "columns": (say("Modalities"), say("Patients"), title),
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
        rows.append([modality_words(modality), *(_cell(row) for row in own.iter_rows(named=True))])
    return {
        "columns": (say("Modality lost"), *(say("by {share}", share=percent(share)) for share in shares)),
        "rows": rows,
        "caption": say(
            "{metric} of the same models when patients lose a modality.", metric=say(stress.metric.title)
        ),
        "note": stress.note,
    }


def _cell(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "–"
    interval = (
        ""
        if row["low"] is None
        else " (" + say("{low:.2f} to {high:.2f}", low=row["low"], high=row["high"]) + ")"
    )
    return f"{row['value']:.2f}{interval}".replace("-", "−")
