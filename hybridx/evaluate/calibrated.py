"""What a distance from perfect calibration looks like when calibration is perfect.

A distance such as the ICI is above 0 in every finite sample, most of all in small ones, and its bootstrap is further
above: an interval made from it all but misses the truth of a well calibrated model. The value is therefore reported
beside the range that a model whose probabilities are all right would show on these patients, found by drawing outcomes
from the probabilities themselves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.calibration import SMALLEST
from hybridx.evaluate.metric import Metric, Moment
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.weighted_km import StepCurves, censoring_curves, late_entry, survival_curves

__all__ = ["distance_when_calibrated"]

DRAWS = 100


def distance_when_calibrated(
    metric: Metric, panel: Panel, moment: Moment, *, seed: int, level: float
) -> tuple[float, float]:
    """Return the range that holds `level` of the values of a perfectly calibrated model on these patients.

    Survival: each patient's event time is drawn from a curve that ends at their own probability and has the shape of
    the cohort's Kaplan-Meier curve (proportional hazards), censoring from its own Kaplan-Meier curve; with late entry,
    both from what is left of the curves after it. Undefined if the cohort's curve is 0 before the last has entered.
    """
    if _curve_ends_before_an_entry(panel.outcome):
        return np.nan, np.nan
    rng = np.random.default_rng((seed, panel.n, 0x1C1))
    once, time_days = np.ones((1, panel.n)), metric.time_days(moment)
    values = np.array(
        [
            metric.values(replace(panel, outcome=_draw(panel, time_days, rng)), once, moment)[0]
            for _ in range(DRAWS)
        ]
    )
    values = values[~np.isnan(values)]
    if len(values) < DRAWS // 2:
        return np.nan, np.nan
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def _curve_ends_before_an_entry(y: Outcome) -> bool:
    entry = None if y.kind != "survival" else late_entry(y)
    if entry is None:
        return False
    once = np.ones((1, len(y)))
    ends = min(
        curves.at(entry).min()
        for curves in (
            survival_curves(y.time_days, y.event, once, entry),
            censoring_curves(y.time_days, y.event, once, entry),
        )
    )
    return bool(ends <= 0)


def _draw(panel: Panel, time_days: float | None, rng: np.random.Generator) -> Outcome:
    if time_days is None:
        return Outcome.response((rng.uniform(size=panel.n) < panel.mean_probability()).astype(float))
    time, event, entry = panel.outcome.time_days, panel.outcome.event, late_entry(panel.outcome)
    once = np.ones((1, panel.n))
    overall = survival_curves(time, event, once, entry)
    at_horizon = float(np.clip(overall.at(time_days)[0, 0], SMALLEST, 1 - SMALLEST))
    own = np.clip(1.0 - panel.mean_event_probability(time_days), SMALLEST, 1 - SMALLEST)
    ratio = np.log(own) / np.log(at_horizon)  # hazard of the patient over that of the cohort
    there = censoring_curves(time, event, once, entry)
    # past the entry, a curve is what is left of it there
    alive, followed = (1.0, 1.0) if entry is None else (overall.at(entry)[0], there.at(entry)[0])
    happens = _first_time_below(overall, alive * rng.uniform(size=panel.n) ** (1.0 / ratio))
    leaves = _first_time_below(there, followed * rng.uniform(size=panel.n))
    end = float(time.max())
    return Outcome.survival(
        np.minimum(np.minimum(happens, leaves), end),
        (happens <= leaves) & (happens <= end),
        entry_days=panel.outcome.entry_days,
    )


def _first_time_below(curve: StepCurves, level: FloatArray) -> FloatArray:
    """Return when a falling curve first is at or below each level; infinity when it never is."""
    falling = -curve.values[0]
    place = np.searchsorted(falling, -level, side="left")
    return np.append(curve.times, np.inf)[place]
