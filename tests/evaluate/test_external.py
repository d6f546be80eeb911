"""A locked model on patients it has never seen: the same scores as by hand, drift, doubts, refusals."""

import dataclasses
from html import escape

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.errors import InputError, NotEnoughDataError
from hybridx.evaluate import score_locked
from hybridx.fusion import EarlyFusion, lock
from hybridx.fusion.drift import drift_notes
from hybridx.fusion.training_rows import marks_of, met_in_training
from tests.evaluate.world import make_cohort


def joined(first, second, prefix):
    """Return one cohort of both, the second one's patients under other names."""
    names = {p: f"{prefix}{p}" for p in second.patients}

    def both(a, b):
        return pl.concat([a, b.with_columns(pl.col("patient_id").replace(names))], how="diagonal_relaxed")

    return dataclasses.replace(
        first,
        patients=(*first.patients, *names.values()),
        blocks={m: both(first.blocks[m], second.blocks[m]) for m in first.blocks},
        measured=both(first.measured, second.measured),
        days=both(first.days, second.days),
        tables={t: both(first.tables[t], second.tables[t]) for t in first.tables},
    )


@pytest.fixture(scope="module")
def training():
    return make_cohort(80, seed=1)


@pytest.fixture(scope="module")
def locked(training):
    X, y = training.frame(), training.outcomes("OS")
    return lock(EarlyFusion().fit(X, y), X, y, cohort=training)


@pytest.fixture(scope="module")
def elsewhere():
    return make_cohort(70, seed=2, unknown=3)


@pytest.fixture(scope="module")
def result(locked, elsewhere):
    return score_locked(locked, elsewhere, "OS", resamples=200)


def test_scores_are_those_of_the_models_own_predictions(locked, elsewhere, result):
    y = elsewhere.outcomes("OS")
    risk = locked.predict(elsewhere)["risk"].to_numpy()
    by_hand = hx.evaluate.metrics.harrell_c(y, risk, resamples=100)
    assert result.estimate("locked", "harrell_c").value == pytest.approx(by_hand.value, abs=1e-12)
    assert result.estimate("locked", "harrell_c").n == 67
    assert result.calibration().groups["n"].sum() == 67
    assert result.predictions.filter(pl.col("fold").is_null()).height == 3  # predicted, not scored
    assert "nothing was fitted" in " ".join(result.notes)
    assert max(result.times_days) <= locked.manifest["last_day"] + 1e-9


def test_path_estimator_and_order_give_the_same(locked, elsewhere, result, tmp_path):
    locked.save(tmp_path / "model")
    turned = elsewhere.select(sorted(elsewhere.patients, reverse=True))
    for model, cohort in ((tmp_path / "model", elsewhere), (locked, turned), (locked.model, elsewhere)):
        again = score_locked(model, cohort, "OS", resamples=200)
        assert (
            again.table("harrell_c")
            .select("value", "low", "high")
            .equals(result.table("harrell_c").select("value", "low", "high"))
        )
    assert "without a description" in " ".join(again.notes)


def test_it_is_stored_and_read_with_its_doubts(result, tmp_path):
    result.save(tmp_path / "r")
    back = hx.Result.load(tmp_path / "r")
    assert back.design == result.design and back.doubts.equals(result.doubts)
    assert back.table().equals(result.table())


def test_a_patients_summary_and_page_tell_the_doubts(result):
    doubted = result.doubts["patient_id"][0]
    said = result.doubts.filter(pl.col("patient_id") == doubted)["doubt"].to_list()
    found = result.patient(doubted)
    assert found.doubts == tuple(said) and all(f"doubt: {text}" in repr(found) for text in said)
    page = hx.report.patient_page(result, None, patient=doubted).html
    assert "To hold against this prediction" in page
    assert all(escape(text[:60]) in page for text in said)
    clear = next(p for p in result.cohort.patients if p not in set(result.doubts["patient_id"]))
    assert result.patient(clear).doubts == () and "doubt" not in repr(result.patient(clear))
    assert "To hold against" not in hx.report.patient_page(result, None, patient=clear).html


