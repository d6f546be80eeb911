"""An explanation with one row per patient and feature: the form in which dots are drawn and other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["long_form"]

_SCHEMA = {
    "patient_id": pl.String,
    "feature": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "filled": pl.Float64,
    "contribution": pl.Float64,
}


def long_form(why: Explanation, features: Sequence[str]) -> pl.DataFrame:
    """Return `patient_id`, `feature`, `value`, `unit`, `filled` (what stands in for a missing value), `contribution`.

    Parameters
    ----------
    why : Explanation
    features : sequence of str
        In the order wanted.
    """
    imputed, n = why.details.imputed, len(why)
    rows = [
        pl.DataFrame(
            {
                "patient_id": why.patients,
                "feature": [name] * n,
                "value": why.values[name],
                "unit": [why.units.get(name, "")] * n,
                "filled": [None] * n if imputed is None or name not in imputed.columns else imputed[name],
                "contribution": why.features[name],
            },
            schema_overrides=_SCHEMA,
        )
        for name in features
    ]
    return (
        pl.concat(rows).with_columns(pl.col("filled").fill_nan(None))
        if rows
        else pl.DataFrame(schema=_SCHEMA)
    )
