"""Hotspots and pathways: which patients have an alteration there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from hybridx.terms.gene_tables import ROLES, Hotspot, Pathway
from hybridx.terms.protein import parse_change

__all__ = ["hotspot_flags", "pathway_flags"]


def pathway_flags(variants: pl.DataFrame, pathways: Sequence[Pathway]) -> pl.DataFrame:
    """Return 1 where a gene of the pathway is altered in the way that its role makes effective, else 0.

    Parameters
    ----------
    variants : polars.DataFrame
        `patient_id`, `gene`, `classification`.
    pathways : sequence of Pathway
        See `hybridx.terms.gene_tables.ROLES` for what counts.

    Returns
    -------
    polars.DataFrame
        `patient_id` and ``genomics.path_<name>``.
    """
    flags = []
    for pathway in pathways:
        hits = pl.lit(False)
        for role, kinds in ROLES.items():
            genes = [gene for gene, own in pathway.genes.items() if own == role]
            if genes:
                hits |= pl.col("gene").is_in(genes) & pl.col("classification").is_in(sorted(kinds))
        flags.append(hits.any().cast(pl.Float64).alias(f"genomics.path_{pathway.name}"))
    return variants.group_by("patient_id").agg(*flags)


def hotspot_flags(variants: pl.DataFrame, hotspots: Sequence[Hotspot]) -> pl.DataFrame:
    """Return 1 where a variant lies in the hotspot, 0 where none does, null where that cannot be told.

    It cannot be told where the gene has a variant of the right kind whose change of the protein is not given.

    Parameters
    ----------
    variants : polars.DataFrame
        `patient_id`, `gene`, `classification`, `hgvsp`.
    hotspots : sequence of Hotspot
        Several may share a flag.

    Returns
    -------
    polars.DataFrame
        `patient_id` and ``genomics.<flag>``.
    """
    by_gene: dict[str, list[Hotspot]] = {}
    for spot in hotspots:
        by_gene.setdefault(spot.gene, []).append(spot)
    found: dict[str, dict[str, bool | None]] = {}
    there = variants.filter(pl.col("gene").is_in(sorted(by_gene)) & pl.col("classification").is_not_null())
    rows = there.select("patient_id", "gene", "classification", pl.col("hgvsp").cast(pl.String)).unique()
    for patient, gene, kind, text in rows.iter_rows():
        change = parse_change(text)
        for spot in by_gene[gene]:
            _note(found.setdefault(patient, {}), spot.flag, spot.hit(kind, change))
    patients = variants["patient_id"].unique(maintain_order=True).to_list()
    names = list(dict.fromkeys(spot.flag for spot in hotspots))
    values: Mapping[str, list[float | None]] = {
        f"genomics.{name}": [_number(found.get(p, {}).get(name, False)) for p in patients] for name in names
    }
    schema = {"patient_id": pl.String, **{f"genomics.{name}": pl.Float64 for name in names}}
    return pl.DataFrame({"patient_id": patients, **values}, schema=schema)


def _note(flags: dict[str, bool | None], name: str, hit: bool | None) -> None:  # noqa: FBT001
    """Keep the strongest statement: found, then unknown, then not found."""
    before = flags.get(name, False)
    flags[name] = True if hit or before else None if hit is None or before is None else False


def _number(flag: bool | None) -> float | None:  # noqa: FBT001
    return None if flag is None else float(flag)
