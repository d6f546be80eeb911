"""Who changes category from one model to another: a table to read, and why no index is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.outcome import Outcome, as_outcome
from hybridx.errors import InputError
from hybridx.evaluate.decision_table import check_thresholds
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.weighted_km import late_entry, standing_for, survival_curves

__all__ = ["WARNING", "Reclassification", "reclassification_table"]

WARNING = (
    "The net reclassification improvement is no metric: it can be positive for a model that adds nothing, and for one "
    "that is badly calibrated (Hilden & Gerds 2014), and its test does not hold (Pepe et al. 2015). See here who "
    "moves; compare models by net benefit, Brier score or C."
)


@dataclass(frozen=True, eq=False)
class Reclassification:
    """Patients by category of model a (rows) and of model b (columns).

    Parameters
    ----------
    table : polars.DataFrame
        `category_a`, `category_b`, `n` (patients seen), `events` (expected number by Kaplan-Meier within the cell, from
        the entry of each on, or responders),
        `observed` (their share; null in an empty cell, or where its follow-up ends before the time).
    nri_events, nri_non_events : float
        Share of events moved up minus down; share of non-events moved down minus up. Never add them: one counts
        patients with an event, the other those without. With late entry those seen are weighted so that they stand for
        everybody.
    warning : str
        Why this is no metric.
    """

    table: pl.DataFrame
    nri_events: float
    nri_non_events: float
    warning: str = WARNING

    def __repr__(self) -> str:
        return (
            f"{self.table}\nNRI of events {self.nri_events:+.3f}, of non-events {self.nri_non_events:+.3f}. "
            f"{self.warning}"
        )


def reclassification_table(
    outcome: Any, a: Any, b: Any, thresholds: Sequence[float], time_days: float | None = None
) -> Reclassification:
    """Return who changes category of risk when model b takes the place of model a.

    No metric is made of it, on purpose. The net reclassification improvement rewards miscalibration: on average it is
    positive for a worthless added marker fitted on the same data, and a model can raise it without any new information
    (Hilden and Gerds); its usual test and interval are invalid (Pepe et al.). It is shown by its two parts, and not in
    any table of scores.

    Parameters
    ----------
    outcome : Outcome
        Survival or response, n rows.
    a, b : array of float, shape (n,)
        Survival: probability of being **event-free** at `time_days`. Response: probability of **response**.
    thresholds : sequence of float in (0, 1)
        Of the probability of the event (or of response); k thresholds make k + 1 categories.
    time_days : float, optional
        Needed for a survival outcome.

    Raises
    ------
    InputError
        Something is no probability, or lengths differ, or the time is missing.

    Source
    ------
    Pencina MJ et al. Stat Med 2011. doi:10.1002/sim.4085 (survival: events by Kaplan-Meier). Hilden J, Gerds TA. Stat
    Med 2014. doi:10.1002/sim.5804. Pepe MS et al. Stat Biosci 2015. doi:10.1007/s12561-014-9118-0.

    Examples
    --------
    >>> found = reclassification_table([1, 1, 0, 0], [0.4, 0.6, 0.4, 0.6], [0.6, 0.7, 0.3, 0.4], [0.5])
    >>> found.nri_events, found.nri_non_events
    (0.5, 0.5)
    """
    y = as_outcome(outcome)
    cuts = check_thresholds(thresholds)
    first, second = (_event_probability(y, values, time_days) for values in (a, b))
    keep = y.known & ~np.isnan(first) & ~np.isnan(second)
    y, categories = y[keep], [np.searchsorted(cuts, p[keep] + 1e-12, side="right") for p in (first, second)]
    names = _names(cuts)
    rows = []
    for i, low in enumerate(names):
        for j, high in enumerate(names):
            cell = (categories[0] == i) & (categories[1] == j)
            share = _share(y, cell, time_days)
            rows.append((low, high, int(cell.sum()), share * cell.sum(), share))
    columns = ["category_a", "category_b", "n", "events", "observed"]
    table = pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))
    up, down = categories[1] > categories[0], categories[1] < categories[0]
    everyone = np.ones(len(y), dtype=bool)
    overall = _share(y, everyone, time_days)
    moved = [(_share(y, rows_, time_days), _part(y, rows_, time_days)) for rows_ in (up, down)]
    events = [share * part if part else 0.0 for share, part in moved]
    rest = [(1.0 - share) * part if part else 0.0 for share, part in moved]
    if not 0 < overall < 1:
        return Reclassification(table, np.nan, np.nan)
    return Reclassification(table, (events[0] - events[1]) / overall, (rest[1] - rest[0]) / (1.0 - overall))


def _event_probability(y: Outcome, values: Any, time_days: float | None) -> FloatArray:
    p = np.asarray(values, dtype=np.float64)
    if p.shape != (len(y),):
        msg = f"Probabilities have shape {p.shape} while the outcome has {len(y)} patients."
        raise InputError(msg)
    if np.nanmin(p, initial=0.0) < 0 or np.nanmax(p, initial=1.0) > 1:
        msg = "a and b are probabilities in [0, 1]; a risk score is not accepted here."
        raise InputError(msg)
    if y.kind not in ("survival", "response"):
        msg = f"{y.endpoint!r} is a {y.kind} outcome; this table takes survival and response outcomes."
        raise InputError(msg)
    if y.kind == "survival" and time_days is None:
        msg = "Categories of a survival outcome belong to a time: give `time_days`."
        raise InputError(msg)
    return 1.0 - p if y.kind == "survival" else p


def _share(y: Outcome, rows: np.typing.NDArray[np.bool_], time_days: float | None) -> float:
    """Return the share with the event (by Kaplan-Meier) or of responders; NaN of nobody."""
    if not rows.any():
        return np.nan
    if time_days is None:
        return float(y.value[rows].mean())
    part = y[rows]
    time = part.time_days
    curves = survival_curves(time, part.event, np.ones((1, len(part))), late_entry(part))
    survival = float(curves.at(time_days)[0, 0])
    return np.nan if time.max() < time_days and survival > 0 else 1.0 - survival


def _part(y: Outcome, rows: np.typing.NDArray[np.bool_], time_days: float | None) -> float:
    """Return the share of everybody that some patients stand for."""
    if not len(y):
        return np.nan
    standing = None if time_days is None else standing_for(y, np.ones((1, len(y))), time_days)
    return float(rows.mean() if standing is None else standing[0, rows].sum() / standing.sum())


def _names(cuts: FloatArray) -> list[str]:
    ends = ["0", *(f"{100 * cut:g}" for cut in cuts), "100"]
    return [f"{low} to {high} %" for low, high in pairwise(ends)]
