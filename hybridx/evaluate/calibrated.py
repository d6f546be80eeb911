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
from hybridx.evaluate.weighted_km import StepCurves, censoring_curves, survival_curves

__all__ = ["distance_when_calibrated"]

DRAWS = 100


def distance_when_calibrated(
    metric: Metric, panel: Panel, moment: Moment, *, seed: int, level: float
) -> tuple[float, float]:
    """Return the range that holds `level` of the values of a perfectly calibrated model on these patients.

    Survival: each patient's event time is drawn from a curve that ends at their own probability and has the shape of
    the cohort's Kaplan-Meier curve (proportional hazards), censoring from its own Kaplan-Meier curve.
    """
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


def _draw(panel: Panel, time_days: float | None, rng: np.random.Generator) -> Outcome:
    if time_days is None:
        return Outcome.response((rng.uniform(size=panel.n) < panel.mean_probability()).astype(float))
    time, event = panel.outcome.time_days, panel.outcome.event
    once = np.ones((1, panel.n))
    overall = survival_curves(time, event, once)
    at_horizon = float(np.clip(overall.at(time_days)[0, 0], SMALLEST, 1 - SMALLEST))
    own = np.clip(1.0 - panel.mean_event_probability(time_days), SMALLEST, 1 - SMALLEST)
    ratio = np.log(own) / np.log(at_horizon)  # hazard of the patient over that of the cohort
    happens = _first_time_below(overall, rng.uniform(size=panel.n) ** (1.0 / ratio))
    leaves = _first_time_below(censoring_curves(time, event, once), rng.uniform(size=panel.n))
    end = float(time.max())
    return Outcome.survival(
        np.minimum(np.minimum(happens, leaves), end), (happens <= leaves) & (happens <= end)
    )


def _first_time_below(curve: StepCurves, level: FloatArray) -> FloatArray:
    """Return when a falling curve first is at or below each level; infinity when it never is."""
    falling = -curve.values[0]
    place = np.searchsorted(falling, -level, side="left")
    return np.append(curve.times, np.inf)[place]
