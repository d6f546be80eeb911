"""The cohort report: how good the prediction is beside its baselines, for whom, from what, and what failed."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from hybridx.cohort import Cohort
from hybridx.evaluate.registry import metrics_of
from hybridx.report.background import Background
from hybridx.report.best_response import response_part
from hybridx.report.calibration import calibration_drawing
from hybridx.report.card_facts import facts_of_result
from hybridx.report.card_words import card_rows
from hybridx.report.check_lines import checks_table
from hybridx.report.checklist import CHECKLISTS, filled
from hybridx.report.cohort_facts import description_rows, endpoint_row, modality_rows, outcome_facts
from hybridx.report.decision_lines import decision_part
from hybridx.report.forest import ForestRow, estimate_text, forest_figure, importance_figure, or_nan
from hybridx.report.group_lines import curves_part
from hybridx.report.language import say, speaking
from hybridx.report.missing_map import map_part
from hybridx.report.modality_lines import added_value_part, stress_part
from hybridx.report.page import Page
from hybridx.report.part_lines import doubts_part, parts_of_cohort
from hybridx.report.rendering import render
from hybridx.report.swimmer import swimmer_part
from hybridx.report.trust import provenance, trust
from hybridx.report.words import (
    INTENDED_USE,
    INTENDED_USE_SHORT,
    endpoint_words,
    modality_words,
    model_title,
    scale_words,
)

__all__ = ["build_cohort_report", "cohort_report"]

_MOST_FAILURES = 200
_MOST_FEATURES = 12


def cohort_report(
    result: Any, why: Any = None, *, cohort: Cohort | None = None, language: str = "en"
) -> Page:
    """Return the report of a whole result: performance with intervals and baselines, groups, drivers, failures.

    Parameters
    ----------
    result : hybridx.evaluate.Result
    why : hybridx.explain.Explanation, optional
        Default: the one stored in `result`.
    cohort : Cohort, optional
        In place of the result's own.
    language : {"en", "de"}
        Of the report. Notes of the evaluation, findings of the checks and reasons of failures are in English, and
        marked as such for screen readers.
    """
    with speaking(language):
        return build_cohort_report(Background(result, why, cohort))


def build_cohort_report(background: Background, *, inputs_hash: str = "", index_link: str = "") -> Page:
    """Return the report of `cohort_report` from a background that many pages share."""
    result, cohort = background.result, background.cohort
    title = say("{endpoint}: cohort report", endpoint=result.endpoint)
    y = background.outcome
    failures = cohort.tables.get("failures")
    html = render(
        "cohort.html.j2",
        title=title,
        endpoint=endpoint_words(result.endpoint),
        survival=background.is_survival,
        facts=[
            (say("Patients"), str(len(cohort))),
            (say("With known {endpoint}", endpoint=result.endpoint), str(int(y.known.sum()))),
            *outcome_facts(y),
            (say("Model"), model_title(result.primary)),
        ],
        synthetic=bool(cohort.provenance.get("synthetic")),
        trust=trust(background, every_metric=True),
        checks=checks_table(background),
        forest=_forest(background),
        differences=_differences(background),
        curves=curves_part(background),
        responses=response_part(background),
        swimmer=swimmer_part(background),
        calibration=background.once("calibration", lambda: calibration_drawing(background)),
        decision=background.once("decision", lambda: decision_part(background)),
        importance=_importance(background),
        parts_of_cohort=background.once("parts", lambda: parts_of_cohort(background)),
        doubts=doubts_part(background),
        added=added_value_part(background),
        stress=stress_part(background),
        map=map_part(background),
        modalities=modality_rows(cohort),
        endpoints=[endpoint_row(cohort.outcomes(e)) for e in cohort.endpoints],
        description=description_rows(cohort),
        checklists=_checklists(background),
        card=card_rows(facts_of_result(background)),
        failures=[]
        if failures is None
        else [_failure(row) for row in failures.head(_MOST_FAILURES).iter_rows()],
        n_failures=0 if failures is None else failures.height,
        provenance=provenance(background),
        notice=say(INTENDED_USE),
        notice_short=say(INTENDED_USE_SHORT),
        index_link=index_link,
        inputs_hash=inputs_hash,
    )
    return Page(html, title)


def _checklists(background: Background) -> list[dict[str, Any]]:
    return [
        {
            "title": checklist.title,
            "summary": say("{list}, item by item", list=checklist.title),
            "doi": CHECKLISTS[name].doi,
            "counts": [str(n) for n in checklist.counts.values()],
            "score": checklist.score,
            "rows": [
                (r["item"], r["topic"], r["asks"], r["status"], r["evidence"], r["said"])
                for r in checklist.table().iter_rows(named=True)
            ],
        }
        for name, checklist in filled(background).items()
    ]


def _failure(row: tuple[Any, ...]) -> list[str]:
    patient, modality, *rest = ("–" if value is None else str(value) for value in row)
    return [patient, modality_words(modality), *rest]


def _forest(background: Background) -> dict[str, Any]:
    """Return the headline metric of every model."""
    result = background.result
    metric = metrics_of(result.kind)[0]
    table = result.table().filter(pl.col("metric") == metric.name)
    rows = [
        ForestRow(
            model_title(r["model"]),
            or_nan(r["value"]),
            or_nan(r["low"]),
            or_nan(r["high"]),
            r["model"] == result.primary,
        )
        for r in table.iter_rows(named=True)
    ]
    title = say(metric.title)
    drawing = forest_figure(
        rows, title=say("{metric} of each model", metric=title), x_label=title, reference=metric.useless
    )
    return {
        "drawing": drawing,
        "caption": say(
            "{metric}, {whose}, 95 % interval; dashed: knowing nothing.",
            metric=title,
            whose=say("locked model") if background.is_external else say("out of fold"),
        ),
    }


def _differences(background: Background) -> dict[str, Any] | None:
    """Return the primary model minus each other one, on the same patients."""
    result = background.result
    metric = metrics_of(result.kind)[0]
    found = [r for r in result.comparisons().iter_rows(named=True) if r["difference"] is not None]
    rows = [
        ForestRow(
            say("vs {model}", model=model_title(r["other"])),
            or_nan(r["difference"]),
            or_nan(r["low"]),
            or_nan(r["high"]),
            digits=3,
        )
        for r in found
    ]
    if not rows:
        return None
    x_label = say("difference in {metric}", metric=say(metric.title))
    drawing = forest_figure(
        rows, title=f"{model_title(result.primary)}: {x_label}", x_label=x_label, reference=0.0
    )
    better = say("right") if metric.best == "high" else say("left")
    return {
        "drawing": drawing,
        "caption": say(
            "Paired difference on the same patients, 95 % interval; {better} of the line the model of this report is "
            "better. An interval across the line: no difference was shown. Each interval stands for itself; the "
            "verdict counts all comparisons.",
            better=better,
        ),
        "columns": (
            say("{model} against", model=model_title(result.primary)),
            say("Patients"),
            say("Difference"),
            "p",
            say("p adjusted (Holm)"),
            say("Verdict"),
        ),
        "rows": [
            (
                model_title(r["other"]),
                str(r["n"]),
                estimate_text(row),
                _p(r["p_value"]),
                _p(r["p_adjusted"]),
                say(r["verdict"]),
            )
            for r, row in zip(found, rows, strict=True)
        ],
    }


def _p(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _importance(background: Background) -> dict[str, Any] | None:
    why = background.explanation
    if why is None:
        return None

    def largest(frame: pl.DataFrame, names: Any) -> list[tuple[str, float]]:
        means = frame.select(
            pl.col(c).abs().fill_nan(None).mean() for c in frame.columns if c != "patient_id"
        )
        found = {c: v for c, v in means.row(0, named=True).items() if v is not None and v > 0}
        return [(names(c), found[c]) for c in sorted(found, key=lambda c: -found[c])[:_MOST_FEATURES]]

    features = largest(why.features, lambda c: (background.feature_rows.get(c) or {}).get("title") or c)
    modalities = largest(why.modalities, modality_words)
    scale = scale_words(str(why.scale))
    return {
        "modalities": importance_figure(
            modalities, title=say("Importance by modality"), unit=say("mean |contribution|")
        ),
        "features": importance_figure(
            features, title=say("Importance by feature"), unit=say("mean |contribution|")
        ),
        "n_features": len(features),
        "n": why.features.height,
        "scale": scale,
    }
