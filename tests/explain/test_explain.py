"""Explanations add up, mean what they say, and agree with shap where shap can be asked."""

import itertools
from math import factorial

import numpy as np
import polars as pl
import pytest
import shap
from sklearn.base import clone

from hybridx.cohort.columns import modality_of, to_matrix
from hybridx.errors import ExplanationError, InputError
from hybridx.explain import explain
from hybridx.explain.contributions import table_contributions
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.models import (
    ContinuousModel,
    CoxRidge,
    LogisticModel,
    OrdinalModel,
    SurvivalForest,
    SurvivalModel,
)
from tests.models.catalogue import ALL_MODELS, FUSION_MODELS, endpoint_of
from tests.models.world import draw, draw_other, without

MODALITIES = ("clinical", "pet", "lab")


@pytest.fixture(scope="module")
def data():
    X, y, response, truth = draw(120, seed=3)
    ordinal, continuous = draw_other(truth)
    outcomes = {"survival": y, "response": response, "ordinal": ordinal, "continuous": continuous}
    return X, outcomes, truth


class Fitted(dict):
    """Models of the catalogue, each fitted when it is first asked for."""

    def __init__(self, data):
        super().__init__()
        self.X, self.outcomes, _ = data

    def __missing__(self, name):
        model = ALL_MODELS[name]
        self[name] = clone(model).fit(self.X[:80], self.outcomes[endpoint_of(model)][:80])
        return self[name]


@pytest.fixture(scope="module")
def fitted(data):
    return Fitted(data)


def numbers(table):
    return table.drop("patient_id").to_numpy()


@pytest.mark.parametrize("name", ALL_MODELS)
@pytest.mark.parametrize("table", ["polars", "pandas"])
def test_rows_add_up_for_every_model(name, table, data, fitted):
    X = data[0][80:]
    given, background = (X, data[0][:80]) if table == "polars" else (X.to_pandas(), data[0][:80].to_pandas())
    why = explain(fitted[name], given, background)
    prediction = fitted[name].linear_predictor(X)
    np.testing.assert_array_equal(why.prediction, prediction)
    total = why.base + numbers(why.modalities).sum(axis=1)
    np.testing.assert_allclose(total, prediction, rtol=1e-6, atol=1e-6)
    for modality in why.modality_names:
        own = [c for c in why.feature_names if modality_of(c) == modality]
        np.testing.assert_allclose(
            why.features.select(own).to_numpy().sum(axis=1),
            why.modalities[modality].to_numpy(),
            rtol=1e-6,
            atol=1e-9,
        )
    assert why.patients == X["patient_id"].to_list()
    assert why.values["pet.x3"].to_list() == X["pet.x3"].to_list()
    endpoint = endpoint_of(ALL_MODELS[name])
    if endpoint == "survival":
        assert why.scale in ("log-hazard", "log-mortality", "event log-odds", "SD of log-time")
    else:
        assert (
            why.scale
            == {"response": "log-odds", "ordinal": "ordinal log-odds", "continuous": "value"}[endpoint]
        )


@pytest.mark.parametrize("name", FUSION_MODELS)
def test_absent_modality_contributes_nothing(name, data, fitted):
    X = without(without(data[0][80:], "pet", np.arange(40) < 20), "clinical", np.arange(40) < 10)
    why = explain(fitted[name], X, data[0][:80])
    nothing = np.isnan(fitted[name].linear_predictor(X))
    for modality in MODALITIES:
        there = X[f"{modality}.measured"].to_numpy()
        contribution = why.modalities[modality].to_numpy()
        assert (contribution[~there & ~nothing] == 0).all()
        own = [c for c in why.feature_names if modality_of(c) == modality]
        assert (why.features.select(own).to_numpy()[~there & ~nothing] == 0).all()
        assert np.isnan(contribution[nothing]).all()


def test_nothing_measured_is_null_throughout(data, fitted):
    X = data[0][80:85]
    for modality in MODALITIES:
        X = without(X, modality, np.arange(5) == 2)
    why = explain(fitted["late"], X, data[0][:80])
    assert np.isnan(why.base[2]) and np.isnan(why.prediction[2])
    assert why.features.drop("patient_id").row(2) == (None,) * len(why.feature_names)
    assert why.patient(why.patients[2]).table(3)["contribution"].is_null()[:3].all()
    assert why.importance()["mean_abs"].is_not_nan().all()


@pytest.mark.parametrize("estimator", [CoxRidge(), LogisticModel(), OrdinalModel(), ContinuousModel()])
def test_closed_form_equals_shap_linear_explainer(estimator, data):
    X, outcomes, _ = data
    model = estimator.fit(X[:80], outcomes[estimator.takes][:80])
    matrix, background = to_matrix(X[80:], model.columns_), to_matrix(X[:80], model.columns_)
    prepared = model.preparation_.transform_matrix(background)
    masker = shap.maskers.Independent(prepared, max_samples=len(prepared))
    peer = shap.LinearExplainer((model.coef_, model.intercept_), masker)
    ours = table_contributions(model, matrix, background)
    theirs = peer.shap_values(model.preparation_.transform_matrix(matrix))
    np.testing.assert_allclose(ours.values[:, model.preparation_.kept_], theirs, atol=1e-10)
    np.testing.assert_allclose(ours.base, peer.expected_value, atol=1e-10)


def tree_expectation(tree, risk, x, known, node=0):
    """Mean leaf risk of a tree when only the features in `known` are looked at, as path-dependent SHAP defines it."""
    if tree.children_left[node] < 0:
        return risk[node]
    left, right = tree.children_left[node], tree.children_right[node]
    if tree.feature[node] in known:
        went = left if np.float32(x[tree.feature[node]]) <= tree.threshold[node] else right
        return tree_expectation(tree, risk, x, known, went)
    weight = tree.weighted_n_node_samples
    return sum(weight[k] * tree_expectation(tree, risk, x, known, k) for k in (left, right)) / weight[node]


