"""Rows of the features table for what this library itself measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import polars as pl

from hybridx.cohort.block import FEATURE_SCHEMA

__all__ = ["feature_rows"]


def feature_rows(modality: str, rows: Iterable[Mapping[str, Any]], settings: str) -> pl.DataFrame:
    """Return rows of the features table.

    Parameters
    ----------
    modality : str
        The block.
    rows : iterable of mapping
        Each with `column`, `title`, `unit`, `family`.
    settings : str
        Hash of the settings behind the values.
    """
    common = {
        "modality": modality,
        "ibsi_id": None,
        "extractor": "hybridx",
        "version": version("hybridx"),
        "settings_hash": settings,
    }
    return pl.DataFrame([{**common, **row} for row in rows], schema=FEATURE_SCHEMA)
