"""Scores per subgroup and centre, their gaps, and the pooled value."""

import dataclasses

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.errors import InputError, NotEnoughDataError
from hybridx.evaluate import NestedCV
from hybridx.evaluate.pooling import pool
from tests.evaluate.doubles import ByColumn
from tests.evaluate.world import make_cohort

QUICK = {"workers": 1, "progress": False, "resamples": 300, "baselines": False}


@pytest.fixture(scope="module")
def result():
    cohort = make_cohort(160, seed=4, unknown=4)
    ages = np.random.default_rng(0).uniform(30, 90, 160).round(1)
    sex = ["female" if i % 3 else "male" for i in range(160)]
    centre = [None if i == 7 else ["<b>Graz</b>", "Linz", "Wien", "Zams"][min(i % 4, 3)] for i in range(160)]
    table = cohort.tables["patients"].with_columns(
        pl.Series("age_years", ages), pl.Series("sex", sex), pl.Series("centre", centre)
    )
    cohort = dataclasses.replace(cohort, tables={**cohort.tables, "patients": table})
    return hx.evaluate({"column": ByColumn()}, cohort, "OS", hx.designs.LeaveOneCentreOut(), **QUICK)


def test_a_subgroup_scores_as_if_evaluated_alone(result):
    found = result.subgroups("sex")
    assert found.table["group"].to_list() == ["female", "male"]
    assert found.table["n"].sum() == result.estimate("column", "harrell_c").n
    sex = dict(result.cohort.tables["patients"].select("patient_id", "sex").iter_rows())
    keep = np.array([sex[p] == "male" for p in result.scored_patients])
    panel = result.panel("column")
    keep &= panel.predicted
    alone = hx.evaluate.metrics.harrell_c(
        result.outcome[keep], panel.score[0, keep], fold=panel.fold[0, keep], resamples=100
    )
    assert found.table.filter(pl.col("group") == "male")["value"].item() == pytest.approx(
        alone.value, abs=1e-12
    )
    gap = found.gaps.row(0, named=True)
    assert (gap["group"], gap["other"]) == ("male", "female")
    assert gap["difference"] == pytest.approx(gap["value_group"] - gap["value_other"], abs=1e-12)
    assert gap["low"] < gap["difference"] < gap["high"]
    assert found.figure().data


def test_no_gap_is_found_where_there_is_none_and_a_planted_one_is(result):
    rng = np.random.default_rng(1)
    coins = [pl.Series("coin", rng.integers(0, 2, 160)) for _ in range(10)]
    found = [result.subgroups(coin).gaps["separated"].item() for coin in coins]
    assert sum(found) <= 3  # each is found by chance with 0.05; four or more of ten in one run of a thousand
    # where the model is right and where it is wrong: subgroups made from the outcome itself
    y, panel = result.outcome, result.panel("column")
    wrong = (panel.score[0] > 0) != (y.time_days < np.median(y.time_days))
    found = result.subgroups(
        {p: "wrong" if w else "right" for p, w in zip(result.scored_patients, wrong, strict=True)}
    )
    assert found.gaps["separated"].all()


def test_numbers_are_cut_and_too_many_values_refused(result):
    found = result.subgroups("age_years", cuts=[50, 70])
    assert found.table["group"].to_list() == ["< 50", "50 to < 70", ">= 70"]
    with pytest.raises(InputError, match=r"Cut it: subgroups\('age_years', cuts=\[\d+"):
        result.subgroups("age_years")
    with pytest.raises(InputError, match=r"no such column. Did you mean 'sex'"):
        result.subgroups("sexx")
    with pytest.raises(InputError, match="not in the cohort"):
        result.subgroups({"nobody": "a"})
    with pytest.raises(InputError, match="rising numbers"):
        result.subgroups("sex", cuts=[1])


def test_small_subgroups_are_counted_not_scored(result):
    few = {p: "few" if i < 6 else "many" for i, p in enumerate(result.scored_patients)}
    found = result.subgroups(few)
    row = found.table.filter(pl.col("group") == "few").row(0, named=True)
    assert row["value"] is None and row["n"] <= 6 and "too few" in row["method"]
    assert found.gaps.is_empty()
    assert "Without a score: few" in repr(found)
    nobody = make_cohort(40, seed=1)
    small = hx.evaluate({"column": ByColumn()}, nobody, "OS", NestedCV(2, 1), **QUICK)
    with pytest.raises(
        NotEnoughDataError, match=r"No subgroup of 'part' can be scored; each needs 10 patients"
    ):
        small.subgroups(pl.Series("part", [str(i // 5) for i in range(40)]))


def test_calibration_gap_and_missing_modality(result):
    found = result.subgroups("pet.measured", metric="observed_expected")
    assert found.table["group"].to_list() == ["no", "yes"]
    assert found.table["value"].is_not_null().all()
    distance = result.subgroups("pet.measured", metric="ici").gaps.row(0, named=True)
    assert distance["low"] is None and "biased upwards" in distance["method"]


def test_centres_are_scored_pooled_and_predicted(result):
    found = result.centres()
    assert (
        found.table["group"].to_list()
        == ["<b>Graz</b>", "Linz", "Wien", "Zams", "not recorded"][: found.table.height]
    )
    assert found.table["value"].min() < found.pooled.value < found.table["value"].max()
    low, high = found.new_centre
    assert low < found.pooled.low < found.pooled.high < high
    assert low > 0 and high < 1
    assert "a new centre" in repr(found)
    assert "never saw it" in found.notes[-1]
    page = found._repr_html_()
    assert "<b>Graz</b>" not in page and "&lt;b&gt;Graz" in page
    assert len(found.figure().data) == 4 + 2


def test_pooling_reproduces_the_bcg_trials():
    """Colditz 1994, log risk ratios of 13 trials; metafor 3.8.1 in R: rma(yi, vi, method = "REML", test = "knha")."""
    cases = np.array([4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27.0])
    others = np.array([119, 300, 228, 13536, 5036, 1361, 2536, 87886, 7470, 1699, 50448, 2493, 16886.0])
    cases_0 = np.array([11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29.0])
    others_0 = np.array([128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825.0])
    y = np.log(cases / (cases + others)) - np.log(cases_0 / (cases_0 + others_0))
    v = 1 / cases - 1 / (cases + others) + 1 / cases_0 - 1 / (cases_0 + others_0)
    found = pool(y, np.sqrt(v))
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (-0.7145, -1.1084, -0.3206)
    assert round(found.tau**2, 4) == 0.3132


def test_prediction_interval_covers_a_new_centre():
    rng = np.random.default_rng(3)
    inside = covered = 0
    for _ in range(400):
        truth = rng.normal(0.8, 0.3, 9)
        error = rng.uniform(0.1, 0.3, 8)
        found = pool(truth[:8] + error * rng.normal(size=8), error)
        inside += found.new_low <= truth[8] <= found.new_high
        covered += found.low <= 0.8 <= found.high
    assert 0.87 < inside / 400 < 0.985  # 0.905 in 1,500 runs; three standard errors of 400 are 0.044
    assert 0.91 < covered / 400 < 0.985
