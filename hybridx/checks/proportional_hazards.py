"""HX010: the effect of the predicted risk changes over time."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable

__all__ = ["PROPORTIONAL_HAZARDS"]

ALPHA = 0.01
LEAST_EVENTS = 20


def _look(facts: Facts) -> list[Finding]:
    if facts.y.kind != "survival":
        msg = "hazards belong to survival endpoints"
        raise NotApplicable(msg)
    there = np.isfinite(facts.risk)
    risk, time, event = facts.risk[there], facts.y.time_days[there], facts.y.event[there]
    if event.sum() < LEAST_EVENTS:
        msg = f"{int(event.sum())} events: the test needs {LEAST_EVENTS}"
        raise NotApplicable(msg)
    if risk.std() < 1e-9 or not facts.ranks_patients():
        msg = "the primary model is not shown to rank patients: there is no effect that could change"
        raise NotApplicable(msg)
    entry = facts.y.entry_days
    entry = None if entry is None else entry[there]
    p, slope = _test(risk, time, event, entry)
    if p >= ALPHA:
        return []
    median = float(np.median(time[event]))
    early, late = (_effect(risk, time, event, entry, w) for w in ((0.0, median), (median, np.inf)))
    sentence = (
        f"The effect of {facts.analysis.primary}'s risk {'fades' if slope < 0 else 'grows'} over time "
        "(Grambsch-Therneau "
        f"p = {p:.2g}): log hazard ratio per SD {early:.2f} until day {median:.0f}, {late:.2f} after it."
    )
    return [PROPORTIONAL_HAZARDS.finding("warning", sentence, [facts.analysis.primary])]


def _fit(risk: np.ndarray, time: np.ndarray, event: np.ndarray, entry: np.ndarray | None) -> Any:
    """Return a Cox model of the risk alone."""
    from lifelines import CoxPHFitter  # noqa: PLC0415 - seconds to import, needed for survival endpoints only

    table = pd.DataFrame({"risk": risk, "time": time, "event": event.astype(int)})
    entered = {}
    if entry is not None and np.nanmax(entry, initial=0.0) > 0:
        table["entry"] = np.nan_to_num(entry)
        entered = {"entry_col": "entry"}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of convergence on samples that separate; the p-value then says nothing
        return CoxPHFitter().fit(table, "time", "event", **entered)


def _test(
    risk: np.ndarray, time: np.ndarray, event: np.ndarray, entry: np.ndarray | None
) -> tuple[float, float]:
    """Return p of the Grambsch-Therneau test and the direction in which the effect goes."""
    from lifelines.statistics import proportional_hazard_test  # noqa: PLC0415 - as above

    fitted = _fit(risk, time, event, entry)
    residual = _schoenfeld(float(fitted.params_.iloc[0]), risk, time, event, entry)
    scaled = pd.DataFrame({"risk": len(residual) * float(fitted.variance_matrix_.iloc[0, 0]) * residual})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = proportional_hazard_test(fitted, None, "rank", precomputed_residuals=scaled)
    days = pd.Series(np.sort(time[event])).rank()
    return float(np.atleast_1d(found.p_value)[0]), float(np.corrcoef(days, residual)[0, 1])


def _schoenfeld(
    beta: float, risk: np.ndarray, time: np.ndarray, event: np.ndarray, entry: np.ndarray | None
) -> np.ndarray:
    """Return at each event, in the order of time, the risk less its mean over those then at risk (ties by Efron).

    lifelines has none for delayed entry. Checked against lifelines 0.30 without, and R's survival 3.5-3 with it.
    """
    since = np.full(len(time), -np.inf) if entry is None else np.nan_to_num(entry, nan=-np.inf)
    weight = np.exp(beta * (risk - risk.mean()))
    residual = []
    for now in np.unique(time[event]):
        there, dead = (since < now) & (time >= now), (time == now) & event
        part = np.arange(dead.sum()) / dead.sum()
        above = (weight * risk)[there].sum() - part * (weight * risk)[dead].sum()
        mean = np.mean(above / (weight[there].sum() - part * weight[dead].sum()))
        residual.append(risk[dead] - mean)
    return np.concatenate(residual)


def _effect(
    risk: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    entry: np.ndarray | None,
    window: tuple[float, float],
) -> float:
    """Return the log hazard ratio per SD of the risk within a window of time."""
    start, end = window
    since = np.zeros(len(time)) if entry is None else np.nan_to_num(entry)
    at_risk = (time > start) & (since < end)
    inside = event[at_risk] & (time[at_risk] <= end)
    entered = None if entry is None else np.maximum(since[at_risk] - start, 0.0)
    fitted = _fit(risk[at_risk] / risk.std(), np.minimum(time[at_risk], end) - start, inside, entered)
    return float(fitted.params_.iloc[0])


PROPORTIONAL_HAZARDS = Check(
    code="HX010",
    title="Proportional hazards violated",
    severities=("warning",),
    trigger=(
        "In a Cox model of the primary model's out-of-fold risk alone, the scaled Schoenfeld residuals go "
        "with the rank of "
        "time: Grambsch-Therneau test p < 0.01. Asked from 20 events on, of a model that is shown to rank patients."
    ),
    cure=(
        "A single hazard ratio is then an average over follow-up, and a Cox curve is too steep early or "
        "late. Look at "
        "`result.figure_over_time()`, report AUC(t) at the times that matter, try a model without that assumption "
        "(`hybridx.models.SurvivalForest`, `XGBoostAFT`), or a landmark for long-term survivors."
    ),
    limits=(
        "With few events a strong change stays unseen; with thousands a trivial one is found: read the two "
        "hazard ratios. "
        "Effects of single features that cancel in the risk."
    ),
    look=_look,
    source="Grambsch PM, Therneau TM. Biometrika 1994. doi:10.1093/biomet/81.3.515 (as in lifelines).",
)
