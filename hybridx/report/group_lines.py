"""The part of the cohort report on risk groups: Kaplan-Meier, numbers at risk, and how far the groups part."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import polars as pl

from hybridx.errors import NotEnoughDataError
from hybridx.report.background import Background
from hybridx.report.curves import Curve, survival_figure
from hybridx.report.language import say
from hybridx.report.rendering import number, percent
from hybridx.report.words import survivors

__all__ = ["curves_part", "log_rank", "risk_group_frame"]

_EVERY = 6.0  # months between rows of the table


def curves_part(background: Background) -> dict[str, Any] | None:
    """Return figure, caption and table of the observed curves by predicted risk; None for a response."""
    if not background.is_survival:
        return None
    groups = background.group_curves
    drawing = survival_figure(
        None, groups, title=say("{endpoint} by group of the predicted risk", endpoint=background.result.endpoint),
        y_label=f"% {survivors(background.result.endpoint)}", until=max(background.until, 6.0),
        origin=background.result.origin,
    )  # fmt: skip
    whose = say("prediction") if background.is_external else say("out-of-fold prediction")
    caption = (
        say(
            "Observed (Kaplan-Meier) by group of the {prediction} at {n} months.",
            prediction=whose,
            n=number(background.main_horizon),
        )
        if background.groups
        else say("Observed (Kaplan-Meier) in all patients; the cohort is too small for groups.")
    )
    times = range(0, int(background.until) + 1, int(_EVERY))
    rows = [(f"{m}", *(_cell(g, float(m)) for g in groups)) for m in times]
    return {
        "drawing": drawing,
        "caption": " ".join([caption, *_said(background)]),
        "columns": (say("Months"), *(say("{group} (at risk)", group=g.label) for g in groups)),
        "rows": rows,
    }


def log_rank(background: Background) -> pl.DataFrame | None:
    """Return observed and expected events of each risk group, with the log-rank statistic.

    Returns
    -------
    polars.DataFrame or None
        `group`, `n`, `observed`, `expected` (events, had all groups the same hazard), `chi_squared`, `degrees`,
        `p_value`. The p-value is null for out-of-fold predictions: patients of one cohort shape each other's group,
        so the chi-squared distribution does not hold there. None without groups, or with delayed entry.

    Source
    ------
    Simon et al. 2011, doi:10.1093/bib/bbr001 (why the p-value of cross-validated groups does not hold). Statistic by
    lifelines; expected events checked against it in the tests.
    """
    y = background.outcome
    if not background.is_survival or len(background.group_names) < 2:
        return None
    if y.entry_days is not None and np.nanmax(y.entry_days, initial=0.0) > 0:
        return None
    rows = {g: [] for g in background.group_names}
    for patient, group in background.groups.items():
        if y.known[background.index_of(patient)]:
            rows[group].append(background.index_of(patient))
    labels = np.concatenate([np.full(len(r), i) for i, r in enumerate(rows.values())])
    order = np.concatenate([np.array(r, dtype=np.intp) for r in rows.values()])
    time, event = y.time_days[order], y.event[order]
    if not event.any():
        return None
    chi, p = _statistic(time, labels, event)
    expected = _expected(time, event, labels)
    return pl.DataFrame(
        {
            "group": [background.group_title(g) for g in rows],
            "n": [len(r) for r in rows.values()],
            "observed": [int(event[labels == i].sum()) for i in range(len(rows))],
            "expected": expected.tolist(),
            "chi_squared": chi,
            "degrees": len(rows) - 1,
            "p_value": p if background.is_external else None,
        },
        schema_overrides={"p_value": pl.Float64},
    )


def _statistic(time: np.ndarray, labels: np.ndarray, event: np.ndarray) -> tuple[float, float]:
    from lifelines.statistics import multivariate_logrank_test  # noqa: PLC0415 - slow to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about lifelines' own calls
        found = multivariate_logrank_test(time, labels, event)
    return float(found.test_statistic), float(found.p_value)


def _expected(time: np.ndarray, event: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return events expected in each group, had all of them the same hazard."""
    expected = np.zeros(int(labels.max()) + 1)
    for t in np.unique(time[event]):
        at_risk = time >= t
        share = np.bincount(labels[at_risk], minlength=len(expected)) / at_risk.sum()
        expected += share * (event & (time == t)).sum()
    return expected


def risk_group_frame(background: Background) -> pl.DataFrame:
    """Return the curves behind the figure: `group`, `months`, `survival`, `low`, `high`, `at_risk`."""
    rows = [
        (g.label, float(m), *(None if not math.isfinite(v) else v for v in g.at(float(m))), _at_risk(g, m))
        for g in background.group_curves
        for m in np.arange(0.0, background.until + 1e-9, 1.0)
    ]
    names = ["group", "months", "survival", "low", "high", "at_risk"]
    types = [pl.String, pl.Float64, pl.Float64, pl.Float64, pl.Float64, pl.Int64]
    return pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")


def _at_risk(curve: Curve, month: float) -> int:
    return 0 if curve.entries is None else int(np.sum(curve.entries >= month - 1e-9))


def _cell(curve: Curve, month: float) -> str:
    value, low, high = curve.at(month)
    ends = say("{low} to {high}", low=f"{100 * low:.0f}", high=f"{100 * high:.0f}")
    band = f" ({ends})" if math.isfinite(low) else ""
    return f"{percent(value)}{band}, {_at_risk(curve, month)}"


def _said(background: Background) -> list[str]:
    try:
        table = log_rank(background)
    except NotEnoughDataError:
        return []
    if table is None:
        return []
    counts = "; ".join(
        say(
            "{group}: {observed} events, {expected:.1f} expected",
            group=r["group"],
            observed=r["observed"],
            expected=r["expected"],
        )
        for r in table.iter_rows(named=True)
    )
    chi, degrees, p = table.row(0)[4:]
    degree = say("1 degree") if degrees == 1 else say("{n} degrees", n=degrees)
    verdict = (
        f"p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
        if p is not None
        else say("no p-value, because out-of-fold groups of one cohort are not independent")
    )
    test = say(
        "Log-rank: χ² {chi:.1f} with {degrees} of freedom; {verdict}.",
        chi=chi,
        degrees=degree,
        verdict=verdict,
    )
    return [f"{counts}. {test}"]
