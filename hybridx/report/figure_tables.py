"""The numbers behind each figure of the cohort report, as CSV and Parquet beside it: for a paper, for a document."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from hybridx.compute import atomic_write
from hybridx.errors import HybridxError
from hybridx.report.background import Background
from hybridx.report.best_response import category_frame, change_frame
from hybridx.report.group_lines import log_rank, risk_group_frame
from hybridx.report.missing_map import pattern_frame
from hybridx.report.swimmer import lane_frame

__all__ = ["TABLES", "figure_tables", "save_tables"]

TABLES = (
    "scores", "differences", "kaplan_meier", "log_rank", "calibration_curve", "calibration_groups", "decision_curve",
    "added_value", "importance", "missingness", "waterfall", "best_response", "swimmer",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def figure_tables(background: Background) -> dict[str, pl.DataFrame]:
    """Return one table per figure that the report of `background` has, by name; nobody is named in them.

    Rows that stand for a patient (waterfall, swimmer) carry a running number in the order of the figure.
    """
    asks: dict[str, Callable[[], pl.DataFrame | None]] = {
        "scores": background.result.table,
        "differences": background.result.comparisons,
        "kaplan_meier": lambda: risk_group_frame(background) if background.is_survival else None,
        "log_rank": lambda: log_rank(background),
        "calibration_curve": lambda: background.result.calibration().curve,
        "calibration_groups": lambda: background.result.calibration().groups,
        "decision_curve": lambda: background.result.decision_curve([background.result.primary]),
        "added_value": lambda: (
            background.result.added_value().averages if background.result.coalitions else None
        ),
        "importance": lambda: (
            None if background.explanation is None else background.explanation.importance("feature")
        ),
        "missingness": lambda: pattern_frame(background),
        "waterfall": lambda: change_frame(background.cohort),
        "best_response": lambda: category_frame(background.cohort),
        "swimmer": lambda: lane_frame(background),
    }
    found = {}
    for name, ask in asks.items():
        try:
            table = ask()
        except HybridxError:  # these data allow no such figure, and the page says why
            continue
        if table is not None and table.height:
            found[name] = _flat(table)
    return found


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    """Write lists as text: a CSV holds none."""
    lists = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.List)]
    return table.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join("; ") for name in lists)


def save_tables(tables: Mapping[str, pl.DataFrame], folder: str | os.PathLike[str]) -> list[Path]:
    """Write each table as ``NAME.csv`` and ``NAME.parquet``, each whole or not at all, and return the paths.

    A text that a spreadsheet would take for a formula gets an apostrophe in the CSV.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables.items():
        for suffix in ("csv", "parquet"):
            path = target / f"{name}.{suffix}"
            with atomic_write(path) as temporary:
                if suffix == "csv":
                    _inert(table).write_csv(temporary)
                else:
                    table.write_parquet(temporary)
            written.append(path)
    return written


def _inert(table: pl.DataFrame) -> pl.DataFrame:
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
    starts = "^[" + "".join(f"\\{c}" if c in "-=+@" else c for c in _FORMULA) + "]"
    return table.with_columns(
        pl.when(pl.col(name).str.contains(starts))
        .then("'" + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )
