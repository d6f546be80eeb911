"""Calibration: do patients told 30 % have the event in 30 of 100 cases? O:E, slope, ICI, and the curve itself.

Predictions of all folds are pooled after averaging over repeats: probabilities, unlike risks, are on one scale. The
flexible curve is a model of the outcome given the complementary log-log (survival) or the logit (response) of the
predicted probability, with a restricted cubic spline of three knots: few degrees of freedom, for few events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hybridx.evaluate.batched_fit import cox_event_probability, fit_cox, fit_logistic
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.weighted_km import survival_curves

__all__ = ["calibration_curve_values", "ici_values", "observed_expected_values", "slope_values"]

SMALLEST = 1e-4  # probabilities are kept this far from 0 and 1 before taking logs
KNOTS = (0.1, 0.5, 0.9)


def observed_expected_values(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return observed over expected events by a time (Kaplan-Meier over mean probability), shape (B,)."""
    p, w = _probability(panel, weights, time_days)
    expected = (w @ p) / np.maximum(w.sum(axis=1), 1e-300)
    if time_days is None:
        observed = (w @ panel.outcome.value) / np.maximum(w.sum(axis=1), 1e-300)
    else:
        curves = survival_curves(panel.outcome.time_days, panel.outcome.event, w)
        observed = 1.0 - curves.at(time_days)[:, 0]
    ratio = np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    return np.asarray(ratio)


def slope_values(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return the calibration slope, shape (B,): 1 is right, below 1 is overconfident, 0 is no relation at all."""
    design = _design(panel, weights, time_days, spline=False)
    if design is None:
        return np.full(weights.shape[0], np.nan)
    return np.asarray(design.fit()[:, -1] / design.scale)


def ici_values(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return the integrated calibration index, the mean distance of told and found probability, shape (B,)."""
    design = _design(panel, weights, time_days, spline=True)
    if design is None:
        return np.full(weights.shape[0], np.nan)
    distance = np.abs(design.found(design.fit()) - design.p[None, :])
    return np.asarray(
        (design.weights * distance).sum(axis=1) / np.maximum(design.weights.sum(axis=1), 1e-300)
    )


def calibration_curve_values(
    panel: Panel, weights: FloatArray, time_days: float | None
) -> tuple[FloatArray, FloatArray]:
    """Return told probabilities (n,) and what was found at each under each row of weights, (B, n)."""
    design = _design(panel, weights, time_days, spline=True)
    if design is None:
        p, _ = _probability(panel, weights, time_days)
        return p, np.full((weights.shape[0], len(p)), np.nan)
    return design.p, design.found(design.fit())


@dataclass(frozen=True, eq=False)
class _Design:
    """The regression behind the slope and the flexible curve, of patients who have a prediction."""

    p: FloatArray
    x: FloatArray  # (n, d), centred and scaled
    scale: float
    weights: FloatArray
    time: FloatArray | None  # cut at the horizon
    event: npt.NDArray[np.bool_]
    label: FloatArray

    def fit(self) -> FloatArray:
        if self.time is None:
            return fit_logistic(self.label, self.x, self.weights)
        return fit_cox(self.time, self.event, self.x, self.weights)

    def found(self, beta: FloatArray) -> FloatArray:
        if self.time is None:
            return np.asarray(expit(beta @ self.x.T))
        probability = cox_event_probability(self.time, self.event, self.x, self.weights, beta)
        return np.where(np.isnan(beta[:, :1]), np.nan, probability)


def _design(panel: Panel, weights: FloatArray, time_days: float | None, *, spline: bool) -> _Design | None:
    p, w = _probability(panel, weights, time_days)
    clipped = np.clip(p, SMALLEST, 1.0 - SMALLEST)
    told = np.log(clipped / (1 - clipped)) if time_days is None else np.log(-np.log1p(-clipped))
    used = panel.predicted
    scale = float(told[used].std()) if used.any() else 0.0
    if scale < 1e-9:  # everyone was told the same: there is no slope
        return None
    columns = [(told - told[used].mean()) / scale]
    if spline:
        columns += _spline(columns[0], columns[0][used])
    if time_days is None:
        columns.insert(0, np.ones_like(told))
        return _Design(p, np.column_stack(columns), scale, w, None, panel.outcome.event, panel.outcome.value)
    time = np.minimum(panel.outcome.time_days, time_days)
    event = panel.outcome.event & (panel.outcome.time_days <= time_days)
    return _Design(p, np.column_stack(columns), scale, w, time, event, panel.outcome.value)


def _probability(panel: Panel, weights: FloatArray, time_days: float | None) -> tuple[FloatArray, FloatArray]:
    p = panel.mean_probability() if time_days is None else panel.mean_event_probability(time_days)
    there = ~np.isnan(p)
    return np.where(there, p, 0.5), weights * there


def _spline(x: FloatArray, used: FloatArray) -> list[FloatArray]:
    """Return the non-linear column of a restricted cubic spline with three knots (linear beyond the outer two)."""
    low, middle, high = np.quantile(used, KNOTS)
    if not low < middle < high:
        return []

    def cube(knot: float) -> FloatArray:
        return np.maximum(x - knot, 0.0) ** 3

    bend = (
        cube(low)
        - cube(middle) * (high - low) / (high - middle)
        + cube(high) * (middle - low) / (high - middle)
    )
    column = bend / (high - low) ** 2
    centred = column - column.mean()
    spread = float(centred.std())
    return [centred / spread] if spread > 1e-12 else []
