"""What every estimator of the library promises, tables and fusions alike."""

import dataclasses
import pickle

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV

from hybridx.cohort import Outcome
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError
from hybridx.fusion import frozen
from hybridx.models.concordance import harrell_c
from tests.models.catalogue import ALL_MODELS, FROZEN_NEAR, TABLE_MODELS, endpoint_of
from tests.models.world import draw, draw_other, without

SURVIVAL = [name for name, model in ALL_MODELS.items() if endpoint_of(model) == "survival"]
RESPONSE = [name for name, model in ALL_MODELS.items() if endpoint_of(model) == "response"]
OTHER = [name for name in ALL_MODELS if name not in (*SURVIVAL, *RESPONSE)]
TIMES = [0, 30, 180, 365, 1e6]
every_model = pytest.mark.parametrize("name", ALL_MODELS)


@pytest.fixture(scope="module")
def data():
    X, y, response, log_hazard = draw(110, seed=3)
    ordinal, continuous = draw_other(log_hazard)
    return {
        "X": X,
        "survival": y,
        "response": response,
        "ordinal": ordinal,
        "continuous": continuous,
        "truth": log_hazard,
        "train": np.arange(80),
        "test": np.arange(80, 110),
    }


@pytest.fixture(scope="module")
def fitted(data):
    train = data["train"]
    return {
        name: clone(model).fit(data["X"][train], data[endpoint_of(model)][train])
        for name, model in ALL_MODELS.items()
    }


def refit(name, data, rows):
    model = ALL_MODELS[name]
    return clone(model).fit(data["X"][rows], data[endpoint_of(model)][rows])


@every_model
def test_shapes_and_meaning(name, data, fitted):
    X, model = data["X"][data["test"]], fitted[name]
    predictor = model.linear_predictor(X)
    assert predictor.shape == (30,) and np.isfinite(predictor).all()
    if name in SURVIVAL:
        np.testing.assert_array_equal(model.predict(X), predictor)
        assert not is_classifier(model) and not hasattr(model, "predict_proba")
    elif name in RESPONSE:
        probability = model.predict_proba(X)
        np.testing.assert_allclose(probability.sum(axis=1), 1)
        np.testing.assert_array_equal(model.predict(X), (probability[:, 1] > 0.5).astype(float))
        assert is_classifier(model) and not hasattr(model, "predict_survival")
        assert model.classes_.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", SURVIVAL)
def test_higher_risk_is_worse(name, data, fitted):
    risk = fitted[name].predict(data["X"][data["train"]])
    assert np.corrcoef(risk, data["truth"][data["train"]])[0, 1] > 0.25
    y = data["survival"][data["train"]]
    assert fitted[name].score(data["X"][data["train"]], y) == pytest.approx(
        harrell_c(y.time_days, y.event, risk)
    )


@pytest.mark.parametrize("name", RESPONSE)
def test_higher_log_odds_is_better(name, data, fitted):
    log_odds = fitted[name].decision_function(data["X"][data["train"]])
    assert np.corrcoef(log_odds, data["truth"][data["train"]])[0, 1] < -0.25


@pytest.mark.parametrize("name", OTHER)
def test_higher_is_a_worse_level_or_a_larger_value(name, data, fitted):
    X, y = data["X"][data["train"]], data[endpoint_of(fitted[name])][data["train"]]
    predictor = fitted[name].linear_predictor(X)
    assert np.corrcoef(predictor, y.value)[0, 1] > 0.4
    assert np.corrcoef(predictor, data["truth"][data["train"]])[0, 1] > 0.4
    assert not hasattr(fitted[name], "predict_survival")


@pytest.mark.parametrize("name", SURVIVAL)
def test_survival_curves(name, data, fitted):
    curves = fitted[name].predict_survival(data["X"][data["test"]], TIMES)
    assert curves.shape == (30, 5)
    assert (curves[:, 0] == 1).all() and (curves >= 0).all()
    assert (np.diff(curves, axis=1) <= 0).all()
    end = float(data["survival"].time_days[data["train"]].max())
    later = fitted[name].predict_survival(data["X"][data["test"]], [end, 100 * end])
    np.testing.assert_array_equal(later[:, 0], later[:, 1])
    # mean predicted survival agrees with what happened to the training patients at the median time
    y = data["survival"][data["train"]]
    at = float(np.median(y.time_days))
    alive = 1 - np.sum(y.event & (y.time_days <= at)) / len(y)
    assert fitted[name].predict_survival(data["X"][data["train"]], at).mean() == pytest.approx(
        alive, abs=0.17
    )


@every_model
def test_pandas_and_columns_in_any_order(name, data, fitted):
    X, model = data["X"][data["test"]], fitted[name]
    expected = model.linear_predictor(X)
    np.testing.assert_allclose(model.linear_predictor(X.to_pandas()), expected, atol=1e-12)
    np.testing.assert_allclose(model.linear_predictor(X.select(reversed(X.columns))), expected, atol=1e-12)
    train = data["train"]
    again = clone(ALL_MODELS[name]).fit(data["X"][train].to_pandas(), data[endpoint_of(model)][train])
    np.testing.assert_allclose(again.linear_predictor(X), expected, atol=1e-12)


