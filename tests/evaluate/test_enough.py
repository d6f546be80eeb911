"""Sample sizes as pmsampsize has them, the learning curve of a known world, and what the verdict says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.errors import InputError, SettingsError
from hybridx.evaluate import NestedCV, riley
from hybridx.evaluate.learning_ahead import power_law
from hybridx.models import CoxRidge
from tests.evaluate.doubles import ByColumn
from tests.evaluate.world import make_cohort

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "sample_size.json").read_text())["cases"]


@pytest.mark.parametrize("entry", REFERENCE, ids=lambda e: f"{e['case']['type']}{e['sample_size']}")
def test_the_same_n_as_pmsampsize(entry):
    case = entry["case"]
    if case["type"] == "s":
        share = math.ceil(case["rate"] * case["meanfup"] * 10_000) / 10_000  # it rounds events among 10,000
        r2_max = riley.r2_max_survival(share)
        needed = riley.needed_survival(
            case["parameters"],
            case["csrsquared"],
            share,
            rate=case["rate"],
            horizon=case["timepoint"],
            follow_up=case["meanfup"],
        )
        # for the overall risk pmsampsize only shows the margin at the n of the other two; ours is enough there, too
        assert (needed.overall_risk <= entry["sample_size"]) == (
            entry["int_uci"] - entry["int_cuminc"] <= 0.05
        )
    else:
        r2_max = riley.r2_max_response(case["prevalence"])
        r2 = case.get("csrsquared", entry.get("rsquared"))  # theirs: simulated and rounded
        needed = riley.needed_response(case["parameters"], r2, case["prevalence"])
        assert needed.overall_risk == entry["needed"][2]
        if "cstatistic" in case:
            ours = riley.r2_of_c_response(case["cstatistic"], case["prevalence"])
            assert ours == pytest.approx(entry["rsquared"], abs=0.002)  # the noise of a million draws
    assert [needed.shrinkage, needed.optimism] == entry["needed"][:2]
    assert needed.n == entry["sample_size"]
    assert r2_max == pytest.approx(entry["max_r2a"], abs=1e-9)


def test_c_and_r2_are_two_names_of_one_thing():
    for c in (0.55, 0.7, 0.85):
        assert riley.c_of_r2_survival(riley.r2_of_c_survival(c, 0.6), 0.6) == pytest.approx(c, abs=1e-6)
        assert riley.c_of_r2_response(riley.r2_of_c_response(c, 0.3), 0.3) == pytest.approx(c, abs=1e-6)
    assert riley.r2_of_c_survival(0.5, 0.6) == 0.0


def test_what_n_patients_carry_is_the_inverse_of_what_is_asked():
    carried = riley.most_features(500, 0.15)
    fits = riley.needed_response(carried, 0.15, 0.5).shrinkage
    beyond = riley.needed_response(carried + 1, 0.15, 0.5).shrinkage
    assert fits <= 500 < beyond


def test_few_patients_and_many_features_are_not_enough():
    cohort = make_cohort(60, seed=1)
    found = hx.evaluate.enough_data(cohort, "OS", candidate_features=1500)
    assert not found.enough and found.n_needed > 10_000
    assert found.events_per_feature == pytest.approx(found.n_events / 1500)
    assert "regression without penalty would need" in found.verdict
    assert repr(found).count("not met") == 3
    assert hx.evaluate.enough_data(cohort, "OS").candidate_features == 12


def test_enough_is_said_where_it_is():
    found = hx.evaluate.enough_data(make_cohort(400, seed=2), "OS", candidate_features=2, anticipated_c=0.75)
    assert found.enough and found.criteria["met"].all()
    assert "enough for regression" in found.verdict


def test_the_expected_width_is_that_of_a_bootstrap():
    """Of a model with the assumed C: 0.15 wide at 150 patients; one cohort's own interval is within a quarter of it."""
    cohort = make_cohort(150, seed=4, missing=0.0)
    y, risk = cohort.outcomes("OS"), cohort.frame()["clinical.x0"].to_numpy()
    found = hx.evaluate.metrics.harrell_c(y, risk)
    expected = hx.evaluate.enough_data(cohort, "OS", anticipated_c=float(found.value)).c_width
    assert expected == pytest.approx(found.width, rel=0.25)
    four_times = hx.evaluate.enough_data(make_cohort(600, seed=4), "OS", anticipated_c=float(found.value))
    assert four_times.c_width == pytest.approx(expected / 2, rel=0.2)


def test_impossible_questions_are_refused():
    cohort = make_cohort(60, seed=1)
    with pytest.raises(SettingsError, match=r"anticipated_c=0\.4"):
        hx.evaluate.enough_data(cohort, "OS", anticipated_c=0.4)
    with pytest.raises(SettingsError, match="candidate_features=0"):
        hx.evaluate.enough_data(cohort, "OS", candidate_features=0)
    with pytest.raises(InputError, match=r"shares=0\.5, 1\.2"):
        hx.evaluate.learning_curve(CoxRidge(), cohort, "OS", shares=(0.5, 1.2))


def test_the_power_law_finds_its_own_parameters():
    size = np.array([30.0, 50.0, 80.0, 120.0, 200.0])
    truth = 0.8 - 0.9 * size**-0.7
    at = np.array([400.0, 1000.0])
    found = power_law(size, np.column_stack([truth, truth]), np.ones(5), at)
    np.testing.assert_allclose(found, np.tile(0.8 - 0.9 * at**-0.7, (2, 1)), atol=2e-4)  # the grid of powers
    flat = power_law(
        size, truth[::-1, None], np.ones(5), at
    )  # a falling curve is continued as flat, not down
    np.testing.assert_allclose(flat, truth.mean())


def test_a_learning_curve_rises_where_there_is_something_to_learn():
    cohort = make_cohort(110, seed=3, features=10)
    curve = hx.evaluate.learning_curve(
        CoxRidge(),
        cohort,
        "OS",
        (0.2, 0.5, 1.0),
        design=NestedCV(4, 2),
        resamples=200,
        workers=1,
        progress=False,
    )
    assert curve.table["n_train"].to_list() == pytest.approx([16.5, 41.2, 82.5], abs=1.0)
    assert curve.table["value"][0] < curve.table["value"][2]
    assert (curve.table["n"] == 110).all() and (curve.table["failed"] == 0).all()
    ahead = curve.extrapolated
    assert ahead["n_train"].max() == pytest.approx(3 * 82.5, abs=2)
    assert (ahead["value"].diff().drop_nulls() >= -1e-9).all()
    assert (ahead["low"] <= ahead["value"]).all() and (ahead["value"] <= ahead["high"] + 0.02).all()
    width = ahead.filter(pl.col("n_train") >= 82).select(pl.col("gain_high") - pl.col("gain_low"))
    assert width.to_series().is_sorted()  # the further ahead, the less is known
    assert "power law" in curve.verdict and len(curve.figure().data) == 4


def test_a_model_that_learns_nothing_has_a_flat_curve():
    cohort = make_cohort(70, seed=3)
    curve = hx.evaluate.learning_curve(
        ByColumn(),
        cohort,
        "OS",
        (0.4, 0.7, 1.0),
        design=NestedCV(3, 1),
        resamples=200,
        workers=1,
        progress=False,
    )
    assert curve.table["value"].n_unique() == 1
    assert curve.extrapolated["gain"].abs().max() < 1e-9
