"""Every model of the catalogue, and every preparation step before one, survives being locked, without its patients."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from hybridx.errors import InputError
from hybridx.fusion import ConsensusFusion, EarlyFusion, KernelFusion, LateFusion, LockedModel, lock
from hybridx.models import CompetingRisks, CoxRidge
from hybridx.prepare import (
    BlockImputer,
    BlockScaler,
    ComBat,
    CorrelationClusters,
    CorrelationFilter,
    DeltaFeatures,
    LogTransform,
    MedianImputer,
    Preparation,
    PreparedModel,
    PrincipalComponents,
    RangeLimit,
    RankTransform,
    Standardizer,
    TailCompressor,
    UnivariateScreen,
    VarianceFilter,
    Winsorizer,
)
from tests.models.catalogue import FUSION_MODELS, TABLE_MODELS, endpoint_of
from tests.models.world import draw, draw_other
from tests.prepare.world import cohort

N_TRAIN = 97  # a number that nothing else in a fitted model has as its length
WRAPPED = {f"early {name}": EarlyFusion(model, endpoint=model.takes) for name, model in TABLE_MODELS.items()}
CONSENSUS = {"consensus": ConsensusFusion({"late": LateFusion(n_folds=3), "kernel": KernelFusion(n_draws=8)})}
MODELS = FUSION_MODELS | WRAPPED | CONSENSUS
STEPS = {
    "filter": VarianceFilter(0.3, among="measured"),
    "log": LogTransform(),
    "clip": Winsorizer(),
    "limit": RangeLimit(),
    "rank": RankTransform(),
    "tails": TailCompressor(),
    "combat": ComBat(covariates=["clinical.age"]),
    "combat scale": ComBat(scale=False),
    "delta": DeltaFeatures(own_modality=True),
    "median": BlockImputer(),
    "ridge": BlockImputer("ridge"),
    "plain median": MedianImputer(),
    "clusters": CorrelationClusters(0.7),
    "correlation": CorrelationFilter(0.8),
    "components": PrincipalComponents(0.8, modalities=["pet@2"]),
    "screen": UnivariateScreen("top", k=4, per_modality=True),
    "standardise": Standardizer(),
    "blocks": BlockScaler(),
    "preparation": Preparation(impute=False),
}


@pytest.fixture(scope="module")
def data():
    X, y, response, log_hazard = draw(120, seed=8)
    ordinal, continuous = draw_other(log_hazard)
    return {"X": X, "survival": y, "response": response, "ordinal": ordinal, "continuous": continuous}


def numbers(model, X):
    """Return all that a model says of patients."""
    found = [model.linear_predictor(X)]
    if hasattr(model, "predict_survival"):
        found.append(model.predict_survival(X, [0, 100, 400]).ravel())
    if hasattr(model, "predict_proba"):
        found.append(model.predict_proba(X).ravel())
    return np.concatenate(found)


def lengths(thing, seen):
    """Return the lengths of all arrays, tables and lists inside an object."""
    if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type(None))):
        return set()
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        inner = thing.ravel().tolist() if thing.dtype == object else []
        return set(thing.shape) | set().union(*(lengths(v, seen) for v in inner))
    if isinstance(thing, (pl.DataFrame, pl.Series)):
        return {len(thing)}
    if isinstance(thing, dict):
        return {len(thing)} | set().union(*(lengths(v, seen) for v in thing.values()))
    if isinstance(thing, (list, tuple, set)):
        return {len(thing)} | set().union(*(lengths(v, seen) for v in thing))
    return set().union(*(lengths(v, seen) for v in getattr(thing, "__dict__", {}).values()))


def assert_each_array_is_sorted(model):
    """Values of one column, or errors, in rising order: what belongs to one patient cannot be told any more."""
    if isinstance(model, PreparedModel):
        (rank, _) = (step for _, step in model.steps)
        arrays = [*rank.values_, *rank.scores_]
    else:
        arrays = [model.model_.residuals_]
        model.model_.residuals_ = np.zeros(0)
        assert N_TRAIN not in lengths(model, set())
    assert all((np.diff(values) >= 0).all() for values in arrays)


def check(fitted, X, y, folder):
    train, test = np.arange(N_TRAIN), np.arange(N_TRAIN, 120)
    locked = lock(fitted, X[train], y[train])
    back = LockedModel.load(locked.save(folder))
    np.testing.assert_array_equal(numbers(back.model, X[test]), numbers(fitted, X[test]))
    if N_TRAIN in lengths(back.model, set()):
        assert_each_array_is_sorted(back.model)
    assert list(back.manifest["columns"]) == back.manifest["modalities"]
    return back


@pytest.mark.parametrize("name", MODELS)
def test_every_model(name, data, tmp_path):
    train = np.arange(N_TRAIN)
    X, y = data["X"], data[endpoint_of(MODELS[name])]
    check(clone(MODELS[name]).fit(X[train], y[train]), X, y, tmp_path / "model")


@pytest.mark.parametrize("name", STEPS)
def test_every_step_before_a_model(name, tmp_path):
    X, y = cohort(120, seed=2)
    train = np.arange(N_TRAIN)
    chain = PreparedModel([("step", clone(STEPS[name])), ("model", LateFusion(CoxRidge(prior_sd=0.4)))])
    back = check(chain.fit(X[train], y[train]), X, y, tmp_path / "model")
    assert back.manifest["modalities"] == ["clinical", "pet", "pet@2", "lab"]
    assert set(back.manifest["ranges"]["pet"]) == {c for c in X.columns if c.startswith("pet.")} - {
        "pet.measured"
    }


def test_training_patients_are_found_where_they_are(data):
    """The search for training patients above finds them before they are left at home."""
    train = np.arange(N_TRAIN)
    fitted = clone(CONSENSUS["consensus"]).fit(data["X"][train], data["survival"][train])
    assert N_TRAIN in lengths(fitted, set())


def test_what_cannot_be_locked_is_refused_with_the_cure():
    X, y = cohort(90, seed=2)
    knn = PreparedModel([("impute", BlockImputer("knn")), ("model", EarlyFusion(CoxRidge(prior_sd=0.4)))])
    with pytest.raises(InputError, match=r"step 'impute' keeps the values of training patients"):
        lock(knn.fit(X, y), X, y)
    with pytest.raises(InputError, match=r"put a model of one table into EarlyFusion"):
        lock(PreparedModel([("impute", BlockImputer()), ("model", CoxRidge())]).fit(X, y), X, y)
    with pytest.raises(InputError, match="Only a fusion model"):
        lock(CompetingRisks(), X, y)
