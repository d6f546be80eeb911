"""Intraclass correlation with gaps, test-retest tables, and robustness end to end into the stability filter."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridx.errors import ExtractionError, InputError, NotEnoughDataError
from hybridx.prepare import StabilityFilter
from hybridx.radiomics import measured_again
from hybridx.radiomics.intraclass import icc, icc_columns
from hybridx.radiomics.measured_again import robustness
from hybridx.radiomics.perturbations import Perturbation, draw_perturbations
from hybridx.radiomics.repeats import reliability, reliability_of

from .made_lesions import ball, failing, hot, simple

REFERENCE = Path(__file__).parents[1] / "reference" / "icc_unbalanced.json"
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


@pytest.mark.parametrize(("kind", "published"), [("ICC(1,1)", 0.17), ("ICC(2,1)", 0.29), ("ICC(3,1)", 0.71)])
def test_the_published_table(kind, published):
    assert round(icc(SHROUT_FLEISS, kind).value, 2) == published


@pytest.mark.parametrize("case", json.loads(REFERENCE.read_text())["cases"], ids=lambda case: case["name"])
def test_unequal_repeats_are_those_of_r(case):
    values = np.array(case["values"], dtype=float)  # null becomes NaN
    found = icc(values, "ICC(1,1)")
    assert found.value == pytest.approx(case["icc"], abs=1e-9)
    assert found.low == pytest.approx(case["low"], abs=1e-9)
    assert found.high == pytest.approx(case["high"], abs=1e-9)
    assert found.n == case["n"]


def test_gaps_cost_no_patient_in_the_one_way_form():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 1)) + 0.5 * rng.normal(size=(40, 4))
    holes = values.copy()
    holes[rng.random(values.shape) < 0.2] = np.nan
    assert icc(holes, "ICC(1,1)").n > icc(holes, "ICC(3,1)").n
    assert icc(holes, "ICC(1,1)").value == pytest.approx(icc(values, "ICC(1,1)").value, abs=0.1)


def test_a_column_of_gaps_and_a_constant_one_say_nothing():
    values = np.full((6, 3, 3), np.nan)
    values[:, :, 1] = 4.0
    values[:, 0, 2] = range(6)  # one measurement each
    for kind in ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)"):
        value, low, high, _ = icc_columns(values, kind)
        assert np.isnan([value, low, high]).all()


def test_retest_takes_whom_and_what_both_have():
    rng = np.random.default_rng(1)
    ids = [f"P{i}" for i in range(30)]
    true = rng.normal(10, 3, 30)
    test = pl.DataFrame(
        {"patient_id": ids, "pet.x": true, "pet.y": rng.normal(size=30), "pet.note": ["a"] * 30}
    )
    retest = pl.DataFrame(
        {"patient_id": ids[5:], "pet.x": true[5:] + rng.normal(0, 0.5, 25), "pet.y": rng.normal(size=25)}
    )
    found = reliability(test, retest)
    assert found.table["column"].to_list() == ["pet.x", "pet.y"]
    assert found.table["n"].to_list() == [25, 25]
    assert found.stable() == ["pet.x"]
    x = found.table.row(by_predicate=pl.col("column") == "pet.x", named=True)
    assert x["repeatability"] == pytest.approx(1.96 * np.sqrt(2) * 0.5 / np.sqrt(2), rel=0.3)
    assert x["spread"] == pytest.approx(0.5 / np.sqrt(2) / 10, rel=0.35)
    step = StabilityFilter(found.repeats).fit(test.drop("pet.note"))
    assert list(step.dropped_) == ["pet.y"]
    with pytest.raises(InputError, match=r"StabilityFilter\(found\.repeats\)"):
        StabilityFilter(found).fit(test.drop("pet.note"))
    value = step.table_.row(by_predicate=pl.col("column") == "pet.x", named=True)
    assert (value["icc"], value["low"], value["n"]) == (x["icc"], x["low"], x["n"])


def test_pandas_in():
    test = pl.DataFrame({"patient_id": ["A", "B", "C"], "pet.x": [1.0, 2.0, 3.0]})
    assert reliability(test.to_pandas(), test.to_pandas()).table["icc"][0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("test", "retest", "message"),
    [
        ({"id": ["A"]}, {"patient_id": ["A"]}, "test needs the column patient_id"),
        ({"patient_id": ["A", "A"], "x": [1, 2]}, {"patient_id": ["A"], "x": [1]}, "several rows for A"),
        ({"patient_id": ["A"], "x": [1]}, {"patient_id": ["A"], "y": [1]}, "share no column of numbers"),
    ],
)
def test_tables_that_cannot_be_compared(test, retest, message):
    with pytest.raises(InputError, match=message):
        reliability(pl.DataFrame(test), pl.DataFrame(retest))


def test_too_few_patients():
    table = pl.DataFrame({"patient_id": ["A", "B"], "pet.x": [1.0, 2.0]})
    with pytest.raises(NotEnoughDataError, match="2 patients were measured twice"):
        reliability(table, table)


@pytest.fixture(scope="module")
def cohort():
    masks = [ball(9.0 + 0.7 * i, (3.0, 3.0, 3.0)) for i in range(8)]
    return [hot(mask, seed=i, uptake=3.0 + i) for i, mask in enumerate(masks)], masks


def test_robustness_tells_firm_from_shaky_and_feeds_the_filter(cohort):
    images, masks = cohort
    found = robustness(images, masks, None, n=6, seed=0, extract=simple, workers=1, progress=False)
    table = {row["column"]: row for row in found.table.iter_rows(named=True)}
    assert set(table) == {"pet.mean", "pet.volume", "pet.sign_of_noise"}
    assert table["pet.mean"]["low"] > 0.9
    assert table["pet.sign_of_noise"]["high"] < 0.75
    assert table["pet.mean"]["n"] == 8
    assert table["pet.mean"]["repeats"] == 6
    assert "8 patients" in repr(found)
    wide = pl.DataFrame(
        {
            "patient_id": ["a", "b"],
            "pet.mean": [1.0, 2.0],
            "pet.volume": [3.0, 4.0],
            "pet.sign_of_noise": [0.0, 1.0],
        }
    )
    step = StabilityFilter(found.repeats, kind="ICC(1,1)").fit(wide)
    assert "pet.sign_of_noise" in step.dropped_
    assert "pet.mean" not in step.dropped_


def test_a_task_sent_to_another_process_gives_the_same_numbers(cohort):
    images, masks = cohort
    task = measured_again._Task(images[0], masks[0], None, draw_perturbations(2), simple, "pet")
    here = measured_again._measure(task)
    assert len(here[0]) == 2 and measured_again._measure(pickle.loads(pickle.dumps(task))) == here


def test_one_lesion_has_a_spread_but_no_correlation(cohort):
    images, masks = cohort
    found = robustness(images[0], masks[0], None, n=4, extract=simple, workers=1, progress=False)
    row = found.table.row(by_predicate=pl.col("column") == "pet.mean", named=True)
    assert row["icc"] is None
    assert 0 < row["spread"] < 0.1


def test_without_change_every_feature_is_perfect(cohort):
    images, masks = cohort
    chain = [Perturbation()] * 3
    found = robustness(images, masks, None, perturbations=chain, extract=simple, workers=1, progress=False)
    known = found.table.filter(pl.col("column") != "pet.sign_of_noise")
    assert known["icc"].to_list() == [1.0, 1.0]


def test_a_failed_repeat_is_missing_with_its_reason(cohort):
    images, masks = cohort
    found = robustness(images, masks, None, n=6, extract=failing, workers=1, progress=False)
    assert found.repeats.height < 48
    assert any("an odd number of voxels" in text for why in found.reasons.values() for text in why)


def test_what_robustness_refuses(cohort):
    images, masks = cohort
    with pytest.raises(InputError, match="8 images and 7 masks"):
        robustness(images, masks[:-1], None, extract=simple, progress=False)
    with pytest.raises(InputError, match="1 different names for 2 lesions"):
        robustness(images[:2], masks[:2], None, patients=["a", "a"], extract=simple, progress=False)
    empty = masks[0].with_array(np.zeros_like(masks[0].array))
    with pytest.raises(ExtractionError, match=r"No lesion could be measured: .*empty"):
        robustness(images[0], empty, None, extract=simple, workers=1, progress=False)


def test_two_patients_are_too_few_for_a_table_of_correlations():
    repeats = pl.DataFrame({"patient_id": ["A", "A"], "repeat": ["0", "1"], "pet.x": [1.0, 2.0]})
    with pytest.raises(NotEnoughDataError):
        reliability_of(repeats)
