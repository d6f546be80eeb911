"""A risk that only the picture shows is found, none where there is none, and every promise of a fusion model holds."""

import pickle
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError, SettingsError
from hybridx.fusion import ImageFusion, LateFusion, frozen
from hybridx.fusion.locked import LockedModel
from hybridx.fusion.locking import lock
from hybridx.models.concordance import harrell_c
from tests.fusion.image_world import draw_images

TIMES = [0, 30, 365, 1e6]
N = 120  # training patients of the contract; the rest are new
SMALL = {"max_epochs": 6, "min_events": 30, "n_folds": 2}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """120 + 40 patients; size drives the risk."""
    X, y, response, truth, _ = draw_images(tmp_path_factory.mktemp("world"), N + 40, seed=3)
    return {"X": X, "survival": y, "response": response, "truth": truth}


@pytest.fixture(scope="module")
def fitted(world):
    return {
        endpoint: ImageFusion(endpoint=endpoint, **SMALL).fit(world["X"][:N], world[endpoint][:N])
        for endpoint in ("survival", "response")
    }


both = pytest.mark.parametrize("endpoint", ["survival", "response"])


def learnt(folder, sign, n=250, **settings):
    X, y, _, _, picture = draw_images(folder, n + 200, seed=1, sign=sign, clinical=0.3)
    model = ImageFusion(max_epochs=16, **settings).fit(X[:n], y[:n])
    tables = LateFusion(modalities=["clinical", "lab"]).fit(X[:n], y[:n])
    return model, tables, X[n:], y[n:], picture[n:], (X[:n], y[:n])


@pytest.mark.slow
# C gained over the tables: texture 0.06 to 0.11 in four draws of 250 patients, size 0.14 to 0.23 already in three of 60
@pytest.mark.parametrize(("sign", "gain", "n"), [("size", 0.06, 120), ("texture", 0.03, 250)])
def test_a_risk_that_only_the_picture_shows_is_found(sign, gain, n, tmp_path):
    model, tables, X, y, picture, _ = learnt(tmp_path, sign, n)
    assert model.score(X, y) > tables.score(X, y) + gain
    said, seen = model.image_risk(X), model.measured(X)[:, -1]
    assert np.corrcoef(said[seen], picture[seen])[0, 1] > 0.5
    assert np.isnan(said[~seen]).all()


@pytest.mark.slow
def test_tables_that_turn_a_picture_round_need_the_conditioning(tmp_path):
    model, tables, X, y, picture, known = learnt(tmp_path, "interaction")
    assert model.score(X, y) > tables.score(X, y) + 0.03
    seen = model.measured(X)[:, -1]
    assert np.corrcoef(model.image_risk(X)[seen], picture[seen])[0, 1] > 0.5
    blind = clone(model).set_params(film=False, epochs=8)
    assert blind.fit(*known).held_out_gain_ < 0.25 * model.held_out_gain_


@pytest.mark.slow
def test_shuffled_outcomes_teach_nothing(tmp_path):
    scores = []
    for seed in range(4):
        X, y, *_ = draw_images(tmp_path / str(seed), 240, seed=seed + 20)
        shuffled = y[np.random.default_rng(seed).permutation(240)]
        model = ImageFusion(max_epochs=8).fit(X[:120], shuffled[:120])
        scores.append(model.score(X[120:], y[120:]))
    assert abs(np.mean(scores) - 0.5) < 0.08


def test_a_picture_that_says_nothing_is_not_used(tmp_path):
    X, y, *_ = draw_images(tmp_path, 150, seed=5, sign="nothing")
    model = ImageFusion(**SMALL).fit(X, y)
    assert model.image_weight_ == 0 and model.tuned_["epochs"] == 0
    assert any("does not clearly help" in note for note in model.notes_)
    tables = LateFusion(modalities=["clinical", "lab"]).fit(X, y).linear_predictor(X)
    assert np.corrcoef(tables, model.linear_predictor(X))[0, 1] > 1 - 1e-9, "the tables' ranking stays"
    assert (model.image_risk(X)[model.measured(X)[:, -1]] == 0).all()


@both
def test_shapes_and_meaning(endpoint, world, fitted):
    model, X = fitted[endpoint], world["X"][N:]
    predictor = model.linear_predictor(X)
    assert predictor.shape == (40,) and np.isfinite(predictor).all()
    assert model.modalities_ == ["clinical", "lab", "deep"] and model.image_weight_ > 0
    direction = 1 if endpoint == "survival" else -1
    assert direction * np.corrcoef(predictor, world["truth"][N:])[0, 1] > 0.4
    if endpoint == "survival":
        curves = model.predict_survival(X, TIMES)
        assert (curves[:, 0] == 1).all() and (np.diff(curves, axis=1) <= 0).all() and (curves >= 0).all()
        y = world["survival"][N:]
        assert model.score(X, y) == pytest.approx(harrell_c(y.time_days, y.event, predictor))
    else:
        probability = model.predict_proba(X)
        np.testing.assert_allclose(probability.sum(axis=1), 1)
        share = world["response"].value[:N].mean()
        assert model.predict_proba(world["X"][:N])[:, 1].mean() == pytest.approx(share, abs=0.1)


