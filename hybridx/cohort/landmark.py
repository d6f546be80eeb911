"""What was known on a day: the landmark of a cohort, after which nothing exists yet."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from hybridx.errors import InputError

if TYPE_CHECKING:
    from hybridx.cohort.cohort import Cohort

__all__ = ["known_at", "measured_after"]


def measured_after(cohort: Cohort, day: float) -> dict[str, int]:
    """Return how many patients have each modality measured after `day` only; modalities without any are left out."""
    late = {
        name: int(((cohort.days[name].fill_null(0.0) > day) & cohort.measured[name]).sum())
        for name in cohort.modalities
    }
    return {name: n for name, n in late.items() if n}


def known_at(cohort: Cohort, day: float) -> Cohort:
    """Return the cohort as it was known on `day`; see `Cohort.at`."""
    if not np.isfinite(day):
        msg = f"A landmark is a day relative to baseline, got {day!r}."
        raise InputError(msg)
    measured, blocks, days = cohort.measured, dict(cohort.blocks), cohort.days
    for name in cohort.modalities:
        late = (cohort.days[name].fill_null(0.0) > day) & cohort.measured[name]
        known = cohort.measured[name] & ~late
        measured = measured.with_columns(known.alias(name))
        days = days.with_columns(pl.when(known).then(pl.col(name)).alias(name))
        values = [c for c in blocks[name].columns if c != "patient_id"]
        blocks[name] = blocks[name].with_columns(pl.when(known).then(pl.col(c)).alias(c) for c in values)
    tables = {
        name: table.filter(pl.col("day").is_null() | (pl.col("day") <= day))
        if "day" in table.columns
        else table
        for name, table in cohort.tables.items()
        if name != "outcomes"
    }
    patients = cohort.patients
    if "outcomes" in cohort.tables:
        outcomes = cohort.tables["outcomes"]
        if "day" in outcomes.columns:
            outcomes = outcomes.with_columns(pl.col("day") - day)
        at_risk = outcomes.filter(pl.col("time_days").is_null() | (pl.col("time_days") > day))
        shifted = pl.when(pl.col("time_days").is_not_null()).then(pl.col("time_days") - day)
        moved_columns = [shifted.alias("time_days"), pl.lit(f"day {day:g}").alias("origin")]
        if "entry_days" in at_risk.columns:
            moved_columns.append((pl.col("entry_days") - day).clip(lower_bound=0.0))
        tables["outcomes"] = at_risk.with_columns(moved_columns)
        remaining = set(tables["outcomes"]["patient_id"])
        patients = tuple(p for p in cohort.patients if p in remaining)
    moved = dataclasses.replace(
        cohort,
        blocks=blocks,
        measured=measured,
        days=days,
        tables=tables,
        provenance={**cohort.provenance, "landmark_day": float(day)},
    )
    return moved if patients == cohort.patients else moved.select(patients)
