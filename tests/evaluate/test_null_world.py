"""Nothing to find: outcomes dealt anew among patients score at chance, and each leak that could lift it is told."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from sklearn.frozen import FrozenEstimator

import hybridx as hx
from hybridx.cohort.columns import feature_columns, to_matrix
from hybridx.evaluate import NestedCV
from hybridx.models import CoxRidge, LogisticModel
from hybridx.prepare import PreparedModel, Standardizer
from tests.checks.world import add_column, make_cohort, rename_patients

DESIGN = NestedCV(folds=3, repeats=2, seed=0)
QUICK = {"baselines": False, "resamples": 200, "workers": 1, "progress": False}


def dealt(seed, n=160):
    """Return a world with a signal, its outcomes dealt to other patients: all but the tie between the two is kept."""
    cohort = make_cohort(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    for endpoint in cohort.endpoints:
        cohort = cohort.with_outcome(cohort.outcomes(endpoint)[order])
    return cohort


@pytest.fixture(scope="module")
def null():
    return dealt(3)


@pytest.mark.parametrize(("endpoint", "model"), [("OS", CoxRidge()), ("response", LogisticModel())])
def test_dealt_outcomes_give_chance_and_no_alarm(endpoint, model):
    told = []
    for seed in range(4):
        result = hx.evaluate({"all": model}, dealt(seed), endpoint, DESIGN, **QUICK)
        score = result.estimate("all", result.metrics[0])
        told.append(score.low <= 0.5 <= score.high)
        assert ("not shown to be better than chance" in " ".join(result.notes)) == told[-1]
        assert not result.checks().at("error"), str(result.checks())
    assert sum(told) >= 3  # each 95 %: two of four at fault would be one case in a hundred


def test_with_the_outcomes_left_in_place_the_same_analysis_finds_the_signal():
    result = hx.evaluate({"all": CoxRidge()}, make_cohort(160, 3), "OS", DESIGN, **QUICK)
    assert result.estimate("all", "harrell_c").low > 0.5


def with_a_fitted_scaler(cohort):
    scaler = Standardizer().fit(cohort.frame().select(feature_columns(cohort.frame())))
    return cohort, PreparedModel([("scale", FrozenEstimator(scaler)), ("model", CoxRidge())])


def with_a_late_column(cohort):
    y = cohort.outcomes("OS")
    drawn = np.random.default_rng(0).normal(size=len(y))
    return add_column(cohort, "clinical.best_response", drawn - 1.5 * y.event), CoxRidge()


def with_an_identifier(cohort):
    number = np.random.default_rng(0).permutation(len(cohort)) + 1.0
    return add_column(cohort, "clinical.accession_no", number), CoxRidge()


def with_twins(cohort):
    twins = rename_patients(cohort.select(cohort.patients[:40]), "T")

    def both(a, b):
        return pl.concat([a, b], how="diagonal_relaxed")

    joined = dataclasses.replace(
        cohort,
        patients=(*cohort.patients, *twins.patients),
        blocks={m: both(cohort.blocks[m], twins.blocks[m]) for m in cohort.blocks},
        measured=both(cohort.measured, twins.measured),
        days=both(cohort.days, twins.days),
        tables={t: both(cohort.tables[t], twins.tables[t]) for t in cohort.tables},
    )
    return joined, CoxRidge()


@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (with_a_fitted_scaler, "HX001"),
        (with_a_late_column, "HX003"),
        (with_an_identifier, "HX004"),
        (with_twins, "HX018"),
    ],
)
def test_each_leak_is_told(null, plant, code):
    cohort, model = plant(null)
    result = hx.evaluate({"all": model}, cohort, "OS", NestedCV(folds=3, repeats=1), **QUICK)
    found = {f.code for f in result.checks() if f.severity != "info"}
    assert code in found, str(result.checks())


def test_a_late_column_lifts_the_score_of_a_null_world(null):
    # the alarm is about something: the leak makes chance look like skill
    cohort, model = with_a_late_column(null)
    result = hx.evaluate({"all": model}, cohort, "OS", NestedCV(folds=3, repeats=1), **QUICK)
    assert result.estimate("all", "harrell_c").low > 0.5
    assert to_matrix(cohort.frame(), ["clinical.best_response"]).shape == (len(cohort), 1)
