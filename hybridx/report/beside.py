"""What lies beside the cohort report: numbers behind the figures, filled checklists, and the model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from hybridx.cohort import Cohort
from hybridx.errors import InputError
from hybridx.report.background import Background
from hybridx.report.card import ModelCard
from hybridx.report.card_facts import facts_of_result
from hybridx.report.checklist import CHECKLISTS, filled
from hybridx.report.figure_tables import TABLES, figure_tables, save_tables
from hybridx.report.language import speaking

__all__ = ["BESIDE", "TABLES_FOLDER", "cohort_tables", "refuse_foreign_card", "write_beside"]

BESIDE = ("model_card.json", "model_card.md", "cohort.pdf")
TABLES_FOLDER = "tables"


def cohort_tables(
    result: Any, why: Any = None, *, cohort: Cohort | None = None, language: str = "en"
) -> dict[str, pl.DataFrame]:
    """Return the numbers behind each figure of the cohort report, and the filled checklists, by name.

    Parameters
    ----------
    result : hybridx.evaluate.Result
    why : hybridx.explain.Explanation, optional
        Default: the one stored in `result`.
    cohort : Cohort, optional
        In place of the result's own.
    language : {"en", "de"}
        Of the checklists and the names of groups; names of columns are in English.

    Returns
    -------
    dict of str to polars.DataFrame
        No table names a patient; rows that stand for one carry a running number.
    """
    with speaking(language):
        return _tables(Background(result, why, cohort))


def _tables(background: Background) -> dict[str, pl.DataFrame]:
    lists = {f"checklist_{name}": checklist.table() for name, checklist in filled(background).items()}
    return figure_tables(background) | lists


def write_beside(background: Background, folder: Path) -> None:
    """Write ``tables/`` and the model card, and remove tables that this result no longer has."""
    tables = _tables(background)
    save_tables(tables, folder / TABLES_FOLDER)
    for name in {*TABLES, *(f"checklist_{c}" for c in CHECKLISTS)} - set(tables):
        for suffix in ("csv", "parquet"):
            (folder / TABLES_FOLDER / f"{name}.{suffix}").unlink(missing_ok=True)
    ModelCard(facts_of_result(background)).save(folder)


def refuse_foreign_card(folder: Path) -> None:
    """Refuse to write over a model card that somebody else wrote."""
    for name in BESIDE[:2]:
        card = folder / name
        if card.is_file() and "hybridx" not in card.read_text(encoding="utf-8", errors="replace")[:4096]:
            msg = f"{str(card)!r} is not a card of hybridx and would be lost. Choose another output folder."
            raise InputError(msg)
