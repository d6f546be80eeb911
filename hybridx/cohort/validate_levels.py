"""Rules about ordered and continuous outcomes of a data folder: levels have one order, values have one unit.

`levels` names all levels of an endpoint from best to worst, ``G1 > G2 > G3``, with blanks around each >; at one row of
the endpoint it is enough. RECIST and PERCIST need none: their order is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hybridx.cohort.read_table import Table
from hybridx.terms.response import CRITERIA, find_response
from hybridx.terms.text import nearest

__all__ = ["SEPARATOR", "read_levels"]

SEPARATOR = " > "
_ORDERED = ("RECIST", "PERCIST")


def read_levels(table: Table, kinds: Sequence[str]) -> None:
    """Check levels and units, and complete them: the order of each endpoint's levels, its unit, in every row."""
    n = table.frame.height
    level, levels, unit = (_texts(table, name) for name in ("level", "levels", "unit"))
    orders: list[list[str] | None] = [None] * n
    groups: dict[tuple[str, str], list[int]] = {}
    for row, (endpoint, kind) in enumerate(zip(table.frame["endpoint"], kinds, strict=True)):
        if endpoint is not None and kind in {"ordinal", "continuous"}:
            groups.setdefault((endpoint, kind), []).append(row)
    for (endpoint, kind), rows in groups.items():
        if kind == "continuous":
            _one_of(table, unit, rows, "unit")
            continue
        order = _order(table, levels, rows)
        for row in rows:
            level[row], orders[row] = _checked(table, row, level[row], order), order or None
        named = {level[row] for row in rows}
        if order and len(named) == 1 and len(rows) > 1 and None not in named:
            hint = f"All {len(rows)} patients are {level[rows[0]]!r}."
            table.blame("T071", None, "endpoint", endpoint, hint=hint)
    table.frame = table.frame.with_columns(
        pl.Series("level", level, dtype=pl.String),
        pl.Series("levels", orders, dtype=pl.List(pl.String)),
        pl.Series("unit", unit, dtype=pl.String),
    )


def _texts(table: Table, name: str) -> list[str | None]:
    return [None if text is None else str(text).strip() or None for text in table.frame[name]]


def _one_of(table: Table, cells: list[str | None], rows: list[int], column: str) -> str | None:
    """Return what the rows of an endpoint say alike, and write it into all; blame the first that says another thing."""
    said = [row for row in rows if cells[row] is not None]
    if not said:
        return None
    first = cells[said[0]]
    other = next((row for row in said if cells[row] != first), None)
    if other is not None:
        expected = f"{first}, as in row {table.raw.lines[said[0]]}"
        table.blame("T076", other, column, expected=expected)
    for row in rows:
        cells[row] = first
    return first


def _order(table: Table, cells: list[str | None], rows: list[int]) -> list[str]:
    """Return the levels of an endpoint from best to worst; empty, with a problem, when nobody says them."""
    tidy = {row: _split(cells[row]) for row in rows}
    joined: list[str | None] = list(cells)
    for row in rows:
        joined[row] = SEPARATOR.join(tidy[row]) or None
    told = _one_of(table, joined, rows, "levels")
    if told is None:
        criteria = {table.frame["criterion"][row] for row in rows} & set(_ORDERED)
        if len(criteria) == 1:
            return list(CRITERIA[criteria.pop()].categories)
        hint = "Say all levels from best to worst at one row of it, such as 'G1 > G2 > G3'."
        table.blame("T075", rows[0], "levels", expected="the levels from best to worst", hint=hint)
        return []
    order = told.split(SEPARATOR)
    if len(order) < 2 or len(set(order)) < len(order):
        row = next(row for row in rows if tidy[row])
        hint = "Name each once, with > and a blank on both sides between them: 'G1 > G2 > G3'."
        table.blame("T075", row, "levels", expected="at least two different levels, best to worst", hint=hint)
        return []
    return order


def _split(cell: str | None) -> list[str]:
    return [part.strip() for part in (cell or "").split(SEPARATOR) if part.strip()]


def _checked(table: Table, row: int, level: str | None, order: list[str]) -> str | None:
    """Return a level as it is spelt in the order; None, with a problem, when it is none of them."""
    if level is None or not order or level in order:
        return level
    known = find_response(level)
    if known is not None and known[1] in order:
        return known[1]
    guess = nearest(level, order)
    hint = f"Did you mean {guess!r}?" if guess else ""
    table.blame("T077", row, "level", expected="one of " + ", ".join(order), hint=hint)
    return None
