"""A table file as text: every cell with the line on which it stands, whatever an export did to the file."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hybridx.cohort.problem import Problem, found

__all__ = ["RawTable", "read_raw"]

_CHUNK = 100_000
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SEARCHED = 10  # lines among which the header is looked for when the first line is none


@dataclass
class RawTable:
    """A table as text.

    Parameters
    ----------
    file : str
        File name.
    text : polars.DataFrame
        String columns as named in the header; an empty cell is null.
    lines : list of int
        Line of the file on which each row starts.
    problems : list of Problem
        What is wrong with the file itself.
    delimiter : str
        What separates the cells.
    header : int
        Line of the header.
    usable : bool
        False when nothing could be read; then nothing can be said about who is in the table either.
    skipped : list of str
        First cells and the like of rows that were left out: they may name patients who are therefore known.
    files : list of str
        File of each row, where the table comes from several; empty when all are of `file`.
    """

    file: str
    text: pl.DataFrame = field(default_factory=pl.DataFrame)
    lines: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    delimiter: str = ","
    usable: bool = True
    header: int = 1
    skipped: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)


def read_raw(path: Path, columns: Sequence[str]) -> RawTable:
    """Read a CSV or Parquet file as text.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    columns : sequence of str
        Columns of its schema; they tell the header from a title line and a comma from a semicolon.
    """
    raw = RawTable(path.name)
    try:
        content = path.read_bytes()
    except OSError as error:
        return _unreadable(raw, "T007", str(error.strerror), "Check the permissions of the file.")
    if not content.strip():
        return _unreadable(raw, "T008", None, "Write a header and at least one row, or remove the file.")
    if path.suffix.lower() == ".parquet":
        return _read_parquet(raw, content)
    text = _decode(raw, content)
    return raw if text is None else _read_csv(raw, text, columns)


def _unreadable(raw: RawTable, code: str, value: str | None, hint: str) -> RawTable:
    raw.problems.append(found(code, raw.file, value=value, hint=hint))
    raw.usable = False
    return raw


def _decode(raw: RawTable, content: bytes) -> str | None:
    if content[:2] == b"PK" or content[:4] == b"\xd0\xcf\x11\xe0":
        _unreadable(raw, "T007", None, "It is an Excel workbook: save it as 'CSV UTF-8'.")
        return None
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raw.problems.append(
            found("T006", raw.file, value="UTF-16", expected="UTF-8", hint="Save as 'CSV UTF-8'.")
        )
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        _unreadable(raw, "T007", None, "It holds binary data, not text.")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = content.decode("cp1252", errors="replace")
        shown = content[error.start : error.start + 1].decode("cp1252", errors="replace")
        hint = "It looks like Windows-1252 (Excel): save as 'CSV UTF-8'."
        raw.problems.append(found("T006", raw.file, line, value=shown, expected="UTF-8", hint=hint))
        return text


def _read_csv(raw: RawTable, text: str, columns: Sequence[str]) -> RawTable:
    records = _records(raw, text, columns)
    header = next(records, None)
    if header is None:
        return _unreadable(raw, "T008", None, "Write a header and at least one row, or remove the file.")
    names = [_clean(cell) for cell in header[1]]
    # Some exports end every line, or only the header, with separators.
    needed = len(names) - next((i for i, name in enumerate(reversed(names)) if name), len(names))
    chunks: list[pl.DataFrame] = []
    rows: list[list[str]] = []
    blank: list[int] = []
    for line, cells in records:
        if len(cells) == len(names) and cells[0].strip():  # nearly every row: a million of them take a second
            rows.append(cells)
            raw.lines.append(line)
        elif not any(cell.strip() for cell in cells):
            blank.append(line)
        elif _fits(raw, line, cells, (needed, len(names))):
            rows.append(cells[: len(names)] + [""] * (len(names) - len(cells)))
            raw.lines.append(line)
        if len(rows) >= _CHUNK:
            chunks.append(_frame(rows, len(names)))
            rows = []
    chunks.append(_frame(rows, len(names)))
    _report_blank(raw, blank)
    return _name_columns(raw, pl.concat(chunks), names)


def _records(raw: RawTable, text: str, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) from the header on."""
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="").readlines()[:_SEARCHED]]
    known = {name.casefold() for name in columns}

    def hits(line: str, delimiter: str) -> int:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        return sum(_clean(cell).casefold() in known for cell in cells)

    scores = [max(hits(line, d) for d in _DELIMITERS) for line in lines]
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    header = first
    if scores[first] == 0 and max(scores) >= 2:
        header = scores.index(max(scores))
        hint = f"The header stands in row {header + 1}: delete the lines above it."
        raw.problems.append(found("T018", raw.file, first + 1, value=lines[first].strip(), hint=hint))
    raw.header = header + 1
    raw.delimiter = max(_DELIMITERS, key=lambda d: (hits(lines[header], d), lines[header].count(d)))
    if raw.delimiter != ",":
        words = _DELIMITERS[raw.delimiter]
        hint = f"Read with {words} between cells; in numbers a decimal comma is then read as a decimal point."
        raw.problems.append(found("T010", raw.file, header + 1, expected="commas between cells", hint=hint))
    yield from _split(text, raw.delimiter, header)


