"""Whom it resembles, what missing costs, what would change the group, size over time: right numbers, nobody named."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from hybridx.report import patient_page
from hybridx.report.background import Background
from hybridx.report.missing import FEWEST, missing_costs
from hybridx.report.other_group import other_group
from hybridx.report.resemblance import NEAREST, resemblance
from hybridx.report.tumour_course import tumour_course
from hybridx.terms import DAYS_PER_MONTH
from tests.report.reading import read
from tests.report.world import ATTACK, NOTHING


def test_neighbours_are_those_of_the_explanation_and_are_not_named(result, background):
    near = result.explanation.similar("P000", 40).table()["patient_id"].to_list()
    y = background.outcome
    known = [p for p in near if y.known[background.index_of(p)]][:NEAREST]
    found = resemblance(background, "P000")
    months = [f"{y.time_days[background.index_of(p)] / DAYS_PER_MONTH:.1f}" for p in known]
    assert [row[1] for row in found["rows"]] == months
    events = sum(bool(y.event[background.index_of(p)]) for p in known)
    assert f"Of the {NEAREST} nearest {events} had the event" in found["sentence"]
    page = patient_page(result, patient="P000").html
    section = page[page.index('id="alike"') : page.index('id="course"')]
    assert not [p for p in result.cohort.patients if f">{p}<" in section or f" {p} " in section]


def test_few_neighbours_are_not_shown(result):
    few = result.cohort.patients[:FEWEST]
    outcomes = result.cohort.tables["outcomes"].filter(pl.col("patient_id").is_in(few))
    cohort = dataclasses.replace(result.cohort, tables={**result.cohort.tables, "outcomes": outcomes})
    background = Background(result, None, cohort)
    assert "Fewer than 5 patients" in resemblance(background, "P000")["reason"]


def test_neighbours_of_a_response_have_no_swimmers(response_result):
    found = resemblance(Background(response_result), "P000")
    assert found["figure"] is None and len(found["rows"]) == NEAREST
    assert {row[2] for row in found["rows"]} <= {"responder", "non-responder"}


def test_patient_without_prediction_resembles_nobody(background):
    assert resemblance(background, NOTHING)["reason"]
    assert missing_costs(background, NOTHING)["sentences"] == []
    assert other_group(background, NOTHING)["sentences"] == []


def test_widths_are_medians_of_the_bands(background, cohort):
    found = missing_costs(background, "P000")
    widths = {}
    for p in background.predicted:
        _, low, high = background.curves[p].at(background.main_horizon)
        if np.isfinite(high - low):
            widths[p] = 100 * (high - low)
    flags = dict(zip(cohort.patients, cohort.measured["genomics"], strict=True))
    without = [w for p, w in widths.items() if not flags[p]]
    row = next(r for r in found["rows"] if r[0] == "Genomics")
    assert row[6] == f"{np.median(without):.0f} (n = {len(without)})"
    assert f"{widths['P000']:.0f} points wide" in found["sentences"][0]


def test_small_groups_have_no_median(background, cohort):
    row = next(r for r in missing_costs(background, "P000")["rows"] if r[0] == "Clinical facts")
    assert row[6] == "fewer than 5"


def test_prediction_without_a_modality_is_that_of_the_run(result):
    own = result.predictions.filter(pl.col("model") == result.primary)
    less = own.drop("model").with_columns(pl.lit("clinical").alias("without"))
    background = Background(dataclasses.replace(result, predictions_without=less, _known={}))
    row = next(r for r in missing_costs(background, "P000")["rows"] if r[0] == "Clinical facts")
    assert row[4].endswith("%")
    share = background.predicted["P000"]
    assert abs(float(row[4].split()[0]) - 100 * share) <= 3


def test_what_would_change_the_group_is_worded_as_the_models_saying(result):
    why = result.explanation
    assert "one fitted model" in other_group(Background(result), "P000")["reason"]
    rows = pl.DataFrame(
        {"feature": ["lab.ldh"], "value": [300.0], "to": [210.0], "unit": ["U/L"], "change": ["chosen"]}
    )

    class Told:
        source, modality_names = object(), ["clinical", "lab"]

        def counterfactual(self, _, to, changeable):
            assert changeable == ["lab"], "age and sex do not move"
            return SimpleNamespace(rows=rows, reached=True, direction=to)

    found = other_group(Background(result, Told()), "P000")
    assert found["sentences"] == ["Lactate dehydrogenase: from 300 to 210 U/L"]
    assert why is not None and "lower side" in found["head"]


@pytest.mark.parametrize("text", [ATTACK, "{{7*7}}", "x" * 10_000, "💥"])
def test_size_over_time_has_its_change_and_stays_inert(result, text):
    tables = dict(result.cohort.tables)
    later = tables["lesions"].with_columns(timepoint=pl.lit(2), volume_ml=pl.col("volume_ml") / 2)
    tables["lesions"] = pl.concat([tables["lesions"], later.cast(dict(tables["lesions"].schema))])
    scans = tables["studies"].with_columns(timepoint=pl.lit(2), day=pl.lit(60.0))
    tables["studies"] = pl.concat([tables["studies"], scans.cast(dict(tables["studies"].schema))])
    tables["outcomes"] = tables["outcomes"].with_columns(criterion=pl.lit(text))
    cohort = dataclasses.replace(result.cohort, tables=tables)
    found = tumour_course(Background(result, None, cohort), "P000")
    assert found["rows"][1][:2] == ("2", "60") and "(−50 %)" in found["rows"][1][2]
    html = patient_page(result, patient="P000", cohort=cohort).html
    page = read(html)
    assert not page.faults and not page.all("script") and not page.all("img")
    assert "As the data folder states it" in page.text and text[:6] in page.text


def test_one_timepoint_has_no_course(background):
    assert tumour_course(background, "P000")["rows"] == []
