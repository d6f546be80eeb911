"""A foreign feature table as text, whichever way round it lies."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import polars as pl

from hybridx.errors import InputError
from hybridx.measure.import_names import clean_name, guess_format
from hybridx.terms.text import listing

__all__ = ["read_cells", "upright"]

_ENDINGS = (".csv", ".tsv", ".txt", ".json", ".parquet")
# what the command pyradiomics prints unless it is asked for CSV
_CASE_LINE = re.compile(r"Case-(\d+)_([^:]+): ?(.*)")
_SLICER = ("image type", "feature class", "feature name")
_DELIMITERS = (",", ";", "\t")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+(e[+-]?\d+)?\s*", re.IGNORECASE)
_LARGEST = 2_000_000_000  # bytes; a table of features is a thousandth of that


def read_cells(path: Path) -> pl.DataFrame:
    """Read a CSV, JSON or Parquet file as text, empty cells as null; a column without a name gets its number.

    JSON is a list of patients, each with its features by name, as the command ``pyradiomics -f json`` writes it; its
    lines of text (``Case-1_original_glcm_Contrast: 3.5``) are read too.

    Raises
    ------
    InputError
        No such file, another kind of file, no rows, rows of another width than the header, or a name that stands
        twice.
    """
    if path.suffix.lower() not in _ENDINGS:
        msg = f"{path.name!r} is not a CSV, JSON or Parquet file; export the table as 'CSV UTF-8'."
        raise InputError(msg)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= _LARGEST else b""
    except OSError as error:
        msg = f"{str(path)!r} cannot be read: {error.strerror}."
        raise InputError(msg) from error
    if path.suffix.lower() == ".parquet":
        return _parquet(path, content)
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not content.strip() or (b"\0" in content[:4096] and not wide):
        msg = f"{path.name!r} holds no text of at most 2 GB; export the table as 'CSV UTF-8'."
        raise InputError(msg)
    text = _decoded(content).lstrip()
    if path.suffix.lower() == ".json":
        return _json(path, text)
    if _CASE_LINE.match(text):
        return _cases(path, text)
    return _csv(path, text)


def _json(path: Path, text: str) -> pl.DataFrame:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{path.name!r} is not JSON: {str(error)[:200]}"
        raise InputError(msg) from error
    rows = found if isinstance(found, list) else [found]
    if not all(isinstance(row, dict) for row in rows):
        msg = f"{path.name!r} is not a list of patients, each with its features by name."
        raise InputError(msg)
    return _records(path, rows)


def _cases(path: Path, text: str) -> pl.DataFrame:
    rows: dict[str, dict[str, str]] = {}
    for number, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        found = _CASE_LINE.fullmatch(line.strip())
        if found is None:
            msg = f"{path.name!r}, line {number}: {line[:60]!r} is not 'Case-1_name: value'."
            raise InputError(msg)
        rows.setdefault(found[1], {})[found[2]] = found[3]
    return _records(path, list(rows.values()))


def _records(path: Path, rows: list[dict[str, object]] | list[dict[str, str]]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in names}
    return _checked(path, pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String)))


def _parquet(path: Path, content: bytes) -> pl.DataFrame:
    try:
        table = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        msg = f"{path.name!r} is no Parquet file, or it is cut short: {str(error).splitlines()[0]}"
        raise InputError(msg) from error
    flat = [
        name
        for name, dtype in table.schema.items()
        if not dtype.is_nested() and dtype not in (pl.Object, pl.Binary)
    ]
    return _checked(path, table.select(pl.col(flat).cast(pl.String)))


def _csv(path: Path, text: str) -> pl.DataFrame:
    said = re.match(r"sep=(.)\s*\n", text)  # Excel's own first line
    text = text[said.end() :].lstrip("\r\n") if said else text
    header = (text.splitlines() or [""])[0]
    delimiter = max(_DELIMITERS, key=header.count)
    csv.field_size_limit(2**30)
    try:
        records = [
            row
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            if any(map(str.strip, row))
        ]
    except csv.Error as error:
        msg = f"{path.name!r} is no table: {error}."
        raise InputError(msg) from error
    names = [cell.strip() or f"column_{i + 1}" for i, cell in enumerate(records[0])]
    wrong = [str(i + 2) for i, row in enumerate(records[1:]) if len(row) != len(names)]
    if wrong:
        msg = f"{path.name!r}: rows {listing(wrong)} have not the {len(names)} cells of the header."
        raise InputError(msg)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"{path.name!r} has {listing(map(repr, twice))} more than once in its header."
        raise InputError(msg)
    body = records[1:]
    if (
        delimiter != ","
    ):  # between commas "1,234" may be a thousand, and is refused where it is read as a number
        body = [
            [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in row]
            for row in body
        ]
    cells = {name: pl.Series([row[i] for row in body], dtype=pl.String) for i, name in enumerate(names)}
    return _checked(path, pl.DataFrame(cells))


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")  # Excel's own


def _checked(path: Path, table: pl.DataFrame) -> pl.DataFrame:
    if not table.width or not table.height:
        msg = f"{path.name!r} holds no rows."
        raise InputError(msg)
    stripped = pl.all().str.strip_chars()
    return table.select(pl.when(stripped != "").then(stripped))


def upright(table: pl.DataFrame, patient_id: str | None = None) -> pl.DataFrame:
    """Return a table with one row per patient: one that lies on its side is turned.

    pandas writes the features' names in the first column and a patient in each of the others, 3D Slicer in the first
    three. `patient_id` names the patient where there is one.

    Examples
    --------
    >>> lying = pl.DataFrame({"name": ["original_glcm_Contrast"], "P1": ["3.5"], "P2": ["4.0"]})
    >>> upright(lying).rows()
    [('P1', '3.5'), ('P2', '4.0')]
    """
    if tuple(name.casefold() for name in table.columns[:3]) == _SLICER:
        joined = pl.concat_str(table.columns[:3], separator="_").alias("name")
        table = table.select(joined, *table.columns[3:])
    names = table[table.columns[0]].fill_null("").to_list()
    if guess_format(table.columns) is not None or guess_format(names) is None:
        return table
    if table.width == 1:
        msg = "The table has features' names and no values."
        raise InputError(msg)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        msg = f"The first column names {listing(map(clean_name, twice))} more than once."
        raise InputError(msg)
    patients = table.columns[1:]
    if len(patients) == 1 and (patient_id is not None or patients[0] in ("0", "column_2", "value", "Value")):
        if patient_id is None:
            msg = "The file holds one patient without a name; say whose features they are: patient_id=..."
            raise InputError(msg)
        patients = [patient_id]
    rows = [i for i, name in enumerate(names) if name and name != "patient_id"]
    values = {names[i]: pl.Series([table[c][i] for c in table.columns[1:]], dtype=pl.String) for i in rows}
    return pl.DataFrame({"patient_id": patients, **values})
