"""Boosted Cox, accelerated failure time and the survival SVM are explained exactly, on the scale of their risk."""

import itertools
from math import factorial

import numpy as np
import pytest
import shap

from hybridx.cohort.columns import to_matrix
from hybridx.explain import explain
from hybridx.explain.contributions import table_contributions
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.models import GradientBoostedCox, SurvivalSVM, WeibullAFT, XGBoostAFT
from tests.models.world import draw

COLUMNS = [f"pet.x{j}" for j in range(3)] + ["clinical.x0", "clinical.x1"]
MODELS = {
    "boosted trees": GradientBoostedCox(max_depth=2, n_rounds=40),
    "boosted linear": GradientBoostedCox(learner="linear", n_rounds=40),
    "aft weibull": XGBoostAFT(max_depth=3, n_rounds=40),
    "aft lognormal": XGBoostAFT(distribution="lognormal", max_depth=2, n_rounds=20),
    "weibull": WeibullAFT(prior_sd=0.6),
    "weibull, components": WeibullAFT(prior_sd=0.6, max_components=2),
    "svm": SurvivalSVM(cost=10.0),
}
LINEAR = ("boosted linear", "weibull", "weibull, components", "svm")


@pytest.fixture(scope="module")
def data():
    X, y, _, _ = draw(130, seed=9)
    return X, y


@pytest.fixture(scope="module")
def fitted(data):
    X, y = data
    return {name: model.fit(X[:100], y[:100]) for name, model in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_contributions_add_up_exactly(name, data, fitted):
    X, _ = data
    model = fitted[name]
    found = table_contributions(model, to_matrix(X[100:], model.columns_), to_matrix(X[:100], model.columns_))
    prediction = model.linear_predictor(X[100:])
    gap = np.abs(found.base + found.values.sum(axis=1) - prediction)
    assert (gap <= 1e-6 * (1 + np.abs(prediction))).all()
    assert "exact" in found.method and ("linear" in found.method) == (name in LINEAR)
    assert np.abs(found.values).sum() > 0.1


@pytest.mark.parametrize("name", LINEAR)
def test_closed_form_equals_shap_linear_explainer(name, data, fitted):
    X, _ = data
    model = fitted[name]
    matrix, background = to_matrix(X[100:], model.columns_), to_matrix(X[:100], model.columns_)
    prepared = model.preparation_.transform_matrix(background)
    masker = shap.maskers.Independent(prepared, max_samples=len(prepared))
    peer = shap.LinearExplainer((model.coef_, getattr(model, "intercept_", 0.0)), masker)
    ours = table_contributions(model, matrix, background)
    theirs = peer.shap_values(model.preparation_.transform_matrix(matrix))
    np.testing.assert_allclose(ours.values[:, model.preparation_.kept_], theirs, atol=1e-9)


def tree_expectation(tree, value, x, known, node=0):
    """Mean value of a tree when only the features in `known` are looked at, as path-dependent SHAP defines it."""
    if tree.children_left[node] < 0:
        return value[node]
    left, right = tree.children_left[node], tree.children_right[node]
    if tree.feature[node] in known:
        went = left if np.float32(x[tree.feature[node]]) <= tree.threshold[node] else right
        return tree_expectation(tree, value, x, known, went)
    weight = tree.weighted_n_node_samples
    return sum(weight[k] * tree_expectation(tree, value, x, known, k) for k in (left, right)) / weight[node]


def test_boosted_trees_equal_brute_force_over_all_subsets(data):
    X, y = data
    model = GradientBoostedCox(columns=COLUMNS, max_depth=2, n_rounds=6, correlation=None).fit(
        X[:100], y[:100]
    )
    matrix = to_matrix(X[100:103], COLUMNS)
    found = table_contributions(model, matrix, matrix).values
    prepared, p = model.preparation_.transform_matrix(matrix), len(COLUMNS)
    expected = np.zeros_like(found)
    for i, j in itertools.product(range(3), range(p)):
        others = [k for k in range(p) if k != j]
        for size in range(p):
            share = factorial(size) * factorial(p - size - 1) / factorial(p)
            for subset in itertools.combinations(others, size):
                for tree, value in zip(model.trees_, model.node_value_, strict=True):
                    with_j = tree_expectation(tree, value, prepared[i], {*subset, j})
                    expected[i, j] += share * (
                        with_j - tree_expectation(tree, value, prepared[i], set(subset))
                    )
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("law", ["weibull", "loglogistic"])
def test_additive_boosting_on_time_moves_one_column_at_a_time(law, data):
    """With stumps, changing one value changes its own contribution by what the risk changes, and no other."""
    X, y = data
    model = XGBoostAFT(columns=COLUMNS, distribution=law, max_depth=1, n_rounds=60).fit(X[:100], y[:100])
    matrix = to_matrix(X[100:], COLUMNS)
    before = table_contributions(model, matrix, matrix)
    changed = matrix.copy()
    changed[:, 3] = np.roll(changed[:, 3], 7)
    after = table_contributions(model, changed, matrix)
    moved = model.predictor_of(changed) - model.predictor_of(matrix)
    assert np.abs(moved).max() > 0.05
    np.testing.assert_allclose((after.values - before.values)[:, 3], moved, atol=1e-5)
    np.testing.assert_allclose(np.delete(after.values - before.values, 3, axis=1), 0, atol=1e-6)


def test_inside_a_fusion(data):
    X, y = data
    late = LateFusion(
        {
            "clinical": WeibullAFT(prior_sd=0.6),
            "pet": GradientBoostedCox(max_depth=1, n_rounds=10, n_folds=2),
            "lab": SurvivalSVM(cost=1.0, n_folds=2),
        }
    )
    for model in (late, EarlyFusion(XGBoostAFT(max_depth=2, n_rounds=10, n_folds=2))):
        why = explain(model.fit(X[:100], y[:100]), X[100:], X[:100])
        total = why.base + why.modalities.drop("patient_id").to_numpy().sum(axis=1)
        np.testing.assert_allclose(total, model.predict(X[100:]), rtol=1e-6, atol=1e-6)
        assert "permutation" not in why.method


def test_bent_svm_over_few_columns_is_exact(data):
    X, y = data
    model = SurvivalSVM(columns=COLUMNS, kernel="rbf", cost=10.0).fit(X[:100], y[:100])
    why = explain(model, X[100:108], X[:40])
    assert why.method == "Shapley values, exact over columns" and why.error is None
    total = why.base + why.features.drop("patient_id").to_numpy().sum(axis=1)
    np.testing.assert_allclose(total, model.predict(X[100:108]), atol=1e-6)