@every_model
def test_row_order_and_refitting_change_nothing(name, data, fitted):
    X = data["X"][data["test"]]
    shuffled = refit(name, data, np.random.default_rng(0).permutation(data["train"]))
    expected = fitted[name].linear_predictor(X)
    np.testing.assert_allclose(shuffled.linear_predictor(X), expected, atol=1e-9)
    shuffled.fit(data["X"][:60], data[endpoint_of(shuffled)][:60])
    twice = shuffled.fit(data["X"][data["train"]], data[endpoint_of(shuffled)][data["train"]])
    np.testing.assert_allclose(twice.linear_predictor(X), expected, atol=1e-9)


@every_model
@pytest.mark.parametrize("gone", ["pet", "lab", "clinical"])
def test_every_pattern_of_missing_modalities_is_predicted(name, gone, data, fitted):
    X = without(data["X"][data["test"]], gone, np.ones(30, dtype=bool))
    patterns = X if gone == "clinical" else without(X, "clinical", np.arange(30) < 10)
    predictor = fitted[name].linear_predictor(patterns)
    nothing = ~np.column_stack(
        [patterns[f"{m}.measured"].to_numpy() for m in ("clinical", "pet", "lab")]
    ).any(axis=1)
    is_fusion = hasattr(fitted[name], "modalities_")
    np.testing.assert_array_equal(np.isnan(predictor), nothing if is_fusion else np.zeros(30, dtype=bool))
    if name in SURVIVAL:
        curves = fitted[name].predict_survival(patterns, TIMES)
        np.testing.assert_array_equal(np.isnan(curves).all(axis=1), np.isnan(predictor))


@every_model
def test_damaged_test_rows_leave_the_fitted_state_untouched(name, data, fitted):
    train, test = data["X"][data["train"]], data["X"][data["test"]]
    before = fitted[name].linear_predictor(train)
    emptied = test.with_columns(pl.lit(None, dtype=pl.Float64).alias(c) for c in test.columns if ".x" in c)
    fitted[name].linear_predictor(emptied)
    np.testing.assert_array_equal(fitted[name].linear_predictor(train), before)
    # and a row's prediction does not depend on the rows beside it
    alone = np.concatenate([fitted[name].linear_predictor(test[[i]]) for i in range(5)])
    np.testing.assert_allclose(alone, fitted[name].linear_predictor(test)[:5], atol=1e-12)


@every_model
def test_frozen_skips_the_search_and_gives_the_same_model(name, data, fitted):
    cheap = frozen(fitted[name])
    assert not hasattr(cheap, "columns_")
    cheap.fit(data["X"][data["train"]], data[endpoint_of(cheap)][data["train"]])
    X = data["X"][data["test"]]
    near, first = FROZEN_NEAR.get(name, 1e-9), fitted[name].linear_predictor(X)
    np.testing.assert_allclose(cheap.linear_predictor(X), first, atol=near)
    assert np.corrcoef(cheap.linear_predictor(X), first)[0, 1] > 0.99


@every_model
def test_bootstrap_samples_can_be_fitted(name, data, fitted):
    rows = np.random.default_rng(5).integers(0, 80, size=80)
    model = frozen(fitted[name]).fit(data["X"][rows], data[endpoint_of(fitted[name])][rows])
    assert np.isfinite(model.linear_predictor(data["X"][data["test"]])).all()


@every_model
def test_clone_params_and_pickle(name, fitted, data):
    model = ALL_MODELS[name]
    params = model.get_params(deep=False)
    assert clone(model).get_params(deep=False).keys() == params.keys()
    for key, value in params.items():
        assert getattr(clone(model).set_params(**{key: value}), key) is value
    with pytest.raises(ValueError, match="Invalid parameter 'alpah'"):
        clone(model).set_params(alpah=1)
    X = data["X"][data["test"]]
    copy = pickle.loads(pickle.dumps(fitted[name]))
    np.testing.assert_array_equal(copy.linear_predictor(X), fitted[name].linear_predictor(X))


@every_model
def test_unknown_outcomes_are_left_out_with_a_warning(name, data, fitted):
    endpoint = endpoint_of(ALL_MODELS[name])
    train, known = data["train"], data[endpoint]
    extra = np.concatenate([train, [100, 101]])
    if endpoint == "survival":
        time = known.time_days[extra].copy()
        time[-2:] = np.nan
        y = Outcome.survival(time, np.where(np.isnan(time), False, known.event[extra]))
    else:
        value = known.value[extra].copy()
        value[-2:] = np.nan
        y = dataclasses.replace(known[extra], value=value)
    with pytest.warns(HybridxWarning, match="2 of 82 patients have no known"):
        model = clone(ALL_MODELS[name]).fit(data["X"][extra], y)
    X = data["X"][data["test"]]
    np.testing.assert_allclose(model.linear_predictor(X), fitted[name].linear_predictor(X), atol=1e-9)


