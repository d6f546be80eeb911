"""How a fitted fusion model shows itself: which patterns of modalities it has seen, and what it left out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import polars as pl

__all__ = ["fitted_html", "fitted_text"]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "measured" if value else "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def fitted_text(patterns: pl.DataFrame, notes: Sequence[str]) -> str:
    """Return the patterns as an aligned table, then the notes."""
    rows = [list(patterns.columns), *[[_cell(v) for v in row] for row in patterns.iter_rows()]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(patterns.columns))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(
        ["Training patients by what was measured:", *lines, *(f"Note: {note}" for note in notes)]
    )


def fitted_html(title: str, patterns: pl.DataFrame | None = None, notes: Sequence[str] = ()) -> str:
    """Return the same for a notebook, all text escaped."""
    parts = [f"<pre>{escape(title)}</pre>"]
    if patterns is not None:
        head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in patterns.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_cell(v))}</td>" for v in row) + "</tr>"
            for row in patterns.iter_rows()
        )
        caption = "<caption>Training patients by what was measured</caption>"
        parts.append(f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    parts += [f"<p>{escape(note)}</p>" for note in notes]
    return "".join(parts)
