"""Contributions of the columns of one table to the linear predictor of its model, exact wherever the model allows it.

Linear models: coefficient times (value - background mean), through the preparation, in closed form. XGBoost: its own
exact tree SHAP. Forests and boosted Cox trees: the trees are handed to shap's exact tree algorithm with the
leaf values that `predict` averages or adds. Anything else is asked for predictions (`hybridx.explain.asked_only`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shap
import xgboost as xgb
from sklearn.tree._tree import Tree

from hybridx.errors import ExplanationError
from hybridx.models import (
    ContinuousModel,
    CoxElasticNet,
    CoxRegression,
    ForestResponse,
    GradientBoostedCox,
    SurvivalForest,
    SurvivalSVM,
    TableModel,
    WeibullAFT,
    XGBoostAFT,
    XGBoostContinuous,
    XGBoostCox,
    XGBoostResponse,
)
from hybridx.models.ridge_models import RidgeModel

__all__ = ["Contributions", "table_contributions"]

FloatArray = npt.NDArray[np.float64]

_FLOAT32 = 1e-5


@dataclass(frozen=True)
class Contributions:
    """Contributions (n, p), base (n,), how they were found, and errors of what was sampled; each row adds up."""

    values: FloatArray
    base: FloatArray
    method: str
    error: FloatArray | None = None


def table_contributions(
    model: TableModel, matrix: FloatArray, background: FloatArray
) -> Contributions | None:
    """Return what each column adds to the linear predictor of each row; None where only predictions are known.

    Parameters
    ----------
    model : estimator of `hybridx.models`
        Fitted.
    matrix : array of float, shape (n, p)
        Columns of the fit, in their own units, NaN where missing.
    background : array of float, shape (n_background, p)
        What "average" means for linear models. Trees compare with the average of the
        patients they were trained on.
    """
    if not len(matrix):
        return Contributions(np.zeros(matrix.shape), np.zeros(0), "none")
    if isinstance(model, RidgeModel | ContinuousModel | CoxElasticNet | CoxRegression | WeibullAFT):
        return _linear(model, matrix, background)
    if isinstance(model, GradientBoostedCox | SurvivalSVM) and model.coef_ is not None:
        return _linear(model, matrix, background)
    if isinstance(model, XGBoostCox | XGBoostResponse | XGBoostContinuous):
        return _named(model, _boosted(model, matrix))
    if isinstance(model, XGBoostAFT):
        return _named(model, _boosted(model, matrix, factor=-1.0 / model.scale_))  # its margin is a log-time
    if isinstance(model, SurvivalForest):
        share = 1.0 / len(model.node_risk_)
        trees = [tree.tree_ for tree in model.forest_.estimators_]
        return _trees(model, matrix, trees, [risk * share for risk in model.node_risk_])
    if isinstance(model, ForestResponse):
        share = model.slope_ / len(model.node_log_odds_)
        trees = [tree.tree_ for tree in model.forest_.estimators_]
        found = _trees(model, matrix, trees, [value * share for value in model.node_log_odds_])
        return replace(found, base=found.base + model.intercept_)
    if isinstance(model, GradientBoostedCox):
        return _named(model, _trees(model, matrix, model.trees_, model.node_value_))
    return None


def _named(model: Any, found: Contributions) -> Contributions:
    # trees of one split each are a sum of functions of one column: what a column adds depends on no other
    return (
        replace(found, method="tree SHAP of stumps, exact") if model.tuned_.get("max_depth") == 1 else found
    )


def _spread_out(kept: FloatArray, model: Any, p: int) -> FloatArray:
    """Put the contributions of the columns that the preparation kept among all p; what it dropped adds nothing."""
    values = np.zeros((len(kept), p))
    values[:, model.preparation_.kept_] = kept
    return values


def _linear(model: Any, matrix: FloatArray, background: FloatArray) -> Contributions:
    prepared = model.preparation_.transform_matrix(matrix)
    mean = model.preparation_.transform_matrix(background).mean(axis=0)
    base = float(mean @ model.coef_) + float(getattr(model, "intercept_", 0.0))
    values = _spread_out((prepared - mean) * model.coef_, model, matrix.shape[1])
    return Contributions(values, np.full(len(matrix), base), "linear, exact")


def _boosted(
    model: XGBoostCox | XGBoostResponse | XGBoostContinuous | XGBoostAFT,
    matrix: FloatArray,
    factor: float = 1.0,
) -> Contributions:
    """Explain a booster whose margin times `factor` is the linear predictor."""
    rows = xgb.DMatrix(model.preparation_.transform_matrix(matrix), nthread=1)
    found = factor * np.asarray(model.booster_.predict(rows, pred_contribs=True), dtype=np.float64)
    kept = found[:, :-1]
    # xgboost sums in float32; its rounding (1e-6 of the sizes summed) goes to the base, anything more is an error
    base = model.predictor_of(matrix) - kept.sum(axis=1)
    rounding = np.abs(base - found[:, -1]) / (1.0 + np.abs(found).sum(axis=1))
    if rounding.max() > _FLOAT32:
        msg = f"xgboost's contributions miss its margin by {rounding.max():.2g} of their size."
        raise ExplanationError(msg)
    return Contributions(_spread_out(kept, model, matrix.shape[1]), base, "tree SHAP, exact")


def _trees(
    model: SurvivalForest | ForestResponse | GradientBoostedCox,
    matrix: FloatArray,
    trees: Sequence[Tree],
    node_values: Sequence[FloatArray],
) -> Contributions:
    """Explain a sum of scikit-learn trees, each with a value for each of its nodes."""
    described = [
        {
            "children_left": tree.children_left,
            "children_right": tree.children_right,
            "children_default": tree.children_left,
            "features": tree.feature,
            "thresholds": tree.threshold,
            "values": value[:, None],
            "node_sample_weight": tree.weighted_n_node_samples,
        }
        for tree, value in zip(trees, node_values, strict=True)
    ]
    explainer = shap.TreeExplainer({"trees": described}, feature_perturbation="tree_path_dependent")
    # through float32, in which scikit-learn's trees compare a value with a threshold
    prepared = model.preparation_.transform_matrix(matrix).astype(np.float32).astype(np.float64)
    found = np.asarray(explainer.shap_values(prepared, check_additivity=False)).reshape(prepared.shape)
    base = np.full(len(matrix), float(np.ravel(explainer.expected_value)[0]))
    return Contributions(_spread_out(found, model, matrix.shape[1]), base, "tree SHAP, exact")
