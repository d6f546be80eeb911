"""A table on its way from text to types, with the problems found so far."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import polars as pl

from hybridx.cohort.problem import Problem, found
from hybridx.cohort.read_text import RawTable
from hybridx.cohort.schema import ColumnSchema, TableSchema
from hybridx.terms.text import nearest

__all__ = ["Table", "match_header"]

_SURELY = 0.85  # similarity above which a misspelt header is read as what it resembles, so that its cells are checked
_PROBABLY = 0.7  # enough where the resembled column is required and absent


@dataclass
class Table:
    """One table of a folder while it is being checked.

    Parameters
    ----------
    schema : TableSchema
        What it should be.
    raw : RawTable
        What stands in the file, under the schema's column names.
    frame : polars.DataFrame
        Typed cells, same rows; a bad cell is null.
    problems : list of Problem
        In no order.
    """

    schema: TableSchema
    raw: RawTable
    frame: pl.DataFrame = field(default_factory=pl.DataFrame)
    problems: list[Problem] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the table."""
        return self.schema.name

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.raw.file

    def has(self, *columns: str) -> bool:
        """Return whether the file has all these columns."""
        return set(columns) <= set(self.raw.text.columns)

    def given(self, column: str) -> pl.Series:
        """Return which cells of a column are filled, well or badly."""
        if not self.has(column):
            return pl.repeat(False, self.frame.height, eager=True)
        return self.raw.text[column].is_not_null()

    def good(self, column: str) -> pl.Series:
        """Return which cells of a column could be read."""
        if column not in self.frame.columns:
            return pl.repeat(False, self.frame.height, eager=True)
        return self.frame[column].is_not_null()

    def text(self, row: int, column: str) -> str | None:
        """Return a cell as it stands in the file."""
        value = self.raw.text[column][row] if self.has(column) else None
        return None if value is None else str(value)

    def blame(
        self,
        code: str,
        row: int | None,
        column: str | None,
        value: str | None = None,
        *,
        expected: str = "",
        hint: str = "",
    ) -> None:
        """Note a problem of one row (by position) or, with None, of the whole table."""
        line = None if row is None else self.raw.lines[row]
        if code == "T015":
            line = self.raw.header
        if value is None and row is not None and column is not None:
            value = self.text(row, column)
        file = self.raw.files[row] if row is not None and self.raw.files else self.file
        self.problems.append(found(code, file, line, column, value, expected=expected, hint=hint))

    def blame_values(
        self,
        code: str,
        rows: Iterable[int],
        column: str,
        *,
        expected: Callable[[str], str] | str = "",
        hint: Callable[[str], str] | str = "",
    ) -> None:
        """Note each different bad value of a column once, at its first row, with the number of further rows."""
        first: dict[str, int] = {}
        count: dict[str, int] = {}
        for row in rows:
            value = self.text(row, column) or ""
            first.setdefault(value, row)
            count[value] = count.get(value, 0) + 1
        for value, row in first.items():
            words = hint if isinstance(hint, str) else hint(value)
            more = f"{words} And in {_rows(count[value] - 1)}." if count[value] > 1 else words
            wanted = expected if isinstance(expected, str) else expected(value)
            self.blame(code, row, column, value, expected=wanted, hint=more.strip())

    def spoil(self, column: str, rows: Iterable[int]) -> None:
        """Forget bad cells, so that one defect is not told as several."""
        bad = pl.Series(list(rows), dtype=pl.Int64)
        if len(bad):
            index = pl.int_range(self.frame.height, eager=True)
            self.frame = self.frame.with_columns(
                pl.when(~index.is_in(bad.implode())).then(pl.col(column)).alias(column)
            )


def _rows(count: int) -> str:
    return f"{count} more row" + ("" if count == 1 else "s")


def match_header(raw: RawTable, schema: TableSchema) -> Table:
    """Bring the columns of a file under the names of its schema; name the unknown and the missing ones.

    A header that surely means a known column (``Age_Years``, ``age_yaers``) is reported and then read as that column,
    so that its cells are checked in the same go and no "missing column" follows.
    """
    table = Table(schema, raw)
    table.problems += raw.problems
    if not raw.usable:
        return table
    present = set(raw.text.columns)
    renamed: dict[str, str] = {}
    unknown = [name for name in raw.text.columns if name not in schema.columns]
    for name in unknown:
        free = [
            c for c in schema.columns.values() if c.name not in present and c.name not in renamed.values()
        ]
        target, similar = _meant(name, free)
        guess = target.name if target else _nearest_known(name, schema)
        cure = (
            f"Declare it in columns.yaml if it is meant: `{schema.name}: {{{_yaml_key(name)}: "
            "{dtype: string, role: information, description: ...}}`."
        )
        hint = f"Did you mean {guess!r}? {cure}" if guess else cure
        if target and (similar >= _SURELY or (target.required and similar >= _PROBABLY)):
            renamed[name] = target.name
            hint = f"Did you mean {guess!r}? Its cells were checked as such."
        expected = "one of " + ", ".join(c for c in schema.columns if c not in present)
        table.problems.append(found("T014", raw.file, raw.header, name, name, expected=expected, hint=hint))
    for column in schema.columns.values():
        if column.required and column.name not in present and column.name not in renamed.values():
            hint = f"Add it: {column.description}"
            table.problems.append(
                found("T015", raw.file, raw.header, column.name, expected=column.expected, hint=hint)
            )
    known = [n for n in raw.text.columns if n in schema.columns or n in renamed]
    raw.text = raw.text.select(pl.col(n).alias(renamed.get(n, n)) for n in known)
    return table


def _meant(name: str, free: list[ColumnSchema]) -> tuple[ColumnSchema | None, float]:
    """Return the absent column that a header most likely means, and how sure that is (0 to 1)."""
    key = _plain(name)
    best: tuple[ColumnSchema | None, float] = (None, 0.0)
    for column in free:
        for spelling in (column.name, *column.aliases):
            same = (
                1.0
                if key == _plain(spelling)
                else difflib.SequenceMatcher(None, key, _plain(spelling)).ratio()
            )
            if same > best[1]:
                best = (column, same)
    return best if best[1] >= 0.6 else (None, 0.0)


def _nearest_known(name: str, schema: TableSchema) -> str | None:
    return nearest(name, schema.columns)


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _yaml_key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else repr(name)
