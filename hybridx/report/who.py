"""Who the patient is and what was measured: the first thing a reader needs to judge the rest."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from hybridx.report.background import Background
from hybridx.report.image_words import spoken_fault
from hybridx.report.language import say
from hybridx.report.rendering import number
from hybridx.report.words import modality_words

__all__ = ["failures_of", "header_facts", "image_checks", "measured_strip"]


def _age(value: Any) -> str:
    # Above 89 a single year of age identifies a person (HIPAA safe harbour), so the page says "90 or older".
    return say("90 or older") if float(value) >= 90 else say("{n} years", n=math.floor(float(value)))


def header_facts(background: Background, patient: str) -> list[tuple[str, str]]:
    """Return label and text of the clinical facts in the header; what is not recorded says so."""
    rows = background.rows_of("patients", patient)
    row = rows.row(0, named=True) if rows is not None and rows.height else {}

    def fact(column: str, write: Any = str) -> str:
        value = row.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return say("not recorded")
        return write(value)

    return [
        (say("Age"), fact("age_years", _age)),
        (say("Sex"), fact("sex", say)),
        (say("Diagnosis"), fact("diagnosis")),
        (say("Stage"), fact("stage")),
        ("ECOG", fact("ecog", number)),
        (say("Centre"), fact("centre")),
    ]


def failures_of(background: Background, patient: str) -> list[dict[str, str]]:
    """Return what failed for a patient: modality, stage, reason."""
    rows = background.rows_of("failures", patient)
    if rows is None:
        return []
    return [
        {name: "" if row.get(name) is None else str(row[name]) for name in ("modality", "stage", "reason")}
        for row in rows.iter_rows(named=True)
    ]


def image_checks(background: Background, patient: str) -> list[dict[str, str]]:
    """Return what a check of the patient's images asks a person to look at: modality, reason and its `tongue`."""
    rows = background.rows_of("remarks", patient)
    if rows is None:
        return []
    coded = rows.filter(pl.col("reason").str.contains(r"^I\d{3} "))
    found = []
    for row in coded.unique(maintain_order=True).iter_rows(named=True):
        reason, tongue = spoken_fault(str(row["reason"]))
        found.append({"modality": modality_words(str(row["modality"])), "reason": reason, "tongue": tongue})
    return found


def measured_strip(background: Background, patient: str) -> list[dict[str, str]]:
    """Return one entry per modality: measured with its day, not measured, or failed with the reason."""
    cohort = background.cohort
    i = background.index_of(patient)
    failed = {f["modality"]: f for f in failures_of(background, patient)}
    strip = []
    for name in cohort.modalities:
        there = bool(cohort.measured[name][i])
        day = cohort.days[name][i]
        others = int(cohort.measured[name].sum())
        if there:
            state, text = "there", say("measured") if day is None else say("measured, day {day:.0f}", day=day)
            columns = cohort.blocks[name].drop("patient_id")
            if columns.width:
                row = columns[i].fill_nan(None) if columns.height else columns
                empty = int(sum(row.select(pl.all().is_null()).row(0)))
                text += "; " + say("{n} of {of} values missing", n=empty, of=columns.width) if empty else ""
        elif name in failed:
            state, text = "failed", say("failed: {reason}", reason=failed[name]["reason"])
        else:
            state, text = "absent", say("not measured")
        text += "" if there else " " + say("(measured in {n} of {of} patients)", n=others, of=len(cohort))
        strip.append({"title": modality_words(name), "state": state, "text": text})
    return strip
