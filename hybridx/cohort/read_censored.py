"""Laboratory values beyond the range of their assay, such as "<0.1": read by a stated rule, and told."""

from __future__ import annotations

import math

import polars as pl

from hybridx.cohort.read_table import Table

__all__ = ["BELOW", "note_censored", "replace_censored"]

# What stands for a value below the limit of detection: the limit divided by the square root of 2, the middle of what
# is left below it when small values are the commoner ones (Hornung 1990, doi:10.1080/1047322X.1990.10389587).
BELOW = 1 / math.sqrt(2)
_SIGNED = r"^\s*(<=|>=|=<|=>|[<>\u2264\u2265])\s*(\+?\d[\d.,]*)\s*$"


def note_censored(table: Table) -> None:
    """Take the sign off values such as "<0.1" and note it in the column `censored`, before the cells are typed."""
    if not table.has("value"):
        return
    text = table.raw.text["value"]
    sign, number = text.str.extract(_SIGNED, 1), text.str.extract(_SIGNED, 2)
    side = pl.select(
        pl.when(sign.str.contains("[<\u2264]"))
        .then(pl.lit("below"))
        .when(sign.is_not_null())
        .then(pl.lit("above"))
    ).to_series()
    if side.is_null().all():
        return
    given = (
        table.raw.text["censored"]
        if table.has("censored")
        else pl.repeat(None, len(text), dtype=pl.String, eager=True)
    )
    _report(table, side)
    table.raw.text = table.raw.text.with_columns(
        pl.coalesce(number, text).alias("value"), pl.coalesce(side, given).alias("censored")
    )


def _report(table: Table, side: pl.Series) -> None:
    """Name each analyte once per side, at its first such value."""
    analyte = table.raw.text["analyte"] if table.has("analyte") else pl.repeat("", len(side), eager=True)
    rows = pl.DataFrame({"side": side, "analyte": analyte.str.to_lowercase()}).with_row_index("row")
    for group in rows.drop_nulls("side").partition_by("side", "analyte", maintain_order=True):
        row, more = group["row"][0], group.height - 1
        hint = (
            "It stands for the limit divided by the square root of 2."
            if group["side"][0] == "below"
            else "It stands for the limit itself."
        )
        also = f" And in {more} more row{'' if more == 1 else 's'} of this analyte." if more else ""
        table.blame("T047", row, "value", hint=hint + also)


def replace_censored(table: Table) -> None:
    """Put what stands for it in the place of a value below the limit of detection."""
    if "value" in table.frame.columns and "censored" in table.frame.columns:
        below = (pl.col("censored") == "below").fill_null(False)
        table.frame = table.frame.with_columns(
            pl.when(below).then(pl.col("value") * BELOW).otherwise(pl.col("value")).alias("value")
        )
