"""Clinical facts at baseline as features; treatments and outcomes never are."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from hybridx.cohort.block import Block
from hybridx.cohort.schema import ColumnSchema, TableSchema, load_schemas
from hybridx.measure.rows import feature_rows
from hybridx.terms.text import settings_hash

__all__ = ["clinical_block"]

_STAGES = {"0": 0, "I": 1, "II": 2, "III": 3, "IV": 4, "1": 1, "2": 2, "3": 3, "4": 4}

Feature = tuple[pl.Expr, dict[str, str]]


def clinical_block(
    tables: Mapping[str, pl.DataFrame], schemas: Mapping[str, TableSchema] | None = None
) -> Block:
    """Return the clinical facts of each patient that may enter a model.

    Columns are ``clinical.age`` (years), ``clinical.sex_female`` (1 female, 0 male, empty otherwise),
    ``clinical.ecog``, ``clinical.stage`` (0 to 4, sub-stage letters left out), ``clinical.bmi`` (from height and
    weight), and those that columns.yaml declares with ``role: predictor``: numbers as they are, an ordered `enum` as
    0, 1, 2 ..., two levels as one flag, more as one flag each. Levels come from the declaration, never from the data.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Validated tables with `patients`.
    schemas : mapping of str to TableSchema, optional
        Schemas with the folder's declarations; default the library's own.

    Returns
    -------
    Block
        A patient with none of these facts is not measured. The day is 0: facts hold at baseline by definition.
    """
    patients = tables["patients"]
    schema = (load_schemas() if schemas is None else schemas)["patients"]
    declared = [
        feature
        for column in schema.predictors()
        if column.declared and column.name in patients.columns
        for feature in _declared(column)
    ]
    taken = {row["column"] for _, row in declared}
    # A column of the folder's own goes before what would be computed under the same name (a given body-mass index).
    features = [f for f in _known(patients) if f is not None and f[1]["column"] not in taken] + _unique(
        declared
    )
    frame = patients.select("patient_id", *(e.cast(pl.Float64).alias(row["column"]) for e, row in features))
    present = [c for c in frame.columns if c != "patient_id" and frame[c].is_not_null().any()]
    frame = frame.select("patient_id", *present)
    frame = frame.filter(pl.any_horizontal(pl.col(present).is_not_null())) if present else frame.clear()
    rows = [row for _, row in features if row["column"] in present]
    levels = {c.name: list(c.enum) for c in schema.predictors()}
    ids = frame["patient_id"].to_list()
    return Block(
        modality="clinical",
        frame=frame,
        measured=dict.fromkeys(ids, True),
        days=dict.fromkeys(ids, 0.0),
        features=feature_rows("clinical", rows, settings_hash(levels)),
    )


def _row(name: str, title: str, unit: str, family: str) -> dict[str, str]:
    return {"column": f"clinical.{name}", "title": title, "unit": unit, "family": family}


def _known(patients: pl.DataFrame) -> list[Feature | None]:
    def when(*columns: str) -> bool:
        return set(columns) <= set(patients.columns)

    # Whoever is recorded as other, or not recorded, has no value here: the fold's imputation says what it assumes.
    female = pl.when(pl.col("sex").is_in(["female", "male"])).then(pl.col("sex") == "female")
    group = pl.col("stage").str.to_uppercase().str.extract(r"^\s*(0|IV|I{1,3}|[1-4])", 1)
    stage = group.replace_strict(_STAGES, default=None, return_dtype=pl.Float64)
    bmi = pl.col("weight_kg") / (pl.col("height_cm") / 100) ** 2
    return [
        (pl.col("age_years"), _row("age", "Age", "a", "demography")) if when("age_years") else None,
        (female, _row("sex_female", "Female sex", "1", "demography")) if when("sex") else None,
        (pl.col("ecog"), _row("ecog", "ECOG performance status", "1", "condition")) if when("ecog") else None,
        (stage, _row("stage", "Stage", "1", "disease")) if when("stage") else None,
        (bmi, _row("bmi", "Body-mass index", "kg/m2", "condition"))
        if when("height_cm", "weight_kg")
        else None,
    ]


def _declared(column: ColumnSchema) -> list[Feature]:
    title = column.title or column.name.replace("_", " ").capitalize()
    value = pl.col(column.name)
    if not column.enum:
        return [(value, _row(column.name, title, column.unit or "1", "declared"))]
    if column.ordered:
        codes = {level: float(code) for code, level in enumerate(column.enum)}
        scale = f"{title} (0 {column.enum[0]} to {len(column.enum) - 1} {column.enum[-1]})"
        coded = value.cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Float64)
        return [(coded, _row(column.name, scale, "1", "declared"))]
    # Of two levels the second says all there is to say.
    levels = column.enum[1:] if len(column.enum) == 2 else column.enum
    return [
        (
            value.cast(pl.String) == level,
            _row(f"{column.name}_{_slug(level)}", f"{title}: {level}", "1", "declared"),
        )
        for level in levels
    ]


def _unique(features: list[Feature]) -> list[Feature]:
    """Give features numbers where their names would be one: levels such as "A+" and "A-" differ in signs alone."""
    seen: set[str] = set()
    result = []
    for value, row in features:
        name, number = row["column"], 2
        while name in seen:
            name, number = f"{row['column']}_{number}", number + 1
        seen.add(name)
        result.append((value, {**row, "column": name}))
    return result


def _slug(level: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", level.casefold()).strip("_") or "level"
