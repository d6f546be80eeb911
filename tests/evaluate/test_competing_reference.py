"""Scores of one of two competing events against R (`tests/reference/competing_scores.R`)."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.evaluate import metrics

HERE = Path(__file__).parents[1] / "reference"
PATIENTS = pl.read_csv(HERE / "competing_patients.csv")
SCORES = list(pl.read_csv(HERE / "competing_scores.csv").iter_rows(named=True))


def found(metric, at, times, *, late_censoring=0.0):
    status = PATIENTS["status"].to_numpy()
    cause = np.array(["", "own", "other"], dtype=object)[status]
    day = PATIENTS[times].to_numpy() + late_censoring * (status == 0)
    y, told = Outcome.survival(day, status > 0, cause=cause), PATIENTS["incidence"].to_numpy()
    if metric == "wolbers":
        return metrics.wolbers_c(y, told, "own", tau_days=at, resamples=100).value
    score = {"auc": metrics.cause_auc_t, "brier": metrics.cause_brier_t}[metric]
    return score(y, told, "own", at, resamples=100).value


@pytest.mark.parametrize("row", [r for r in SCORES if r["times"] == "day"], ids=str)
def test_without_ties_the_values_are_those_of_r(row):
    assert found(row["metric"], row["at"], "day") == pytest.approx(row["value"], abs=1e-10)


@pytest.mark.parametrize(
    "row", [r for r in SCORES if r["times"] == "tied_day" and r["metric"] != "wolbers"], ids=str
)
def test_with_ties_r_reads_the_censoring_curve_just_before_the_day(row):
    # who is censored on the day of an event is, to R, still uncensored then: censored a moment later, they agree
    late = found(row["metric"], row["at"], "tied_day", late_censoring=1e-6)
    assert late == pytest.approx(row["value"], abs=1e-10)
    assert found(row["metric"], row["at"], "tied_day") == pytest.approx(row["value"], abs=0.01)


@pytest.mark.parametrize(
    "row", [r for r in SCORES if r["times"] == "tied_day" and r["metric"] == "wolbers"], ids=str
)
def test_with_ties_wolbers_c_is_near_that_of_pec(row):
    # pec counts pairs that share a day otherwise; the largest difference seen is 0.0005
    late = found("wolbers", row["at"], "tied_day", late_censoring=1e-6)
    assert late == pytest.approx(row["value"], abs=0.001)
