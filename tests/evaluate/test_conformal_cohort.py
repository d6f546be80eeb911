"""Sets and intervals of an evaluated cohort: each patient's learnt from the others, held as often as asked."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.errors import SettingsError
from hybridx.evaluate import NestedCV, conformal_of, evaluate
from hybridx.evaluate.conformal_cohort import grown_mass
from hybridx.evaluate.conformal_cut import survival_ranges
from tests.evaluate.doubles import ByColumn
from tests.evaluate.test_kinds import cohort_of_all_kinds, early_ordinal

QUICK = {"workers": 1, "progress": False, "resamples": 100, "baselines": False}
DESIGN = NestedCV(folds=3, repeats=2, seed=0)


@pytest.fixture(scope="module")
def cohort():
    return cohort_of_all_kinds()


@pytest.fixture(scope="module")
def results(cohort):
    ordinal = evaluate({"early": early_ordinal()}, cohort, "best", DESIGN, bands=12, **QUICK)
    return {
        "best": ordinal,
        "change": evaluate(None, cohort, "change", DESIGN, **QUICK),
        "response": evaluate({"column": ByColumn()}, cohort, "response", DESIGN, **QUICK),
    }


def known_values(result):
    return dict(zip(result.scored_patients, result.outcome.value.tolist(), strict=True))


@pytest.mark.parametrize("endpoint", ["best", "change", "response"])
def test_the_others_outcomes_are_held_as_often_as_asked(results, endpoint):
    result = results[endpoint]
    found = conformal_of(result, 0.8)
    truth, held = known_values(result), []
    assert not found.reason and found.n == len(truth)
    names = ["non-responder", "responder"] if endpoint == "response" else list(result.outcome.levels)
    for patient, value in truth.items():
        row = found.of(patient)
        held.append(
            row["low"] <= value <= row["high"] if endpoint == "change" else names[int(value)] in row["set"]
        )
    # by construction, up to the rounding of ranks: exact for the members of a cohort
    assert 0.8 <= np.mean(held) <= 0.92


@pytest.mark.parametrize("endpoint", ["best", "change", "response"])
def test_the_own_outcome_does_not_enter(results, endpoint):
    result = results[endpoint]
    patient = result.scored_patients[0]
    y = result.cohort.outcomes(endpoint)
    i = result.cohort.patients.index(patient)
    turned = y.value.copy()
    turned[i] = {"best": 3 - y.value[i], "change": y.value[i] + 1000, "response": 1 - y.value[i]}[endpoint]
    other = dataclasses.replace(
        result, cohort=result.cohort.with_outcome(dataclasses.replace(y, value=turned)), _known={}
    )
    before, after = conformal_of(result), conformal_of(other)
    assert after.of(patient) == before.of(patient) or endpoint == "response"
    if (
        endpoint == "response"
    ):  # of a class, one more or less may be known; the patient's own score is in neither
        assert set(after.of(patient)["set"]) & set(before.of(patient)["set"])
    others = [p for p in result.scored_patients if p != patient]
    assert any(before.of(p) != after.of(p) for p in others) or endpoint != "change"


def test_ordered_sets_are_neighbours_and_hold_the_likeliest(results):
    result = results["best"]
    names = list(result.outcome.levels)
    levels = dict(result.curves.drop_nulls("levels").select("patient_id", "levels").iter_rows())
    for row in conformal_of(result).table.iter_rows(named=True):
        ranks = [names.index(name) for name in row["set"]]
        assert ranks == list(range(ranks[0], ranks[-1] + 1))
        assert int(np.argmax(levels[row["patient_id"]])) in ranks


def test_grown_mass_by_hand():
    mass = grown_mass(np.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.1, 0.1, 0.4], [1.0, 0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(mass[0], [1.0, 0.9, 0.7, 0.4])
    np.testing.assert_allclose(mass[1], [0.4, 0.5, 0.6, 1.0])
    np.testing.assert_allclose(mass[2], 1.0)


def draw(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, censored = 300 * rng.exponential(size=n) * np.exp(-x), rng.uniform(50, 1500, size=n)
    y = Outcome.survival(np.minimum(time, censored) + 1e-6, time <= censored)
    days = np.linspace(10, 1300, 70)
    return np.exp(-np.outer(np.exp(x) / 300, days)), days, y, time


@pytest.mark.parametrize("wrong", [0.4, 1.0, 2.5])
def test_survival_ranges_hold_true_times_of_curves_that_are_wrong(wrong):
    held = []
    for seed in range(5):
        curves, days, y, time = draw(300, seed)
        ends, reason = survival_ranges(curves**wrong, days, y, 0.8)
        assert not reason
        held.append(np.mean((time >= ends["low"]) & (time <= ends["high"])))
    # 1,500 patients whose true times are known although a third is censored: error about 0.015
    assert np.mean(held) == pytest.approx(0.8, abs=0.05)


def test_no_survival_range_is_given_with_its_reason():
    curves, days, y, _ = draw(60, 0)
    late = Outcome.survival(y.time_days, y.event, entry_days=y.time_days / 2)
    assert survival_ranges(curves, days, late, 0.9) == ({}, "late entry")
    few = Outcome.survival(y.time_days, np.arange(60) < 5)
    assert survival_ranges(curves, days, few, 0.9) == ({}, "too few")


def test_a_level_that_is_none_is_refused_and_too_few_are_said(results):
    with pytest.raises(SettingsError, match=r"level=1\.5"):
        conformal_of(results["change"], 1.5)
    assert conformal_of(results["change"], 0.99).reason == "too few"


def test_levels_have_bands_and_hiding_a_modality_moves_them(results, tmp_path):
    result = results["best"]
    rows = result.curves.drop_nulls("levels_low")
    for low, middle, high in rows.select("levels_low", "levels", "levels_high").iter_rows():
        assert np.all(np.array(low) <= np.array(middle)) and np.all(np.array(middle) <= np.array(high))
        assert sum(middle) == pytest.approx(1.0)
    hidden = result.bands_without
    assert set(hidden["without"]) <= set(result.cohort.modalities)
    flags = result.cohort.measured
    for patient, name in hidden.select("patient_id", "without").iter_rows():
        assert flags.filter(pl.col("patient_id") == patient)[name][0]
    assert (hidden["low"] <= hidden["high"]).all() and hidden.height > 50
    own = dict(result.curves.select("patient_id", "expected_rank").iter_rows())
    assert any(abs(own[p] - v) > 0.01 for p, v in hidden.select("patient_id", "value").iter_rows())
    result.save(tmp_path / "r")
    assert type(result).load(tmp_path / "r").bands_without.equals(hidden)
