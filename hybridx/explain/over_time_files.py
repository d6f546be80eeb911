"""Explanations over time on disk: one row per patient and day, one column per feature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hybridx.compute import atomic_folder
from hybridx.explain.explanation_files import facts_in

if TYPE_CHECKING:
    from hybridx.explain.over_time import TimeExplanation

__all__ = ["read_over_time", "write_over_time"]

_FORMAT = 1
_FACTS = "time_explanation.json"
_LEAD = ("patient_id", "time_days", "base", "prediction")


def write_over_time(why: TimeExplanation, folder: Path) -> Path:
    """Write an explanation over time and return its folder."""
    n, p, t = why.contributions.shape
    lead = pl.DataFrame(
        {
            "patient_id": np.repeat(np.array(why.patients, dtype=np.str_), t),
            "time_days": np.tile(why.days, n),
            "base": why.base.ravel(),
            "prediction": why.prediction.ravel(),
        },
        schema_overrides={"patient_id": pl.String},
    )
    flat = why.contributions.transpose(0, 2, 1).reshape(n * t, p)
    named = pl.DataFrame(flat, schema=dict.fromkeys(why.feature_names, pl.Float64), orient="row")
    facts = {
        "format": _FORMAT,
        "days": [float(day) for day in why.days],
        "modality_names": list(why.modality_names),
        "scales": list(why.scales),
        "method": why.method,
        "units": dict(why.units),
    }
    with atomic_folder(folder, replace_if=_FACTS) as target:
        pl.concat([lead, named], how="horizontal").write_parquet(target / "contributions.parquet")
        why.values.write_parquet(target / "values.parquet")
        if why.error is not None:
            unsure = why.error.transpose(0, 2, 1).reshape(n * t, p)
            errors = pl.DataFrame(unsure, schema=named.schema, orient="row")
            errors.write_parquet(target / "error.parquet")
        (target / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return folder


def read_over_time(folder: Path) -> dict[str, Any]:
    """Return the arguments of the `TimeExplanation` in a folder.

    Raises
    ------
    InputError
        The folder holds none, or one of a later format.
    """
    facts, tables = facts_in(folder, _FACTS, ("contributions", "values"), _FORMAT)
    table, days = tables["contributions"], np.array(facts["days"], dtype=np.float64)
    shape = (tables["values"].height, len(days))
    error = None
    if (folder / "error.parquet").is_file():
        unsure = pl.read_parquet(folder / "error.parquet").to_numpy().astype(np.float64)
        error = unsure.reshape(*shape, -1).transpose(0, 2, 1)
    flat = table.drop(_LEAD).to_numpy().astype(np.float64)
    return {
        "days": days,
        "contributions": flat.reshape(*shape, table.width - len(_LEAD)).transpose(0, 2, 1),
        "base": table["base"].to_numpy().astype(np.float64).reshape(shape),
        "prediction": table["prediction"].to_numpy().astype(np.float64).reshape(shape),
        "values": tables["values"],
        "modality_names": list(facts["modality_names"]),
        "scales": list(facts["scales"]),
        "method": str(facts["method"]),
        "units": dict(facts["units"]),
        "error": error,
    }
