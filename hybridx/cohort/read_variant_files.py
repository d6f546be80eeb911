"""Variants from MAF and VCF files, found by name or listed in the sequencing table, as one table of variants."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from hybridx.cohort.problem import Problem, found
from hybridx.cohort.read_maf import read_maf
from hybridx.cohort.read_table import Table
from hybridx.cohort.read_text import RawTable
from hybridx.cohort.read_vcf import read_vcf
from hybridx.cohort.schema import TableSchema
from hybridx.terms.text import nearest

__all__ = ["MAF_NAMES", "gather_variants", "is_variant_file"]

MAF_NAMES = ("variants.maf", "variants.maf.gz")
FOLDER = "variants"
_MAF = (".maf", ".maf.gz")
_VCF = (".vcf", ".vcf.gz")
_SAMPLE_FACTS = ("day", "panel_mb")


def is_variant_file(name: str) -> bool:
    """Return whether a file is a MAF or a VCF by its name."""
    return name.casefold().endswith((*_MAF, *_VCF))


def gather_variants(
    folder: Path, own: RawTable | None, sequencing: Table | None, schema: TableSchema
) -> tuple[RawTable | None, list[Problem]]:
    """Return all variants of a folder as one table of text, and what is wrong with their files.

    Read are ``variants.csv`` (or ``.parquet``), ``variants.maf``, files in a folder ``variants`` (a VCF is named after
    its patient) and files that the sequencing table names. The sequencing table gives a file's patient, day and panel
    size; a patient of it without any variant gets the row that says "sequenced, none found".

    Parameters
    ----------
    folder : pathlib.Path
        The data folder.
    own : RawTable, optional
        ``variants.csv``, read as text.
    sequencing : Table, optional
        The sequencing table, typed, its dates counted.
    schema : TableSchema
        Of the variants table.

    Returns
    -------
    (RawTable or None, list of Problem)
        None when the folder holds nothing about variants.
    """
    problems: list[Problem] = []
    listed = _Listed(sequencing)
    parts = [] if own is None else [own]
    for path, name in _files(folder, listed):
        if not path.is_file():
            row = listed.row_of(name)
            line = None if row is None or sequencing is None else sequencing.raw.lines[row]
            file = "sequencing.csv" if sequencing is None else sequencing.file
            guess = nearest(
                Path(name).name, [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            )
            hint = f"Did you mean {guess!r}?" if guess else ""
            problems.append(found("T093", file, line, "file", name, hint=hint))
            continue
        part = _read(path, name, listed)
        problems += part.problems
        if part.usable:
            parts.append(_with_facts(part, name, listed))
    if own is not None and not own.usable:
        return own, problems
    problems += _strays(folder, {name for _, name in _files(folder, listed)})
    usable = [part for part in parts if part.usable]
    if not usable:
        return None, problems
    merged = usable[0] if len(usable) == 1 and usable[0] is own else _merge(usable, schema)
    if sequencing is not None:
        merged = _with_none_found(merged, sequencing, schema)
    return merged, problems


class _Listed:
    """What the sequencing table says about files and samples."""

    def __init__(self, sequencing: Table | None) -> None:
        self.rows: list[dict[str, object]] = []
        if sequencing is not None and "patient_id" in sequencing.frame.columns:
            names = ("patient_id", "file", "sample", *_SAMPLE_FACTS)
            self.rows = sequencing.frame.select(names).to_dicts()
        self.by_sample = {str(r["sample"]): r for r in self.rows if r["sample"] and r["patient_id"]}
        self.by_patient: dict[str, dict[str, object]] = {}
        for row in self.rows:
            self.by_patient.setdefault(str(row["patient_id"]), row)

    def of_file(self, name: str) -> list[dict[str, object]]:
        return [r for r in self.rows if r["file"] == name and r["patient_id"]]

    def row_of(self, name: str) -> int | None:
        return next((i for i, r in enumerate(self.rows) if r["file"] == name), None)


def _files(folder: Path, listed: _Listed) -> Iterator[tuple[Path, str]]:
    seen: set[str] = set()
    for row in listed.rows:
        if row["file"]:
            seen.add(str(row["file"]))
    names = [*seen]
    names += [p.name for p in folder.iterdir() if p.name.casefold() in MAF_NAMES and p.is_file()]
    inside = folder / FOLDER
    if inside.is_dir():
        names += [f"{FOLDER}/{p.name}" for p in inside.iterdir() if is_variant_file(p.name)]
    for name in sorted(set(names)):
        yield folder / name, name


def _strays(folder: Path, read: set[str]) -> list[Problem]:
    expected = f"variants.maf, a file in the folder {FOLDER}, or a row of sequencing.csv that names it"
    left = sorted(
        p.name for p in folder.iterdir() if p.is_file() and is_variant_file(p.name) and p.name not in read
    )
    return [found("T005", name, expected=expected) for name in left]


def _read(path: Path, name: str, listed: _Listed) -> RawTable:
    if name.casefold().endswith(_MAF):
        return read_maf(path, name)
    if not name.casefold().endswith(_VCF):
        raw = RawTable(name, usable=False)
        raw.problems.append(
            found("T091", name, expected="a file that ends in .vcf, .maf, .vcf.gz or .maf.gz")
        )
        return raw
    rows = listed.of_file(name)
    if not rows:  # a file in the folder of variants is named after its patient
        stem = re.sub(r"\.vcf(\.gz)?$", "", Path(name).name, flags=re.IGNORECASE)
        return _read_patient(path, name, unicodedata.normalize("NFC", stem), None)
    parts = [_read_patient(path, name, str(row["patient_id"]), _text(row["sample"])) for row in rows]
    joined = parts[0]
    for part in parts[1:]:
        joined.problems += part.problems
        joined.usable = joined.usable and part.usable
        joined.text, joined.lines = (
            pl.concat([joined.text, part.text], how="diagonal"),
            joined.lines + part.lines,
        )
    return joined


def _read_patient(path: Path, name: str, patient: str, sample: str | None) -> RawTable:
    """Read one patient's variants from a VCF; a file without any says that nothing was found."""
    raw = read_vcf(path, name, patient, sample)
    if raw.usable and not raw.lines:
        nothing = {"patient_id": [patient], "gene": ["-"], "classification": ["none_found"]}
        raw.text, raw.lines = pl.DataFrame(nothing), [raw.header]
    return raw


