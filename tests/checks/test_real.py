"""The checks on real patients: what is known of these cohorts is found, and nothing that would be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

import hybridx as hx
from hybridx.checks import run
from hybridx.cohort import Block, Cohort
from hybridx.cohort.block import FEATURE_SCHEMA
from hybridx.models import CoxRidge
from tests.checks.conftest import analyse

ROOT = Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
HN300 = ROOT / "hn300"


def test_a_published_cohort_raises_no_alarm():
    """198 women, 76 genes that were chosen on other patients: no leak, and no check says so."""
    cohort = hx.demo.breast_cancer()
    model = CoxRidge(columns=["clinical.age", "clinical.size", "clinical.grade"])
    result = analyse(cohort, cohort.endpoints[0], model=model)
    assert not [f for f in result.checks() if f.severity != "info"], str(result.checks())


@pytest.mark.skipif(not HN300.is_dir(), reason=f"real data are not at {str(HN300)!r} (set HYBRIDX_REAL_DATA)")
def test_head_and_neck_hospitals_that_did_not_test_for_hpv():
    """194 patients of two hospitals: HPV is unknown in 62 % of one and 40 % of the other."""
    table = pl.read_csv(next(HN300.glob("*.csv")), infer_schema_length=None)
    patients = table["patient"].to_list()
    known = table.select(
        pl.col("patient").alias("patient_id"),
        *(
            pl.col(c).cast(pl.Float64, strict=False).alias(f"clinical.{c}")
            for c in ("age", "t_stage", "n_stage", "hpv")
        ),
    )
    plain = {"modality": "clinical", "unit": "1", "family": "clinical", "extractor": "test", "version": "1"}
    features = [
        {"column": c, "title": c, "settings_hash": "0", "ibsi_id": None, **plain} for c in known.columns[1:]
    ]
    block = Block(
        "clinical", known, dict.fromkeys(patients, True), dict.fromkeys(patients, 0.0),
        pl.DataFrame(features, schema=FEATURE_SCHEMA),
    )  # fmt: skip
    outcomes = table.select(
        pl.col("patient").alias("patient_id"),
        pl.lit("OS").alias("endpoint"),
        pl.col("death_time_days").cast(pl.Float64).alias("time_days"),
        (pl.col("death_event") == 1).alias("event"),
    ).filter(pl.col("time_days") > 0)
    centres = table.select(pl.col("patient").alias("patient_id"), "centre")
    cohort = Cohort.build(patients, [block], {"patients": centres, "outcomes": outcomes})
    result = analyse(cohort, model=CoxRidge(columns=["clinical.age", "clinical.t_stage"]))
    (finding,) = result.checks().of("HX007")
    assert "clinical.hpv" in finding.subjects
    assert not result.checks().at("error"), str(result.checks())
    half = patients[:150]
    again = run(result, other=cohort.select(half)).of("HX019")
    assert len(again[0].patients) == 150, "known again by name; by age, stage and HPV alone nobody can be"
    assert again[0].severity == "warning"
