"""columns.yaml: what one folder adds to the schemas (columns of its own, analytes, genes)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from hybridx.cohort.problem import Problem, found
from hybridx.cohort.schema import ColumnSchema, Schemas, TableSchema, column_from
from hybridx.terms.analyte import Analyte
from hybridx.terms.analytes import find_analyte
from hybridx.terms.genes import canonical_gene
from hybridx.terms.text import nearest
from hybridx.terms.units import is_unit

__all__ = ["read_declared", "sounds_later"]

_KEYS = (
    "dtype",
    "title",
    "description",
    "enum",
    "ordered",
    "role",
    "unit",
    "ge",
    "gt",
    "le",
)
_ANALYTE_KEYS = ("unit", "title", "plausible", "loinc", "molar_mass", "aliases")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_DTYPES = ("string", "int", "float", "bool", "date")
# What only time can tell. A predictor of this name is nearly always the outcome in disguise.
_LATER = re.compile(
    r"treat|therap|chemo|surg|respon|surviv|relaps|recur|progress|death|died|dead|follow|outcome|status|metast.*after"
    r"|censor|_os$|^os_|_pfs$|^pfs_"
)


def read_declared(path: Path, schemas: Schemas) -> tuple[Schemas, list[Problem]]:
    """Return the schemas with the declarations of a columns.yaml, and what is wrong with these.

    A wrong declaration is left out; the others count.
    """
    problems: list[Problem] = []

    def wrong(
        column: str | None, value: object, hint: str, expected: str = "", line: int | None = None
    ) -> None:
        text = None if value is None else str(value)
        problems.append(found("T016", path.name, line, column, text, expected=expected, hint=hint))

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        hint = str(getattr(error, "problem", None) or error).splitlines()[0]
        line = None if mark is None else mark.line + 1
        wrong(None, None, f"The file cannot be read: {hint}.", expected="YAML in UTF-8", line=line)
        return schemas, problems
    if content is None:
        return schemas, problems
    if not isinstance(content, dict):
        wrong(None, type(content).__name__, "", expected="table names, each with its columns")
        return schemas, problems
    tables, analytes, genes = dict(schemas.tables), dict(schemas.analytes), schemas.genes
    for key, entry in content.items():
        if key in tables and isinstance(entry, dict):
            tables[key] = _with_columns(tables[key], entry, wrong)
        elif key == "analytes" and isinstance(entry, dict):
            analytes |= _analytes(entry, wrong)
        elif key == "genes" and isinstance(entry, list) and all(isinstance(g, str) for g in entry):
            genes = (*genes, *(canonical_gene(g) for g in entry))
        else:
            guess = nearest(str(key), [*tables, "analytes", "genes"])
            hint = f"Did you mean {guess!r}?" if guess and guess != key else ""
            shape = "a list of gene symbols" if key == "genes" else "a table name with its columns below it"
            wrong(str(key), key, hint, expected=shape)
    return replace(schemas, tables=tables, analytes=analytes, genes=genes), problems


def _with_columns(table: TableSchema, entry: Mapping[Any, Any], wrong: Any) -> TableSchema:
    columns = dict(table.columns)
    for name, content in entry.items():
        where = f"{table.name}.{name}"
        if name in table.columns:
            wrong(
                where,
                name,
                "Remove the declaration.",
                expected="a column that the schema does not have already",
            )
        elif not isinstance(name, str) or not _NAME.fullmatch(name):
            wrong(
                where,
                name,
                "",
                expected="a name of lower-case letters, digits and '_', starting with a letter",
            )
        elif not isinstance(content, dict):
            wrong(where, content, "", expected="{dtype: ..., role: ..., description: ...}")
            columns[name] = ColumnSchema(name=name, declared=True)
        else:
            column = _column(table, name, content, where, wrong)
            if column is not None:
                columns[name] = column
    return replace(table, columns=columns)


def _column(
    table: TableSchema, name: str, content: Mapping[Any, Any], where: str, wrong: Any
) -> ColumnSchema | None:
    fine = True
    for key in content:
        if key not in _KEYS:
            guess = nearest(str(key), _KEYS)
            wrong(
                where, key, f"Did you mean {guess!r}?" if guess else "", expected="one of " + ", ".join(_KEYS)
            )
            fine = False
    dtype, role = content.get("dtype", "string"), content.get("role", "information")
    if dtype not in _DTYPES:
        guess = nearest(str(dtype), _DTYPES)
        wrong(
            where, dtype, f"Did you mean {guess!r}?" if guess else "", expected="dtype " + ", ".join(_DTYPES)
        )
        fine = False
    if role not in {"predictor", "information"}:
        wrong(where, role, "", expected="role predictor or information")
        fine = False
    enum = content.get("enum", [])
    if not isinstance(enum, list) or any(isinstance(v, bool | dict | list) or v is None for v in enum):
        hint = "Put words like 'yes' and 'no' in quotation marks: YAML reads them as true and false."
        wrong(where, enum, hint, expected="enum: a list of words or numbers")
        fine = False
    fine &= _predictor_can_be_read(table, content, where, wrong)
    for key in ("ge", "gt", "le"):
        if key in content and (isinstance(content[key], bool) or not isinstance(content[key], int | float)):
            wrong(where, content[key], "", expected=f"{key}: a number")
            fine = False
    if content.get("unit") is not None and not is_unit(str(content["unit"])):
        wrong(where, content["unit"], "", expected="a unit in UCUM")
        fine = False
    if not fine:
        # Known to be meant, so that its column in the file is not reported as unknown as well.
        return ColumnSchema(name=name, declared=True)
    return column_from(name, {k: v for k, v in content.items() if v is not None}, declared=True)


def _predictor_can_be_read(table: TableSchema, content: Mapping[Any, Any], where: str, wrong: Any) -> bool:
    if content.get("role") != "predictor":
        return True
    if table.name != "patients":
        hint = "Only columns of the patients table can be predictors."
        wrong(where, "predictor", hint, expected="role information")
        return False
    if content.get("dtype", "string") in {"string", "date"} and not content.get("enum"):
        expected = "dtype int, float or bool, or an enum, for a predictor"
        wrong(where, content.get("dtype", "string"), "", expected=expected)
        return False
    return True


def sounds_later(name: str) -> bool:
    """Return whether a column's name suggests that it was known only after baseline."""
    return _LATER.search(name) is not None


