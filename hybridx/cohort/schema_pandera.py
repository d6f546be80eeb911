"""pandera models of the tables, built from the YAML schemas."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from hybridx.cohort.schema import ColumnSchema, TableSchema

__all__ = ["POLARS_DTYPES", "Failure", "failures", "model"]

POLARS_DTYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "date": pl.Date(),
}

Failure = tuple[str, str, int]  # column, check, position of the row


def model(table: TableSchema, columns: frozenset[str] | None = None) -> Any:
    """Return the pandera model of a table whose cells have been turned from text into their types.

    Parameters
    ----------
    table : TableSchema
        The table.
    columns : frozenset of str, optional
        Only these columns (those a file has); default all.
    """
    chosen = {n: _column(c) for n, c in table.columns.items() if columns is None or n in columns}
    return pa.DataFrameSchema(chosen, strict=True, name=table.name, title=table.title)


def _column(column: ColumnSchema) -> Any:
    checks = []
    if column.gt is not None:
        checks.append(pa.Check.gt(column.gt))
    if column.ge is not None:
        checks.append(pa.Check.ge(column.ge))
    if column.le is not None:
        checks.append(pa.Check.le(column.le))
    if column.enum:
        checks.append(pa.Check.isin(list(column.enum)))
    if column.pattern is not None:
        checks.append(pa.Check.str_matches(column.pattern))
    return pa.Column(
        POLARS_DTYPES[column.dtype],
        checks,
        nullable=column.nullable,
        required=column.required,
        title=column.title,
        description=column.description,
    )


_KINDS = {
    "greater_than": "range",
    "greater_than_or_equal_to": "range",
    "less_than_or_equal_to": "range",
    "isin": "enum",
    "str_matches": "pattern",
    "not_nullable": "null",
}


@lru_cache(maxsize=1)
def _kinds() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(_KINDS.items(), key=lambda item: -len(item[0])))


def failures(table: TableSchema, frame: pl.DataFrame | pl.LazyFrame) -> list[Failure]:
    """Return every cell that breaks a rule of its column: (column, ``range|enum|pattern|null``, position).

    pandera checks nothing but the column types of a LazyFrame and lets bad data pass, so one is collected first.
    """
    data = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    try:
        model(table, frozenset(data.columns)).validate(data, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    result: dict[Failure, None] = {}
    for case in cases.iter_rows(named=True):
        kind = next((k for name, k in _kinds() if str(case["check"]).startswith(name)), None)
        if kind is None or case["index"] is None:
            msg = f"The {table.name} table does not have its types: {case['check']} in {case['column']!r}."
            raise TypeError(msg) from None
        result[case["column"], kind, int(case["index"])] = None
    return list(result)
