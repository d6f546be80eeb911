"""The cohort report: every model with its interval, the differences, the patients, the failures."""

from __future__ import annotations

import dataclasses

import pytest

from hybridx.report import cohort_report
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
            assert f"{row['difference']:.2f}".replace("-", "−") in forest


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
    assert "Median observed time" in text
    assert "Median follow-up" not in text
