"""A small cohort with known truth for the tests of this room: tables only, no images."""

from __future__ import annotations

import numpy as np
import polars as pl

from hybridx.cohort import Block, Cohort
from hybridx.cohort.block import FEATURE_SCHEMA

__all__ = ["make_cohort"]

EFFECT = {"clinical": 0.9, "pet": 0.7, "lab": 0.0}


def make_cohort(
    n: int = 80,
    seed: int = 0,
    *,
    features: int = 4,
    missing: float = 0.25,
    unknown: int = 0,
    signal: float = 1.0,
    synthetic: bool = True,
) -> Cohort:
    """Return a cohort whose log-hazard is a sum over clinical and PET; a share of patients lacks PET, a share lab."""
    rng = np.random.default_rng(seed)
    patients = [f"P{i:03d}" for i in rng.permutation(n)]
    log_hazard = np.zeros(n)
    blocks = []
    for modality, effect in EFFECT.items():
        values = rng.normal(size=(n, features))
        log_hazard += signal * effect * values[:, 0]
        there = np.ones(n, dtype=bool) if modality == "clinical" else rng.uniform(size=n) >= missing
        names = [f"{modality}.x{j}" for j in range(features)]
        if modality == "pet":
            names[0] = "pet.mtv_41pct"
        blocks.append(_block(modality, names, patients, values, there))
    time = 400 * rng.exponential(size=n) * np.exp(-log_hazard) + 1
    censored = rng.uniform(100, 1800, size=n)
    observed, event = np.minimum(time, censored).round(), time <= censored
    responder = rng.uniform(size=n) < 1 / (1 + np.exp(log_hazard))
    known = np.arange(n) >= unknown
    survival = pl.DataFrame(
        {
            "patient_id": patients,
            "endpoint": "OS",
            "origin": "baseline",
            "time_days": observed,
            "event": event,
        }
    ).filter(pl.Series(known))
    response = pl.DataFrame(
        {"patient_id": patients, "endpoint": "response", "responder": responder, "criterion": "RECIST 1.1"}
    ).filter(pl.Series(known))
    tables = {
        "patients": pl.DataFrame({"patient_id": patients, "centre": ["A", "B"] * (n // 2) + ["A"] * (n % 2)}),
        "outcomes": pl.concat([survival, response], how="diagonal_relaxed"),
    }
    return Cohort.build(patients, blocks, tables, {"synthetic": True} if synthetic else {})


def _block(
    modality: str, names: list[str], patients: list[str], values: np.ndarray, there: np.ndarray
) -> Block:
    frame = pl.DataFrame({"patient_id": patients, **dict(zip(names, values.T, strict=True))})
    plain = {"modality": modality, "unit": "1", "family": "test", "extractor": "test", "version": "1"}
    rows = [{"column": name, "title": name, "ibsi_id": None, "settings_hash": "0", **plain} for name in names]
    return Block(
        modality,
        frame.filter(pl.Series(there)),
        dict(zip(patients, there.tolist(), strict=True)),
        dict.fromkeys(patients, 0.0),
        pl.DataFrame(rows, schema=FEATURE_SCHEMA),
    )
