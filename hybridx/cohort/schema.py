"""The schemas of the tables of a data folder, as people write them in ``data_schemas/*.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from hybridx.errors import InputError
from hybridx.terms.analyte import Analyte
from hybridx.terms.gene_sets import GeneSet

__all__ = [
    "TABLES",
    "ColumnSchema",
    "Dtype",
    "Schemas",
    "TableSchema",
    "load_schemas",
    "schema_folder",
    "template",
]

Dtype = Literal["string", "int", "float", "bool", "date"]
Role = Literal["predictor", "information"]

# In the order in which a person reads them; also the order of problems.
TABLES = (
    "patients",
    "studies",
    "labs",
    "sequencing",
    "variants",
    "expression",
    "segments",
    "copynumber",
    "treatments",
    "outcomes",
    "lesions",
)
_VERSION = 1
_UNIT_WORDS = {"1": "", "a": " years", "d": " days"}
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """One column of a table.

    Parameters
    ----------
    name, title, description : str
        Name in the file, name in words, and what a data manager needs to know.
    dtype : str
        ``string``, ``int``, ``float``, ``bool`` or ``date``.
    required, nullable : bool
        Whether the column must be there, and whether its cells may be empty.
    gt, ge, le : float or None
        Limits of a number.
    enum : tuple of str
        Allowed values, compared without case; in order when `ordered`.
    synonyms : mapping of str to str
        Common other words for them: offered as a cure, never taken silently.
    pattern, pattern_words : str or None
        Regular expression (Rust syntax) and the same in words.
    unit : str or None
        UCUM unit of a number.
    role : str
        ``predictor``: enters the clinical block. ``information``: never a feature.
    ordered : bool
        Whether the levels have an order (code 0, 1, 2 ...).
    path : bool
        Whether the text is a path below the data folder.
    default : object
        Stands for an empty cell.
    aliases : tuple of str
        Other names seen in exports: offered as a cure.
    maps : mapping of str to str
        Where the column lives in OMOP, mCODE, BIDS, cBioPortal, LOINC.
    declared : bool
        Whether it comes from columns.yaml.
    """

    name: str
    dtype: Dtype = "string"
    title: str = ""
    description: str = ""
    required: bool = False
    nullable: bool = True
    gt: float | None = None
    ge: float | None = None
    le: float | None = None
    enum: tuple[str, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None
    pattern_words: str = ""
    unit: str | None = None
    role: Role = "information"
    ordered: bool = False
    path: bool = False
    default: Any = None
    example: Any = None
    aliases: tuple[str, ...] = ()
    maps: Mapping[str, str] = field(default_factory=dict)
    declared: bool = False

    @property
    def expected(self) -> str:
        """What a cell must be, in words."""
        if self.enum:
            return "one of " + ", ".join(self.enum)
        if self.dtype == "string":
            return self.pattern_words or "text"
        words = {
            "int": "a whole number",
            "float": "a number",
            "bool": "1 or 0 (true or false)",
            "date": "a date as year-month-day, e.g. 2024-03-18",
        }[self.dtype]
        unit = _UNIT_WORDS.get(self.unit or "1", f" in {self.unit}")
        return words + self._range() + unit

    def _range(self) -> str:
        low = self.ge if self.gt is None else self.gt
        if low is not None and self.le is not None and self.gt is None:
            return f" from {low:g} to {self.le:g}"
        parts = [] if low is None else [f"above {low:g}" if self.gt is not None else f"of at least {low:g}"]
        parts += [] if self.le is None else [f"at most {self.le:g}"]
        return (" " + ", ".join(parts)) if parts else ""


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table of a data folder: its columns and what identifies a row."""

    name: str
    title: str
    description: str
    file: str
    row: str
    required: bool
    key: tuple[str, ...]
    columns: Mapping[str, ColumnSchema]
    version: int = _VERSION

    def predictors(self) -> tuple[ColumnSchema, ...]:
        """Return the columns that may enter a model."""
        return tuple(c for c in self.columns.values() if c.role == "predictor")


@dataclass(frozen=True)
class Schemas(Mapping[str, TableSchema]):
    """The schemas of all tables, with what one folder's columns.yaml adds to them.

    Parameters
    ----------
    tables : mapping of str to TableSchema
        By table name.
    analytes : mapping of str to Analyte
        Analytes declared beside the known ones.
    genes : tuple of str
        Genes declared beside the fixed panel.
    gene_sets : tuple of GeneSet
        Sets of genes of the folder's own, from ``gene_sets.gmt``.
    """

    tables: Mapping[str, TableSchema]
    analytes: Mapping[str, Analyte] = field(default_factory=dict)
    genes: tuple[str, ...] = ()
    gene_sets: tuple[GeneSet, ...] = ()

    def __getitem__(self, name: str) -> TableSchema:
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


def schema_folder() -> Path:
    """Return where the YAML files are: in the wheel, or beside the package in a source checkout.

    Raises
    ------
    InputError
        The installation is incomplete.
    """
    for folder in (_PACKAGE / "data_schemas", _PACKAGE.parent / "data_schemas"):
        if (folder / "patients.yaml").is_file():
            return folder
    msg = f"The table schemas are not where they should be ({_PACKAGE / 'data_schemas'}). Install hybridx again."
    raise InputError(msg)


@lru_cache(maxsize=1)
def load_schemas() -> Schemas:
    """Return the schemas of all tables.

    Examples
    --------
    >>> load_schemas()["patients"].columns["age_years"].expected
    'a number from 0 to 120 years'
    """
    return Schemas({name: _read_table(schema_folder() / f"{name}.yaml") for name in TABLES})


def _read_table(path: Path) -> TableSchema:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if content["version"] != _VERSION:
        msg = f"{path.name} has version {content['version']!r} while this hybridx reads version {_VERSION}."
        raise InputError(msg)
    return TableSchema(
        name=content["table"],
        title=content["title"],
        description=content["description"],
        file=content["file"],
        row=content["row"],
        required=content["required"],
        key=tuple(content["key"]),
        columns={name: column_from(name, entry) for name, entry in content["columns"].items()},
        version=content["version"],
    )


def column_from(name: str, entry: Mapping[str, Any], *, declared: bool = False) -> ColumnSchema:
    """Build a column from its YAML entry, whose keys are the fields of `ColumnSchema`."""
    values = dict(entry)
    for key in ("enum", "aliases"):
        if key in values:
            values[key] = tuple(str(v) for v in values[key])
    if values.get("enum"):
        values["dtype"] = "string"  # levels are words, even when they look like numbers
    for key in ("maps", "synonyms"):
        if key in values:
            values[key] = {str(k): str(v) for k, v in values[key].items()}
    return ColumnSchema(name=name, declared=declared, **values)


def template(table: TableSchema) -> str:
    """Return a CSV template of a table: its header and one example row.

    Examples
    --------
    >>> print(template(load_schemas()["expression"]))
    patient_id,gene,value,unit,day,date
    P001,CD274,12.4,TPM,0,
    """
    columns = table.columns.values()
    has_day = "day" in table.columns
    cells = [
        "" if c.dtype == "date" and has_day else str("" if c.example is None else c.example) for c in columns
    ]
    return ",".join(c.name for c in columns) + "\n" + ",".join(cells)
