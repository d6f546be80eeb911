"""Which program, version and settings made a foreign feature table."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from hybridx.measure.import_names import Foreign, Format, Named
from hybridx.terms import settings_hash
from hybridx.terms.text import listing

__all__ = ["doubts", "provenance"]

_SETTINGS = ("diagnostics_Configuration_Settings", "diagnostics_Configuration_EnabledImageTypes")


def provenance(table: pl.DataFrame, named: Mapping[str, Named], kind: Format) -> dict[str, str]:
    """Return extractor, version and hash of the settings, as far as the table says them."""
    return {
        "extractor": kind.title,
        "version": _version(table, "diagnostics_Versions_PyRadiomics"),
        "settings_hash": _settings(table, named, kind),
    }


def doubts(table: pl.DataFrame) -> list[str]:
    """Say where rows were measured with different settings."""
    if _SETTINGS[0] not in table.columns:
        return []
    kinds = table.select([c for c in _SETTINGS if c in table.columns]).n_unique()
    return (
        [f"the rows were measured with {kinds} different settings: their values are not comparable"]
        if kinds > 1
        else []
    )


def _version(table: pl.DataFrame, column: str) -> str:
    if column not in table.columns:
        return "unknown"
    said = sorted({re.sub(r"[^A-Za-z0-9.+-]", "", v)[:20] for v in table[column].drop_nulls()})
    return listing(said, limit=3)


def _settings(table: pl.DataFrame, named: Mapping[str, Named], kind: Format) -> str:
    held = [c for c in _SETTINGS if c in table.columns]
    if held:
        rows = table.select(held).unique().rows()
        return settings_hash(sorted([str(cell) for cell in row] for row in rows))
    variants = sorted({kind.name(Foreign(source, "")).variant for source in named} - {""})
    return settings_hash(variants) if variants else "as given"
