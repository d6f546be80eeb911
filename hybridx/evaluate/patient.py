"""One patient in a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.groups import GROUP_NAMES
from hybridx.evaluate.kinds import KINDS
from hybridx.evaluate.summary import PatientSummary
from hybridx.evaluate.tables import number_of_groups
from hybridx.terms.estimate import Estimate
from hybridx.terms.text import DAYS_PER_MONTH

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["doubts_of", "summary_of"]

SHOWN_MONTHS = (12, 24, 60)


def summary_of(result: Result, patient_id: str) -> PatientSummary:
    """Return what the primary model predicts for one patient; see `Result.patient`."""
    score = KINDS[result.kind].score
    rows = result.predictions.filter(
        (pl.col("model") == result.primary)
        & (pl.col("patient_id") == patient_id)
        & pl.col(score).is_not_null()
    )
    outcome = result.cohort.outcomes(result.endpoint)[[result.cohort.patients.index(patient_id)]]
    known, survives = bool(outcome.known[0]), result.kind == "survival"
    other = result.kind in ("ordinal", "continuous")
    percentile, group = _place(result, patient_id) if rows.height else (None, "")
    # a patient with an outcome had one model per repeat; one without had the models of all folds
    per_row = 1 if rows["fold"].is_not_null().all() else int(getattr(result.design, "folds", 1))
    return PatientSummary(
        patient_id=patient_id,
        model=result.primary,
        predicted=rows.height > 0,
        percentile=percentile,
        group=group,
        survival=_survival(result, patient_id) if survives and rows.height else {},
        probability=_single(result, patient_id) if result.kind == "response" and rows.height else None,
        time_days=float(outcome.time_days[0]) if known and survives else None,
        event=bool(outcome.event[0]) if known and survives else None,
        response=bool(outcome.value[0] == 1.0) if known and result.kind == "response" else None,
        out_of_fold=rows.height * per_row,
        value=_single(result, patient_id) if other and rows.height else None,
        found=_found(outcome) if known and other else "",
        doubts=doubts_of(result, patient_id),
    )


def doubts_of(result: Result, patient_id: str) -> tuple[str, ...]:
    """Return what to hold against a locked model's prediction of one patient, in sentences; none of other models."""
    if not result.doubts.height:
        return ()
    return tuple(result.doubts.filter(pl.col("patient_id") == patient_id)["doubt"].to_list())


def _place(result: Result, patient_id: str) -> tuple[float | None, str]:
    """Return percentile and group among the patients with a known outcome, whoever the patient is."""
    table = result.risk_groups().filter(pl.col("value").is_not_null())
    own = table.filter(pl.col("patient_id") == patient_id)
    if own.height:
        return float(own["percentile"][0]), str(own["group"][0])
    value = _value_of(result, patient_id)
    if value is None or not table.height:
        return None, ""
    others = table["value"].to_numpy()
    groups = number_of_groups(result.outcome.n_events)
    cuts = np.quantile(others, np.arange(1, groups) / groups)
    names = GROUP_NAMES[groups]
    return float(100.0 * np.mean(others < value)), names[int(np.searchsorted(cuts, value, side="left"))]


def _value_of(result: Result, patient_id: str) -> float | None:
    rows = result.curves.filter(pl.col("patient_id") == patient_id)
    if result.kind != "survival":
        value = rows[KINDS[result.kind].score][0]
        return None if value is None else float(value)
    if result.horizon_days is None:
        return None
    at = rows.filter(pl.col("time_days") <= result.horizon_days * (1 + 1e-12))["survival"]
    return None if at.is_empty() or at[-1] is None else 1.0 - float(at[-1])


def _survival(result: Result, patient_id: str) -> dict[float, Estimate]:
    rows = result.curves.filter((pl.col("patient_id") == patient_id) & pl.col("survival").is_not_null())
    if rows.is_empty():
        return {}
    last = float(rows["time_days"][-1])
    days = {m * DAYS_PER_MONTH for m in SHOWN_MONTHS if m * DAYS_PER_MONTH <= last}
    if result.horizon_days is not None:
        days.add(result.horizon_days)
    found = {}
    for day in sorted(days):
        row = rows.filter(pl.col("time_days") <= day * (1 + 1e-12)).row(-1, named=True)
        found[round(day / DAYS_PER_MONTH, 2)] = _estimate(result, row, "survival")
    return found


def _single(result: Result, patient_id: str) -> Estimate:
    row = result.curves.filter(pl.col("patient_id") == patient_id).row(0, named=True)
    return _estimate(result, row, KINDS[result.kind].score)


def _found(y: Outcome) -> str:
    """Say the level or value of the one patient of an outcome."""
    return y.levels[int(y.value[0])] if y.kind == "ordinal" else f"{y.value[0]:g} {y.unit}".rstrip()


def _estimate(result: Result, row: dict[str, float | None], name: str) -> Estimate:
    value, low, high = (np.nan if row[k] is None else float(row[k] or 0.0) for k in (name, "low", "high"))
    method = (
        f"mean over repeats; band of {result.bands} bootstrap refits" if result.bands else "mean over repeats"
    )
    return Estimate(value, low, high, 0.95, method=method)