@pytest.mark.parametrize("name", SURVIVAL)
@pytest.mark.parametrize(("events", "words"), [(0, "no events"), (4, "4 events")])
def test_too_few_events_are_refused_with_the_counts(name, events, words, data):
    y = Outcome.survival(np.arange(1.0, 81.0), np.arange(80) < events)
    with pytest.raises(NotEnoughDataError, match=f"got {words} in 80 patients"):
        clone(ALL_MODELS[name]).fit(data["X"][:80], y)


@pytest.mark.parametrize("name", RESPONSE)
@pytest.mark.parametrize("responders", [0, 3, 78])
def test_too_few_responders_are_refused_with_the_counts(name, responders, data):
    y = Outcome.response((np.arange(80) < responders).astype(float))
    with pytest.raises(NotEnoughDataError, match=f"got {responders} and {80 - responders} in 80 patients"):
        clone(ALL_MODELS[name]).fit(data["X"][:80], y)


@every_model
def test_wrong_lengths_kinds_and_columns_are_named(name, data, fitted):
    X, model = data["X"][:80], clone(ALL_MODELS[name])
    wrong = "response" if endpoint_of(model) == "survival" else "survival"
    with pytest.raises(InputError, match="80 rows while the outcome has 79"):
        model.fit(X, data[endpoint_of(model)][:79])
    with pytest.raises(InputError, match="This model is for"):
        model.fit(X, data[wrong][:80])
    with pytest.raises(InputError, match="feature column"):
        model.fit(X.select("patient_id", "centre"), data[endpoint_of(model)][:80])
    with pytest.raises(InputError, match=r"pet\.x2"):
        fitted[name].linear_predictor(X.drop("pet.x2"))


@pytest.mark.parametrize("name", TABLE_MODELS)
def test_columns_by_name(name, data):
    columns = ["pet.x3", "clinical.x1", "clinical.x0"]
    y = data[endpoint_of(ALL_MODELS[name])]
    model = clone(ALL_MODELS[name]).set_params(columns=columns).fit(data["X"], y)
    assert model.columns_ == columns
    assert np.isfinite(model.linear_predictor(data["X"].select(columns))).all()
    with pytest.raises(InputError, match=r"clinical\.x9.*Nearest"):
        clone(model).set_params(columns=["clinical.x9"]).fit(data["X"], y)


@pytest.mark.parametrize("name", TABLE_MODELS)
def test_a_table_without_information_is_refused(name, data):
    X = (
        data["X"]
        .select("patient_id")
        .with_columns(pl.lit(3.0).alias("lab.a"), pl.lit(None, dtype=pl.Float64).alias("lab.b"))
    )
    with pytest.raises(NotEnoughDataError, match=r"no usable column: lab\.a \(one value"):
        clone(ALL_MODELS[name]).fit(X, data[endpoint_of(ALL_MODELS[name])])


@pytest.mark.parametrize(
    ("name", "grid"), [("late", {"anchor": ["clinical", None]}), ("cox_ridge", {"prior_sd": [0.1, 1.0]})]
)
def test_grid_search(name, grid, data):
    search = GridSearchCV(clone(ALL_MODELS[name]), grid, cv=3).fit(data["X"].to_pandas(), data["survival"])
    assert (search.cv_results_["mean_test_score"] > 0.5).all()
    roc = GridSearchCV(clone(ALL_MODELS["late_response"]), {"anchor": [None]}, cv=3, scoring="roc_auc")
    assert roc.fit(data["X"].to_pandas(), data["response"].value).best_score_ > 0.5


@pytest.mark.parametrize("name", SURVIVAL)
def test_shuffled_outcomes_teach_nothing(name, data):
    scores = []
    for seed in range(4):
        X, y, _, _ = draw(160, seed=seed + 50)
        shuffled = y[np.random.default_rng(seed).permutation(160)]
        scores.append(clone(ALL_MODELS[name]).fit(X[:80], shuffled[:80]).score(X[80:], y[80:]))
    assert abs(np.mean(scores) - 0.5) < 0.1


@every_model
def test_absurd_values_count_as_the_farthest_known(name, data, fitted):
    """A thousandfold value, up or down, is the training limit to every model, so no risk runs away."""
    X, model = data["X"][data["test"]], fitted[name]
    seen = data["X"][data["train"]]
    measured = seen.filter("pet.measured") if "pet" in getattr(model, "modalities_", ["pet"]) else seen
    columns = [c for c in X.columns if c.startswith(("clinical.x", "pet.x"))]

    def beyond(share):
        changed = {}
        for i, column in enumerate(columns):
            rows = measured if column.startswith("pet.") else seen
            values = rows[column].drop_nulls()
            low, high, sd = values.min(), values.max(), values.std(ddof=0)
            # above one SD beyond the range nothing changes any more
            far = high + share * sd if i % 2 else low - share * sd
            changed[column] = pl.when(pl.col(column).is_not_null()).then(pl.lit(far)).alias(column)
        return model.linear_predictor(X.with_columns(**changed))

    at_limit, far = beyond(1.0), beyond(1e9)
    assert np.isfinite(far).all()
    np.testing.assert_allclose(far, at_limit, rtol=1e-9, atol=1e-9)
