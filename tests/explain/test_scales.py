"""Risk, survival, RMST and probability: exact where it says exact, and telling apart what a scale can and cannot be."""

from itertools import combinations
from math import comb

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from hybridx.cohort.columns import to_matrix
from hybridx.errors import ExplanationError, InputError, SettingsError
from hybridx.explain import TimeExplanation, additive, explain
from hybridx.explain.additive import Game, additive_values
from hybridx.explain.asked_only import Asked
from hybridx.explain.coalitions import shapley_parts
from hybridx.explain.scales import chosen_scale
from hybridx.fusion import BlockPenalizedFusion, EarlyFusion, KernelFusion, LateFusion
from hybridx.models import (
    ContinuousModel,
    CoxRidge,
    GradientBoostedCox,
    LogisticModel,
    OrdinalModel,
    SurvivalForest,
    WeibullAFT,
    XGBoostCox,
    XGBoostResponse,
)
from hybridx.prepare import PreparedModel, Standardizer
from tests.models.world import draw, draw_other, without

DAYS = [150.0, 400.0, 900.0]
EIGHT = [f"pet.x{j}" for j in range(5)] + [f"clinical.x{j}" for j in range(3)]


def numbers(table):
    return table.drop("patient_id").to_numpy()


@pytest.fixture(scope="module")
def world():
    X, y, response, truth = draw(130, seed=3)
    gone = without(X, "clinical", np.arange(130) % 7 == 0)
    ordinal, continuous = draw_other(truth)
    return gone, {"survival": y, "response": response, "ordinal": ordinal, "continuous": continuous}


def shapley(worth, p, groups=None):
    """Return Shapley values (with groups: Owen's) of a game given as a function of a set, every subset formed."""
    groups = np.zeros(p, int) if groups is None else np.asarray(groups)
    k, values = groups.max() + 1, []
    known = {}

    def of(members):
        key = frozenset(members)
        if key not in known:
            known[key] = worth(key)
        return known[key]

    for j in range(p):
        others = [g for g in range(k) if g != groups[j]]
        mates = [i for i in np.flatnonzero(groups == groups[j]).tolist() if i != j]
        total = 0.0
        for outer in (c for size in range(len(others) + 1) for c in combinations(others, size)):
            outside = set(np.flatnonzero(np.isin(groups, outer)).tolist())
            for inner in (c for size in range(len(mates) + 1) for c in combinations(mates, size)):
                share = 1.0 / (
                    k * comb(len(others), len(outer)) * (len(mates) + 1) * comb(len(mates), len(inner))
                )
                total = total + share * (of(outside | {*inner, j}) - of(outside | {*inner}))
        values.append(total)
    return np.array(values)


