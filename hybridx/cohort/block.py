"""One modality's features for some patients, on their way into a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

__all__ = ["FAILURE_SCHEMA", "FEATURE_SCHEMA", "Block"]

FEATURE_SCHEMA: dict[str, pl.DataType] = {
    "column": pl.String(),  # `pet.original_glcm_Contrast`
    "modality": pl.String(),
    "title": pl.String(),  # in words, for tables and pages
    "unit": pl.String(),  # UCUM; "1" for a pure number
    "family": pl.String(),  # glcm, shape, uptake, laboratory, gene, deep ...
    "ibsi_id": pl.String(),  # null where the standard has none
    "extractor": pl.String(),
    "version": pl.String(),
    "settings_hash": pl.String(),
}

FAILURE_SCHEMA: dict[str, pl.DataType] = {
    "patient_id": pl.String(),
    "modality": pl.String(),
    "stage": pl.String(),  # read, radiomics, uptake, deep ...
    "reason": pl.String(),
}


@dataclass(frozen=True)
class Block:
    """The features of one modality, before they are aligned to the patients of a cohort.

    Parameters
    ----------
    modality : str
        ``pet``, ``lab``; ``pet@2`` for a second timepoint.
    frame : polars.DataFrame
        `patient_id` and float columns ``<modality>.<name>``; a patient without the modality has no row.
    measured : mapping of str to bool
        Which patients have usable values. A patient whose scan exists but whose extraction failed is not measured
        and stands in `failures`: "failed" and "never done" stay apart.
    days : mapping of str to float
        Day of the measurement relative to the patient's baseline; what is known later than a landmark cannot enter it.
    features : polars.DataFrame
        One row per column, see `FEATURE_SCHEMA`.
    failures : polars.DataFrame
        See `FAILURE_SCHEMA`.
    """

    modality: str
    frame: pl.DataFrame
    measured: Mapping[str, bool]
    days: Mapping[str, float]
    features: pl.DataFrame
    failures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAILURE_SCHEMA))
