"""Rules about laboratory values: known analytes, units that convert, values that a living patient can have."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from hybridx.cohort.read_censored import replace_censored
from hybridx.cohort.read_table import Table
from hybridx.errors import InputError
from hybridx.terms.analyte import Analyte
from hybridx.terms.analytes import analytes, find_analyte, likely_unit, nearest_analyte
from hybridx.terms.text import nearest
from hybridx.terms.units import suggest_unit

__all__ = ["check_labs"]


def check_labs(table: Table, declared: Mapping[str, Analyte]) -> None:
    """Check analytes, units and values; leave name, value and limits in the canonical unit."""
    known = _name_analytes(table, declared)
    if "analyte" not in table.frame.columns or not table.has("unit", "value"):
        return
    factors = _unit_factors(table, known)
    analyte, unit = table.frame["analyte"].to_list(), table.frame["unit"].to_list()
    factor = [factors.get((a, u)) for a, u in zip(analyte, unit, strict=True)]
    _check_values(table, known, factor)
    _check_limits(table)
    replace_censored(table)
    scale = pl.Series("factor", factor, dtype=pl.Float64)
    canonical = pl.Series(
        [known[a].unit if f is not None else u for a, u, f in zip(analyte, unit, factor, strict=True)],
        dtype=pl.String,
    )
    table.frame = table.frame.with_columns(
        *(pl.col(c) * scale for c in ("value", "ref_low", "ref_high")),
        canonical.alias("unit"),
    )


def _name_analytes(table: Table, declared: Mapping[str, Analyte]) -> dict[str, Analyte]:
    """Give analytes their canonical names; those of no known name are blamed and forgotten."""
    spellings = {s.casefold(): a for a in declared.values() for s in (a.name, a.title, *a.aliases)}
    names: dict[str, Analyte | None] = {}
    for text in table.frame["analyte"].drop_nulls().unique(maintain_order=True):
        names[text] = spellings.get(text.casefold()) or find_analyte(text)
    unknown = [r for r, t in enumerate(table.frame["analyte"]) if t is not None and names[t] is None]

    def hint(text: str) -> str:
        guess = nearest_analyte(text) or nearest(text, spellings)
        cure = f"Declare it in columns.yaml if it is meant: `analytes: {{{_key(text)}: {{unit: ..., title: ...}}}}`."
        return f"Did you mean {guess!r}? {cure}" if guess else cure

    table.blame_values("T053", unknown, "analyte", hint=hint)
    table.frame = table.frame.with_columns(
        pl.Series(
            "analyte",
            [None if t is None or (a := names[t]) is None else a.name for t in table.frame["analyte"]],
            dtype=pl.String,
        )
    )
    return {**analytes(), **declared}


def _key(text: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in text.casefold()) or "name"


def _unit_factors(table: Table, known: Mapping[str, Analyte]) -> dict[tuple[str | None, str | None], float]:
    factors: dict[tuple[str | None, str | None], float] = {}
    pairs = table.frame.select("analyte", "unit").with_row_index("row").drop_nulls()
    for (name, unit), rows in pairs.group_by(["analyte", "unit"], maintain_order=True):
        analyte = known[str(name)]
        try:
            factors[str(name), str(unit)] = analyte.factor(str(unit))
        except InputError:
            expected = f"a UCUM unit of {analyte.name} that converts to {analyte.unit}"
            table.blame_values(
                "T054", rows["row"], "unit", expected=expected, hint=_unit_hint(analyte, str(unit))
            )
    return factors


def _unit_hint(analyte: Analyte, unit: str) -> str:
    usual = (analyte.unit, *analyte.other_units)
    for guess in (suggest_unit(unit), nearest(unit, usual)):
        if guess is None or guess == unit:
            continue
        try:
            analyte.factor(guess)
        except InputError:
            continue
        return f"Did you mean {guess!r}?"
    return "Usual units: " + ", ".join(dict.fromkeys(usual)) + "."


def _check_values(table: Table, known: Mapping[str, Analyte], factor: list[float | None]) -> None:
    for row, (name, value) in enumerate(zip(table.frame["analyte"], table.frame["value"], strict=True)):
        scale = factor[row]
        if name is None or value is None or scale is None:
            continue
        analyte = known[name]
        low, high = analyte.plausible
        if low <= value * scale <= high:
            continue
        unit = table.frame["unit"][row]
        expected = f"{analyte.name} from {low / scale:.6g} to {high / scale:.6g} {unit}"
        guess = likely_unit(analyte, value, unit)
        hint = "Check value and unit."
        if guess is not None:
            hint = f"Likely a unit slip: {value:g} {guess} would be plausible."
        elif value < 0:
            hint = "A concentration is never negative."
        table.blame("T055", row, "value", f"{table.text(row, 'value')} {unit}", expected=expected, hint=hint)


def _check_limits(table: Table) -> None:
    crossed = (table.frame["ref_low"] > table.frame["ref_high"]).fill_null(False)
    for row in crossed.arg_true():
        table.blame("T056", row, "ref_low", expected=f"at most ref_high, {table.text(row, 'ref_high')}")
