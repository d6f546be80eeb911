"""A cohort at a glance: patients x modalities, what is missing, what happened."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from hybridx.terms.text import DAYS_PER_MONTH

if TYPE_CHECKING:
    from hybridx.cohort.cohort import Cohort
    from hybridx.cohort.outcome import Outcome

__all__ = ["cohort_html", "cohort_text"]

_MAX_COLUMNS = 240  # patients drawn in the missingness strip; a larger cohort is shown by its first ones


def _modality_rows(cohort: Cohort) -> list[tuple[str, int, int, float, int]]:
    """Per modality: name, patients measured, features, share of missing values where measured, failures."""
    failures = cohort.tables.get("failures")
    rows = []
    for name, block in cohort.blocks.items():
        flags = cohort.measured[name]
        values = block.filter(flags).drop("patient_id")
        cells = values.height * values.width
        empty = sum(int((values[c].is_null() | values[c].is_nan()).sum()) for c in values.columns)
        failed = (
            0 if failures is None else failures.filter(failures["modality"] == name)["patient_id"].n_unique()
        )
        rows.append((name, int(flags.sum()), values.width, empty / cells if cells else 0.0, failed))
    return rows


def _outcome_row(y: Outcome) -> tuple[str, int, str, str]:
    if y.kind == "ordinal":
        counts = ", ".join(f"{level} {int(np.sum(y.value == k))}" for k, level in enumerate(y.levels))
        return y.endpoint, int(y.known.sum()), counts, y.criterion or y.kind
    if y.kind == "continuous":
        known = y.value[y.known]
        span = f"{known.min():g} to {known.max():g} {y.unit}".rstrip() if len(known) else "no value"
        return y.endpoint, len(known), span, y.kind
    if y.kind == "response":
        return y.endpoint, int(y.known.sum()), f"{y.n_events} responders", y.criterion or y.kind
    times = y.time_days[y.known] / DAYS_PER_MONTH
    span = f"{times.min():.1f} to {times.max():.1f} months" if len(times) else "no follow-up"
    return y.endpoint, int(y.known.sum()), f"{y.n_events} events", f"{span} from {y.origin}"


def _doubts(cohort: Cohort) -> list[tuple[str, int]]:
    """Count the patients whose images raised each code, most first."""
    remarks = cohort.tables.get("remarks")
    if remarks is None or not remarks.height:
        return []
    coded = remarks.with_columns(code=pl.col("reason").str.extract(r"^(I\d{3}) ")).drop_nulls("code")
    counts = (
        coded.group_by("code")
        .agg(pl.col("patient_id").n_unique().alias("n"))
        .sort(["n", "code"], descending=[True, False])
    )
    return [(str(code), int(n)) for code, n in counts.iter_rows()]


def _doubts_text(cohort: Cohort) -> str:
    parts = [f"{code} in {n} patient{'' if n == 1 else 's'}" for code, n in _doubts(cohort)]
    return f"images to look at: {', '.join(parts)} (tables['remarks'])" if parts else ""


def _headline(cohort: Cohort) -> str:
    synthetic = "SYNTHETIC cohort" if cohort.provenance.get("synthetic") else "Cohort"
    complete = int(cohort.measured.drop("patient_id").fold(lambda a, b: a & b).sum()) if cohort.blocks else 0
    held = "1 modality" if len(cohort.blocks) == 1 else f"{len(cohort.blocks)} modalities"
    return f"{synthetic}: {len(cohort)} patients, {held}, {complete} patients with every modality"


def cohort_text(cohort: Cohort) -> str:
    """Return the cohort as a small text table."""
    lines = [
        _headline(cohort),
        f"  {'modality':<12}{'measured':>12}{'features':>10}{'missing':>9}{'failed':>8}",
    ]
    for name, measured, features, missing, failed in _modality_rows(cohort):
        lines.append(
            f"  {name:<12}{f'{measured}/{len(cohort)}':>12}{features:>10}{f'{100 * missing:.1f} %':>9}{failed:>8}"
        )
    for endpoint in cohort.endpoints:
        name, known, events, remark = _outcome_row(cohort.outcomes(endpoint))
        lines.append(f"  {name:<12}{f'{known} known, {events}':<28} {remark}")
    doubts = _doubts_text(cohort)
    return "\n".join([*lines, f"  {doubts}"] if doubts else lines)


def cohort_html(cohort: Cohort) -> str:
    """Return the cohort as HTML for JupyterLab: counts, and a strip that shows who lacks what. All text is escaped."""
    shown = cohort.patients[:_MAX_COLUMNS]
    rows = []
    for name, measured, features, missing, failed in _modality_rows(cohort):
        strip = "".join(
            f'<rect x="{3 * i}" y="0" width="2.4" height="14" fill="{"#1b6ca8" if flag else "#e3e3e3"}"/>'
            for i, flag in enumerate(cohort.measured[name][: len(shown)])
        )
        label = f"{measured} of {len(cohort)} patients have {name}"
        rows.append(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{measured}/{len(cohort)}</td><td>{features}</td>"
            f"<td>{100 * missing:.1f} %</td><td>{failed}</td><td><svg role='img' aria-label='{escape(label)}' "
            f"width='{3 * len(shown)}' height='14'>{strip}</svg></td></tr>"
        )
    outcomes = "".join(_outcome_html(cohort.outcomes(endpoint)) for endpoint in cohort.endpoints)
    note = f"; the first {len(shown)} are drawn" if len(shown) < len(cohort) else ""
    head = "<th style='text-align:left'>"
    return (
        f"<div><strong>{escape(_headline(cohort))}</strong><table>"
        f"<thead><tr>{head}modality</th><th>measured</th><th>features</th><th>missing values</th><th>failed</th>"
        f"{head}each patient (blue: measured{note})</th></tr></thead><tbody>{''.join(rows)}</tbody>"
        f"<thead><tr>{head}endpoint</th><th>known</th><th></th><th colspan=3></th></tr></thead>"
        f"<tbody>{outcomes}</tbody></table>{escape(_doubts_text(cohort))}</div>"
    )


def _outcome_html(y: Outcome) -> str:
    name, known, events, remark = (escape(str(cell)) for cell in _outcome_row(y))
    left = "style='text-align:left'"
    return (
        f"<tr><th {left}>{name}</th><td>{known}</td><td>{events}</td><td colspan=3 {left}>{remark}</td></tr>"
    )
