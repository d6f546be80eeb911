"""A data folder to validated tables, and the list of all that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from hybridx.cohort.find_tables import DECLARED, find_tables
from hybridx.cohort.problem import Problem, found
from hybridx.cohort.read_cells import type_cells
from hybridx.cohort.read_censored import note_censored
from hybridx.cohort.read_table import Table, match_header
from hybridx.cohort.read_text import read_raw
from hybridx.cohort.read_variant_files import gather_variants
from hybridx.cohort.schema import TABLES, Schemas, load_schemas
from hybridx.cohort.schema_declared import read_declared, sounds_later
from hybridx.cohort.validate_cross import (
    check_after_death,
    check_coverage,
    check_references,
    check_studies,
    check_treatments,
)
from hybridx.cohort.validate_genomics import (
    check_expression,
    check_gene_sets,
    check_segments,
    check_variants,
    name_genes,
)
from hybridx.cohort.validate_labs import check_labs
from hybridx.cohort.validate_outcomes import check_outcomes
from hybridx.cohort.validate_rows import baselines, check_keys, check_paths, check_patients, count_days
from hybridx.terms.gene_sets import parse_gmt

__all__ = ["Folder", "read_folder"]


@dataclass(frozen=True)
class Folder:
    """What a data folder holds.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    tables : mapping of str to polars.DataFrame
        The tables that are there, with canonical types, names and units. Times are days from baseline; dates are gone.
        When there are errors the tables are what could be read, and only good for looking.
    problems : list of Problem
        Everything that is wrong, by table and row.
    schemas : Schemas
        The schemas with what the folder's columns.yaml adds.
    lines : mapping of str to list of int
        For each table the line of its file from which each row comes.
    files : mapping of str to str
        For each table the name of its file.
    """

    path: Path
    tables: Mapping[str, pl.DataFrame]
    problems: list[Problem]
    schemas: Schemas
    lines: Mapping[str, list[int]]
    files: Mapping[str, str]


def read_folder(folder: str | os.PathLike[str]) -> Folder:
    """Read the tables of a data folder and find every defect in them, in one go.

    Parameters
    ----------
    folder : path
        Holds ``patients.csv`` (or ``.parquet``) and whatever else there is.

    Returns
    -------
    Folder
        Nothing is raised for bad data: see `Folder.problems` and `refuse`.
    """
    path = Path(folder)
    if not path.is_dir():
        hint = "It is a file: name the folder." if path.exists() else "There is no such folder."
        return _nothing(path, [found("T001", str(path), hint=hint)])
    try:
        entries = sorted(p for p in path.iterdir() if not p.name.startswith((".", "~$")))
    except OSError as error:
        return _nothing(path, [found("T001", str(path), hint=f"It cannot be opened: {error.strerror}.")])
    if not entries:
        hint = "Put patients.csv there; data_schemas/README.md says what it holds."
        return _nothing(path, [found("T001", str(path), hint=f"The folder is empty. {hint}")])
    schemas, problems = _declared(entries)
    schemas, more = _gene_sets(entries, schemas)
    problems += more
    paths, more = find_tables(entries)
    problems += more
    tables = {
        name: _typed(match_header(read_raw(paths[name], list(schemas[name].columns)), schemas[name]))
        for name in paths
        if name != "variants"
    }
    start = baselines(tables.get("patients"))
    variants, more = _variants(path, paths.get("variants"), tables.get("sequencing"), schemas, start)
    problems += more
    if variants is not None:
        tables["variants"] = _typed(variants)
        tables = {name: tables[name] for name in TABLES if name in tables}
    usable = {name: table for name, table in tables.items() if table.raw.usable}
    _check(usable, schemas, start)
    problems += check_gene_sets(schemas.gene_sets, usable.get("expression"), "gene_sets.gmt")
    for table in tables.values():
        problems += sorted(table.problems, key=lambda p: (p.row or 0, p.code))
    return Folder(
        path=path,
        tables={name: _canonical(table) for name, table in usable.items()},
        problems=problems,
        schemas=schemas,
        lines={name: table.raw.lines for name, table in usable.items()},
        files={name: table.file for name, table in tables.items()},
    )


def _typed(table: Table) -> Table:
    """Return the table with its cells typed, where its file could be read."""
    _check_size(table)
    if table.raw.usable:
        if table.name == "labs":
            note_censored(table)
        type_cells(table)
    return table


def _variants(
    folder: Path,
    path: Path | None,
    sequencing: Table | None,
    schemas: Schemas,
    start: Mapping[str, date | None],
) -> tuple[Table | None, list[Problem]]:
    """Return the variants of a table, of MAF and of VCF files as one; the sequencing table says whose and when."""
    schema = schemas["variants"]
    if sequencing is not None and sequencing.raw.usable:
        count_days(sequencing, start)
        check_paths(sequencing)
    elif sequencing is not None:
        sequencing = None
    own = None if path is None else read_raw(path, list(schema.columns))
    raw, problems = gather_variants(folder, own, sequencing, schema)
    return (None if raw is None else match_header(raw, schema)), problems


def _nothing(path: Path, problems: list[Problem]) -> Folder:
    return Folder(path, {}, problems, load_schemas(), {}, {})


def _declared(entries: list[Path]) -> tuple[Schemas, list[Problem]]:
    file = next((p for p in entries if p.name.casefold() in DECLARED), None)
    if file is None:
        return load_schemas(), []
    schemas, problems = read_declared(file, load_schemas())
    for table in schemas.values():
        for column in table.predictors():
            if column.declared and sounds_later(column.name):
                place = f"{table.name}.{column.name}"
                hint = (
                    "Make it role: information unless it was known on day 0; else the model sees the answer."
                )
                problems.append(found("T085", file.name, column=place, value=column.name, hint=hint))
    return schemas, problems


def _gene_sets(entries: list[Path], schemas: Schemas) -> tuple[Schemas, list[Problem]]:
    file = next((p for p in entries if p.name.casefold() == "gene_sets.gmt"), None)
    if file is None:
        return schemas, []
    try:
        sets, faults = parse_gmt(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        return schemas, [
            found("T007", file.name, value=type(error).__name__, hint="Save it as text in UTF-8.")
        ]
    problems = [found("T094", file.name, line, hint=f"Here {why}.") for line, why in faults.items()]
    return replace(schemas, gene_sets=tuple(sets)), problems


def _check_size(table: Table) -> None:
    if not table.raw.usable or table.raw.lines or table.raw.skipped:
        return
    if table.name == "patients":
        table.blame("T008", None, None, hint="The patients table has a header but no patient.")
    else:
        table.blame("T009", None, None)


def _check(tables: Mapping[str, Table], schemas: Schemas, start: Mapping[str, date | None]) -> None:
    """Apply the rules that need more than one cell, each where its columns exist."""
    patients = tables.get("patients")
    if patients is not None and patients.has("patient_id"):
        check_patients(patients)
    for name, table in tables.items():
        if name == "outcomes":
            check_outcomes(table, start)
        elif name not in {"patients", "sequencing"}:
            count_days(table, start)
        if name != "sequencing":
            check_paths(table)
        if name == "labs":
            check_labs(table, schemas.analytes)
        elif name in {"variants", "expression", "copynumber"}:
            name_genes(table)
        _fill_defaults(table)
        check_keys(table)
        rule = {
            "studies": check_studies,
            "treatments": check_treatments,
            "variants": check_variants,
            "expression": check_expression,
            "segments": check_segments,
        }.get(name)
        if rule is not None:
            rule(table)
    check_references(tables)
    check_after_death(tables)
    if patients is not None:
        check_coverage(tables)


def _fill_defaults(table: Table) -> None:
    for column in table.schema.columns.values():
        if column.default is not None and column.name != "day":
            empty = ~table.given(column.name)
            table.frame = table.frame.with_columns(
                pl.when(~empty).then(pl.col(column.name)).otherwise(pl.lit(column.default)).alias(column.name)
            )


def _canonical(table: Table) -> pl.DataFrame:
    """Return the typed table in the order of its schema, without dates: they would identify patients."""
    dates = [c.name for c in table.schema.columns.values() if c.dtype == "date"]
    order = [c for c in table.schema.columns if c not in dates]
    extra = [c for c in table.frame.columns if c not in table.schema.columns]
    frame = table.frame.select(*order, *extra)
    if table.name == "patients":
        stage = pl.col("stage").str.to_uppercase().str.replace_all(r"\s", "")
        frame = frame.with_columns(stage.alias("stage"))
    return frame