def _analytes(entry: Mapping[Any, Any], wrong: Any) -> dict[str, Analyte]:
    result = {}
    for name, content in entry.items():
        where = f"analytes.{name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            wrong(
                where,
                name,
                "",
                expected="a name of lower-case letters, digits and '_', starting with a letter",
            )
        elif not isinstance(content, dict) or "unit" not in content:
            wrong(where, content, "", expected="{unit: <UCUM>, title: ..., plausible: [low, high]}")
        elif unknown := [k for k in content if k not in _ANALYTE_KEYS]:
            guess = nearest(str(unknown[0]), _ANALYTE_KEYS)
            hint = f"Did you mean {guess!r}?" if guess else ""
            wrong(where, unknown[0], hint, expected="one of " + ", ".join(_ANALYTE_KEYS))
        elif not is_unit(str(content["unit"])):
            wrong(where, content["unit"], "", expected="a unit in UCUM")
        elif find_analyte(name) is not None:
            wrong(
                where,
                name,
                "Remove the declaration.",
                expected="an analyte that the library does not know already",
            )
        elif not _is_range(content.get("plausible", [0, 1])):
            wrong(where, content["plausible"], "", expected="plausible: [lowest, highest]")
        else:
            low, high = content.get("plausible", (float("-inf"), float("inf")))
            result[name] = Analyte(
                name=name,
                title=str(content.get("title", name)),
                unit=str(content["unit"]),
                plausible=(float(low), float(high)),
                loinc=content.get("loinc"),
                molar_mass=content.get("molar_mass"),
                aliases=tuple(str(a) for a in content.get("aliases", ())),
            )
    return result


def _is_range(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
        and value[0] < value[1]
    )
