"""Variants to features: flags of genes, hotspots and pathways, and how many changes there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from hybridx.cohort.block import Block
from hybridx.cohort.schema import Schemas
from hybridx.measure.genomic_flags import hotspot_flags, pathway_flags
from hybridx.measure.rows import feature_rows
from hybridx.measure.table_settings import GenomicsSettings
from hybridx.terms.gene_tables import Hotspot, Pathway, read_hotspots, read_pathways
from hybridx.terms.genes import AMPLIFIED, CODING, DELETED, FUSED, NON_SYNONYMOUS, PANEL, canonical_gene
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
    tables: Mapping[str, pl.DataFrame],
    schemas: Schemas | None = None,
    settings: GenomicsSettings | None = None,
) -> Block:
    """Return gene flags and the burden of each patient who was sequenced by the landmark.

    Columns are ``genomics.<gene>_mut``, ``_amp``, ``_del``, ``_fus`` (1 found, 0 sequenced and not found) for a panel
    that is fixed before any cohort is seen, flags of hotspots and of pathways (``genomics.kras_g12``,
    ``genomics.path_pi3k``), ``genomics.burden`` (number of coding changes of the protein: missense, nonsense,
    frameshift, in-frame, splice and other; neither synonymous nor promoter) and, where the size of the sequenced
    region is given, ``genomics.tmb`` (burden per Mb); where allele fractions are given, ``genomics.vaf_max``. A
    patient counts as sequenced when the table has any row of theirs, `none_found` included; of several samples the
    last one before the landmark counts.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Validated tables with `variants`, from whichever files.
    schemas : Schemas, optional
        Schemas with the genes that the folder's columns.yaml adds to the panel (``_mut`` flags).
    settings : GenomicsSettings, optional
        Landmark, and which tables of hotspots and pathways.

    Returns
    -------
    Block
        One row per sequenced patient.

    Notes
    -----
    A flag of 0 says "not found by the assay that was used": a gene outside a hospital's panel cannot be told from a
    gene without a change, because variant tables do not list what was looked at. A hotspot is empty where the gene is
    changed and the table does not say how.
    """
    chosen = GenomicsSettings() if settings is None else settings
    panel = tuple(dict.fromkeys((*PANEL, *(schemas.genes if schemas is not None else ()))))
    hotspots = read_hotspots(chosen.hotspot_file) if chosen.hotspots else ()
    pathways = read_pathways(chosen.pathway_file) if chosen.pathways else ()
    variants = tables["variants"].filter(pl.col("day") <= chosen.landmark_day)
    latest = variants.group_by("patient_id").agg(pl.col("day").max())
    variants = variants.join(latest, on=["patient_id", "day"]).with_columns(
        pl.col("gene").map_elements(canonical_gene, return_dtype=pl.String)
    )
    parts = [_gene_flags(variants, panel), _burden(variants)]
    parts += [hotspot_flags(variants, hotspots)] if hotspots else []
    parts += [pathway_flags(variants, pathways)] if pathways else []
    frame = parts[0]
    for part in parts[1:]:
        frame = frame.join(part, on="patient_id", how="left")
    rows = [r for r in _rows(panel, hotspots, pathways) if r["column"] in frame.columns]
    used = {
        "panel": panel,
        "hotspots": [asdict(h) for h in hotspots],
        "pathways": [asdict(p) for p in pathways],
    }
    return Block(
        modality="genomics",
        frame=frame.select("patient_id", *(r["column"] for r in rows)).sort("patient_id"),
        measured=dict.fromkeys(frame["patient_id"].sort(), True),
        days={str(p): float(d) for p, d in latest.iter_rows()},
        features=feature_rows("genomics", rows, settings_hash({**asdict(chosen), **used})),
    )


def _gene_flags(variants: pl.DataFrame, panel: tuple[str, ...]) -> pl.DataFrame:
    return variants.group_by("patient_id").agg(
        ((pl.col("gene") == gene) & pl.col("classification").is_in(list(kinds)))
        .any()
        .cast(pl.Float64)
        .alias(f"genomics.{gene.lower()}_{suffix}")
        for suffix, genes, kinds, _ in _flags(panel)
        for gene in genes
    )


def _flags(panel: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...]:
    return (("mut", panel, *FLAGS[0][2:]), *FLAGS[1:])


def _burden(variants: pl.DataFrame) -> pl.DataFrame:
    """Return the count of coding changes, the count per Mb where a size is known, the highest fraction where given."""
    given = [c for c in ("panel_mb", "vaf") if c in variants.columns and variants[c].is_not_null().any()]
    small = pl.col("classification").is_in([*CODING, "synonymous", "promoter"])
    count = pl.col("classification").is_in(list(CODING)).sum().cast(pl.Float64)
    made = [count.alias("genomics.burden")]
    if "panel_mb" in given:
        made.append((count / pl.col("panel_mb").max()).alias("genomics.tmb"))
    if "vaf" in given:
        # who was sequenced without a finding has a fraction of 0, who has findings without fractions has none
        highest = pl.col("vaf").filter(small).max()
        nothing = (pl.col("classification") == "none_found").all()
        made.append(pl.when(nothing).then(0.0).otherwise(highest).alias("genomics.vaf_max"))
    return variants.group_by("patient_id").agg(*made)


def _rows(
    panel: tuple[str, ...], hotspots: tuple[Hotspot, ...], pathways: tuple[Pathway, ...]
) -> list[dict[str, Any]]:
    def row(name: str, title: str, unit: str, family: str) -> dict[str, Any]:
        return {"column": f"genomics.{name}", "title": title, "unit": unit, "family": family}

    genes = [
        row(f"{gene.lower()}_{suffix}", f"{gene} {words}", "1", "gene")
        for suffix, listed, _, words in _flags(panel)
        for gene in listed
    ]
    spots = {h.flag: row(h.flag, f"{h.title} altered", "1", "hotspot") for h in hotspots}
    paths = [row(f"path_{p.name}", f"{p.title} pathway altered", "1", "pathway") for p in pathways]
    return [
        *genes,
        row("burden", "Changes of the protein", "{count}", "burden"),
        row("tmb", "Tumour mutational burden", "/Mb", "burden"),
        row("vaf_max", "Highest variant allele fraction", "1", "burden"),
        *spots.values(),
        *paths,
    ]
