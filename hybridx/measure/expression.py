"""Gene expression to features: genes on a log scale, signatures by rank, both within each patient alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import polars as pl

from hybridx.cohort.block import FAILURE_SCHEMA, Block
from hybridx.cohort.schema import Schemas
from hybridx.measure.rows import feature_rows
from hybridx.measure.signatures import signature_scores
from hybridx.measure.table_settings import ExpressionSettings
from hybridx.terms.gene_sets import GeneSet, builtin_gene_sets, read_gmt
from hybridx.terms.genes import canonical_gene
from hybridx.terms.text import settings_hash

__all__ = ["expression_block"]

MILLION = 1e6
TRANSCRIPTOME = 2000  # genes above which a sample's own sum is a library size; a small panel's sum is biology


def expression_block(
    tables: Mapping[str, pl.DataFrame],
    schemas: Schemas | None = None,
    settings: ExpressionSettings | None = None,
) -> Block:
    r"""Return ``expression.<gene>`` as :math:`\log_2(x + 1)`, one row per patient with a sample by the landmark.

    Counts are first scaled to counts per million of the patient's own sample; FPKM to TPM (the sample's sum is a
    million); TPM and values that are already logarithmic are taken as they are. A table with at most 2,000 genes is a
    panel, and the sum of a panel moves with the biology: its FPKM stay unscaled, its counts are divided by the upper
    quartile of the patient's positive counts (times 100) instead of by their sum.

    ``expression.sig_<set>`` are rank scores of sets of genes, for samples with enough genes; see
    `hybridx.measure.signatures`. Nothing is learnt across patients: z-scores belong in the fold.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Validated tables with `expression`.
    schemas : Schemas, optional
        Schemas with the sets of genes that the folder brings.
    settings : ExpressionSettings, optional
        Landmark, and whether genes, signatures or both are wanted.

    Returns
    -------
    Block
        One row per patient with a sample; a sample in several units is that patient's failure.

    Source
    ------
    Upper-quartile scaling: Bullard 2010, doi:10.1186/1471-2105-11-94. TPM from FPKM: Wagner 2012,
    doi:10.1007/s12064-012-0162-3. Signatures: Foroutan 2018, doi:10.1186/s12859-018-2435-4.
    """
    chosen = ExpressionSettings() if settings is None else settings
    table = tables["expression"].filter(
        (pl.col("day") <= chosen.landmark_day) & pl.col("value").is_not_null()
    )
    failures = _mixed_units(table)
    table = table.join(failures.select("patient_id"), on="patient_id", how="anti")
    latest = table.group_by("patient_id").agg(pl.col("day").max())
    symbols = {gene: canonical_gene(gene) for gene in table["gene"].unique()}  # once per gene, not per cell
    table = table.join(latest, on=["patient_id", "day"]).with_columns(pl.col("gene").replace(symbols))
    table = _levels(table)
    genes = sorted(set(table["gene"])) if chosen.genes else []
    sets = _sets(schemas, chosen)
    scores = signature_scores(table, sets, coverage=chosen.coverage, min_genes=chosen.min_genes)
    made = [one for one in sets if one.name in set(scores["set"])]
    frame = _wide(table, genes)
    for one in made:
        column = scores.filter(set=one.name).select(
            "patient_id", pl.col("score").alias(f"expression.sig_{one.name}")
        )
        frame = frame.join(column, on="patient_id", how="left")
    rows = [
        {
            "column": f"expression.{g.lower()}",
            "title": f"{g} expression",
            "unit": "{log2(x+1)}",
            "family": "gene",
        }
        for g in genes
    ]
    rows += [
        {"column": f"expression.sig_{one.name}", "title": one.title, "unit": "1", "family": "signature"}
        for one in made
    ]
    used = {**asdict(chosen), "sets": [asdict(one) for one in made]}
    return Block(
        modality="expression",
        frame=frame.sort("patient_id"),
        measured=dict.fromkeys(frame["patient_id"], True),
        days={str(p): float(d) for p, d in latest.iter_rows()},
        features=feature_rows("expression", rows, settings_hash(used)),
        failures=failures,
    )


def _levels(table: pl.DataFrame) -> pl.DataFrame:
    """Return `patient_id`, `gene` and `level`: log2(x + 1) of what each sample's values are once scaled."""
    size = pl.len().over("patient_id")
    total = pl.col("value").sum().over("patient_id")
    upper = pl.col("value").filter(pl.col("value") > 0).quantile(0.75).over("patient_id")
    linear = (
        pl.when((pl.col("unit") == "counts") & (size > TRANSCRIPTOME))
        .then(pl.col("value") / total * MILLION)
        .when(pl.col("unit") == "counts")
        .then(pl.col("value") / upper * 100)
        .when((pl.col("unit") == "FPKM") & (size > TRANSCRIPTOME))
        .then(pl.col("value") / total * MILLION)
        .otherwise(pl.col("value"))
    )
    level = pl.when(pl.col("unit") == "log2").then(pl.col("value")).otherwise((linear + 1).log(2))
    table = table.with_columns(level.alias("level")).filter(pl.col("level").is_finite())
    # a gene listed twice (two probes): their mean, whatever the order of rows
    return table.sort("level").group_by("patient_id", "gene").agg(pl.col("level").mean())


def _wide(table: pl.DataFrame, genes: list[str]) -> pl.DataFrame:
    """Return one row per patient and one column per gene; a gene that a sample lacks is null.

    Filled in place: a pivot to twenty thousand columns takes minutes.
    """
    patients = sorted(set(table["patient_id"]))
    values = np.full((len(genes), len(patients)), np.nan)
    if genes:
        row = table["gene"].replace_strict(genes, range(len(genes)), return_dtype=pl.Int64)
        column = table["patient_id"].replace_strict(patients, range(len(patients)), return_dtype=pl.Int64)
        values[row.to_numpy(), column.to_numpy()] = table["level"].to_numpy()
    series = [
        pl.Series(f"expression.{gene.lower()}", line).fill_nan(None)
        for gene, line in zip(genes, values, strict=True)
    ]
    return pl.DataFrame([pl.Series("patient_id", patients, dtype=pl.String), *series])


def _sets(schemas: Schemas | None, settings: ExpressionSettings) -> list[GeneSet]:
    """Return the library's sets, the folder's and those of the file; of one name the last, which is the user's."""
    if not settings.signatures:
        return []
    own = () if settings.gene_set_file is None else read_gmt(settings.gene_set_file)
    brought = () if schemas is None else schemas.gene_sets
    return list({one.name: one for one in (*builtin_gene_sets(), *brought, *own)}.values())


def _mixed_units(table: pl.DataFrame) -> pl.DataFrame:
    """Return a failure for each patient whose one sample is given in several units: it cannot be put on one scale."""
    per = table.group_by("patient_id", "day").agg(
        pl.col("unit").n_unique().alias("n"), pl.col("unit").unique()
    )
    bad = per.filter(pl.col("n") > 1).unique("patient_id", maintain_order=True).sort("patient_id")
    return pl.DataFrame(
        [
            {
                "patient_id": patient,
                "modality": "expression",
                "stage": "normalise",
                "reason": f"one sample in several units: {', '.join(sorted(units))}",
            }
            for patient, units in bad.select("patient_id", "unit").iter_rows()
        ],
        schema=FAILURE_SCHEMA,
    )
