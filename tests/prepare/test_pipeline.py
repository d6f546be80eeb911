"""Preparation chains before a fusion model: scikit-learn's pipelines, searches, and `evaluate`."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

import hybridx as hx
from hybridx.cohort.columns import to_matrix
from hybridx.errors import HybridxWarning, SettingsError
from hybridx.fusion import EarlyFusion, LateFusion, frozen
from hybridx.models import CoxRidge, XGBoostCox
from hybridx.prepare import (
    BlockImputer,
    ComBat,
    CorrelationClusters,
    DeltaFeatures,
    LogTransform,
    PreparedModel,
    PrincipalComponents,
    UnivariateScreen,
    VarianceFilter,
    Winsorizer,
)
from tests.evaluate.world import make_cohort
from tests.prepare.world import cohort

X, Y = cohort(120, seed=2)
TRAIN, TEST = np.arange(80), np.arange(80, 120)
CHAIN = [
    ("combat", ComBat(covariates=["clinical.age"])),
    ("impute", BlockImputer()),
    ("model", LateFusion(CoxRidge(prior_sd=0.4))),
]


@pytest.mark.parametrize("kind", [Pipeline, PreparedModel])
def test_a_chain_is_its_steps_one_after_the_other(kind):
    model = clone(kind(CHAIN)).fit(X[TRAIN], Y[TRAIN])
    combat = clone(CHAIN[0][1]).fit(X[TRAIN])
    impute = BlockImputer().fit(combat.transform(X[TRAIN]))
    by_hand = clone(CHAIN[2][1]).fit(impute.transform(combat.transform(X[TRAIN])), Y[TRAIN])
    ready = impute.transform(combat.transform(X[TEST]))
    np.testing.assert_allclose(model.predict(X[TEST]), by_hand.predict(ready), atol=1e-12)
    assert model.score(X[TEST], Y[TEST]) == pytest.approx(by_hand.score(ready, Y[TEST]))
    again = clone(model).fit(X[TRAIN].to_pandas(), Y[TRAIN]).predict(X[TEST].to_pandas())
    np.testing.assert_allclose(again, model.predict(X[TEST]), atol=1e-9)


def test_missing_modalities_survive_the_chain():
    model = PreparedModel(CHAIN).fit(X[TRAIN], Y[TRAIN])
    flags = ["clinical.measured", "pet.measured", "pet@2.measured", "lab.measured"]
    np.testing.assert_array_equal(model.measured(X[TEST]), X[TEST].select(flags).to_numpy())
    nothing = X[TEST][:3].with_columns(
        pl.lit(None, dtype=X.schema[c]).alias(c) if not c.endswith(".measured") else pl.lit(False).alias(c)
        for c in X.columns
        if "." in c
    )
    assert np.isnan(model.predict(nothing)).all()
    without_lab = X[TEST].drop([c for c in X.columns if c.startswith("lab.")])
    assert np.isfinite(model.predict(without_lab)).all()


def test_prepared_model_passes_on_what_a_pipeline_does_not():
    model = PreparedModel([*CHAIN[:2], ("model", EarlyFusion())]).fit(X[TRAIN], Y[TRAIN])
    ready = model.prepared(X[TEST])
    curves = model.predict_survival(X[TEST], [100, 400])
    np.testing.assert_array_equal(curves, model.model_.predict_survival(ready, [100, 400]))
    np.testing.assert_array_equal(model.linear_predictor(X[TEST]), model.model_.linear_predictor(ready))
    assert model.support(X[TEST]).to_list() == model.model_.support(ready).to_list()
    assert not hasattr(PreparedModel([("model", EarlyFusion(endpoint="response"))]), "predict_survival")
    assert not hasattr(Pipeline(CHAIN), "predict_survival")
    fixed = frozen(model)
    assert fixed.get_params()["model__model"].prior_sd == model.model_.model_.tuned_["prior_sd"]
    np.testing.assert_allclose(
        fixed.fit(X[TRAIN], Y[TRAIN]).predict(X[TEST]), model.predict(X[TEST]), atol=1e-9
    )


def test_grid_search_over_a_step():
    search = GridSearchCV(Pipeline(CHAIN), {"combat__scale": [True, False]}, cv=2)
    search.fit(X, Y)
    assert (search.cv_results_["mean_test_score"] > 0.6).all()
    other = GridSearchCV(PreparedModel(CHAIN), {"impute": [BlockImputer(), "passthrough"]}, cv=2).fit(X, Y)
    assert np.isfinite(other.cv_results_["mean_test_score"]).all()


def test_a_long_chain():
    model = PreparedModel(
        [
            ("filter", VarianceFilter(0.3, among="measured")),
            ("log", LogTransform()),
            ("clip", Winsorizer()),
            ("combat", ComBat(covariates=["clinical.age", "clinical.stage"])),
            ("delta", DeltaFeatures(own_modality=True)),
            ("impute", BlockImputer("knn")),
            ("clusters", CorrelationClusters(0.7)),
            ("components", PrincipalComponents(0.8, modalities=["pet@2"])),
            ("screen", UnivariateScreen("top", k=4, per_modality=True)),
            ("model", LateFusion(CoxRidge(prior_sd=0.4))),
        ]
    ).fit(X[TRAIN], Y[TRAIN])
    assert model.model_.modalities_ == ["clinical", "pet", "pet@2", "lab", "pet_delta"]
    assert model.score(X[TEST], Y[TEST]) > 0.6
    curves = model.predict_survival(X[TEST], [0, 200, 800])
    assert (np.diff(curves, axis=1) <= 0).all()


def test_screening_noise_inside_the_fold_finds_nothing():
    rng = np.random.default_rng(0)
    noise = pl.DataFrame({f"pet.n{j}": rng.normal(size=90) for j in range(400)})
    _, y = cohort(90, seed=5)
    inside = Pipeline([("screen", UnivariateScreen("top", k=10)), ("model", CoxRidge(prior_sd=0.8))])
    honest = GridSearchCV(inside, {"screen__k": [10]}, cv=5).fit(noise, y).best_score_
    screened = UnivariateScreen("top", k=10).fit_transform(noise, y)
    flattered = GridSearchCV(CoxRidge(prior_sd=0.8), {"prior_sd": [0.8]}, cv=5).fit(screened, y).best_score_
    assert abs(honest - 0.5) < 0.1 and flattered > 0.7


@pytest.mark.parametrize("kind", [Pipeline, PreparedModel])
def test_evaluate_takes_a_chain(kind):
    small = make_cohort(90)
    chain = kind(
        [("combat", ComBat()), ("impute", BlockImputer()), ("model", LateFusion(CoxRidge(prior_sd=0.4)))]
    )
    result = hx.evaluate(
        models={"chain": chain, "plain": LateFusion(CoxRidge(prior_sd=0.4))},
        cohort=small,
        endpoint=small.endpoints[0],
        design=hx.designs.NestedCV(folds=3, repeats=1, seed=0),
        baselines=False,
        progress=False,
        workers=1,
        resamples=100,
    )
    rows = result.predictions.filter(pl.col("model") == "chain")
    assert np.isfinite(rows["risk"].to_numpy()).all()
    there = np.isfinite(rows["survival"].to_numpy()).all()
    assert there == (
        kind is PreparedModel
    )  # Brier scores need the curves, which a plain Pipeline does not pass on


def test_a_centre_that_training_never_saw_is_told_of():
    step, moved = ComBat().fit(X[TRAIN]), X[TEST].with_columns(pl.lit("D").alias("centre"))
    with pytest.warns(HybridxWarning, match="never saw centre D"):
        out = step.transform(moved)
    assert out["pet.x1"].equals(moved["pet.x1"])


def test_scaled_blocks_let_the_few_be_heard():
    few = [c for c in X.columns if c.startswith("clinical.")]
    rng = np.random.default_rng(0)
    crowd = X.with_columns(pl.Series(f"pet.n{j}", rng.normal(size=120)) for j in range(300))
    share = {}
    for scaled in (False, True, "leading"):
        model = EarlyFusion(CoxRidge(prior_sd=0.4), scale_blocks=scaled).fit(crowd[TRAIN], Y[TRAIN])
        inner = model.model_
        names = inner.preparation_.get_feature_names_out()
        # variance that each column carries into the linear predictor
        prepared = inner.preparation_.transform_matrix(to_matrix(crowd[TRAIN], inner.columns_))
        carried = (inner.coef_ * prepared.std(axis=0)) ** 2
        share[scaled] = carried[np.isin(names, few)].sum() / carried.sum()
    assert share[True] > 3 * share[False] and share["leading"] > 2 * share[False]
    plain = EarlyFusion(CoxRidge(prior_sd=0.4)).fit(crowd[TRAIN], Y[TRAIN])
    assert plain.model_.get_params()["scale_blocks"] is False
    with pytest.raises(SettingsError, match="scale_blocks=True is for models with a ridge penalty"):
        EarlyFusion(XGBoostCox(), scale_blocks=True).fit(X, Y)
    with pytest.raises(SettingsError, match=r"Unknown block scaling 'varience'\. Did you mean 'variance'"):
        EarlyFusion(scale_blocks="varience").fit(X, Y)
