"""Who is in a cohort, what happened to them and what was measured, as rows of a page."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from hybridx.cohort import Cohort, Outcome
from hybridx.evaluate.horizon import median_follow_up
from hybridx.report.language import say
from hybridx.report.missing_map import failed_patients
from hybridx.report.rendering import months, number, percent
from hybridx.report.words import endpoint_words, modality_words

__all__ = ["description_rows", "endpoint_row", "modality_rows", "outcome_facts"]

_MOST_VALUES = 8
_RANKED = ("stage", "ecog")


def outcome_facts(y: Outcome) -> list[tuple[str, str]]:
    """Return how much happened in an outcome, as titles and values."""
    if y.kind == "survival":
        known = y[np.flatnonzero(y.known)]
        followed = median_follow_up(known) if len(known) else math.nan
        return [
            (say("Events"), str(y.n_events)),
            (say("Median follow-up"), say("{n} months", n=months(followed))),
        ]
    if y.kind != "response":
        return []
    meant = "" if y.responder in ("", "responder") else f" ({y.responder})"
    return [(say("Responders") + meant, str(y.n_events))]


def _follow_up(y: Outcome) -> str:
    if y.kind != "survival" or not y.known.any():
        return "–"
    return say("{n} months", n=months(float(np.median(y.time_days[y.known]))))


def endpoint_row(y: Outcome) -> list[str]:
    """Return one row of the table of endpoints: name, patients, events, and follow-up or criterion."""
    detail = _follow_up(y) if y.kind == "survival" else y.criterion or say(y.kind)
    happened = str(y.n_events) if y.kind in ("survival", "response") else "–"
    return [endpoint_words(y.endpoint), str(int(y.known.sum())), happened, detail]


def modality_rows(cohort: Cohort) -> list[list[str]]:
    """Return one row per modality: patients, columns, empty cells among those measured, patients in whom it failed."""
    rows = []
    for name, block in cohort.blocks.items():
        values = block.filter(cohort.measured[name]).drop("patient_id").fill_nan(None)
        cells = values.height * values.width
        empty = sum(values.null_count().row(0)) if cells else 0
        rows.append(
            [
                modality_words(name),
                say("{n} of {of}", n=int(cohort.measured[name].sum()), of=len(cohort)),
                str(values.width),
                percent(empty / cells, 1) if cells else "–",
                str(len(failed_patients(cohort, name))),
            ]
        )
    return rows


def description_rows(cohort: Cohort) -> list[tuple[str, str]]:
    """Describe the patients: age, sex, diagnosis, stage, performance status and centre, where the cohort has them."""
    patients = cohort.tables["patients"]
    rows: list[tuple[str, str]] = []
    if "age_years" in patients.columns and patients["age_years"].drop_nulls().len():
        q = [patients["age_years"].quantile(s, "linear") for s in (0.5, 0.25, 0.75)]
        ages = f"{number(q[0])} ({say('{low} to {high}', low=number(q[1]), high=number(q[2]))})"
        rows.append((say("Age, median (quartiles)"), say("{n} years", n=ages)))
    for column, title in (
        ("sex", say("Sex")),
        ("diagnosis", say("Diagnosis")),
        ("stage", say("Stage")),
        ("ecog", "ECOG"),
        ("centre", say("Centre")),
    ):
        if column in patients.columns and patients[column].drop_nulls().len():
            rows.append((title, _counted(patients[column].drop_nulls().cast(pl.String), column in _RANKED)))
    return rows


def _counted(values: pl.Series, ranked: bool) -> str:  # noqa: FBT001 - two ways of ordering one list
    """Return values with their counts: those with an order in it, others the most frequent first."""
    counts = values.value_counts().rows()
    counts.sort(key=lambda pair: pair[0] if ranked else (-pair[1], pair[0]))
    more = len(counts) - _MOST_VALUES
    shown = ", ".join(f"{say(value)}: {count}" for value, count in counts[:_MOST_VALUES])
    return f"{shown} {say('and {n} more', n=more)}" if more > 0 else shown