def test_forest_equals_brute_force_over_all_subsets(data):
    X, outcomes, _ = data
    columns = [f"pet.x{j}" for j in range(4)] + ["clinical.x0", "clinical.x1"]
    forest = SurvivalForest(columns=columns, n_trees=4, min_leaf=8, correlation=None).fit(
        X[:80], outcomes["survival"][:80]
    )
    matrix = to_matrix(X[80:83], columns)
    found = table_contributions(forest, matrix, matrix).values
    prepared, p = forest.preparation_.transform_matrix(matrix), len(columns)
    expected = np.zeros_like(found)
    for i, j in itertools.product(range(3), range(p)):
        others = [k for k in range(p) if k != j]
        for size in range(p):
            share = factorial(size) * factorial(p - size - 1) / factorial(p)
            for subset in itertools.combinations(others, size):
                for tree, risk in zip(forest.forest_.estimators_, forest.node_risk_, strict=True):
                    with_j = tree_expectation(tree.tree_, risk, prepared[i], {*subset, j})
                    gain = with_j - tree_expectation(tree.tree_, risk, prepared[i], set(subset))
                    expected[i, j] += share * gain / len(forest.node_risk_)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.slow  # shap compiles its sampling loops on first use
def test_a_foreign_model_is_sampled_with_its_error_and_agrees_with_the_closed_form(data):
    class Opaque(SurvivalModel):
        """A model that the room knows nothing about."""

        def __init__(self, columns=None):
            self.columns = columns

        def _fit(self, data):
            self.inner_ = CoxRidge(prior_sd=0.5).fit_data(data)
            self.baseline_, self.tuned_ = self.inner_.baseline_, {}

        def predictor_of(self, matrix):
            return self.inner_.predictor_of(matrix)

    X, outcomes, _ = data
    columns = [f"clinical.x{j}" for j in range(5)]
    model = Opaque(columns).fit(X[:80], outcomes["survival"][:80])
    why = explain(model, X[80:90], X[:30])
    assert why.method == "Shapley values, exact over columns" and why.error is None
    exact = table_contributions(model.inner_, to_matrix(X[80:90], columns), to_matrix(X[:30], columns))
    np.testing.assert_allclose(numbers(why.features), exact.values, atol=1e-9)


def test_late_fusion_equals_exact_shapley_over_modalities_when_additive(data, fitted):
    """With linear models and everything measured, a modality's share is its change of the prediction from average."""
    X = data[0]
    complete = X.filter(pl.all_horizontal(f"{m}.measured" for m in MODALITIES))
    model = fitted["late"]
    why = explain(model, complete[:10], complete)
    risks = model.modality_risks(complete)
    weights = np.array([model.weights_[m] for m in model.modalities_])
    np.testing.assert_allclose(
        numbers(why.modalities), (risks[:10] - risks.mean(axis=0)) * weights, atol=1e-10
    )


def test_unit_of_a_feature_changes_values_not_contributions(data):
    X, outcomes, _ = data
    other = X.with_columns(pl.col("lab.x1") * 1000)
    a = explain(LateFusion().fit(X[:80], outcomes["survival"][:80]), X[80:], X[:80])
    b = explain(LateFusion().fit(other[:80], outcomes["survival"][:80]), other[80:], other[:80])
    np.testing.assert_allclose(numbers(a.features), numbers(b.features), atol=1e-8)


def test_shares_follow_the_truth_and_a_shuffled_model_does_not():
    X, y, _, _ = draw(500, seed=8, missing=0.0)
    why = explain(LateFusion().fit(X[:400], y[:400]), X[400:], X[:400])
    table = why.importance("modality")
    assert table["modality"].to_list()[-1] == "lab"
    assert table["share"].sum() == pytest.approx(1)
    shuffled = y[np.random.default_rng(0).permutation(500)]
    lie = explain(LateFusion().fit(X[:400], shuffled[:400]), X[400:], X[:400])
    assert lie.importance("modality")["mean_abs"].sum() < 0.3 * table["mean_abs"].sum()


def test_dropped_columns_contribute_zero(data):
    X, outcomes, _ = data
    copies = X.with_columns((pl.col("pet.x0") * 2).alias("pet.zcopy"), pl.lit(1.0).alias("pet.constant"))
    model = EarlyFusion(CoxRidge(correlation=0.9)).fit(copies[:80], outcomes["survival"][:80])
    why = explain(model, copies[80:], copies[:80])
    dropped = model.model_.preparation_.dropped_
    assert {"pet.zcopy", "pet.constant"} <= set(dropped) or {"pet.x0", "pet.constant"} <= set(dropped)
    assert not why.features.select(list(dropped)).to_numpy().any()


def test_what_cannot_be_explained_is_refused(data, fitted):
    from sklearn.linear_model import Ridge

    with pytest.raises(ExplanationError, match="got Ridge"):
        explain(Ridge(), data[0])
    with pytest.raises(InputError, match="background has no rows"):
        explain(fitted["late"], data[0], data[0][:0])
    with pytest.raises(ValueError, match="not fitted"):
        explain(LateFusion(), data[0])


def test_background_without_a_modality_still_explains(data, fitted):
    background = without(data[0][:80], "pet", np.ones(80, dtype=bool))
    why = explain(fitted["late"], data[0][80:], background)
    assert np.isfinite(why.base).all()


def test_no_patients_gives_an_empty_explanation(data, fitted):
    why = explain(fitted["late"], data[0][:0], data[0][:80])
    assert len(why) == 0 and why.modality_names == fitted["late"].modalities_
