"""The cohort report: every model with its interval, the differences, the patients, the failures."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from hybridx.evaluate.designs_locked import Locked
from hybridx.evaluate.horizon import median_follow_up
from hybridx.report import cohort_report
from hybridx.report.background import Background
from hybridx.report.decision_lines import FEWEST_ACTED, decision_part
from hybridx.report.part_lines import doubts_part, parts_of_cohort
from hybridx.report.rendering import months
from hybridx.report.words import spoken_note
from tests.report.reading import read


def test_every_model_and_metric_stands_with_its_interval(result):
    page = read(cohort_report(result).html)
    assert not page.faults
    for row in result.table().iter_rows(named=True):
        if row["value"] is not None and row["low"] is not None:
            shown = f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})".replace("-", "−")
            assert shown in page.text, row
    for note in result.notes:
        spoken = spoken_note(note, result.models)
        assert " ".join(spoken.split())[:100] in page.text
        assert not spoken.startswith("late ") and " of late " not in spoken, "a page names models in words"


def test_differences_are_paired_ones(result):
    labels = [a["aria-label"] for a in read(cohort_report(result).html).all("svg")]
    forest = next(label for label in labels if "difference in Harrell C" in label)
    for row in result.comparisons().iter_rows(named=True):
        if row["difference"] is not None:
            assert f"{row['difference']:.3f}".replace("-", "−") in forest


def test_patients_modalities_and_failures(result):
    page = read(cohort_report(result).html)
    for name in result.cohort.modalities:
        assert f"{int(result.cohort.measured[name].sum())} of {len(result.cohort)}" in page.text
    assert "The mask holds 1 voxel" in page.text
    assert "SYNTHETIC DATA" in page.text
    assert not page.all("script")


def test_response_report(response_result):
    page = read(cohort_report(response_result).html)
    assert "ROC AUC" in page.text
    assert "Kaplan-Meier" not in page.text
    assert "Responders" in page.text


def test_result_without_explanation_says_so(result):
    bare = dataclasses.replace(result, explanation=None, _known=dict(result._known))
    assert "made without explanations" in read(cohort_report(bare).html).text


def test_importance_is_that_of_the_explanation(result):
    page = read(cohort_report(result).html)
    top = result.explanation.importance("modality").row(0, named=True)
    labels = [
        a["aria-label"] for a in page.all("svg") if a["aria-label"].startswith("Importance by modality")
    ]
    assert labels
    assert float(labels[0].split(":")[1].split(";")[0]) == pytest.approx(top["mean_abs"], abs=6e-4)


def test_follow_up_is_called_what_it_is(result):
    # the median of the observed times is not the median follow-up (reverse Kaplan-Meier) of which the notes speak
    text = read(cohort_report(result).html).text
    follow_up = median_follow_up(result.outcome)
    assert "Median observed time" in text
    assert f"Median follow-up {months(follow_up)} months" in " ".join(text.split())


def test_comparisons_stand_with_both_p_values(result):
    text = " ".join(read(cohort_report(result).html).text.split())
    assert "p adjusted (Holm)" in text
    for row in result.comparisons().iter_rows(named=True):
        if row["difference"] is not None and row["p_adjusted"] >= 0.1:
            assert f"{row['p_adjusted']:.2f} {row['verdict']}" in text


def test_net_benefit_is_that_of_the_decision_curve(result, response_result):
    for each in (result, response_result):
        found = decision_part(Background(each))
        table = each.decision_curve([each.primary]).filter(pl.col("model") == each.primary)
        assert found["rows"]
        for threshold, _, benefit, _ in found["rows"]:
            cut = float(threshold.removesuffix("%")) / 100
            row = table.filter((pl.col("threshold") - cut).abs() < 1e-9).row(0, named=True)
            assert float(benefit.split(" (")[0].replace("−", "-")) == pytest.approx(
                100 * row["net_benefit"], abs=0.051
            )
            assert row["flagged"] * row["n"] >= FEWEST_ACTED
        assert "acting on everybody" in found["caption"]


def test_subgroups_are_counted_and_small_ones_are_not_scored(result):
    parts = {part["columns"][0]: part for part in parts_of_cohort(Background(result))}
    sexes = result.subgroups("sex").table
    shown = {row[0]: row for row in parts["Sex"]["rows"]}
    for row in sexes.iter_rows(named=True):
        assert shown[row["group"]][1:3] == [str(row["n"]), str(row["n_events"])]
        assert (shown[row["group"]][3] == "too few") == (row["value"] is None)


def test_doubts_are_counted_by_kind_and_name_nobody(result):
    doubts = pl.DataFrame(
        {
            "patient_id": list(result.cohort.patients[:3]),
            "doubt": [
                "pet lies further out than 99.2 % of patients (most: pet.x); no training patient had just pet",
                "pet lies further out than 97 % of patients like those in training (most: pet.y)",
                "23 % of the ct features lie outside the training range",
            ],
        }
    )
    told = doubts_part(Background(dataclasses.replace(result, doubts=doubts, _known=dict(result._known))))
    assert told["rows"][0] == ["pet lies further out than in nearly all training patients", "2"]
    assert ["many ct features lie outside the training range", "1"] in told["rows"]
    assert doubts_part(Background(result)) is None


def test_a_locked_model_is_not_called_out_of_fold(result):
    design = Locked("EarlyFusion for PFS", 120)
    text = read(cohort_report(dataclasses.replace(result, design=design, _known={})).html).text
    assert "Performance with 95 % interval" in text
    assert "Out-of-fold performance" not in text
    assert "out-of-fold groups" not in text
