"""The metrics of decisions, of calibration beside the usual three, of ordered and of continuous outcomes."""

from __future__ import annotations

import math

import numpy as np

from hybridx.evaluate.calibration import distance_quantile_values, intercept_values
from hybridx.evaluate.classification import classification_values, trials_of
from hybridx.evaluate.decisions import net_benefit_values
from hybridx.evaluate.metric import Metric, Moment, horizon_of
from hybridx.evaluate.ordinal_scores import (
    ordinal_c_values,
    quadratic_kappa_values,
    rps_values,
    within_values,
)
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.royston import explained_variation_values, royston_d_values
from hybridx.evaluate.value_scores import (
    log_rmse,
    log_unexplained,
    mae_values,
    mean_error_values,
    r2_values,
    rmse_values,
    spearman_values,
    value_slope_values,
)

__all__ = ["CONTINUOUS", "ORDINAL", "RESPONSE", "SURVIVAL"]


def _classification(name: str, title: str, useless: float = np.nan) -> Metric:
    def values(panel: Panel, weights: FloatArray, moment: Moment) -> FloatArray:
        return classification_values(name, panel, weights, moment.threshold)

    def trials(panel: Panel, moment: Moment) -> float:
        return trials_of(name, panel, moment.threshold)

    return Metric(
        name, title, "response", "probability", "high", useless, "", values, shown=False, trials=trials
    )


def _commonest(panel: Panel) -> int:
    return int(np.unique(panel.outcome.value, return_counts=True)[1].max(initial=0))


SURVIVAL: tuple[Metric, ...] = (
    Metric(
        "royston_d", "Royston D", "survival", "risk", "high", 0.0, "",
        lambda p, w, _: royston_d_values(p, w), shown=False,
    ),
    Metric(
        "explained_variation", "Explained variation (R2_D)", "survival", "risk", "high", 0.0, "",
        lambda p, w, _: explained_variation_values(p, w), shown=False,
    ),
    Metric(
        "calibration_intercept", "Calibration intercept", "survival", "survival", "zero", np.nan, "horizon",
        lambda p, w, m: intercept_values(p, w, horizon_of(m)), shown=False,
    ),
    Metric(
        "e50", "Median calibration distance", "survival", "survival", "low", np.nan, "horizon",
        lambda p, w, m: distance_quantile_values(p, w, horizon_of(m), 0.5), shown=False, distance=True,
    ),
    Metric(
        "e90", "90th percentile of calibration distance", "survival", "survival", "low", np.nan, "horizon",
        lambda p, w, m: distance_quantile_values(p, w, horizon_of(m), 0.9), shown=False, distance=True,
    ),
    Metric(
        "net_benefit", "Net benefit", "survival", "survival", "high", np.nan, "horizon",
        lambda p, w, m: net_benefit_values(p, w, horizon_of(m), m.threshold)[:, 0], shown=False,
    ),
)  # fmt: skip

RESPONSE: tuple[Metric, ...] = (
    Metric(
        "calibration_intercept", "Calibration intercept", "response", "probability", "zero", np.nan, "",
        lambda p, w, _: intercept_values(p, w, None), shown=False,
    ),
    Metric(
        "e50", "Median calibration distance", "response", "probability", "low", np.nan, "",
        lambda p, w, _: distance_quantile_values(p, w, None, 0.5), shown=False, distance=True,
    ),
    Metric(
        "e90", "90th percentile of calibration distance", "response", "probability", "low", np.nan, "",
        lambda p, w, _: distance_quantile_values(p, w, None, 0.9), shown=False, distance=True,
    ),
    Metric(
        "net_benefit", "Net benefit", "response", "probability", "high", np.nan, "",
        lambda p, w, m: net_benefit_values(p, w, None, m.threshold)[:, 0], shown=False,
    ),
    _classification("sensitivity", "Sensitivity"),
    _classification("specificity", "Specificity"),
    _classification("ppv", "Positive predictive value"),
    _classification("npv", "Negative predictive value"),
    _classification("balanced_accuracy", "Balanced accuracy", 0.5),
    _classification("mcc", "Matthews correlation", 0.0),
)  # fmt: skip

ORDINAL: tuple[Metric, ...] = (
    Metric(
        "ordinal_c", "Ordinal C", "ordinal", "risk", "high", 0.5, "",
        lambda p, w, _: ordinal_c_values(p, w), trials=lambda p, _: p.n - _commonest(p),
    ),
    Metric(
        "quadratic_kappa", "Quadratic-weighted kappa", "ordinal", "levels", "high", 0.0, "",
        lambda p, w, _: quadratic_kappa_values(p, w),
    ),
    Metric(
        "rps", "Ranked probability score", "ordinal", "levels", "low", np.nan, "",
        lambda p, w, _: rps_values(p, w),
    ),
    Metric(
        "accuracy", "Accuracy", "ordinal", "levels", "high", np.nan, "",
        lambda p, w, _: within_values(p, w, 0), trials=lambda p, _: p.n,
    ),
    Metric(
        "within_one", "Accuracy within one level", "ordinal", "levels", "high", np.nan, "",
        lambda p, w, _: within_values(p, w, 1), trials=lambda p, _: p.n,
    ),
)  # fmt: skip

CONTINUOUS: tuple[Metric, ...] = (
    Metric(
        "r2", "R2 out of fold", "continuous", "value", "high", 0.0, "", lambda p, w, _: r2_values(p, w),
        with_error=log_unexplained, back=lambda log: 1.0 - math.exp(log),
    ),
    Metric(
        "spearman", "Spearman correlation", "continuous", "value", "high", 0.0, "",
        lambda p, w, _: spearman_values(p, w),
    ),
    Metric(
        "rmse", "Root mean squared error", "continuous", "value", "low", np.nan, "",
        lambda p, w, _: rmse_values(p, w), with_error=log_rmse, back=math.exp,
    ),
    Metric(
        "mae", "Mean absolute error", "continuous", "value", "low", np.nan, "", lambda p, w, _: mae_values(p, w)
    ),
    Metric(
        "calibration_slope", "Calibration slope", "continuous", "value", "one", 0.0, "",
        lambda p, w, _: value_slope_values(p, w),
    ),
    Metric(
        "mean_error", "Observed minus predicted", "continuous", "value", "zero", np.nan, "",
        lambda p, w, _: mean_error_values(p, w),
    ),
)  # fmt: skip
