"""Blocks as they were measured, laid out in the one order of the cohort's patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from hybridx.cohort.block import FAILURE_SCHEMA, FEATURE_SCHEMA, Block
from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["aligned"]


def aligned(
    patients: Iterable[str], blocks: Iterable[Block], tables: Mapping[str, pl.DataFrame] | None
) -> dict[str, Any]:
    """Return patients, blocks, measured, days, features and tables of a cohort; see `Cohort.build`.

    Raises
    ------
    InputError
        A block has patients who are not in the cohort, or one of them twice.
    """
    order = tuple(str(p) for p in patients)
    ids = pl.DataFrame({"patient_id": order}, schema={"patient_id": pl.String})
    placed: dict[str, pl.DataFrame] = {}
    measured, days = ids, ids
    features, failures = [pl.DataFrame(schema=FEATURE_SCHEMA)], [pl.DataFrame(schema=FAILURE_SCHEMA)]
    for block in blocks:
        stray = sorted(set(block.frame["patient_id"]) - set(order))
        if stray:
            msg = f"Block {block.modality!r} has {len(stray)} patients who are not in the cohort: {listing(stray)}."
            raise InputError(msg)
        if block.frame["patient_id"].is_duplicated().any():
            twice = block.frame.filter(pl.col("patient_id").is_duplicated())["patient_id"].unique().sort()
            msg = f"Block {block.modality!r} has several rows for {listing(twice)}."
            raise InputError(msg)
        placed[block.modality] = ids.join(block.frame, on="patient_id", how="left", maintain_order="left")
        flags = [bool(block.measured.get(p, False)) for p in order]
        measured = measured.with_columns(pl.Series(block.modality, flags, dtype=pl.Boolean))
        day = [block.days.get(p) if flag else None for p, flag in zip(order, flags, strict=True)]
        days = days.with_columns(pl.Series(block.modality, day, dtype=pl.Float64))
        features.append(block.features.select(list(FEATURE_SCHEMA)).cast(FEATURE_SCHEMA))  # type: ignore[arg-type]
        failures.append(block.failures.select(list(FAILURE_SCHEMA)).cast(FAILURE_SCHEMA))  # type: ignore[arg-type]
    all_tables = dict(tables or {})
    if "failures" in all_tables:
        failures.append(all_tables["failures"].select(list(FAILURE_SCHEMA)))
    all_tables["failures"] = pl.concat(failures)
    all_tables.setdefault("patients", ids)
    return {
        "patients": order,
        "blocks": placed,
        "measured": measured,
        "days": days,
        "features": pl.concat(features),
        "tables": all_tables,
    }
