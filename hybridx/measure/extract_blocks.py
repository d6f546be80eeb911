"""From measured studies to the blocks and tables of a cohort."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from hybridx.cohort.block import FAILURE_SCHEMA, FEATURE_SCHEMA, Block
from hybridx.cohort.images import IMAGE_SCHEMA
from hybridx.measure.deep import deep_feature_rows
from hybridx.measure.encoder import DeepEncoder
from hybridx.measure.lesions import LESION_SCHEMA
from hybridx.measure.settings import ExtractSettings
from hybridx.measure.uptake_names import describe_uptake
from hybridx.radiomics.ibsi_compliance import ibsi_ids
from hybridx.radiomics.names import describe

__all__ = ["Measured", "Source", "image_blocks", "image_tables"]

UNITS = {"pet": "SUVbw", "ct": "HU", "mr": "1"}
ORDER = ("pet", "ct", "mr", "deep")


@dataclass(frozen=True)
class Measured:
    """One study's record with the patient it belongs to.

    Parameters
    ----------
    patient_id : str
        The patient.
    timepoint : int
        1 for the first.
    days : mapping of str to float
        Day of each modality relative to baseline.
    record : mapping
        What `measure_study` returned.
    """

    patient_id: str
    timepoint: int
    days: Mapping[str, float]
    record: Mapping[str, Any]

    def name(self, modality: str) -> str:
        """Name the block: ``pet``; ``pet@2`` for a second timepoint."""
        return modality if self.timepoint == 1 else f"{modality}@{self.timepoint}"

    def day(self, modality: str) -> float:
        """Say when a modality was measured; what rests on several images, on the day of the last."""
        return self.days.get(modality, max(self.days.values(), default=0.0))


@dataclass(frozen=True)
class Source:
    """What the values come from, for the features table.

    Parameters
    ----------
    settings : ExtractSettings
        How it was measured.
    encoder : DeepEncoder or None
        The encoder of the deep features.
    version : str
        Of this library.
    """

    settings: ExtractSettings
    encoder: DeepEncoder | None
    version: str


def image_blocks(studies: Sequence[Measured], source: Source) -> list[Block]:
    """Collect the measured studies into one block per modality and timepoint.

    A patient whose scan exists but gave no value is not measured in that block and stands in the failures. Where some
    steps failed, the values of the others stay. A feature that is not defined is null.

    Parameters
    ----------
    studies : sequence of Measured
        In the order of the studies table.
    source : Source
        For the provenance of each column.
    """
    rows: dict[tuple[int, int], dict[str, dict[str, float | None]]] = {}
    names: dict[tuple[int, int], str] = {}
    days: dict[str, dict[str, float]] = {}
    for study in studies:
        for modality, block in study.record["blocks"].items():
            key = (study.timepoint, ORDER.index(modality))
            name = names.setdefault(key, study.name(modality))
            values = {f"{name}.{feature}": _number(value) for feature, value in block["values"].items()}
            rows.setdefault(key, {})[study.patient_id] = values
            days.setdefault(name, {})[study.patient_id] = study.day(modality)
    blocks = []
    for key in sorted(rows):
        name, modality = names[key], ORDER[key[1]]
        columns = list(dict.fromkeys(column for values in rows[key].values() for column in values))
        schema = {"patient_id": pl.String(), **dict.fromkeys(columns, pl.Float64())}
        frame = pl.DataFrame(
            [{"patient_id": patient, **values} for patient, values in rows[key].items()], schema=schema
        )
        features = _features(name, modality, columns, source)
        blocks.append(Block(name, frame, dict.fromkeys(rows[key], True), days[name], features))
    return blocks


def image_tables(studies: Sequence[Measured]) -> dict[str, pl.DataFrame]:
    """Collect what else was found: ``lesions``, ``images``, ``failures``, and ``remarks`` (no failure, but look)."""

    def notes(kind: str) -> pl.DataFrame:
        rows = [
            (study.patient_id, study.name(modality), stage, reason)
            for study in studies
            for modality, stage, reason in study.record[kind]
        ]
        return pl.DataFrame(rows, schema=dict(FAILURE_SCHEMA), orient="row")

    lesions = [
        {"patient_id": study.patient_id, "timepoint": study.timepoint, **row}
        for study in studies
        for row in study.record["lesions"]
    ]
    # volumes by threshold, called after the tracer, and ratios to organs
    more = [
        name for name in dict.fromkeys(key for row in lesions for key in row) if name not in LESION_SCHEMA
    ]
    images = [
        {"patient_id": s.patient_id, "kind": s.name(kind), "address": address, "day": s.day("")}
        for s in studies
        for kind, address in s.record["images"].items()
    ]
    return {
        "lesions": pl.DataFrame(lesions, schema={**LESION_SCHEMA, **dict.fromkeys(more, pl.Float64())}),
        "images": pl.DataFrame(images, schema=dict(IMAGE_SCHEMA)),
        "failures": notes("failures"),
        "remarks": notes("remarks"),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value  # a gap, with its reason in the remarks


def _features(name: str, modality: str, columns: Sequence[str], source: Source) -> pl.DataFrame:
    if modality == "deep" and source.encoder is not None:
        deep = deep_feature_rows(source.encoder).with_columns(
            pl.lit(name).alias("modality"), pl.col("column").str.replace("deep", name, literal=True)
        )
        return deep.filter(pl.col("column").is_in(columns))
    rows = [_feature(name, modality, column, source) for column in columns]
    return pl.DataFrame(rows, schema=dict(FEATURE_SCHEMA))


def _feature(name: str, modality: str, column: str, source: Source) -> dict[str, str | None]:
    feature = column.removeprefix(f"{name}.")
    about = describe_uptake(feature) if modality == "pet" else None
    if about is not None:
        title, unit, ibsi = about
        described: dict[str, str | None] = {"title": title, "unit": unit, "family": "uptake", "ibsi_id": ibsi}
        made = {
            "extractor": "hybridx",
            "version": source.version,
            "settings_hash": source.settings.image_hash,
        }
    else:
        used = getattr(source.settings, modality)
        described = {**describe(feature, UNITS[modality]), "ibsi_id": ibsi_ids(used).get(feature)}
        made = {"extractor": "hybridx", "version": source.version, "settings_hash": used.hash}
    return {"column": column, "modality": name, **described, **made}