def _split(text: str, delimiter: str, header: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) from line `header` (counted from 0) on.

    A quotation mark that is never closed would swallow all lines after it. A record that covers several lines and has
    not the width of the header is therefore given up line by line, so that the lines after it are checked as well.
    """
    csv.field_size_limit(2**30)
    lines = io.StringIO(text, newline="").readlines()
    position, width = header, None
    while position < len(lines):
        reader = csv.reader(lines[position:], delimiter=delimiter)
        start = position
        for cells in reader:
            end = position + reader.line_num
            broken = end - start > 1 and width is not None and len(cells) != width
            if broken:
                yield start + 1, next(csv.reader(lines[start : start + 1], delimiter=delimiter))
                position = start + 1
                break
            width = len(cells) if width is None else width
            yield start + 1, cells
            start = end
        else:
            return


def _fits(raw: RawTable, line: int, cells: list[str], width: tuple[int, int]) -> bool:
    extra = [c for c in cells[width[1] :] if c.strip()]
    if not extra and len(cells) >= width[0]:
        return True
    hint = "The row is skipped until it is mended."
    if any(cell.endswith("\n") for cell in cells):
        hint = "A quotation mark is not closed. The row is skipped until it is mended."
    elif extra and raw.delimiter == ",":
        hint = "A comma inside a value splits it: write a decimal point, or put the text in quotation marks."
    expected = f"{width[0]} cells as in the header"
    raw.problems.append(
        found("T011", raw.file, line, value=f"{len(cells)} cells", expected=expected, hint=hint)
    )
    raw.skipped |= {_clean(part) for cell in cells for part in re.split(r"[\n" + raw.delimiter + "]", cell)}
    return False


def _report_blank(raw: RawTable, blank: list[int]) -> None:
    last = raw.lines[-1] if raw.lines else 0
    inside = [line for line in blank if line < last]  # blank lines at the end of a file harm nobody
    if inside:
        more = f" ({len(inside)} such rows)" if len(inside) > 1 else ""
        raw.problems.append(found("T017", raw.file, inside[0], hint=f"Skipped{more}."))


def _frame(rows: list[list[str]], width: int) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * width
    return pl.DataFrame({f"{i}": pl.Series(columns[i], dtype=pl.String) for i in range(width)})


def _name_columns(raw: RawTable, frame: pl.DataFrame, names: list[str]) -> RawTable:
    seen: dict[str, int] = {}
    kept: dict[str, str] = {}
    for position, name in enumerate(names):
        series = frame[f"{position}"]
        if not name:
            if (series.str.strip_chars() != "").any():
                hint = f"Name column {position + 1} or remove it."
                raw.problems.append(found("T013", raw.file, raw.header, f"column {position + 1}", hint=hint))
        elif name in seen:
            hint = f"Column {seen[name]} is read, column {position + 1} is not: remove one."
            raw.problems.append(found("T012", raw.file, raw.header, name, name, hint=hint))
        else:
            seen[name] = position + 1
            kept[f"{position}"] = name
    text = frame.select(pl.col(old).alias(new) for old, new in kept.items())
    stripped = pl.all().str.strip_chars()
    # Patient ids keep their outer blanks here: they are judged, not mended in silence.
    raw.text = text.with_columns(pl.when(stripped != "").then(pl.all()))
    return raw


def _read_parquet(raw: RawTable, content: bytes) -> RawTable:
    try:
        table = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        return _unreadable(raw, "T007", reason, "It is no Parquet file, or it is cut short.")
    nested = [n for n, t in table.schema.items() if t.is_nested() or t in (pl.Object, pl.Binary)]
    for name in nested:
        hint = "Lists, structures and binary columns cannot be read: write one value per cell."
        raw.problems.append(found("T007", raw.file, column=name, hint=hint))
    table = table.drop(nested)
    raw.text = table.select(
        pl.col(n).dt.to_string("iso:strict").alias(n)
        if t.is_temporal()
        else pl.col(n).cast(pl.String).alias(n)
        for n, t in table.schema.items()
    ).with_columns(pl.when(pl.all().str.strip_chars() != "").then(pl.all()))
    raw.lines = list(range(2, table.height + 2))
    return raw


def _clean(cell: str) -> str:
    return unicodedata.normalize("NFC", cell.replace("\ufeff", "")).strip()
