"""A small cohort, built by the real constructor."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Block, Cohort

IDS = ["P001", "P002", "P003", "Müller-07", "P005"]


def make_block(modality, names, patients, rng, day=0.0):
    """Return a block with standard normal values for `patients`."""
    columns = [f"{modality}.{name}" for name in names]
    frame = pl.DataFrame({"patient_id": patients, **{c: rng.normal(size=len(patients)) for c in columns}})
    features = pl.DataFrame(
        [
            {
                "column": c,
                "modality": modality,
                "title": c,
                "unit": "1",
                "family": "test",
                "ibsi_id": None,
                "extractor": "test",
                "version": "1",
                "settings_hash": "0",
            }
            for c in columns
        ],
        schema_overrides={"ibsi_id": pl.String},
    )
    return Block(modality, frame, dict.fromkeys(patients, True), dict.fromkeys(patients, day), features)


@pytest.fixture
def tables():
    return {
        "patients": pl.DataFrame(
            {"patient_id": IDS, "centre": ["A", "A", "B", "B", None], "age_years": [50.0] * 5}
        ),
        "outcomes": pl.DataFrame(
            {
                "patient_id": [*IDS, *IDS[:3]],
                "endpoint": ["OS"] * 5 + ["response"] * 3,
                "origin": ["treatment_start"] * 8,
                "time_days": [100.0, 200.0, 300.0, 400.0, None, None, None, None],
                "event": [True, False, True, True, None, None, None, None],
                "responder": [None] * 5 + [1.0, 0.0, 1.0],
                "criterion": [None] * 5 + ["RECIST 1.1"] * 3,
            }
        ),
    }


@pytest.fixture
def cohort(tables):
    rng = np.random.default_rng(0)
    return Cohort.build(
        IDS,
        [
            make_block("pet", ["suv_max", "mtv_41pct"], IDS[:3], rng),
            make_block("lab", ["ldh"], IDS[1:], rng, day=-3.0),
            make_block("pet@2", ["suv_max"], IDS[:2], rng, day=60.0),
        ],
        tables,
        {"synthetic": True},
    )