@pytest.mark.parametrize("groups", [[0] * 8, [0, 1, 0, 2, 1, 1, 0, 0], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_an_s_curve_of_a_sum_equals_brute_force(groups):
    rng = np.random.default_rng(5)
    own, other = rng.normal(size=(2, 8)), rng.normal(size=(4, 8))
    own[:, 3] = other[:, 3] = 0.7  # a column that never changes
    hazard = np.array([0.05, 0.5, 2.0])

    def link(eta):
        return np.exp(-hazard * np.exp(eta)[:, None])

    values, base = additive_values(Game(own, other, 0.3, np.array(groups)), link)
    np.testing.assert_allclose(base, link(0.3 + other.sum(axis=1)).mean(axis=0), atol=1e-12)
    for i in range(2):

        def worth(members, i=i):
            inside = np.isin(np.arange(8), list(members))
            return link(0.3 + np.where(inside, own[i], other).sum(axis=1)).mean(axis=0)

        np.testing.assert_allclose(values[i], shapley(worth, 8, groups), atol=1e-8)
    assert not values[:, 3].any() and np.abs(values).max() > 0.05


def test_a_step_is_no_sum_of_waves(monkeypatch):
    monkeypatch.setattr(additive, "_WAVES", (16, 64))
    rng = np.random.default_rng(5)
    game = Game(rng.normal(size=(2, 4)), rng.normal(size=(3, 4)), 0.0, np.zeros(4, int))
    assert additive_values(game, lambda eta: (eta > 0.1)[:, None].astype(float)) is None


def test_many_columns_add_up_and_equal_columns_get_the_same():
    rng = np.random.default_rng(6)
    own, other = 0.1 * rng.normal(size=(2, 301)), 0.1 * rng.normal(size=(6, 301))
    own[:, 300], other[:, 300] = own[:, 0], other[:, 0]
    values, base = additive_values(
        Game(own, other, 0.0, np.zeros(301, int)), lambda eta: 1.0 / (1.0 + np.exp(-eta[:, None]))
    )
    np.testing.assert_allclose(
        base + values.sum(axis=1), 1 / (1 + np.exp(-own.sum(axis=1, keepdims=True))), atol=1e-9
    )
    np.testing.assert_allclose(values[:, 0], values[:, 300], atol=1e-12)


LINEAR = {
    "late": LateFusion(),
    "block": BlockPenalizedFusion(),
    "kernel": KernelFusion(),
    "early": EarlyFusion(),
    "stumps": LateFusion({"pet": XGBoostCox(max_depth=1, n_rounds=10), "lab": WeibullAFT(prior_sd=0.5)}),
    "late response": LateFusion(endpoint="response"),
    "early ordinal": EarlyFusion(endpoint="ordinal"),
}


@pytest.mark.parametrize("name", LINEAR)
def test_sums_agree_with_coalitions_formed_one_by_one(name, world):
    """The same model twice: by its form, and by nothing but its predictions of patients put together from two."""
    X, outcomes = world
    model = clone(LINEAR[name])
    model.fit(X[:80], outcomes[model.endpoint][:80])
    asked = {"survival": ("risk", DAYS), "response": ("probability", None), "ordinal": ("mean level", None)}
    scale = chosen_scale(model, *asked[model.endpoint], None)
    parts = shapley_parts(Asked(model, scale), X[80:90], X[:80])
    kind, times = asked[model.endpoint]
    why = explain(model, X[80:90], X[:80], scale=kind, times=times)
    assert why.method.endswith("a sum, exact")
    found = why.modality_contributions() if times else numbers(why.modalities)[..., None]
    sums = {m: parts.features[:, parts.of(m)].sum(axis=1) for m in parts.modalities}
    expected = np.stack([sums[m] for m in model.modalities_], axis=1)
    there = model.measured(X[80:90])
    # stumps: xgboost predicts in float32
    tolerance = 1e-6 if name == "stumps" else 1e-8
    np.testing.assert_allclose(
        np.where(there[..., None], found, 0.0), np.nan_to_num(expected), atol=tolerance
    )


def known_by_path(tree, value, x, known, node=0):
    """Mean value of a tree when only the features in `known` are looked at, as path-dependent SHAP defines it."""
    if tree.children_left[node] < 0:
        return value[node]
    left, right = tree.children_left[node], tree.children_right[node]
    if tree.feature[node] in known:
        went = left if np.float32(x[tree.feature[node]]) <= tree.threshold[node] else right
        return known_by_path(tree, value, x, known, went)
    weight = tree.weighted_n_node_samples
    return sum(weight[k] * known_by_path(tree, value, x, known, k) for k in (left, right)) / weight[node]


@pytest.mark.parametrize("kind", ["RandomSurvivalForest", "ExtraSurvivalTrees"])
def test_curves_in_leaves_equal_brute_force_over_all_subsets(kind):
    import sksurv.ensemble

    from hybridx.explain import ensemble_curves

    X, y, _, _ = draw(120, seed=9, missing=0.0, holes=0.0)
    matrix = to_matrix(X, EIGHT)
    ensemble = getattr(sksurv.ensemble, kind)(n_estimators=3, min_samples_leaf=8, random_state=1)
    ensemble.fit(matrix[:100], y[:100].to_array())
    values, base = ensemble_curves(ensemble, matrix[100:103], DAYS)
    at = np.searchsorted(ensemble.unique_times_, DAYS, side="right") - 1
    curves = ensemble.predict_survival_function(matrix[100:103], return_array=True)[:, at]
    np.testing.assert_allclose(base + values.sum(axis=1), curves, atol=1e-10)
    for i in range(3):
        expected = 0.0
        for tree in (e.tree_ for e in ensemble.estimators_):
            leaf = tree.value[:, at, 1]
            expected += (
                shapley(lambda known, t=tree, v=leaf, i=i: known_by_path(t, v, matrix[100 + i], known), 8) / 3
            )
        np.testing.assert_allclose(values[i], expected, atol=1e-8)
    assert np.abs(values).max() > 0.02


def test_a_forest_without_curves_is_refused():
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest

    from hybridx.explain import ensemble_curves

    X, y, _, _ = draw(60, seed=9, missing=0.0, holes=0.0)
    small = RandomSurvivalForest(n_estimators=2, low_memory=True).fit(to_matrix(X, EIGHT), y.to_array())
    with pytest.raises(InputError, match="low_memory=False, got RandomSurvivalForest"):
        ensemble_curves(small, to_matrix(X, EIGHT), DAYS)
    with pytest.raises(InputError, match="got GradientBoostingSurvivalAnalysis"):
        ensemble_curves(GradientBoostingSurvivalAnalysis(), to_matrix(X, EIGHT), DAYS)


def test_a_forest_of_the_library_is_its_curve(world):
    X, outcomes = world
    model = SurvivalForest(n_trees=8, min_leaf=6).fit(X[:90], outcomes["survival"][:90])
    days = [0.0, *DAYS, 1e5]
    why = explain(model, X[90:], X[:90], scale="survival", times=days)
    assert "path-dependent" in why.method and why.method.endswith("exact")
    np.testing.assert_allclose(why.prediction, model.predict_survival(X[90:], days))
    assert (why.prediction[:, 0] == 1).all() and np.abs(why.contributions[:, :, 0]).max() < 1e-12
    rmst = explain(model, X[90:], X[:90], scale="rmst", tau=900.0)
    assert "path-dependent" in rmst.method
    fine = np.linspace(0, 900, 9001)
    area = np.trapezoid(model.predict_survival(X[90:], fine), fine, axis=1)
    np.testing.assert_allclose(rmst.prediction, area, atol=0.9)  # 0.1 % of tau


BOOSTED = {
    "trees": GradientBoostedCox(EIGHT, max_depth=2, n_rounds=12, correlation=None),
    "xgboost": XGBoostCox(EIGHT, max_depth=3, n_rounds=12),
    "xgboost response": XGBoostResponse(EIGHT, max_depth=3, n_rounds=12),
}


@pytest.mark.parametrize("name", BOOSTED)
def test_boosted_trees_on_a_bent_scale_equal_brute_force_over_all_subsets(name, world):
    X, outcomes = world
    model = BOOSTED[name]
    model.fit(X[:90], outcomes[model.takes][:90])
    asked = {"scale": "risk", "times": DAYS} if model.takes == "survival" else {"scale": "probability"}
    reference = X[:12]
    why = explain(model, X[90:92], reference, **asked)
    assert why.method == "Shapley values, exact over columns"
    found = why.contributions if model.takes == "survival" else numbers(why.features)[..., None]
    rows, others = to_matrix(X[90:92], EIGHT), to_matrix(reference, EIGHT)
    for i in range(2):

        def worth(members, i=i):
            mixed = pl.DataFrame(
                np.where(np.isin(np.arange(8), list(members)), rows[i], others), schema=EIGHT
            )
            if model.takes == "response":
                return model.predict_proba(mixed)[:, [1]].mean(axis=0)
            return 1.0 - model.predict_survival(mixed, DAYS).mean(axis=0)

        np.testing.assert_allclose(found[i], shapley(worth, 8), atol=1e-8)


def test_xgboost_native_values_equal_brute_force_over_all_subsets():
    X, y, _, _ = draw(120, seed=9, missing=0.0, holes=0.0)
    model = XGBoostCox(EIGHT, max_depth=3, n_rounds=4).fit(X[:100], y[:100])
    why = explain(model, X[100:103], X[:100])
    rows = model.preparation_.transform_matrix(to_matrix(X[100:103], EIGHT)).astype(np.float32)
    table = model.booster_.trees_to_dataframe()

    def known(nodes, x, members, node):
        row = nodes[node]
        if row["Feature"] == "Leaf":
            return row["Gain"]
        yes, no = row["Yes"], row["No"]
        j = int(row["Feature"][1:])
        if j in members:
            return known(nodes, x, members, yes if x[j] < np.float32(row["Split"]) else no)
        total = nodes[yes]["Cover"] + nodes[no]["Cover"]
        return sum(nodes[k]["Cover"] * known(nodes, x, members, k) for k in (yes, no)) / total

    for i in range(3):
        expected = np.zeros(8)
        for t, nodes in table.groupby("Tree"):
            by_id = nodes.set_index("ID").to_dict("index")
            expected += shapley(lambda s, n=by_id, t=t, i=i: known(n, rows[i], s, f"{t}-0"), 8)
        # xgboost keeps covers and sums in float32
        np.testing.assert_allclose(numbers(why.features)[i], expected, atol=1e-6)


def test_risk_and_survival_are_two_sides(world):
    X, outcomes = world
    model = LateFusion().fit(X[:90], outcomes["survival"][:90])
    risk = explain(model, X[90:], X[:90], scale="risk", times=DAYS)
    alive = explain(model, X[90:], X[:90], scale="survival", times=DAYS)
    np.testing.assert_allclose(risk.contributions, -alive.contributions, atol=1e-8)
    np.testing.assert_allclose(risk.prediction, 1 - model.predict_survival(X[90:], DAYS))
    one = explain(model, X[90:], X[:90], scale="risk", times=DAYS[1])
    np.testing.assert_allclose(numbers(one.features), numbers(risk.at(DAYS[1]).features), atol=1e-8)
    assert one.scale == risk.at(DAYS[1]).scale == "risk by day 400"


def test_small_effects_bend_nothing():
    """Where patients hardly differ, a contribution is that on the linear scale times the slope of the curve."""
    rng = np.random.default_rng(2)
    own, other = 1e-3 * rng.normal(size=(3, 5)), 1e-3 * rng.normal(size=(6, 5))
    values, _ = additive_values(
        Game(own, other, -0.5, np.zeros(5, int)), lambda eta: np.exp(-0.3 * np.exp(eta))[:, None]
    )
    slope = -0.3 * np.exp(-0.5) * np.exp(-0.3 * np.exp(-0.5))
    np.testing.assert_allclose(values[..., 0], slope * (own - other.mean(axis=0)), atol=3e-6)


def test_days_free_of_the_event(world):
    X, outcomes = world
    model = CoxRidge().fit(X[:90], outcomes["survival"][:90])
    why = explain(model, X[90:], X[:90], scale="rmst", tau=1000.0)
    fine = (np.arange(20_000) + 0.5) / 20
    np.testing.assert_allclose(
        why.prediction, model.predict_survival(X[90:], fine).mean(axis=1) * 1000, atol=1.0
    )
    assert why.scale == "event-free days to day 1000"
    plain = explain(model, X[90:], X[:90])
    best = plain.importance()["feature"][0]
    # what raises the hazard costs days
    assert np.corrcoef(plain.features[best], why.features[best])[0, 1] < -0.95


def test_own_scale_by_its_name_is_the_default(world):
    X, outcomes = world
    for model, name in (
        (CoxRidge(), "log-hazard"),
        (LogisticModel(), "log-odds"),
        (ContinuousModel(), "value"),
    ):
        model.fit(X[:90], outcomes[model.takes][:90])
        for scale in (name, "linear predictor"):
            why = explain(model, X[90:], X[:90], scale=scale)
            assert why.scale == name
            assert why.features.equals(explain(model, X[90:], X[:90]).features)


def test_ordered_levels_on_their_mean(world):
    X, outcomes = world
    model = OrdinalModel().fit(X[:90], outcomes["ordinal"][:90])
    why = explain(model, X[90:], X[:90], scale="mean level")
    np.testing.assert_allclose(why.prediction, model.predict_proba(X[90:]) @ np.arange(4.0))
    assert "exact" in why.method and 0 < why.prediction.min() < why.prediction.max() < 3


def test_scales_that_cannot_be_are_refused(world):
    X, outcomes = world
    model = CoxRidge().fit(X[:90], outcomes["survival"][:90])
    for wrong, message in (
        ({"scale": "risks", "times": 365.0}, "Did you mean 'risk'"),
        ({"scale": "probability"}, "scale"),
        ({"scale": "risk"}, "takes `times` in days, got times=None"),
        ({"scale": "rmst", "times": 365.0}, "takes `tau` in days"),
        ({"times": 365.0}, "takes neither times nor tau"),
        ({"scale": "risk", "times": []}, "at least one day"),
        ({"scale": "rmst", "tau": 0.0}, "one day > 0"),
        ({"scale": "survival", "times": -1.0}, "days >= 0"),
    ):
        with pytest.raises((SettingsError, InputError), match=message):
            explain(model, X[90:], X[:90], **wrong)
    with pytest.raises(ExplanationError, match="got ndarray"):
        explain(np.zeros(3), X[90:], X[:90], scale="risk", times=365.0)


@pytest.fixture(scope="module")
def over_time(world):
    X, outcomes = world
    nothing = X[90:].clone()
    for modality in ("clinical", "pet", "lab"):
        nothing = without(nothing, modality, np.arange(40) == 3)
    model = LateFusion().fit(X[:90], outcomes["survival"][:90])
    return explain(model, nothing, X[:90], scale="risk", times=DAYS)


def test_tables_over_time_add_up(over_time):
    for level in ("modality", "feature"):
        table = over_time.table(level)
        sums = table.group_by("patient_id", "time_days").agg(
            pl.col("contribution").sum(), pl.col("base").first(), pl.col("prediction").first()
        )
        known = sums.drop_nulls("prediction")
        assert known.height == np.isfinite(over_time.prediction).sum() < 40 * 3
        gap = known["base"] + known["contribution"] - known["prediction"]
        assert gap.abs().max() < 1e-6
    one = over_time.table(patient_id=over_time.patients[0])
    assert one["patient_id"].unique().to_list() == over_time.patients[:1]
    assert over_time.table(patient_id=over_time.patients[3])["contribution"].is_null().all()
    first = over_time.at(400).modalities.row(5, named=True)
    rows = over_time.table(patient_id=over_time.patients[5]).filter(pl.col("time_days") == 400)
    assert dict(zip(rows["modality"], rows["contribution"], strict=True)) == {
        m: first[m] for m in over_time.modality_names
    }
    assert set(over_time.importance("modality")["time_days"]) == set(DAYS)


def test_days_and_patients_that_are_not_there_are_named(over_time):
    with pytest.raises(InputError, match="Nothing was explained at day 500: there are 150, 400, 900"):
        over_time.at(500)
    with pytest.raises(InputError, match=r"has no patient 'P09'\. Did you mean 'P\d+9"):
        over_time.table(patient_id="P09")
    assert "40 patients" in repr(over_time) and "risk" in repr(over_time)


def test_what_does_not_add_up_over_time_is_refused(over_time):
    import dataclasses

    wrong = over_time.contributions.copy()
    wrong[2, 0, 1] += 0.01
    with pytest.raises(ExplanationError, match="row 2, day 400"):
        dataclasses.replace(over_time, contributions=wrong)
    with pytest.raises(ExplanationError, match="need contributions of shape"):
        dataclasses.replace(over_time, days=np.array([1.0]))
    assert isinstance(over_time, TimeExplanation)


def test_no_patients_on_a_bent_scale(world):
    X, outcomes = world
    for model in (LateFusion(), CoxRidge(), SurvivalForest(n_trees=3, min_leaf=8)):
        why = explain(model.fit(X[:90], outcomes["survival"][:90]), X[:0], X[:90], scale="risk", times=DAYS)
        assert len(why) == 0 and why.contributions.shape[2] == 3


def test_a_pipeline_is_explained_on_every_scale_in_the_own_unit_of_its_values(world):
    X, outcomes = world
    piped = PreparedModel([("scale", Standardizer()), ("model", LateFusion())])
    piped.fit(X[:90], outcomes["survival"][:90])
    why = explain(piped, X[90:], X[:90], scale="risk", times=DAYS)
    np.testing.assert_allclose(why.prediction, 1.0 - piped.predict_survival(X[90:], DAYS))
    assert why.values["pet.x3"].to_list() == X["pet.x3"][90:].to_list()
    assert why.method.endswith("a sum, exact")


def test_what_knowing_a_modality_does_follows_the_scale(world):
    X, outcomes = world
    model = LateFusion().fit(X[:90], outcomes["survival"][:90])
    why = explain(model, X[90:100], X[:90], scale="risk", times=400.0, knowing=True)
    assert np.abs(numbers(why.knowing).astype(float)).max() < 1.0  # a probability
    with pytest.raises(InputError, match="on another scale"):
        why.model_source()
