"""Text to types, one column at a time: every bad cell is named, none stops the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl

from hybridx.cohort.read_table import Table
from hybridx.cohort.schema import ColumnSchema
from hybridx.cohort.schema_pandera import POLARS_DTYPES, failures
from hybridx.terms.text import nearest

__all__ = ["type_cells"]

_MISSING = ("na", "n/a", "null", "none", "n.a.", "missing")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)|#(num!|div/0!|value!|n/a)", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?")
_LIMIT = re.compile(r"[<>≤≥]\s*[\d.,]+")
_UNIT = re.compile(r"[+-]?[\d.]+\s*[A-Za-z%µμ][^\s]*")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})([T ][0-9:.]+(Z|[+-]\d{2}:?\d{2})?)?")
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_SLASHED = re.compile(r"(\d{1,4})/(\d{1,2})/(\d{1,4})")
_TRUE = {"1": True, "true": True, "1.0": True, "0": False, "false": False, "0.0": False}
_FIRST_DATE = date(1900, 1, 1)
_EXCEL_EPOCH = date(1899, 12, 30)


def type_cells(table: Table) -> None:
    """Fill `table.frame` and note every cell that cannot be read, is out of range, unknown, malformed or missing."""
    table.frame = pl.DataFrame({"": pl.Series([None] * len(table.raw.lines), dtype=pl.Null)})
    for column in table.schema.columns.values():
        if table.has(column.name):
            _read_missing_words(table, column)
            series = _READERS[column.dtype](table, column)
            table.frame = table.frame.with_columns(series.alias(column.name))
    table.frame = table.frame.drop("")
    _check_rules(table)


def _cells(table: Table, column: ColumnSchema) -> pl.Series:
    return table.raw.text[column.name].str.strip_chars()


def _read_missing_words(table: Table, column: ColumnSchema) -> None:
    """Take NA and the like as empty, with one warning per column; the text of a free column is left alone."""
    if column.dtype == "string" and not column.enum:
        return
    text = _cells(table, column)
    words = text.str.to_lowercase().is_in(list(_MISSING)) & ~text.str.to_lowercase().is_in(
        [e.casefold() for e in (*column.enum, *column.synonyms)]
    )
    rows = words.fill_null(False).arg_true()
    if len(rows):
        more = f" {len(rows)} cells of this column say so." if len(rows) > 1 else ""
        table.blame("T030", rows[0], column.name, hint=f"Leave a missing value empty.{more}")
        table.raw.text = table.raw.text.with_columns(
            pl.when(~words.fill_null(False)).then(pl.col(column.name)).alias(column.name)
        )


def _bad_rows(text: pl.Series, values: pl.Series) -> list[int]:
    return (text.is_not_null() & values.is_null()).arg_true().to_list()


def _read_float(table: Table, column: ColumnSchema) -> pl.Series:
    text = _read_decimal_commas(table, _cells(table, column))
    values = text.cast(pl.Float64, strict=False)
    values = pl.select(pl.when(values.is_finite()).then(values)).to_series()
    for row in _bad_rows(text, values):
        _blame_number(table, column, row)
    return values


def _read_decimal_commas(table: Table, text: pl.Series) -> pl.Series:
    """Read 3,5 as 3.5 in a file that is not separated by commas, unless the same column also has decimal points."""
    if table.raw.delimiter == ",":
        return text
    commas = text.str.contains(r"^[+-]?\d+,\d+$").fill_null(False)
    points = text.str.contains(r"^[+-]?\d+\.\d+$").fill_null(False)
    if commas.any() and points.any():
        return text
    return pl.select(
        pl.when(commas).then(text.str.replace(",", ".", literal=True)).otherwise(text)
    ).to_series()


def _blame_number(table: Table, column: ColumnSchema, row: int) -> None:
    value = (table.text(row, column.name) or "").strip()
    expected = column.expected
    if _NOT_FINITE.fullmatch(value):
        hint = "Leave a missing value empty; find out where the computation failed."
        table.blame("T032", row, column.name, expected=expected, hint=hint)
    elif _COMMA.fullmatch(value):
        hint = f"Did you mean {value.replace(',', '.')}?"
        if table.raw.delimiter != ",":
            hint += " This column has both decimal commas and decimal points, so neither can be trusted."
        table.blame("T022", row, column.name, expected=expected, hint=hint)
    else:
        hint = ""
        if _THOUSANDS.fullmatch(value):
            hint = "Write it without separators of thousands and with a decimal point."
        elif _LIMIT.fullmatch(value):
            hint = "A value beyond the limit of detection: give the limit itself, knowingly."
        elif (digits := value.replace("O", "0").replace("o", "0").replace("l", "1")) != value and _is_number(
            digits
        ):
            hint = f"Did you mean {digits} (a letter stands where a digit should)?"
        elif _UNIT.fullmatch(value):
            hint = "Write the number alone; a unit has a column of its own or is fixed by the schema."
        table.blame("T020", row, column.name, expected=expected, hint=hint)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", text) is not None


def _read_int(table: Table, column: ColumnSchema) -> pl.Series:
    values = _read_float(table, column)
    fractions = (values != values.round()).fill_null(False)
    for row in fractions.arg_true():
        table.blame("T021", row, column.name, expected=column.expected)
    whole = pl.select(pl.when(~fractions & (values.abs() < 2**53)).then(values)).to_series()
    return whole.cast(pl.Int64, strict=False)


def _read_bool(table: Table, column: ColumnSchema) -> pl.Series:
    text = _cells(table, column).str.to_lowercase()
    values = text.replace_strict(_TRUE, default=None, return_dtype=pl.Boolean)
    for row in _bad_rows(text, values):
        word = (text[row] or "").strip()
        code = "T032" if _NOT_FINITE.fullmatch(word) else "T023"
        guess = {
            "yes": "1",
            "ja": "1",
            "dead": "1",
            "deceased": "1",
            "1:deceased": "1",
            "no": "0",
            "nein": "0",
        }
        guess |= {"alive": "0", "living": "0", "0:living": "0", "censored": "0"}
        hint = f"Did you mean {guess[word]}?" if word in guess else ""
        if word == "2":
            hint = (
                "Some exports write 1 for 'no event' and 2 for 'event': translate the whole column knowingly."
            )
        table.blame(code, row, column.name, expected=column.expected, hint=hint)
    return values


def _read_date(table: Table, column: ColumnSchema) -> pl.Series:
    text = _cells(table, column)
    head = text.str.extract(r"^(\d{4}-\d{2}-\d{2})(?:[T ][0-9:.]+(?:Z|[+-]\d{2}:?\d{2})?)?$", 1)
    values = head.str.to_date("%Y-%m-%d", strict=False)
    today = datetime.now(tz=UTC).date() + timedelta(days=1)  # a day of grace for time zones
    impossible = ((values > today) | (values < _FIRST_DATE)).fill_null(False)
    for row in impossible.arg_true():
        expected = f"a date from {_FIRST_DATE} to today"
        table.blame("T025", row, column.name, expected=expected)
    for row in _bad_rows(text, values):
        value = text[row]
        if _ISO.fullmatch(value):
            table.blame("T025", row, column.name, expected=column.expected, hint="There is no such day.")
        else:
            guess = _guess_date(value)
            hint = f"Did you mean {guess}?" if guess else ""
            if _SLASHED.fullmatch(value):
                hint = "With slashes day and month cannot be told apart: write year-month-day."
            table.blame("T024", row, column.name, expected=column.expected, hint=hint)
    return pl.select(pl.when(~impossible).then(values)).to_series()


def _guess_date(value: str) -> str | None:
    german = _GERMAN.fullmatch(value)
    try:
        if german:
            return date(int(german[3]), int(german[2]), int(german[1])).isoformat()
        if re.fullmatch(r"\d{8}", value):  # DICOM
            return date(int(value[:4]), int(value[4:6]), int(value[6:])).isoformat()
        if re.fullmatch(r"[2-6]\d{4}(\.0)?", value):  # Excel's days since 1900
            return (_EXCEL_EPOCH + timedelta(days=int(float(value)))).isoformat()
    except ValueError:
        return None
    return None


def _read_string(table: Table, column: ColumnSchema) -> pl.Series:
    text = table.raw.text[column.name].str.normalize("NFC")
    if column.name == "patient_id":
        return text
    text = text.str.strip_chars()
    if column.enum:
        folded = {e.casefold(): e for e in column.enum}
        lower = text.str.to_lowercase()
        text = pl.select(
            pl.when(lower.is_in(list(folded))).then(lower.replace(folded)).otherwise(text)
        ).to_series()
    return text


_READERS: dict[str, Callable[[Table, ColumnSchema], pl.Series]] = {
    "float": _read_float,
    "int": _read_int,
    "bool": _read_bool,
    "date": _read_date,
    "string": _read_string,
}


def _check_rules(table: Table) -> None:
    """Let pandera find what breaks the schema, name each cell once, and forget it."""
    unique: dict[tuple[str, int], str] = {}
    for name, kind, row in failures(table.schema, table.frame):
        unique.setdefault((name, row), kind)
    spoilt: dict[str, list[int]] = {}
    for (name, row), kind in unique.items():
        column = table.schema.columns[name]
        if kind == "null":
            if not table.given(name)[row]:
                table.blame("T029", row, name, expected=column.expected)
            continue
        spoilt.setdefault(name, []).append(row)
        _blame_rule(table, column, kind, row)
    for name, rows in spoilt.items():
        # A bad id still says whose row it is; without it the patient would be missing everywhere else.
        if name != "patient_id":
            table.spoil(name, rows)
    if "patient_id" in table.frame.columns:
        table.frame = table.frame.with_columns(pl.col("patient_id").str.strip_chars())
    missing = {c.name: POLARS_DTYPES[c.dtype] for c in table.schema.columns.values() if not table.has(c.name)}
    table.frame = table.frame.with_columns(pl.lit(None, dtype=t).alias(n) for n, t in missing.items())


def _blame_rule(table: Table, column: ColumnSchema, kind: str, row: int) -> None:
    value = (table.text(row, column.name) or "").strip()
    if kind == "range":
        hint = ""
        if column.name == "vaf" and 1 < table.frame["vaf"][row] <= 100:
            hint = "A percentage? 31 % is 0.31."
        table.blame("T026", row, column.name, expected=column.expected, hint=hint)
    elif kind == "enum":
        words = {w.casefold(): e for w, e in column.synonyms.items()} | {e.casefold(): e for e in column.enum}
        key = value.casefold().replace(" ", "_")
        meant = words.get(value.casefold()) or words.get(key) or nearest(value, column.enum)
        hint = f"Did you mean {meant!r}?" if meant else ""
        table.blame("T027", row, column.name, expected=column.expected, hint=hint)
    elif column.name == "patient_id":
        table.blame("T031", row, column.name, expected=column.expected)
    else:
        table.blame("T028", row, column.name, expected=column.expected)
