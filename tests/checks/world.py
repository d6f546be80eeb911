"""A clean cohort in which nothing is wrong, and the things that can be done to it: each plants one defect."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl

from hybridx.cohort import Block, Cohort
from hybridx.cohort.block import FEATURE_SCHEMA

__all__ = ["add_column", "change_block", "make_cohort", "rename_patients", "set_missing", "values_of"]

TEXTURES = (
    "glcm_Contrast",
    "glcm_Idm",
    "glrlm_RunEntropy",
    "glszm_ZoneVariance",
    "ngtdm_Busyness",
    "gldm_Entropy",
)
MEASURED = {"clinical": 1.0, "pet": 0.8, "ct": 0.85, "lab": 0.9, "genomics": 0.7}


def make_cohort(n: int = 160, seed: int = 0, *, signal: float = 1.0, textures: int = 18) -> Cohort:
    """Return a cohort of three centres that differ in nothing; modalities and laboratory values are missing at random.

    PET and CT features share factors, as radiomics do; volume and SUV go with the hazard, and so do age, stage and LDH.
    `signal` = 0 makes every feature useless.
    """
    rng = np.random.default_rng((seed, 0xC4EC))
    patients = [f"P{i:04d}" for i in rng.permutation(n)]
    tables = _blocks(rng, n, textures)
    clinical, pet, lab = tables["clinical"], tables["pet"], tables["lab"]
    log_hazard = signal * (
        0.45 * _z(clinical["age"]) + 0.4 * _z(clinical["stage"]) + 0.5 * _z(np.log(pet["mtv_41pct"]))
        + 0.35 * _z(pet["suv_max"]) + 0.35 * _z(np.log(lab["ldh"]))
    )  # fmt: skip
    time = 700 * rng.weibull(1.2, n) * np.exp(-log_hazard / 1.2) + 1
    censored = rng.uniform(200, 2000, n)
    responder = rng.uniform(size=n) < 1 / (1 + np.exp(1.2 * log_hazard))
    lab["crp"][rng.uniform(size=n) < 0.1] = np.nan
    lab["albumin"][rng.uniform(size=n) < 0.12] = np.nan
    blocks = [
        _block(name, columns, patients, rng.uniform(size=n) < MEASURED[name])
        for name, columns in tables.items()
    ]
    survival = {
        "origin": "baseline",
        "time_days": np.minimum(time, censored).round(),
        "event": time <= censored,
    }
    centre = rng.choice(["A", "B", "C"], n, p=[0.5, 0.3, 0.2])
    outcomes = [
        pl.DataFrame({"patient_id": patients, "endpoint": "OS", **survival}),
        pl.DataFrame({"patient_id": patients, "endpoint": "response", "responder": responder}),
    ]
    return Cohort.build(
        patients,
        blocks,
        {
            "patients": pl.DataFrame({"patient_id": patients, "centre": centre}),
            "outcomes": pl.concat(outcomes, how="diagonal_relaxed"),
        },
        {"synthetic": True},
    )  # fmt: skip


def _blocks(rng: np.random.Generator, n: int, textures: int) -> dict[str, dict[str, np.ndarray]]:
    factors = rng.normal(size=(n, 6))
    volume = np.exp(3 + 0.8 * rng.normal(size=n))
    pet = {"mtv_41pct": volume, "suv_max": np.exp(2 + 0.4 * rng.normal(size=n))}
    for j in range(textures):
        mix = rng.normal(size=6) * 0.7 ** np.arange(6)
        base = factors @ mix / np.linalg.norm(mix) + 0.5 * _z(np.log(volume)) + 0.5 * rng.normal(size=n)
        pet[f"original_{TEXTURES[j % len(TEXTURES)]}_{j}"] = np.exp(0.5 * base) * 10.0 ** rng.integers(-2, 4)
    ct = {
        f"original_firstorder_{j}": 40 + 25 * (0.6 * factors[:, j % 6] + 0.8 * rng.normal(size=n))
        for j in range(10)
    }
    lab = {
        "ldh": np.exp(5.4 + 0.35 * rng.normal(size=n)).round(),
        "crp": np.exp(1.5 + 1.1 * rng.normal(size=n)).round(1),
        "albumin": (40 + 4 * rng.normal(size=n)).round(1),
        "hemoglobin": (130 + 15 * rng.normal(size=n)).round(),
    }
    clinical = {
        "age": (64 + 10 * rng.normal(size=n)).round(1),
        "stage": rng.choice([1.0, 2.0, 3.0, 4.0], n, p=[0.2, 0.3, 0.3, 0.2]),
        "ecog": rng.choice([0.0, 1.0, 2.0], n),
        "sex_male": (rng.uniform(size=n) < 0.5).astype(float),
    }
    genomics = {
        f"gene{j}_mut": (rng.uniform(size=n) < rng.uniform(0.05, 0.5)).astype(float) for j in range(10)
    }
    return {"clinical": clinical, "pet": pet, "ct": ct, "lab": lab, "genomics": genomics}


def _z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def _block(modality: str, columns: dict[str, np.ndarray], patients: list[str], there: np.ndarray) -> Block:
    frame = pl.DataFrame({"patient_id": patients, **{f"{modality}.{k}": v for k, v in columns.items()}})
    plain = {"modality": modality, "unit": "1", "extractor": "test", "version": "1", "settings_hash": "0"}
    rows = [
        {"column": f"{modality}.{k}", "title": k, "family": "test", "ibsi_id": None, **plain} for k in columns
    ]
    return Block(
        modality,
        frame.filter(pl.Series(there)),
        dict(zip(patients, there.tolist(), strict=True)),
        {p: 0.0 for p, here in zip(patients, there, strict=True) if here},
        pl.DataFrame(rows, schema=FEATURE_SCHEMA),
    )


def values_of(cohort: Cohort, column: str) -> np.ndarray:
    """Return a column, NaN where missing, in cohort order."""
    return cohort.frame()[column].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()


def add_column(cohort: Cohort, column: str, values: np.ndarray, family: str = "test") -> Cohort:
    """Return the cohort with one more column (or another value of one), null where its modality is not measured."""
    modality = column.partition(".")[0]
    series = pl.Series(column, values, dtype=pl.Float64).fill_nan(None)
    block = cohort.blocks[modality].with_columns(
        pl.when(cohort.measured[modality]).then(series).otherwise(None).alias(column)
    )
    features = cohort.features
    if column not in set(features["column"]):
        row = features.filter(pl.col("modality") == modality).head(1)
        row = row.with_columns(pl.lit(column).alias("column"), pl.lit(family).alias("family"))
        features = pl.concat([features, row])
    blocks = {**cohort.blocks, modality: block}
    order = pl.DataFrame({"column": [c for b in blocks.values() for c in b.columns if c != "patient_id"]})
    features = order.join(features, on="column", how="left", maintain_order="left")
    return dataclasses.replace(cohort, blocks=blocks, features=features)


def change_block(cohort: Cohort, modality: str, change) -> Cohort:
    """Return the cohort with a block's matrix (measured patients x columns) put through a function."""
    measured = cohort.measured[modality].to_numpy().astype(bool)
    for column, values in zip(
        cohort.blocks[modality].columns[1:],
        change(cohort.blocks[modality].drop("patient_id").to_numpy()[measured], measured).T,
        strict=True,
    ):
        whole = np.full(len(measured), np.nan)
        whole[measured] = values
        cohort = add_column(cohort, column, whole)
    return cohort


