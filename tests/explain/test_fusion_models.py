"""Every fusion model is explained: exactly by the form it offers, else by Shapley values (against brute force)."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from hybridx.cohort.columns import to_matrix
from hybridx.errors import ExplanationError
from hybridx.explain import coalitions, explain
from hybridx.explain.synthetic import Substitution
from hybridx.fusion import EarlyFusion, LateFusion, LinearForm, WeightedMembers
from hybridx.models import CoxRidge, XGBoostAFT, XGBoostContinuous
from tests.explain.toys import (
    COLUMNS,
    Additive,
    Composite,
    Interacting,
    Toy,
    WithForm,
    WrongForm,
    brute_force,
    table,
)
from tests.models.catalogue import FUSION_MODELS
from tests.models.world import draw, draw_other, without

BACKGROUND = table(24, seed=1, missing=0.0)
PATIENTS = table(14, seed=2)


def numbers(found):
    return found.drop("patient_id").to_numpy()


@pytest.fixture(scope="module")
def interacting():
    model = Interacting().fit(None)
    return model, explain(model, PATIENTS, BACKGROUND)


@pytest.fixture(scope="module")
def forced(interacting):
    return [brute_force(interacting[0], PATIENTS, row, BACKGROUND) for row in range(PATIENTS.height)]


def test_modalities_equal_brute_force_over_all_coalitions(interacting, forced):
    model, why = interacting
    assert "exact over modalities" in why.method
    patterns = {tuple(row) for row in model.measured(PATIENTS)}
    assert len(patterns) == 4
    for row, (base, values, _) in enumerate(forced):
        assert why.base[row] == pytest.approx(base, abs=1e-9)
        for modality in COLUMNS:
            assert why.modalities[modality][row] == pytest.approx(values.get(modality, 0.0), abs=1e-9)


def test_columns_agree_with_brute_force_within_their_error(interacting, forced):
    _, why = interacting
    gaps = []
    for row, (_, _, split) in enumerate(forced):
        for column, value in split.items():
            gaps.append(why.features[column][row] - value)
    stated = np.sqrt(np.mean(numbers(why.error)[:, [i for i in range(6) if i != 4]] ** 2))
    assert 0 < np.sqrt(np.mean(np.square(gaps))) < 1.3 * stated < 0.04


def test_a_column_that_the_model_does_not_look_at_keeps_exactly_nothing(interacting):
    assert not np.abs(interacting[1].features["pet.c"].to_numpy()).any()


@pytest.mark.parametrize("model", [Additive, WithForm])
def test_additive_models_give_their_closed_form(model):
    fitted = model().fit(None)
    why = explain(fitted, PATIENTS, BACKGROUND)
    measured = fitted.measured(PATIENTS)[:, np.repeat([0, 1, 2], [2, 3, 1])]
    names = [c for columns in COLUMNS.values() for c in columns]
    mean = to_matrix(BACKGROUND, names).mean(axis=0)
    expected = np.where(measured, (np.nan_to_num(to_matrix(PATIENTS, names)) - mean) * Additive.weights, 0.0)
    np.testing.assert_allclose(numbers(why.features), expected, atol=1e-9)
    assert (why.method == "linear given what is measured, exact") == (model is WithForm)


def test_a_wrong_form_is_refused_by_name():
    with pytest.raises(
        ExplanationError, match=r"WrongForm\.linear_form does not give its linear_predictor: row 0"
    ):
        explain(WrongForm().fit(None), PATIENTS, BACKGROUND)


def test_a_form_may_be_withheld():
    class Sometimes(WithForm):
        def linear_form(self, X):  # noqa: ARG002
            return None

    why = explain(Sometimes().fit(None), PATIENTS, BACKGROUND)
    assert why.method.startswith("Shapley values")


def test_missing_values_within_a_modality_are_allowed():
    holes = PATIENTS.with_columns(
        pl.when(pl.int_range(pl.len()) % 3 > 0).then(pl.col("clinical.a")).alias("clinical.a")
    )
    for model in (Interacting().fit(None), WithForm().fit(None)):
        why = explain(model, holes, BACKGROUND)
        np.testing.assert_allclose(why.prediction, model.linear_predictor(holes))


@pytest.fixture(scope="module")
def world():
    X, y, response, _ = draw(120, seed=3)
    gone = without(without(X, "clinical", np.arange(120) % 7 == 0), "pet", np.arange(120) % 5 == 0)
    return gone, y, response


SCALES = {
    "survival": (
        {},
        {"scale": "risk", "times": [200.0, 600.0]},
        {"scale": "survival", "times": 400.0},
        {"scale": "rmst", "tau": 800.0},
    ),
    "response": ({}, {"scale": "probability"}),
    "ordinal": ({}, {"scale": "mean level"}),
    "continuous": ({},),
}
EVERY_FUSION = {
    **FUSION_MODELS,
    "early_ordinal": EarlyFusion(endpoint="ordinal"),
    "early_continuous": EarlyFusion(endpoint="continuous"),
    "early_values": EarlyFusion(XGBoostContinuous(max_depth=2, n_rounds=10), endpoint="continuous"),
}


@pytest.fixture(scope="module")
def outcomes():
    _, y, response, truth = draw(120, seed=3)
    ordinal, continuous = draw_other(truth)
    return {"survival": y, "response": response, "ordinal": ordinal, "continuous": continuous}


@pytest.mark.parametrize("name", EVERY_FUSION)
def test_every_fusion_model_adds_up_on_every_scale_of_its_endpoint(name, world, outcomes):
    X = world[0]
    model = clone(EVERY_FUSION[name])
    model.fit(X[:80], outcomes[model.endpoint][:80])
    patients = X[80:86]  # all patterns of modalities but nothing at all
    for asked in SCALES[model.endpoint]:
        why = explain(model, patients, X[:80], **asked)
        parts = [why.at(day) for day in why.days] if hasattr(why, "days") else [why]
        wanted = model.linear_predictor(patients)
        if asked.get("scale") == "probability":
            wanted = model.predict_proba(patients)[:, 1]
        elif "times" in asked:
            curves = model.predict_survival(patients, asked["times"])
            wanted = 1 - curves if asked["scale"] == "risk" else curves
        wanted = (
            wanted.reshape(len(patients), -1).T if asked.get("scale") not in {"rmst", "mean level"} else None
        )
        for k, part in enumerate(parts):
            if wanted is not None:
                np.testing.assert_allclose(part.prediction, wanted[k], rtol=1e-9, atol=1e-12)
            total = part.base + numbers(part.modalities).sum(axis=1)
            size = np.maximum(np.abs(part.prediction), 1e-3)
            assert np.isfinite(total).all() and (np.abs(total - part.prediction) <= 1e-6 * size).all()
            inner = part.base + numbers(part.features).sum(axis=1)
            assert (np.abs(inner - part.prediction) <= 1e-6 * size).all()
            assert np.abs(numbers(part.features)).max() > 0
            assert "exact" in part.method or "standard error" in part.method


def test_a_composite_is_the_weighted_sum_of_its_members(world):
    X, y, _ = world
    members = [
        LateFusion(modalities=["clinical", "pet"]).fit(X[:80], y[:80]),
        EarlyFusion().fit(X[:80], y[:80]),
        CoxRidge(columns=["clinical.x0", "pet.x1"]).fit(X[:80], y[:80]),
    ]
    columns = members[1].columns_
    model = Composite(members=members, columns=columns).fit(None)
    why = explain(model, X[80:], X[:80])
    np.testing.assert_allclose(why.prediction, model.linear_predictor(X[80:]))
    form = model.weighted_members(X[80:])
    assert (form.weights[:, 0] == 0).any() and not np.isnan(form.weights).any()
    expected = np.zeros((40, len(why.feature_names)))
    for k in range(2):
        part = explain(members[k], X[80:], X[:80])
        block = part.features.select(pl.col(c) for c in part.feature_names).fill_null(0.0).to_numpy()
        place = [why.feature_names.index(c) for c in part.feature_names]
        expected[:, place] += form.weights[:, [k]] * block
    untouched = [i for i, c in enumerate(why.feature_names) if c not in ("clinical.x0", "pet.x1")]
    rows = ~np.isnan(why.prediction)
    np.testing.assert_allclose(
        numbers(why.features)[rows][:, untouched], expected[rows][:, untouched], atol=1e-9
    )
    for modality in columns:
        there = X[80:][f"{modality}.measured"].to_numpy()
        assert not why.modalities[modality].to_numpy()[~there & rows].any()
    assert why.method.startswith("weighted sum of: ")


def test_a_composite_whose_weights_are_wrong_is_refused(world):
    X, y, _ = world

    class Wrong(Composite):
        def weighted_members(self, X):
            form = super().weighted_members(X)
            return WeightedMembers(form.members, form.weights, form.offset + 1.0)

        def _linear_predictor(self, frame, measured):
            return super()._linear_predictor(frame, measured) - 1.5

    member = LateFusion().fit(X[:80], y[:80])
    with pytest.raises(ExplanationError, match="weighted_members does not give its linear_predictor"):
        explain(Wrong(members=[member], columns=member.columns_).fit(None), X[80:], X[:80])


class Hidden(Toy):
    """A fitted model of the library of which only the linear predictor can be called."""

    def __init__(self, inner=None):
        self.inner = inner

    @property
    def endpoint(self):
        return self.inner.endpoint

    def fit(self, X, y=None):  # noqa: ARG002
        self.modalities_, self.columns_ = self.inner.modalities_, self.inner.columns_
        self.notes_, self.tuned_ = [], {}
        return self

    def _linear_predictor(self, frame, measured):  # noqa: ARG002
        return self.inner.linear_predictor(frame)


@pytest.mark.parametrize("endpoint", ["survival", "response"])
def test_a_hidden_late_fusion_is_explained_as_an_open_one(endpoint, world):
    X, y, response = world
    inner = LateFusion(endpoint=endpoint).fit(X[:80], (y if endpoint == "survival" else response)[:80])
    complete = X[:80].filter(pl.all_horizontal("clinical.measured", "pet.measured", "lab.measured"))
    known = inner.measured(X[80:]).all(axis=1)
    background = complete[: min(30, complete.height)]
    open_, hidden = explain(inner, X[80:], background), explain(Hidden(inner).fit(None), X[80:], background)
    assert known.any() and open_.scale == hidden.scale
    # linear models, one background: both ways must give the same, whatever is measured
    np.testing.assert_allclose(numbers(hidden.modalities), numbers(open_.modalities), atol=1e-9)
    np.testing.assert_allclose(hidden.base, open_.base, atol=1e-9)
    np.testing.assert_allclose(numbers(hidden.features), numbers(open_.features), atol=0.02)


@pytest.mark.parametrize(
    "name", [name for name, model in FUSION_MODELS.items() if hasattr(model, "linear_form")]
)
def test_a_linear_form_gives_the_shapley_values_of_its_model(name, world):
    X, y, response = world
    model = clone(FUSION_MODELS[name])
    model.fit(X[:80], (y if model.endpoint == "survival" else response)[:80])
    complete = pl.all_horizontal("clinical.measured", "pet.measured", "lab.measured")
    background = X[:80].filter(complete)[:30]
    why, hidden = explain(model, X[80:92], background), explain(Hidden(model).fit(None), X[80:92], background)
    if not why.method.startswith("linear"):
        pytest.skip(f"{name} offers no linear form with these settings")
    np.testing.assert_allclose(numbers(why.modalities), numbers(hidden.modalities), atol=1e-9)
    np.testing.assert_allclose(numbers(why.features), numbers(hidden.features), atol=1e-9)


def test_rows_do_not_lean_on_their_neighbours(interacting):
    model, why = interacting
    alone = explain(model, PATIENTS[[5]], BACKGROUND)
    np.testing.assert_allclose(numbers(alone.features)[0], numbers(why.features)[5], atol=1e-12)
    backwards = explain(model, PATIENTS[::-1], BACKGROUND)
    np.testing.assert_allclose(numbers(backwards.features)[::-1], numbers(why.features), atol=1e-12)


def test_a_modality_that_the_background_lacks_is_lent_by_the_patients():
    bare = BACKGROUND.with_columns(
        pl.lit(value=False).alias("pet.measured"),
        *(pl.lit(None, pl.Float64).alias(c) for c in COLUMNS["pet"]),
    )
    for model in (Interacting().fit(None), WithForm().fit(None), Additive().fit(None)):
        for background in (bare, bare.drop("pet.measured", *COLUMNS["pet"])):
            why = explain(model, PATIENTS, background)
            assert np.isfinite(why.base).all()
            assert not why.modalities["pet"].to_numpy()[~PATIENTS["pet.measured"].to_numpy()].any()


def test_few_complete_background_patients_are_put_together_by_modality():
    sparse = table(40, seed=9, missing=0.9)
    model = Additive().fit(None)
    assert model.measured(sparse).all(axis=1).sum() < 10
    why = explain(model, PATIENTS, sparse)
    full = np.flatnonzero(model.measured(PATIENTS).all(axis=1))
    rows = Substitution(model, PATIENTS, sparse).background(np.ones(3, bool), full)
    assert len({tuple(row) for row in rows}) > 10 and np.isfinite(why.base).all()


def test_many_modalities_are_played_in_sampled_orders(monkeypatch, interacting):
    model, exact = interacting
    monkeypatch.setattr(coalitions, "_EXACT", 2)
    why = explain(model, PATIENTS, BACKGROUND)
    assert "antithetic orders of modalities" in why.method
    np.testing.assert_allclose(numbers(why.modalities), numbers(exact.modalities), atol=0.1)
    pairs = model.measured(PATIENTS).sum(axis=1) <= 2
    np.testing.assert_allclose(numbers(why.modalities)[pairs], numbers(exact.modalities)[pairs], atol=1e-9)


def test_a_picture_is_one_player_with_no_value():
    class Pictures(Additive):
        needs_images = True

        def _linear_predictor(self, frame, measured):
            seen = frame["pet.image"].str.len_chars().fill_null(0).to_numpy()
            return super()._linear_predictor(frame, measured) + 0.1 * seen

    def add(frame):
        text = [("x" * (i % 4) if there else None) for i, there in enumerate(frame["pet.measured"])]
        return frame.with_columns(pl.Series("pet.image", text, dtype=pl.String))

    X, background = add(PATIENTS), add(BACKGROUND)
    why = explain(Pictures().fit(None), X, background)
    length = background["pet.image"].str.len_chars().mean()
    expected = [0.0 if t is None else 0.1 * (len(t) - length) for t in X["pet.image"]]
    np.testing.assert_allclose(why.features["pet.image"].to_numpy(), expected, atol=1e-9)
    assert why.values["pet.image"].is_null().all()


def test_a_model_without_prediction_for_mixed_patients_is_named():
    class Shy(Additive):
        def _linear_predictor(self, frame, measured):
            known = set(zip(PATIENTS["clinical.a"], PATIENTS["clinical.b"], strict=True))
            pairs = zip(frame["clinical.a"], frame["clinical.b"], strict=True)
            seen = np.array([pair in known for pair in pairs])
            return np.where(seen, super()._linear_predictor(frame, measured), np.nan)

    with pytest.raises(ExplanationError, match="Shy gives no prediction for a patient put together from two"):
        explain(Shy().fit(None), PATIENTS, BACKGROUND)


def test_forms_of_the_wrong_shape_are_refused():
    with pytest.raises(ExplanationError, match=r"2 patients and 1 columns has values of shape \(2, 2\)"):
        LinearForm(["a.b"], np.zeros((2, 2)), np.zeros((2, 1)), np.zeros(2))
    with pytest.raises(ExplanationError, match="names a column twice"):
        LinearForm(["a.b", "a.b"], np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2))
    with pytest.raises(ExplanationError, match=r"need weights of shape \(2, 1\), got \(2, 3\)"):
        WeightedMembers([None], np.zeros((2, 3)), np.zeros(2))


@pytest.mark.parametrize(
    ("distribution", "scale"),
    [("weibull", "log-hazard"), ("loglogistic", "event log-odds"), ("lognormal", "SD of log-time")],
)
def test_the_scale_follows_the_distribution_of_times(distribution, scale, world):
    X, y, _ = world
    learner = XGBoostAFT(distribution=distribution, max_depth=1, n_rounds=5, n_folds=2)
    assert explain(EarlyFusion(learner).fit(X[:80], y[:80]), X[80:], X[:80]).scale == scale
    assert explain(learner.fit(X[:80], y[:80]), X[80:], X[:80]).scale == scale


@pytest.mark.parametrize("rows", [60, 2000])
def test_what_is_sampled_lies_within_its_stated_error(monkeypatch, rows):
    """Few walks against a background patient, and many: 95 % of the exact values lie within 1.96 of the errors."""
    model = Interacting().fit(None)
    exact = [brute_force(model, PATIENTS, row, BACKGROUND)[2] for row in range(PATIENTS.height)]
    monkeypatch.setattr(coalitions, "_ROWS", rows)
    away = []
    for seed in range(6):
        monkeypatch.setattr(coalitions, "_SEED", seed)
        why = explain(model, PATIENTS, BACKGROUND, knowing=False)
        for row, values in enumerate(exact):
            for column, value in values.items():
                error = why.error[column][row]
                gap = why.features[column][row] - value
                if error > 1e-12:
                    away.append(gap / error)
                else:
                    assert gap == pytest.approx(0.0, abs=1e-9)
    # 144 dependent values or more: four standard errors of a share
    assert len(away) >= 140
    assert np.mean(np.abs(away) < 1.96) > 0.88
    assert np.sqrt(np.mean(np.square(away))) > 0.4  # and not by being ten times too wide


def test_errors_go_with_their_columns_and_are_kept(tmp_path, interacting):
    model, why = interacting
    assert why.error.columns == why.features.columns
    assert (why.error["pet.c"] == 0).all()  # the model does not look at it
    assert (why.error["lab.a"] == 0).all()  # alone in its modality
    absent = ~PATIENTS["pet.measured"]
    assert (why.error.filter(absent)["pet.a"] == 0).all() and (why.error["pet.a"] > 0).any()
    largest = max(why.error[c].max() for c in why.feature_names)
    assert f"largest {largest:.2g}" in why.method
    assert type(why).load(why.save(tmp_path / "why")).error.equals(why.error)
    both = type(why).concat([why, why])
    assert both.error.height == 2 * len(why)
    whole = why.collapse({"pet.a": "both", "pet.b": "both"})
    summed = (why.error["pet.a"] + why.error["pet.b"]).to_list()
    assert whole.error["pet.both"].to_list() == pytest.approx(summed)
    weighted = Composite(members=(model, model)).fit(None)
    doubled = explain(weighted, PATIENTS[:4], BACKGROUND, knowing=False)
    share = weighted.weighted_members(PATIENTS[:4]).weights.sum(axis=1)
    np.testing.assert_allclose(doubled.error["pet.a"].to_numpy(), share * why.error["pet.a"].to_numpy()[:4])


def test_errors_over_time_are_kept_too(tmp_path):
    X, y, *_ = draw(80, seed=4)
    model = EarlyFusion(XGBoostAFT(max_depth=2, n_rounds=10, n_folds=2)).fit(X, y)
    why = explain(model, X[:3], X, scale="risk", times=[100.0, 400.0])
    assert why.error.shape == why.contributions.shape and why.error.max() > 0
    np.testing.assert_array_equal(type(why).load(why.save(tmp_path / "why")).error, why.error)
    np.testing.assert_allclose(
        why.at(400.0).error.drop("patient_id").to_numpy(), why.error[:, :, 1], equal_nan=True
    )