def test_without_a_picture_the_tables_predict(world, fitted):
    model, X = fitted["survival"], world["X"][N:]
    absent = X.with_columns(pl.lit(False).alias("deep.measured"), pl.lit(None, pl.String).alias("deep.image"))
    tables = model.tabular_.linear_predictor(X) - model.table_center_
    np.testing.assert_allclose(
        model.linear_predictor(absent), model.recalibration_.predictor(tables), atol=1e-12
    )
    # a picture that came too late is there and must not be looked at: the flag decides
    late = X.with_columns(pl.lit(False).alias("deep.measured"))
    np.testing.assert_array_equal(model.linear_predictor(late), model.linear_predictor(absent))
    has = model.measured(X)[:, -1]
    assert has.any() and not has.all()
    assert (np.abs(model.linear_predictor(X) - model.linear_predictor(absent))[has] > 0).all()


def test_every_pattern_of_absent_tables_is_predicted(world, fitted):
    model, X = fitted["survival"], world["X"][N:]
    for gone in (["clinical"], ["clinical", "lab"]):
        part = X.with_columns(pl.lit(False).alias(f"{m}.measured") for m in gone)
        predictor = model.linear_predictor(part)
        nothing = ~model.measured(part).any(axis=1)
        np.testing.assert_array_equal(np.isnan(predictor), nothing)
        assert nothing.any() and not nothing.all()
        np.testing.assert_array_equal(np.isnan(model.predict_survival(part, TIMES)).all(axis=1), nothing)
    dropped = X.drop([c for c in X.columns if c.startswith("lab.")])
    flags = X.with_columns(pl.lit(False).alias("lab.measured"))
    np.testing.assert_allclose(model.linear_predictor(dropped), model.linear_predictor(flags), atol=1e-12)


def test_the_picture_alone_is_a_model_too(world):
    model = ImageFusion(modalities=[], epochs=6, **SMALL).fit(world["X"][:N], world["survival"][:N])
    X = world["X"][N:]
    assert model.modalities_ == ["deep"] and model.tabular_ is None
    np.testing.assert_array_equal(np.isnan(model.predict(X)), X["deep.image"].is_null().to_numpy())
    response = ImageFusion(modalities=[], endpoint="response", epochs=6, **SMALL)
    response.fit(world["X"][:N], world["response"][:N])
    seen = response.predict_proba(world["X"][:N])[:, 1]
    assert np.nanmean(seen) == pytest.approx(world["response"].value[:N].mean(), abs=0.1)


@pytest.mark.slow
@both
def test_order_refitting_bootstrap_and_freezing(endpoint, world, fitted):
    X, y, new = world["X"][:N], world[endpoint][:N], world["X"][N:]
    expected = fitted[endpoint].linear_predictor(new)
    order = np.random.default_rng(0).permutation(N)
    shuffled = ImageFusion(endpoint=endpoint, **SMALL).fit(X[order], y[order])
    np.testing.assert_allclose(shuffled.linear_predictor(new), expected, atol=1e-9)
    cheap = frozen(fitted[endpoint])
    assert cheap.epochs == fitted[endpoint].tuned_["epochs"] and not hasattr(cheap, "image_")
    np.testing.assert_allclose(cheap.fit(X, y).linear_predictor(new), expected, atol=1e-9)
    rows = np.random.default_rng(5).integers(0, N, size=N)
    assert np.isfinite(frozen(cheap).fit(X[rows], y[rows]).linear_predictor(new)).all()


def test_a_row_does_not_depend_on_the_rows_beside_it(world, fitted):
    model, X = fitted["survival"], world["X"][N:]
    expected = model.linear_predictor(X)
    alone = np.concatenate([model.linear_predictor(X[[i]]) for i in range(6)])
    np.testing.assert_allclose(alone, expected[:6], atol=1e-12)
    np.testing.assert_allclose(model.linear_predictor(X.to_pandas()), expected, atol=1e-12)
    np.testing.assert_allclose(model.linear_predictor(X.select(reversed(X.columns))), expected, atol=1e-12)


