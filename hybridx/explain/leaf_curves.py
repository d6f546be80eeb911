"""Trees whose leaves hold curves, explained exactly: SHAP values of S(t) at all times in one pass over the trees.

The trees are handed to shap's path-dependent algorithm with a vector in each leaf. The conditional expectation is the
path-dependent one: where a feature is unknown, both branches are followed in proportion to the training patients that
went there. The base is the mean of the leaves so weighted; shap 0.51 takes the root's own curve, which is not that
mean, so it is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shap
from sklearn.tree._tree import Tree

from hybridx.errors import InputError
from hybridx.explain.scales import Scale
from hybridx.models import SurvivalForest
from hybridx.models.baseline import check_times

__all__ = ["ensemble_curves", "forest_contributions", "leaf_contributions"]

FloatArray = npt.NDArray[np.float64]


def leaf_contributions(
    trees: Sequence[Tree], node_values: Sequence[FloatArray], X: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Explain a sum of scikit-learn trees whose nodes hold vectors.

    Parameters
    ----------
    trees : sequence of sklearn trees
    node_values : sequence of array of float, shape (n_nodes, n_times)
        What each tree adds; only leaves are looked at.
    X : array of float, shape (n, p)

    Returns
    -------
    values : array of float, shape (n, p, n_times)
    base : array of float, shape (n_times,)
        ``base + values.sum(axis=1)`` is the sum of the leaves that a row falls in.

    Source
    ------
    Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9. Checked against brute force over all 256 subsets of 8 features
    to 1e-8.
    """
    width = node_values[0].shape[1]
    described, base = [], np.zeros(width)
    for tree, value in zip(trees, node_values, strict=True):
        leaves = tree.children_left < 0
        weight = tree.weighted_n_node_samples
        base += weight[leaves] @ value[leaves] / weight[0]
        described.append(
            {
                "children_left": tree.children_left,
                "children_right": tree.children_right,
                "children_default": tree.children_left,
                "features": tree.feature,
                "thresholds": tree.threshold,
                "values": np.ascontiguousarray(value, dtype=np.float64),
                "node_sample_weight": weight,
            }
        )
    if not len(X):
        return np.zeros((0, X.shape[1], width)), base
    explainer = shap.TreeExplainer({"trees": described}, feature_perturbation="tree_path_dependent")
    # through float32, in which scikit-learn's trees compare a value with a threshold
    single = X.astype(np.float32).astype(np.float64)
    found = np.asarray(explainer.shap_values(single, check_additivity=False), dtype=np.float64)
    return found.reshape(len(X), X.shape[1], width), base


def ensemble_curves(ensemble: Any, X: npt.ArrayLike, times: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Explain S(t) of a fitted survival forest of scikit-survival (random or extra trees), outside any fusion.

    Parameters
    ----------
    ensemble : fitted `RandomSurvivalForest` or `ExtraSurvivalTrees`
        Fitted with ``low_memory=False``.
    X : array of float, shape (n, p)
        As given to its `predict_survival_function`.
    times : array-like of float, shape (n_times,)
        On the ensemble's own clock, >= 0.

    Returns
    -------
    values : array of float, shape (n, p, n_times)
        Path-dependent SHAP values of S(t): higher is better.
    base : array of float, shape (n_times,)

    Raises
    ------
    InputError
        The ensemble's leaves hold no curves.

    Examples
    --------
    >>> import numpy as np
    >>> from sksurv.ensemble import ExtraSurvivalTrees
    >>> from sksurv.util import Surv
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> y = Surv.from_arrays(np.ones(60, bool), np.exp(-X[:, 0]))
    >>> forest = ExtraSurvivalTrees(n_estimators=5, random_state=0).fit(X, y)
    >>> values, base = ensemble_curves(forest, X, [0.5, 1.0])
    >>> curves = forest.predict_survival_function(X, return_array=True)
    >>> at = np.searchsorted(forest.unique_times_, [0.5, 1.0], side="right") - 1
    >>> bool(np.allclose(base + values.sum(axis=1), curves[:, at]))
    True
    """
    trees = [tree.tree_ for tree in getattr(ensemble, "estimators_", []) if hasattr(tree, "tree_")]
    grid = getattr(ensemble, "unique_times_", None)
    if not trees or grid is None or any(tree.value.shape[1:] != (len(grid), 2) for tree in trees):
        msg = (
            "ensemble_curves takes a fitted RandomSurvivalForest or ExtraSurvivalTrees with low_memory=False, got "
            f"{type(ensemble).__name__}."
        )
        raise InputError(msg)
    values = [curve / len(trees) for curve in _leaf_survival(trees, grid, check_times(times))]
    return leaf_contributions(trees, values, np.asarray(X, dtype=np.float64))


def _leaf_survival(trees: Sequence[Tree], grid: FloatArray, days: FloatArray) -> list[FloatArray]:
    """Return S at `days` of each node of each tree, shape (n_nodes, n_days); 1 before the first time of the grid."""
    at = np.searchsorted(grid, days, side="right") - 1
    return [np.where(at >= 0, tree.value[:, np.maximum(at, 0), 1], 1.0) for tree in trees]


def forest_contributions(
    model: SurvivalForest, matrix: FloatArray, scale: Scale
) -> tuple[FloatArray, FloatArray]:
    """Return contributions (n, p, n_times) to a scale read off a forest's curve, and their base (n_times,).

    Parameters
    ----------
    model : SurvivalForest
        Fitted.
    matrix : array of float, shape (n, p)
        Columns of the fit, in their own units, NaN where missing.
    scale : Scale
        Risk, survival or RMST.
    """
    trees = [tree.tree_ for tree in model.forest_.estimators_]
    curves = _leaf_survival(trees, model.forest_.unique_times_, scale.grid)
    values = [scale.of_curves(curve) / len(trees) for curve in curves]
    prepared = model.preparation_.transform_matrix(matrix)
    kept, base = leaf_contributions(trees, values, prepared)
    found = np.zeros((*matrix.shape, kept.shape[2]))
    found[:, model.preparation_.kept_] = kept
    return found, base