def test_a_shifted_column_and_a_lost_modality_are_said(locked, elsewhere):
    moved = elsewhere.blocks["lab"].with_columns(pl.col("lab.x2") + 2.0)
    flags = elsewhere.measured.with_columns(pet=pl.lit(value=False))
    empty = elsewhere.blocks["pet"].with_columns(pl.selectors.float() * np.nan)
    empty = empty.with_columns(pl.selectors.float().fill_nan(None))
    shifted = dataclasses.replace(elsewhere, blocks={**elsewhere.blocks, "lab": moved})
    notes = " ".join(score_locked(locked, shifted, "OS", resamples=100).notes)
    assert "1 of 4 lab columns has shifted" in notes and "lab.x2 (+" in notes
    lost = dataclasses.replace(elsewhere, blocks={**elsewhere.blocks, "pet": empty}, measured=flags)
    notes = " ".join(score_locked(locked, lost, "OS", resamples=100).notes)
    assert "0 % of these patients have pet, in training" in notes


def test_patients_of_the_same_world_are_not_called_shifted(locked):
    found = [
        note
        for seed in range(20, 30)
        for note in drift_notes(locked.manifest, make_cohort(70, seed=seed).frame())
    ]
    assert not found


def test_a_score_on_the_training_patients_is_refused(locked, training):
    for cohort in (training, training.select(sorted(training.patients))):
        with pytest.raises(InputError, match="the very patients that the model was trained on"):
            score_locked(locked, cohort, "OS")
    with pytest.raises(InputError, match="the very patients"):
        score_locked(locked, training.select(training.patients[:40]), "OS")


def test_training_patients_among_strangers_are_left_out_whatever_their_names(locked, training, elsewhere):
    again = training.select(training.patients[5:15])
    mixed = joined(elsewhere, again, "Q")
    found = score_locked(locked, mixed, "OS", resamples=100)
    alone = score_locked(locked, elsewhere, "OS", resamples=100)
    assert "10 patients were among the training patients" in " ".join(found.notes)
    assert found.cohort.patients == elsewhere.patients
    assert found.table("harrell_c").equals(alone.table("harrell_c"))
    assert "were among" not in " ".join(alone.notes)
    warned = locked.predict(mixed).filter(pl.col("warnings").str.contains("this prediction is memory"))
    assert warned["patient_id"].to_list() == [f"Q{p}" for p in again.patients]


def test_marks_hold_no_value_and_recognise_no_stranger(locked, training):
    marks = locked.manifest["marks"]
    assert marks
    for known in marks.values():
        assert len(known["marks"]) <= len(training)
        assert all(len(mark) == 8 for mark in known["marks"])
        assert known["marks"] == sorted(known["marks"])  # not in the order of patients
    strangers = [
        met_in_training(locked.manifest, make_cohort(70, seed=s).frame()).any() for s in range(20, 40)
    ]
    assert not any(strangers)


def test_few_or_common_values_are_never_marked():
    rng = np.random.default_rng(0)
    n = 300
    few = pl.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(n)],
            "clinical.measured": [True] * n,
            "clinical.age": rng.integers(40, 80, n).astype(float),
            "clinical.sex": rng.integers(0, 2, n).astype(float),
            "clinical.stage": rng.integers(1, 5, n).astype(float),
        }
    )
    assert marks_of(few, {"clinical": ["clinical.age", "clinical.sex", "clinical.stage"]}, "ab") == {}
    empty = few.with_columns(pl.col("clinical.age", "clinical.sex", "clinical.stage") * float("nan"))
    assert marks_of(empty, {"clinical": ["clinical.age"]}, "ab") == {}


def test_what_cannot_be_scored_is_refused(locked, elsewhere):
    with pytest.raises(InputError, match="predicts a survival outcome, while 'response'"):
        score_locked(locked, elsewhere, "response")
    with pytest.raises(InputError, match="no endpoint 'PFS'"):
        score_locked(locked, elsewhere, "PFS")
    quiet = elsewhere.tables["outcomes"].with_columns(event=pl.lit(value=False))
    nothing = dataclasses.replace(elsewhere, tables={**elsewhere.tables, "outcomes": quiet})
    with pytest.raises(NotEnoughDataError, match="0 events: nothing can be scored"):
        score_locked(locked, nothing, "OS")
