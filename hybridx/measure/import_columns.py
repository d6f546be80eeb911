"""Every column of a foreign feature table gets one name, or a reason why it is left out."""

from __future__ import annotations

import dataclasses

import polars as pl

from hybridx.cohort.schema_declared import sounds_later
from hybridx.errors import InputError
from hybridx.measure.import_names import BEFORE_IDS, Foreign, Format, Named, clean_name, described
from hybridx.terms.text import listing

__all__ = ["name_columns"]

_SCHEMA = {
    "source": pl.String,
    "column": pl.String,
    "mapped": pl.Boolean,
    "ibsi_id": pl.String,
    "note": pl.String,
}


def name_columns(
    table: pl.DataFrame, kind: Format, modality: str, patient: str
) -> tuple[dict[str, Named], pl.DataFrame]:
    """Name every column once; the same name twice keeps what tells them apart.

    Parameters
    ----------
    table : polars.DataFrame
        Text, one row per patient.
    kind : Format
        Of the program.
    modality : str
        Stands before the names.
    patient : str
        The column of the patients.

    Returns
    -------
    tuple
        The columns that come in, by their names in the file; and all columns as `ImportedFeatures.columns` has them.

    Raises
    ------
    InputError
        No column is a feature of the program.
    """
    found = {
        source: kind.name(Foreign(source, modality))
        for source in table.columns
        if source not in (patient, *kind.patient) and not kind.information.fullmatch(source)
    }
    variants: dict[str, set[str]] = {}
    for one in found.values():
        variants.setdefault(one.name, set()).add(one.variant)
    named: dict[str, Named] = {}
    taken: set[str] = set()
    rows = []
    for source, first in found.items():
        one = _apart(first, source, several=len(variants[first.name]) > 1, taken=taken)
        left = _left_out(one, taken, table[source])
        rows.append(
            {
                "source": source,
                "column": None if left else f"{modality}.{one.name}",
                "mapped": one.mapped and not left,
                "ibsi_id": None if left else described(one, modality)["ibsi_id"],
                "note": left or one.note,
            }
        )
        if not left:
            taken.add(one.name)
            named[source] = one
    if not any(one.mapped or one.note == BEFORE_IDS for one in named.values()):
        msg = f"No column is a feature of {kind.title}; there is {listing([clean_name(c) for c in table.columns])}."
        raise InputError(msg)
    return named, pl.DataFrame(rows, schema=_SCHEMA)


def _apart(one: Named, source: str, *, several: bool, taken: set[str]) -> Named:
    if one.variant:
        kept = f"{one.name}_{one.variant}" if several else one.name
        one = dataclasses.replace(one, name=kept, variant=one.variant if several else "")
    if one.mapped and one.name in taken:
        return Named(clean_name(source), mapped=False, note=f"{one.name} stands in an earlier column")
    return one


def _left_out(one: Named, taken: set[str], cells: pl.Series) -> str:
    if one.mapped:
        return ""
    if sounds_later(one.name.lower()):
        return "left out: it sounds like an outcome"
    if one.name in taken:
        return f"left out: {one.name} stands in an earlier column"
    values = cells.drop_nulls()
    numeric = len(values) > 0 and values.cast(pl.Float64, strict=False).null_count() == 0
    return "" if numeric else "left out: no numbers"