def test_the_callers_torch_is_left_as_it_was(world):
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    model = ImageFusion(init="random", epochs=1, **SMALL).fit(world["X"][:N], world["survival"][:N])
    model.predict(world["X"][N:])
    assert torch.get_num_threads() == threads and torch.equal(torch.random.get_rng_state(), before)


def test_clone_params_pickle_and_repr(fitted, world):
    model = fitted["survival"]
    assert clone(model).get_params() == model.get_params()
    copy = pickle.loads(pickle.dumps(model))
    X = world["X"][N:]
    np.testing.assert_array_equal(copy.linear_predictor(X), model.linear_predictor(X))
    assert "ImageFusion" in repr(model) and model.needs_images
    assert model.support(X).max() > 0 and set(model.patterns_["deep"]) == {True, False}


@both
def test_a_locked_model_comes_back_the_same(endpoint, fitted, world, tmp_path):
    X, y = world["X"][:N], world[endpoint][:N]
    lock(fitted[endpoint], X, y).save(tmp_path / "model")
    back = LockedModel.load(tmp_path / "model").model
    new = world["X"][N:]
    np.testing.assert_array_equal(back.linear_predictor(new), fitted[endpoint].linear_predictor(new))
    assert not hasattr(back.tabular_, "held_out_"), "single training patients stay at home"
    content = (tmp_path / "model" / "model.skops").read_bytes()
    assert b"P003" not in content


def test_unknown_outcomes_are_left_out_with_a_warning(world, fitted):
    known = world["survival"]
    time = known.time_days[: N + 2].copy()
    time[-2:] = np.nan
    y = Outcome.survival(time, np.where(np.isnan(time), False, known.event[: N + 2]))
    with pytest.warns(HybridxWarning, match="2 of 122 patients have no known"):
        model = ImageFusion(**SMALL).fit(world["X"][: N + 2], y)
    new = world["X"][N:]
    np.testing.assert_allclose(
        model.linear_predictor(new), fitted["survival"].linear_predictor(new), atol=1e-9
    )


def test_too_few_events_are_refused_with_the_counts_the_reason_and_the_cure(world):
    X = world["X"][:80]
    y = Outcome.survival(np.arange(1.0, 81.0), np.arange(80) < 20)
    with pytest.raises(
        NotEnoughDataError, match=r"at least 50 events .* got \d+ events .* lower `min_events`"
    ):
        ImageFusion().fit(X, y)
    response = Outcome.response((np.arange(80) < 12).astype(float))
    with pytest.raises(NotEnoughDataError, match="25 responders and 25 non-responders"):
        ImageFusion(endpoint="response").fit(X, response)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"init": "imagenet"}, "imagenet"),
        ({"frozen_stages": 3}, "wanted 0, 1 or 2"),
        ({"init": "random", "frozen_stages": 1}, "know nothing yet"),
        ({"modality_dropout": 1.0}, "at least 0 and below 1"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"epochs": -1}, "epochs=-1"),
        ({"device": "abacus"}, "no device"),
        ({"modalities": ["clinical", "deep"]}, "read as the image"),
        ({"tabular": 3}, "takes a LateFusion"),
    ],
)
def test_impossible_settings_are_named(settings, words, world):
    with pytest.raises((SettingsError, InputError), match=words):
        ImageFusion(**{"min_events": 30, **settings}).fit(world["X"][:N], world["survival"][:N])


def test_tables_without_pictures_are_refused_with_the_cure(world, fitted):
    X, y = world["X"][:N], world["survival"][:N]
    with pytest.raises(InputError, match=r"frame\(images=True\)"):
        ImageFusion().fit(X.drop("deep.image"), y)
    with pytest.raises(InputError, match=r"frame\(images=True\)"):
        ImageFusion().fit(X.drop("deep.image", "deep.measured"), y)
    with pytest.raises(InputError, match=r"frame\(images=True\)"):
        fitted["survival"].predict(X.drop("deep.image"))
    # who has no such scan needs no column for it
    assert np.isfinite(fitted["survival"].predict(X.drop("deep.image", "deep.measured"))).any()


def test_a_picture_that_is_gone_or_changed_is_named(fitted, tmp_path):
    X, *_ = draw_images(tmp_path / "here", 6, seed=9, missing=0.0)
    model = fitted["survival"]
    assert np.isfinite(model.predict(X)).all()
    first = next((tmp_path / "here" / "images").iterdir())
    first.write_bytes(b"other")
    with pytest.raises(InputError, match="changed since"):
        model.predict(X)
    shutil.move(tmp_path / "here", tmp_path / "there")
    with pytest.raises(InputError, match="take its table anew"):
        model.predict(X)
    larger, *_ = draw_images(tmp_path / "larger", 3, seed=9, missing=0.0, edge=24)
    with pytest.raises(InputError, match="same settings"):
        model.predict(larger)
