"""Rules about variants and expression."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from hybridx.cohort.problem import Problem, found
from hybridx.cohort.read_table import Table
from hybridx.terms.gene_sets import GeneSet
from hybridx.terms.genes import canonical_gene

__all__ = ["check_expression", "check_gene_sets", "check_segments", "check_variants", "name_genes"]


def name_genes(table: Table) -> None:
    """Give genes their canonical symbols."""
    genes = table.frame["gene"].drop_nulls().unique()
    symbols = {g: canonical_gene(g) for g in genes}
    table.frame = table.frame.with_columns(pl.col("gene").replace(symbols))


def check_variants(table: Table) -> None:
    """Check that `none_found` stands alone and without a gene."""
    gene, kind = table.frame["gene"], table.frame["classification"]
    nothing = (kind == "none_found").fill_null(False)
    for row in (nothing & (gene != "-").fill_null(False)).arg_true():
        hint = "Write '-' for the gene, or say what was found in it."
        table.blame("T052", row, "gene", expected="'-' beside none_found", hint=hint)
    for row in (~nothing & kind.is_not_null() & (gene == "-").fill_null(False)).arg_true():
        table.blame("T052", row, "gene", expected="a gene symbol beside an alteration")
    sample = ["patient_id", "day"]
    rows = table.frame.select(*sample).with_columns(nothing.alias("nothing")).with_row_index("row")
    found = (
        rows.filter(~pl.col("nothing") & kind.is_not_null())
        .group_by(sample)
        .agg(pl.col("row").first().alias("other"))
    )
    both = rows.filter("nothing").join(found, on=sample, maintain_order="left")
    for row, other in both.select("row", "other").iter_rows():
        hint = f"Row {table.raw.lines[other]} holds an alteration of the same sample."
        table.blame("T051", row, "classification", hint=hint)


def check_expression(table: Table) -> None:
    """Check that each patient has one unit and that nothing linear is negative."""
    if not table.has("unit", "value"):
        return
    linear = table.frame["unit"].is_in(["counts", "TPM", "FPKM"]).fill_null(False)
    for row in ((table.frame["value"] < 0).fill_null(False) & linear).arg_true():
        table.blame("T059", row, "value", expected=f"{table.text(row, 'unit')} of at least 0")
    rows = table.frame.select("patient_id", "unit", "day").with_row_index("row").drop_nulls()
    sample = ["patient_id", "day"]
    first = rows.with_columns(pl.col("unit").first().over(sample).alias("first"))
    second = first.filter(pl.col("unit") != pl.col("first")).unique(sample, keep="first", maintain_order=True)
    for row, unit in second.select("row", "first").iter_rows():
        table.blame("T057", row, "unit", expected=f"{unit}, as in the patient's other rows")
    units = rows.filter(~pl.col("row").is_in(second["row"].implode())).unique(
        "unit", keep="first", maintain_order=True
    )
    if units.height > 1 and second.is_empty():
        hint = f"This table has {', '.join(units['unit'])}: bring all patients to one unit before comparing them."
        table.blame("T058", units["row"][1], "unit", hint=hint)


def check_segments(table: Table) -> None:
    """Check that each segment ends after it starts, and that those of one sample do not overlap."""
    if not table.has("chromosome", "start", "end"):
        return
    start, end = table.frame["start"], table.frame["end"]
    for row in (end < start).fill_null(False).arg_true():
        table.blame("T096", row, "end", expected=f"a base from {start[row]} on")
    place = ["patient_id", "day", "chromosome"]
    bare = pl.col("chromosome").str.replace("^chr", "")
    rows = table.frame.select(*place[:2], bare, "start", "end").with_row_index("row").drop_nulls()
    rows = rows.filter(pl.col("end") >= pl.col("start")).sort(*place, "start", "row")
    rows = rows.with_columns(pl.col("end", "row").shift(1).over(place).name.prefix("before_"))
    for row, before in (
        rows.filter(pl.col("start") <= pl.col("before_end")).select("row", "before_row").iter_rows()
    ):
        told = start[row] == start[before] and len({table.frame["chromosome"][r] for r in (row, before)}) == 1
        if not told:  # the same segment twice is told elsewhere
            table.blame(
                "T097",
                row,
                "start",
                hint=f"It begins before the segment of row {table.raw.lines[before]} ends.",
            )


def check_gene_sets(sets: Iterable[GeneSet], expression: Table | None, file: str) -> list[Problem]:
    """Warn of sets of which the expression table holds too few genes for a score."""
    if expression is None or "gene" not in expression.frame.columns:
        return []
    there = set(expression.frame["gene"].drop_nulls())
    problems = []
    for one in sets:
        absent = [gene for gene in one.genes if gene not in there]
        if len(absent) > 0.2 * len(one.genes):
            more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            hint = f"Not in the table: {', '.join(absent[:5])}{more}."
            problems.append(found("T095", file, value=one.name, hint=hint))
    return problems
