"""Variants to features: a flag for each gene of a fixed panel, and how many changes there are."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from hybridx.cohort.block import Block
from hybridx.cohort.schema import Schemas
from hybridx.measure.rows import feature_rows
from hybridx.terms.genes import AMPLIFIED, DELETED, FUSED, NON_SYNONYMOUS, PANEL, canonical_gene
from hybridx.terms.text import settings_hash

__all__ = ["genomics_block"]

# Suffix of the column, genes it exists for, classifications that set it, words for the title.
FLAGS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...] = (
    ("mut", PANEL, NON_SYNONYMOUS, "mutated (changes the protein)"),
    ("amp", AMPLIFIED, ("amplification",), "amplified"),
    ("del", DELETED, ("deletion",), "deleted"),
    ("fus", FUSED, ("fusion",), "fused"),
)


def genomics_block(
    tables: Mapping[str, pl.DataFrame], schemas: Schemas | None = None, landmark_day: float = 0.0
) -> Block:
    """Return gene flags and the burden of each patient who was sequenced by the landmark.

    Columns are ``genomics.<gene>_mut``, ``_amp``, ``_del``, ``_fus`` (1 found, 0 sequenced and not found) for a panel
    that is fixed before any cohort is seen, ``genomics.burden`` (number of changes of the protein) and, where the size
    of the sequenced region is given, ``genomics.tmb`` (per Mb). A patient counts as sequenced when the table has any
    row of theirs, `none_found` included; of several samples the last one before the landmark counts.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Validated tables with `variants`.
    schemas : Schemas, optional
        Schemas with the genes that the folder's columns.yaml adds to the panel (``_mut`` flags).
    landmark_day : float
        Day relative to baseline; samples after it do not exist yet.

    Returns
    -------
    Block
        One row per sequenced patient.

    Notes
    -----
    A flag of 0 says "not found by the assay that was used": a gene outside a hospital's panel cannot be told from a
    gene without a change, because variant tables do not list what was looked at.
    """
    panel = dict.fromkeys((*PANEL, *(schemas.genes if schemas is not None else ())))
    chosen = (("mut", tuple(panel), *FLAGS[0][2:]), *FLAGS[1:])
    variants = tables["variants"].filter(pl.col("day") <= landmark_day)
    latest = variants.group_by("patient_id").agg(pl.col("day").max())
    variants = variants.join(latest, on=["patient_id", "day"]).with_columns(
        pl.col("gene").map_elements(canonical_gene, return_dtype=pl.String)
    )
    flags = [
        ((pl.col("gene") == gene) & pl.col("classification").is_in(list(kinds)))
        .any()
        .cast(pl.Float64)
        .alias(f"genomics.{gene.lower()}_{suffix}")
        for suffix, genes, kinds, _ in chosen
        for gene in genes
    ]
    changed = pl.col("classification").is_in(list(NON_SYNONYMOUS))
    frame = variants.group_by("patient_id").agg(
        *flags, changed.sum().cast(pl.Float64).alias("genomics.burden")
    )
    rows = [
        {
            "column": f"genomics.{gene.lower()}_{suffix}",
            "title": f"{gene} {words}",
            "unit": "1",
            "family": "gene",
        }
        for suffix, genes, _, words in chosen
        for gene in genes
    ]
    rows.append(
        {
            "column": "genomics.burden",
            "title": "Changes of the protein",
            "unit": "{count}",
            "family": "burden",
        }
    )
    if "panel_mb" in variants.columns and variants["panel_mb"].is_not_null().any():
        size = variants.group_by("patient_id").agg(pl.col("panel_mb").max())
        frame = frame.join(size, on="patient_id").with_columns(
            (pl.col("genomics.burden") / pl.col("panel_mb")).alias("genomics.tmb")
        )
        frame = frame.drop("panel_mb")
        rows.append(
            {"column": "genomics.tmb", "title": "Tumour mutational burden", "unit": "/Mb", "family": "burden"}
        )
    return Block(
        modality="genomics",
        frame=frame.sort("patient_id"),
        measured=dict.fromkeys(frame["patient_id"], True),
        days={str(p): float(d) for p, d in latest.iter_rows()},
        features=feature_rows(
            "genomics", rows, settings_hash({"panel": list(panel), "landmark_day": landmark_day})
        ),
    )
