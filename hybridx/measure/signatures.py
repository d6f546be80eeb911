r"""Signature scores from the ranks within one sample: no other patient has a say, so nothing leaks.

With ranks from 1 (lowest) to :math:`N` among the genes of the sample and :math:`\bar r` their mean over the :math:`n`
genes of the set that were measured,

.. math:: s = \frac{\bar r - (n + 1)/2}{N - n} - \frac12 \in [-\tfrac12, \tfrac12]

0.5 when the set's genes are the highest of the sample, -0.5 when they are the lowest, about 0 for genes at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hybridx.terms.gene_sets import GeneSet

__all__ = ["signature_scores"]


def signature_scores(
    levels: pl.DataFrame, sets: Sequence[GeneSet], *, coverage: float = 0.8, min_genes: int = 500
) -> pl.DataFrame:
    """Return the rank score of each set in each sample.

    Parameters
    ----------
    levels : polars.DataFrame
        `patient_id`, `gene`, `level`; each gene once per patient. Only the order within a patient matters.
    sets : sequence of GeneSet
        Genes that rise together.
    coverage : float
        Share of a set's genes that a sample must have; below it the score is missing.
    min_genes : int
        Genes that a sample must have at all: in a small panel of chosen genes a rank means nothing.

    Returns
    -------
    polars.DataFrame
        `patient_id`, `set` (its name), `score`; a sample without a score for a set has no row.

    Source
    ------
    singscore: Foroutan 2018, doi:10.1186/s12859-018-2435-4 (undirected ranks of one up-regulated set; ties share their
    mean rank here, their lowest there). ssGSEA and GSVA are not used: the former's usual normalisation divides by the
    range over the cohort, the latter estimates densities across it.
    """
    ranked = levels.with_columns(
        pl.col("level").rank("average").over("patient_id").alias("rank"),
        pl.len().over("patient_id").alias("size"),
    ).filter(pl.col("size") >= min_genes)
    scores = []
    for one in sets:
        inside = ranked.filter(pl.col("gene").is_in(list(one.genes)))
        found = inside.group_by("patient_id").agg(
            pl.col("rank").sort().mean().alias("mean"), pl.len().alias("n"), pl.col("size").first()
        )
        enough = (pl.col("n") >= coverage * len(one.genes)) & (pl.col("size") > pl.col("n"))
        score = (pl.col("mean") - (pl.col("n") + 1) / 2) / (pl.col("size") - pl.col("n")) - 0.5
        scores.append(
            found.filter(enough).select("patient_id", pl.lit(one.name).alias("set"), score.alias("score"))
        )
    empty = pl.DataFrame(schema={"patient_id": pl.String, "set": pl.String, "score": pl.Float64})
    return pl.concat([empty, *scores])