def set_missing(cohort: Cohort, modality: str, missing: np.ndarray) -> Cohort:
    """Return the cohort in which a modality is not measured in some patients (besides those who lacked it already)."""
    lost = pl.Series(missing)
    block = cohort.blocks[modality].with_columns(
        pl.when(lost).then(None).otherwise(pl.exclude("patient_id")).name.keep()
    )
    return dataclasses.replace(
        cohort,
        blocks={**cohort.blocks, modality: block},
        measured=cohort.measured.with_columns(pl.col(modality) & ~lost),
        days=cohort.days.with_columns(pl.when(lost).then(None).otherwise(pl.col(modality)).alias(modality)),
    )


def rename_patients(cohort: Cohort, prefix: str) -> Cohort:
    """Return the same cohort under other identifiers."""
    names = {p: f"{prefix}{i:04d}" for i, p in enumerate(cohort.patients)}

    def renamed(table: pl.DataFrame) -> pl.DataFrame:
        if "patient_id" not in table.columns:
            return table
        return table.with_columns(pl.col("patient_id").replace_strict(names, return_dtype=pl.String))

    return dataclasses.replace(
        cohort,
        patients=tuple(names.values()),
        blocks={name: renamed(block) for name, block in cohort.blocks.items()},
        measured=renamed(cohort.measured),
        days=renamed(cohort.days),
        tables={name: renamed(table) for name, table in cohort.tables.items()},
    )
