"""A MAF file (mutation annotation format, GDC) as rows of the variants table."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl

from hybridx.cohort.problem import Problem, found
from hybridx.cohort.read_text import RawTable
from hybridx.terms.consequences import NOT_COUNTED, from_maf
from hybridx.terms.protein import short_change

__all__ = ["VARIANT_COLUMNS", "content_of", "read_maf"]

VARIANT_COLUMNS = ("patient_id", "gene", "classification", "hgvsp", "vaf", "position")
_NEEDED = {"hugo_symbol": "Hugo_Symbol", "variant_classification": "Variant_Classification"}
_SAMPLE = "tumor_sample_barcode"
_CHANGES = ("hgvsp_short", "protein_change", "hgvsp", "amino_acid_change")
_FRACTIONS = ("t_vaf", "vaf", "tumor_f", "t_af", "i_tumor_f")
_EMPTY = ("", ".", "NA", "__UNKNOWN__")


def read_maf(path: Path, name: str) -> RawTable:
    """Read a MAF file as text, one row per variant in the coding sequence (and the promoter of TERT).

    What did not pass the caller's filter, is marked as germline, or changes no codon is left out. `patient_id` holds
    the tumour sample's barcode.

    Parameters
    ----------
    path : pathlib.Path
        ``.maf`` or ``.maf.gz``, tab-separated; lines that start with ``#`` before the header are comments.
    name : str
        The file in messages.
    """
    raw = RawTable(name)
    try:
        text = content_of(path).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        return _refused(raw, found("T091", name, value=type(error).__name__, hint="Export the file again."))
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if start is None:
        return _refused(raw, found("T091", name, hint="It holds no header line."))
    header = [cell.strip().casefold() for cell in lines[start].split("\t")]
    raw.header = start + 1
    for key, printed in _NEEDED.items():
        if key not in header:
            hint = "A MAF has it; is the file tab-separated?"
            return _refused(raw, found("T015", name, raw.header, printed, hint=hint))
    rows, places = [], []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) > len(header) or len(cells) <= max(header.index(key) for key in _NEEDED):
            expected = f"{len(header)} cells as in the header"
            raw.problems.append(found("T011", name, number, value=f"{len(cells)} cells", expected=expected))
            continue
        row = _variant(dict(zip(header, (c.strip() for c in cells), strict=False)))
        if row is not None:
            rows.append(row)
            places.append(number)
    raw.text = pl.DataFrame(rows, schema=dict.fromkeys(VARIANT_COLUMNS, pl.String), orient="row")
    raw.lines = places
    return raw


def content_of(path: Path) -> bytes:
    """Return the bytes of a file, unpacked when its name ends in ``.gz``."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        return file.read()


def _refused(raw: RawTable, problem: Problem) -> RawTable:
    raw.problems.append(problem)
    raw.usable = False
    return raw


def _variant(cells: dict[str, str]) -> tuple[str | None, ...] | None:
    def cell(*names: str) -> str | None:
        return next((cells[n] for n in names if cells.get(n, "") not in _EMPTY), None)

    passed = cells.get("filter", "PASS") in {"PASS", *_EMPTY}
    if not passed or cells.get("mutation_status", "").casefold() == "germline":
        return None
    gene, word = cell("hugo_symbol"), cells["variant_classification"]
    kind = from_maf(word, gene or "")
    if kind == NOT_COUNTED:
        return None
    change = cell(*_CHANGES)
    return (
        cell(_SAMPLE),
        gene,
        word if kind is None else kind,  # an unknown word stays, so that it is told with its row
        None if change is None else short_change(change),
        cell(*_FRACTIONS) or _fraction(cells),
        _position(cells),
    )


def _fraction(cells: dict[str, str]) -> str | None:
    """Return reads with the variant per all reads, where both were counted."""
    try:
        alternative = int(cells["t_alt_count"])
        depth = int(cells["t_depth"]) if cells.get("t_depth") else alternative + int(cells["t_ref_count"])
    except (KeyError, ValueError):
        return None
    return f"{alternative / depth:.6g}" if depth > 0 else None


def _position(cells: dict[str, str]) -> str | None:
    where = [
        cells.get(n, "") for n in ("chromosome", "start_position", "reference_allele", "tumor_seq_allele2")
    ]
    return "{}:{} {}>{}".format(*where) if all(where[:2]) else None
