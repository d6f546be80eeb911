"""Feature tables that other radiomics programs made, as a block of a cohort."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hybridx.cohort import Block, Cohort
from hybridx.cohort.block import FEATURE_SCHEMA
from hybridx.cohort.columns import MODALITY_NAME
from hybridx.errors import InputError
from hybridx.measure.import_columns import name_columns
from hybridx.measure.import_names import (
    BEFORE_IDS,
    FORMATS,
    Foreign,
    Format,
    Named,
    clean_name,
    described,
    guess_format,
)
from hybridx.measure.import_origin import doubts, provenance
from hybridx.measure.import_reading import read_cells, upright
from hybridx.measure.import_values import numbers
from hybridx.terms import check_name
from hybridx.terms.text import listing, nearest

__all__ = ["ImportedFeatures", "import_features"]

_ORIGINAL = ("", "original", "none", "nan")


@dataclass(frozen=True, eq=False)
class ImportedFeatures:
    """A table of another program, with our names.

    Parameters
    ----------
    block : Block
        The features: what `Cohort.build` takes.
    format : str
        Which program wrote it.
    columns : polars.DataFrame
        One row per column of the file: `source` (its name there), `column` (ours; null: left out), `mapped` (it is
        known for certain what was measured), `ibsi_id`, `note`.
    notes : tuple of str
        What else was decided.
    """

    block: Block
    format: str
    columns: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def unmapped(self) -> list[str]:
        """Columns of the file that came in under their own cleaned names."""
        kept = self.columns.filter(pl.col("column").is_not_null() & ~pl.col("mapped"))
        return kept["source"].to_list()

    def lines(self) -> list[str]:
        """Say what came in, what kept its own name and what was left out; names are cleaned for a screen."""
        known = int(self.columns["mapped"].sum())
        left = self.columns.filter(pl.col("column").is_null())
        lines = [f"{FORMATS[self.format].title}: {known} features of {self.block.frame.height} patients."]
        for words, table in (
            ("Kept under their own names", self.unmapped),
            ("Left out", left["source"].to_list()),
        ):
            lines += [f"{words}: {listing(map(clean_name, table))}."] if table else []
        return [*lines, *(f"Note: {note}." for note in self.notes)]

    def to_cohort(self) -> Cohort:
        """Return a cohort of these patients with this block alone: outcomes and other modalities can join it later."""
        tables = {f"import_{self.block.modality.replace('@', '_')}": self.columns}
        return Cohort.build(self.block.frame["patient_id"], [self.block], tables, {"synthetic": False})

    def into(self, cohort: Cohort) -> tuple[Cohort, list[str]]:
        """Add the block to a cohort, and name the patients of the file who are not in it (they are left out).

        Raises
        ------
        InputError
            The cohort has this modality already, or none of the patients.
        """
        name = self.block.modality
        if name in cohort.blocks:
            msg = (
                f"The cohort has the modality {name!r} already; give the imported one another name, such as "
                f"{name}_{self.format}."
            )
            raise InputError(msg)
        ids = self.block.frame["patient_id"].to_list()
        strangers = sorted(set(ids) - set(cohort.patients))
        if len(strangers) == len(ids):
            guess = nearest(ids[0], cohort.patients)
            hint = f" The nearest to {ids[0]!r} is {guess!r}." if guess else ""
            msg = f"None of the {len(ids)} patients of the file is in the cohort: {listing(strangers)}.{hint}"
            raise InputError(msg)
        block = dataclasses.replace(
            self.block, frame=self.block.frame.filter(pl.col("patient_id").is_in(cohort.patients))
        )
        alone = Cohort.build(cohort.patients, [block])
        table = f"import_{name.replace('@', '_')}"
        joined = dataclasses.replace(
            cohort,
            blocks={**cohort.blocks, **alone.blocks},
            measured=cohort.measured.hstack(alone.measured.drop("patient_id")),
            days=cohort.days.hstack(alone.days.drop("patient_id")),
            features=pl.concat([cohort.features, alone.features]),
            tables={**cohort.tables, table: self.columns},
        )
        return joined, strangers


def import_features(
    path: str | os.PathLike[str],
    modality: str,
    *,
    format: str = "auto",  # noqa: A002  the word of the command line
    patient: str | None = None,
    region: str | None = None,
    patient_id: str | None = None,
    day: float = 0.0,
) -> ImportedFeatures:
    """Read a feature table of pyradiomics, MIRP, LIFEx or READII and give its columns this library's names.

    pyradiomics' names stay as they are; MIRP's and LIFEx's become the standard's tags. A column whose meaning is not
    certain keeps its own name, cleaned, and is listed; one that sounds like an outcome (``time_to_death``) is left out.

    Parameters
    ----------
    path : path
        CSV (commas, semicolons or tabs) or Parquet: one row per patient, or one column per patient with the features'
        names in the first column (3D Slicer: three). Also what the command ``pyradiomics`` writes as text or JSON.
    modality : str
        ``pet``, ``ct``, or another name (``pet_lifex``) where the cohort has its own ``pet``.
    format : {"auto", "pyradiomics", "mirp", "lifex", "readii"}
        Which program wrote it; by default told from the header.
    patient : str, optional
        Column that names the patient.
    region : str, optional
        Take the rows of this region or label only, where a patient has several.
    patient_id : str, optional
        Whose features these are, for a file of one patient without a name.
    day : float
        Of the scan, relative to baseline.

    Returns
    -------
    ImportedFeatures
        Its `block` has the schema of all blocks; ``.to_cohort()`` and ``.into(cohort)`` make a cohort of it.

    Raises
    ------
    InputError
        The file cannot be read, its program or patients not be told, a patient has several rows, or cells of known
        features hold text (all are counted, five are named).
    """
    check_name(format, ("auto", *FORMATS), "format")
    if not MODALITY_NAME.fullmatch(modality):
        msg = f"modality={modality!r} is not a name of lower-case letters, digits and '_', such as pet or ct_lifex."
        raise InputError(msg)
    file = Path(path).name
    table = upright(read_cells(Path(path)), patient_id)
    chosen = _format(format, table, file)
    kind = FORMATS[chosen]
    every = table
    table, notes = _rows(table, kind, chosen, region)
    who = _patients(table, kind, patient, patient_id)
    if region is not None and who.name in every.columns:
        without = sorted(set(every[who.name].drop_nulls().str.strip_chars()) - set(who))
        notes += [f"{len(without)} patients have no region {region!r}: {listing(without)}"] if without else []
    named, columns = name_columns(table, kind, modality, who.name)
    _refuse_twice(who, table, kind)
    frame, lost = numbers(table, named, file)
    notes += lost + doubts(table)
    before = int((columns["note"] == BEFORE_IDS).sum())
    notes += [f"{before} columns are {BEFORE_IDS}: they keep their own names"] if before else []
    wide = frame.insert_column(0, who.cast(pl.String).alias("patient_id"))
    block = _block(modality, wide, named, provenance(table, named, kind), day)
    return ImportedFeatures(block, chosen, columns, tuple(notes))


def _format(format: str, table: pl.DataFrame, file: str) -> str:  # noqa: A002
    if format != "auto":
        return format
    found = guess_format(table.columns)
    if found is None:
        msg = (
            f"{file!r} has no column that pyradiomics, MIRP, LIFEx or READII would write; it has "
            f"{listing([clean_name(c) for c in table.columns])}. Say which it is: format='lifex'."
        )
        raise InputError(msg)
    return found


def _rows(
    table: pl.DataFrame,
    kind: Format,
    program: str,
    region: str | None,
) -> tuple[pl.DataFrame, list[str]]:
    """Take the rows that were asked for: one region, and no negative controls."""
    notes = []
    if program == "readii" and "negative_control" in table.columns:
        real = pl.col("negative_control").fill_null("").str.to_lowercase().is_in(_ORIGINAL)
        dropped = table.height - table.filter(real).height
        table = table.filter(real)
        notes += [f"{dropped} rows of negative controls (shuffled images) were left out"] if dropped else []
    if region is None:
        return table, notes
    held = [name for name in kind.region if name in table.columns]
    rows = table.filter(pl.any_horizontal(pl.col(held) == region)) if held else table.clear()
    if not rows.height:
        seen = table[held[0]].drop_nulls().unique(maintain_order=True).to_list() if held else []
        msg = f"No row has the region {region!r}; there is {listing(map(repr, seen))}."
        raise InputError(msg)
    return rows, notes


def _patients(table: pl.DataFrame, kind: Format, patient: str | None, patient_id: str | None) -> pl.Series:
    if patient_id is not None and table.height == 1:
        return pl.Series("patient_id", [patient_id])
    if patient is not None and patient not in table.columns:
        guess = nearest(patient, table.columns)
        hint = f" Did you mean {guess!r}?" if guess else ""
        msg = f"The table has no column {patient!r}.{hint}"
        raise InputError(msg)
    name = patient or next((one for one in kind.patient if one in table.columns), None)
    if name is None:
        known = [
            c for c in table.columns if kind.information.fullmatch(c) or kind.name(Foreign(c, "")).mapped
        ]
        text = [clean_name(c) for c in table.columns if c not in known]
        which = f"Say which does: patient=...; candidates: {listing(text)}." if text else "Add one."
        msg = f"No column names the patient. {which} A file of one patient takes patient_id=..."
        raise InputError(msg)
    who = table[name].str.strip_chars()
    if who.null_count():
        msg = f"{who.null_count()} rows have no patient in the column {name!r}."
        raise InputError(msg)
    return who


def _refuse_twice(who: pl.Series, table: pl.DataFrame, kind: Format) -> None:
    twice = who.filter(who.is_duplicated()).unique(maintain_order=True)
    if not len(twice):
        return
    held = next((name for name in kind.region if name in table.columns), None)
    cure = "Keep one row for each."
    if held is not None:
        seen = table[held].drop_nulls().unique(maintain_order=True).to_list()
        cure = f"Choose a region of the column {held!r}: {listing(map(repr, seen))}."
    msg = f"{len(twice)} patients have several rows: {listing(map(repr, twice))}. {cure}"
    raise InputError(msg)


def _block(
    modality: str, wide: pl.DataFrame, named: Mapping[str, Named], made: Mapping[str, str], day: float
) -> Block:
    rows = [
        {"column": f"{modality}.{one.name}", "modality": modality, **described(one, modality), **made}
        for one in named.values()
    ]
    wide = wide.rename({source: f"{modality}.{one.name}" for source, one in named.items()})
    there = wide.filter(pl.any_horizontal(pl.exclude("patient_id").is_not_null()))
    ids = there["patient_id"].to_list()
    features = pl.DataFrame(rows, schema=FEATURE_SCHEMA)
    return Block(modality, there, dict.fromkeys(ids, True), dict.fromkeys(ids, float(day)), features)
