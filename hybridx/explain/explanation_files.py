"""Explanations on disk: a folder of Parquet tables and one JSON file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hybridx.compute import atomic_folder
from hybridx.errors import InputError
from hybridx.explain.details import Details

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["facts_in", "read_explanation", "write_explanation"]

_FORMAT = 1
_FACTS = "explanation.json"
_TABLES = ("features", "modalities", "values", "totals")


def write_explanation(why: Explanation, folder: Path) -> Path:
    """Write an explanation and return its folder."""
    facts = {"format": _FORMAT, "scale": why.scale, "method": why.method, "units": dict(why.units)}
    with atomic_folder(folder, replace_if=_FACTS) as target:
        why.features.write_parquet(target / "features.parquet")
        why.modalities.write_parquet(target / "modalities.parquet")
        why.values.write_parquet(target / "values.parquet")
        totals = pl.DataFrame(
            {"patient_id": why.patients, "base": why.base, "prediction": why.prediction}
            | ({} if why.folds is None else {"fold": why.folds})
        )
        totals.write_parquet(target / "totals.parquet")
        facts |= why.details.write(target)
        (target / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return folder


def read_explanation(folder: Path) -> dict[str, Any]:
    """Return the arguments of the `Explanation` in a folder.

    Raises
    ------
    InputError
        The folder holds no explanation, or one of a later format.
    """
    facts, tables = facts_in(folder, _FACTS, _TABLES, _FORMAT)
    totals = tables["totals"]
    return {
        "features": tables["features"],
        "modalities": tables["modalities"],
        "base": totals["base"].to_numpy().astype(np.float64),
        "prediction": totals["prediction"].to_numpy().astype(np.float64),
        "values": tables["values"],
        "scale": str(facts["scale"]),
        "method": str(facts["method"]),
        "units": dict(facts["units"]),
        "folds": totals["fold"].to_numpy().astype(np.intp) if "fold" in totals.columns else None,
        "details": Details.read(folder, facts),
    }


def facts_in(
    folder: Path, name: str, tables: Sequence[str], wanted: int
) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """Return the JSON file `name` of a folder and its tables.

    Raises
    ------
    InputError
        They are not there or not readable, or of another format than `wanted`.
    """
    try:
        facts = json.loads((folder / name).read_text(encoding="utf-8"))
        found = {table: pl.read_parquet(folder / f"{table}.parquet") for table in tables}
    except (OSError, json.JSONDecodeError, pl.exceptions.PolarsError) as error:
        msg = f"{str(folder)!r} holds no readable explanation: {error}"
        raise InputError(msg) from error
    if facts.get("format") != wanted:
        msg = f"{str(folder)!r} has format {facts.get('format')!r}; this version reads {wanted}."
        raise InputError(msg)
    return facts, found