def _with_facts(part: RawTable, name: str, listed: _Listed) -> RawTable:
    """Put patients in the place of samples, and day and panel size beside each variant."""
    rows = listed.of_file(name)
    alone = rows[0] if len(rows) == 1 else None
    is_maf = name.casefold().endswith(_MAF)
    facts = []
    for code in part.text["patient_id"]:
        fact = listed.by_sample.get(code) if is_maf else None
        if fact is None and (is_maf or not rows):
            fact = alone if alone is not None else listed.by_patient.get(code)
        elif fact is None:
            fact = next((r for r in rows if r["patient_id"] == code), None)
        facts.append({"patient_id": code} if fact is None else fact)
    text = {
        column: pl.Series(column, [_text(f.get(column)) for f in facts], dtype=pl.String)
        for column in ("patient_id", *_SAMPLE_FACTS)
    }
    part.text = part.text.with_columns(**text)
    return part


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _merge(parts: list[RawTable], schema: TableSchema) -> RawTable:
    merged = RawTable(parts[0].file, delimiter=parts[0].delimiter, header=parts[0].header)
    merged.text = pl.concat([p.text for p in parts], how="diagonal")
    for part in parts:
        merged.lines += part.lines
        merged.files += part.files or [part.file] * len(part.lines)
        merged.skipped |= part.skipped
        if not is_variant_file(part.file):
            merged.problems += part.problems
    # a table of another form may lack a column that files always have
    missing = [c for c in schema.columns.values() if c.required and c.name not in merged.text.columns]
    merged.text = merged.text.with_columns(pl.lit(None, dtype=pl.String).alias(c.name) for c in missing)
    return merged


def _with_none_found(variants: RawTable, sequencing: Table, schema: TableSchema) -> RawTable:
    """Add a row for each patient who was sequenced and has no variant at all."""
    frame = sequencing.frame.select("patient_id", *_SAMPLE_FACTS).with_row_index("row")
    if "patient_id" not in variants.text.columns:
        return variants
    present = variants.text.select("patient_id").drop_nulls().unique()
    absent = frame.drop_nulls("patient_id").join(present, on="patient_id", how="anti", maintain_order="left")
    absent = absent.unique("patient_id", keep="last", maintain_order=True)
    added = absent.select(
        "patient_id",
        pl.lit("-").alias("gene"),
        pl.lit("none_found").alias("classification"),
        *(pl.col(c).cast(pl.String) for c in _SAMPLE_FACTS),
    )
    nothing = RawTable(sequencing.file, text=added, lines=[sequencing.raw.lines[r] for r in absent["row"]])
    return _merge([variants, nothing], schema) if added.height else variants
