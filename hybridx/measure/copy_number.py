r"""Copy number to features: how much of the genome is gained or lost, each chromosome, amplified and deleted genes.

.. math:: f_{altered} = \frac{\sum_s l_s \, [\,|m_s| \ge 0.2\,]}{\sum_s l_s}

over segments s of chromosomes 1 to 22 with length l and mean log2 ratio m (cBioPortal's fraction of genome altered).

Not done: genes from segments, and arms, both of which need positions of one genome build; a sample's purity and
ploidy, without which the log2 ratio of an impure sample is nearer 0; loss of heterozygosity, which a SEG file does not
tell; X and Y.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from hybridx.cohort.block import Block
from hybridx.errors import InputError
from hybridx.measure.rows import feature_rows
from hybridx.measure.table_settings import GenomicsSettings
from hybridx.terms.genes import AMPLIFIED, DELETED, canonical_gene
from hybridx.terms.text import listing, settings_hash

__all__ = ["ALTERED", "copy_number_block", "read_seg"]

ALTERED = 0.2  # |log2 ratio| from which a segment counts as gained or lost
_CHROMOSOMES = tuple(str(k) for k in range(1, 23))
_SEG = ("chromosome", "start", "end", "num_probes", "seg_mean")
_SAMPLE = ["patient_id", "day"]


def copy_number_block(tables: Mapping[str, pl.DataFrame], settings: GenomicsSettings | None = None) -> Block:
    """Return copy-number features of each patient with segments or calls of genes by the landmark.

    From `segments`: ``copynumber.fraction_altered``, ``_gained``, ``_lost`` (of the covered length of chromosomes 1 to
    22), ``copynumber.breakpoints`` (steps of 0.2 or more between neighbouring segments) and the mean log2 ratio of each
    chromosome, ``copynumber.chr8``. From `copynumber`: ``copynumber.erbb2_amp`` (call 2) and ``copynumber.pten_del``
    (call -2) of the same fixed genes as in `hybridx.measure.genomics_block`; null where the gene was not called. Of
    several samples the last one before the landmark counts, for each table on its own.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Validated tables with `segments`, `copynumber`, or both.
    settings : GenomicsSettings, optional
        Its landmark is used.

    Source
    ------
    Fraction of genome altered: Cerami E et al. Cancer Discov 2012. doi:10.1158/2159-8290.CD-12-0095 (cBioPortal, 0.2).
    Calls: Mermel CH et al. Genome Biol 2011. doi:10.1186/gb-2011-12-4-r41.
    """
    chosen = GenomicsSettings() if settings is None else settings
    parts, rows, days = [], [], {}
    for name, made in (("segments", _of_segments), ("copynumber", _of_genes)):
        if name not in tables or not tables[name].height:
            continue
        table = tables[name].filter(pl.col("day") <= chosen.landmark_day)
        latest = table.group_by("patient_id").agg(pl.col("day").max())
        frame, own = made(table.join(latest, on=_SAMPLE))
        parts.append(frame)
        rows += own
        for patient, day in latest.iter_rows():
            days[str(patient)] = max(float(day), days.get(str(patient), float(day)))
    frame = pl.DataFrame({"patient_id": sorted(days)}, schema={"patient_id": pl.String})
    for part in parts:
        frame = frame.join(part, on="patient_id", how="left", maintain_order="left")
    return Block(
        modality="copynumber",
        frame=frame.select("patient_id", *(r["column"] for r in rows)),
        measured=dict.fromkeys(frame["patient_id"], True),
        days=days,
        features=feature_rows(
            "copynumber",
            rows,
            settings_hash({"landmark_day": asdict(chosen)["landmark_day"], "altered": ALTERED}),
        ),
    )


def read_seg(path: str | os.PathLike[str]) -> pl.DataFrame:
    """Return a SEG file (sample, chromosome, start, end, probes, mean; tabs, in this order) as the table `segments`.

    The sample stands in `patient_id`: bring it to the patients' ids, then write ``segments.csv``.

    Raises
    ------
    InputError
        It has not six columns, or a number is none.
    """
    try:
        frame = pl.read_csv(path, separator="\t", infer_schema=False, comment_prefix="#")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        msg = f"{os.fspath(path)!r} cannot be read as a SEG file: {error}"
        raise InputError(msg) from error
    if frame.width != len(_SEG) + 1:
        msg = (
            f"A SEG file has 6 columns (sample, chromosome, start, end, probes, mean), this one has {frame.width}: "
            f"{listing(frame.columns)}."
        )
        raise InputError(msg)
    frame.columns = ["patient_id", *_SEG]
    kinds = {"start": pl.Int64, "end": pl.Int64, "num_probes": pl.Int64, "seg_mean": pl.Float64}
    read = frame.with_columns(
        pl.col("chromosome").replace({"23": "X", "24": "Y"}),
        # some write 1.23e+07
        *(
            pl.col(name).cast(pl.Float64, strict=False).cast(kind, strict=False)
            for name, kind in kinds.items()
        ),
    )
    for name in ("start", "end", "seg_mean"):
        bad = (read[name].is_null() | read[name].cast(pl.Float64).is_nan()).arg_true()
        if len(bad):
            texts = listing(repr(frame[name][int(row)]) for row in bad)
            msg = f"SEG file, column of the {name}: {texts} is no number."
            raise InputError(msg)
    return read


def _row(name: str, title: str, unit: str, family: str) -> dict[str, Any]:
    return {"column": f"copynumber.{name}", "title": title, "unit": unit, "family": family}


def _of_segments(table: pl.DataFrame) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    length, mean = pl.col("length"), pl.col("seg_mean")
    segments = (
        table.with_columns(
            pl.col("chromosome").str.replace("^chr", ""),
            (pl.col("end") - pl.col("start") + 1).cast(pl.Float64).alias("length"),
        )
        .filter(pl.col("chromosome").is_in(_CHROMOSOMES))
        .sort("patient_id", "chromosome", "start")
    )
    step = (mean - mean.shift(1).over("patient_id", "chromosome")).abs()
    segments = segments.with_columns((step >= ALTERED).fill_null(False).alias("break"))
    shares = {
        "altered": mean.abs() >= ALTERED,
        "gained": mean >= ALTERED,
        "lost": mean <= -ALTERED,
    }
    frame = segments.group_by("patient_id").agg(
        *(
            (length.filter(hit).sum() / length.sum()).alias(f"copynumber.fraction_{k}")
            for k, hit in shares.items()
        ),
        pl.col("break").sum().cast(pl.Float64).alias("copynumber.breakpoints"),
        *(_mean_of(pl.col("chromosome") == k).alias(f"copynumber.chr{k}") for k in _CHROMOSOMES),
    )
    rows = [
        _row("fraction_altered", "Fraction of genome altered", "1", "burden"),
        _row("fraction_gained", "Fraction of genome gained", "1", "burden"),
        _row("fraction_lost", "Fraction of genome lost", "1", "burden"),
        _row("breakpoints", "Breakpoints of copy number", "{count}", "burden"),
        *(_row(f"chr{k}", f"Chromosome {k}, mean log2 ratio", "1", "chromosome") for k in _CHROMOSOMES),
    ]
    return frame, rows


def _mean_of(chosen: pl.Expr) -> pl.Expr:
    """Return the mean by length; null where nothing is covered."""
    length = pl.col("length").filter(chosen)
    total = length.sum()
    return pl.when(total > 0).then((pl.col("seg_mean").filter(chosen) * length).sum() / total)


def _of_genes(table: pl.DataFrame) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    calls = table.with_columns(pl.col("gene").map_elements(canonical_gene, return_dtype=pl.String))
    flags = [(g, "amp", 2, "amplified") for g in AMPLIFIED] + [
        (g, "del", -2, "deleted (both copies)") for g in DELETED
    ]
    frame = calls.group_by("patient_id").agg(
        pl.when((pl.col("gene") == gene).any())
        .then((pl.col("call").filter(pl.col("gene") == gene) == call).any().cast(pl.Float64))
        .alias(f"copynumber.{gene.lower()}_{suffix}")
        for gene, suffix, call, _ in flags
    )
    return frame, [
        _row(f"{gene.lower()}_{suffix}", f"{gene} {words}", "1", "gene") for gene, suffix, _, words in flags
    ]
