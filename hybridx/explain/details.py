"""What goes with an explanation besides its sums: what was filled in, what stands for what, what knowing adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import polars as pl

__all__ = ["Details"]


_TABLES = ("knowing", "imputed", "about", "error")


@dataclass(frozen=True, eq=False)
class Details:
    """What is known about an explanation's columns beyond their contributions.

    Parameters
    ----------
    knowing : polars.DataFrame or None
        `patient_id` and one column per modality: what knowing the modality at all does to the prediction, see
        `hybridx.explain.knowing`; None where it was not asked for.
    imputed : polars.DataFrame or None
        `patient_id` and the columns in which values are missing: what the model put there, in the column's own unit;
        null where nothing was missing, NaN where the number cannot be told in that unit.
    stands_for : mapping of column to list of columns
        Columns that were left out as copies of a kept one: its contribution speaks for all of them.
    groups : mapping of column to list of columns
        For an explanation that was collapsed: the columns that each group sums up.
    about : polars.DataFrame or None
        Provenance of the columns (unit, family, IBSI id), as in `Cohort.features`.
    error : polars.DataFrame or None
        `patient_id` and one column per feature: the standard error of its contribution, 0 where it is exact; None
        where all are. 1.96 of it on either side is a 95 % interval for the value that endless sampling would give.
    """

    knowing: pl.DataFrame | None = None
    imputed: pl.DataFrame | None = None
    stands_for: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    about: pl.DataFrame | None = None
    error: pl.DataFrame | None = None

    def filled(self, row: int, column: str) -> float | None:
        """Return what the model put in the place of a missing value; NaN: something, None: nothing known."""
        if self.imputed is None or column not in self.imputed.columns:
            return None
        value = self.imputed[column][row]
        return None if value is None else float(value)

    @classmethod
    def concat(cls, parts: Sequence[Self], heights: Sequence[int], ids: Sequence[str]) -> Self:
        """Return the details of several explanations with that many rows as those of one."""
        known = [part.knowing for part in parts]
        knowing = None
        if known and all(table is not None for table in known):
            tables = [table for table in known if table is not None]
            knowing = pl.concat(tables, how="diagonal")
        imputed = None
        if any(part.imputed is not None for part in parts):
            rows = [_rows_of(part.imputed, height) for part, height in zip(parts, heights, strict=True)]
            names = pl.Series("patient_id", list(ids), dtype=pl.String)
            imputed = pl.concat(rows, how="diagonal").drop("at").insert_column(0, names)
        stands: dict[str, Sequence[str]] = {}
        groups: dict[str, Sequence[str]] = {}
        for part in parts:
            for column, others in part.stands_for.items():
                stands[column] = sorted({*stands.get(column, ()), *others})
            for column, others in part.groups.items():
                groups[column] = list(dict.fromkeys([*groups.get(column, ()), *others]))
        about = next((part.about for part in parts if part.about is not None), None)
        error = None
        if any(part.error is not None for part in parts):
            rows = [_rows_of(part.error, height) for part, height in zip(parts, heights, strict=True)]
            names = pl.Series("patient_id", list(ids), dtype=pl.String)
            error = pl.concat(rows, how="diagonal").drop("at").fill_null(0.0).insert_column(0, names)
        return cls(knowing, imputed, stands, groups, about, error)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the tables into a folder and return the rest, for JSON."""
        for name, table in ((one, getattr(self, one)) for one in _TABLES):
            if table is not None:
                table.write_parquet(folder / f"{name}.parquet")
        return {
            "stands_for": {k: list(v) for k, v in self.stands_for.items()},
            "groups": {k: list(v) for k, v in self.groups.items()},
        }

    @classmethod
    def read(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Read what `write` wrote."""
        found = {
            name: pl.read_parquet(folder / f"{name}.parquet")
            for name in _TABLES
            if (folder / f"{name}.parquet").is_file()
        }
        return cls(
            knowing=found.get("knowing"),
            imputed=found.get("imputed"),
            stands_for=dict(facts.get("stands_for", {})),
            groups=dict(facts.get("groups", {})),
            about=found.get("about"),
            error=found.get("error"),
        )


def _rows_of(table: pl.DataFrame | None, height: int) -> pl.DataFrame:
    at = pl.Series("at", range(height), dtype=pl.Int64)
    own = [] if table is None else table.drop("patient_id").get_columns()
    return pl.DataFrame([at, *own])
