"""Calibration: do patients told 30 % have the event in 30 of 100 cases? O:E, intercept, slope, ICI, and the curve.

Predictions of all folds are pooled after averaging over repeats: probabilities, unlike risks, are on one scale. The
flexible curve is a model of the outcome given the complementary log-log (survival) or the logit (response) of the
predicted probability, with a restricted cubic spline of three knots: few degrees of freedom, for few events.

With late entry, regressions count a patient from the entry on, and means over patients (expected events, the distances
of the ICI, the shift behind the intercept) weigh those whose state at the time is known so that they stand for
everybody (`hybridx.evaluate.weighted_km.standing_for`): those seen are survivors, who were told too little risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hybridx.evaluate.batched_fit import cox_event_probability, fit_cox, fit_logistic
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.weighted_km import late_entry, standing_for, survival_curves

__all__ = [
    "calibration_curve_values",
    "distance_quantile_values",
    "ici_values",
    "intercept_values",
    "observed_expected_values",
    "slope_values",
]

SMALLEST = 1e-4  # probabilities are kept this far from 0 and 1 before taking logs
KNOTS = (0.1, 0.5, 0.9)
WIDEST = 20.0  # shift of a logit or log hazard beyond which nothing is calibrated any more
STEPS = 100


def observed_expected_values(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return observed over expected events by a time (Kaplan-Meier over mean probability), shape (B,)."""
    p, w = _probability(panel, weights, time_days)
    standing = _standing(panel, w, time_days)
    expected = (standing @ p) / np.maximum(standing.sum(axis=1), 1e-300)
    observed = _observed(panel, w, time_days)
    ratio = np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    return np.asarray(ratio)


def slope_values(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return the calibration slope, shape (B,): 1 is right, below 1 is overconfident, 0 is no relation at all."""
    design = _design(panel, weights, time_days, spline=False)
    if design is None:
        return np.full(weights.shape[0], np.nan)
    return np.asarray(design.fit()[:, -1] / design.scale)


def intercept_values(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    r"""Return the calibration intercept, shape (B,): 0 is right, above 0 the model promises too few events.

    The shift a of all predictions, on the logit (response) or complementary log-log (survival: log hazard) scale, after
    which their mean is what was observed: the share of responders, or one minus Kaplan-Meier at `time_days`.

    .. math:: \frac{1}{\sum w} \sum_i w_i \, g^{-1}(g(p_i) + a) = \hat{p}_{obs}

    For a response this is the intercept of a logistic model with the logit of p as offset.
    """
    p, w = _probability(panel, weights, time_days)
    clipped = np.clip(p, SMALLEST, 1.0 - SMALLEST)
    observed = _observed(panel, w, time_days)
    told = np.log(clipped / (1 - clipped)) if time_days is None else np.log(-np.log1p(-clipped))
    standing = _standing(panel, w, time_days)
    share = standing / np.maximum(standing.sum(axis=1, keepdims=True), 1e-300)
    defined = ~np.isnan(share).any(axis=1) & (observed > 0) & (observed < 1) & (w.sum(axis=1) > 0)
    target = np.where(defined, observed, 0.5)
    share = np.where(defined[:, None], share, 1.0 / max(len(p), 1))
    return np.where(defined, _shift(told, share, target, survival=time_days is not None), np.nan)


def _shift(told: FloatArray, share: FloatArray, target: FloatArray, *, survival: bool) -> FloatArray:
    """Return the shift of `told` (n,) that brings the mean probability to each target, (B,): guarded Newton steps."""
    low, high = np.full(len(target), -WIDEST), np.full(len(target), WIDEST)
    shift = np.zeros(len(target))
    for _ in range(STEPS):
        x = told[None, :] + shift[:, None]
        hazard = np.exp(np.minimum(x, 50.0))
        p = -np.expm1(-hazard) if survival else expit(x)
        excess = (share * p).sum(axis=1) - target
        slope = (share * ((1 - p) * hazard if survival else p * (1 - p))).sum(axis=1)
        low, high = np.where(excess > 0, low, shift), np.where(excess > 0, shift, high)
        step = shift - excess / np.maximum(slope, 1e-300)
        # the mean rises with the shift, so halving cannot fail where a Newton step leaves what is still possible
        new = np.where((step >= low) & (step <= high), step, (low + high) / 2)
        if np.all((np.abs(new - shift) < 1e-12) | (np.abs(excess) < 1e-15)):
            return np.asarray(new)
        shift = new
    return shift


def ici_values(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return the integrated calibration index, the mean distance of told and found probability, shape (B,)."""
    distance, w = _distances(panel, weights, time_days)
    return np.asarray((w * distance).sum(axis=1) / np.maximum(w.sum(axis=1), 1e-300))


def distance_quantile_values(
    panel: Panel, weights: FloatArray, time_days: float | None, quantile: float
) -> FloatArray:
    """Return a quantile of the distance of told and found probability (E50, E90), shape (B,)."""
    distance, w = _distances(panel, weights, time_days)
    order = np.argsort(distance, axis=1)
    reached = np.cumsum(np.take_along_axis(w, order, axis=1), axis=1)
    place = np.argmax(reached >= quantile * reached[:, -1:], axis=1)
    found = np.take_along_axis(np.take_along_axis(distance, order, axis=1), place[:, None], axis=1)[:, 0]
    return np.where(np.isnan(w).any(axis=1), np.nan, found)


def _distances(panel: Panel, weights: FloatArray, time_days: float | None) -> tuple[FloatArray, FloatArray]:
    """Return |found - told| of each patient under each row of weights, and the weights that count, each (B, n)."""
    design = _design(panel, weights, time_days, spline=True)
    if design is None:
        return np.full(weights.shape, np.nan), weights
    return np.abs(design.found(design.fit()) - design.p[None, :]), _standing(panel, design.weights, time_days)


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
    entry: FloatArray | None

    def fit(self) -> FloatArray:
        if self.time is None:
            return fit_logistic(self.label, self.x, self.weights)
        return fit_cox(self.time, self.event, self.x, self.weights, self.entry)

    def found(self, beta: FloatArray) -> FloatArray:
        if self.time is None:
            return np.asarray(expit(beta @ self.x.T))
        probability = cox_event_probability(self.time, self.event, self.x, self.weights, beta, self.entry)
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
        y = panel.outcome
        return _Design(p, np.column_stack(columns), scale, w, None, y.event, y.value, None)
    time = np.minimum(panel.outcome.time_days, time_days)
    event = panel.outcome.event & (panel.outcome.time_days <= time_days)
    entry = late_entry(panel.outcome)
    return _Design(p, np.column_stack(columns), scale, w, time, event, panel.outcome.value, entry)


def _observed(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return the share of responders, or one minus Kaplan-Meier at a time, under each row of weights, shape (B,)."""
    if time_days is None:
        return np.asarray((weights @ panel.outcome.value) / np.maximum(weights.sum(axis=1), 1e-300))
    y = panel.outcome
    curves = survival_curves(y.time_days, y.event, weights, late_entry(y))
    return np.asarray(1.0 - curves.at(time_days)[:, 0])


def _standing(panel: Panel, weights: FloatArray, time_days: float | None) -> FloatArray:
    """Return the weights of patients in a mean over everybody, (B, n): as drawn, unless entry is late."""
    standing = None if time_days is None else standing_for(panel.outcome, weights, time_days)
    return weights if standing is None else standing


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
