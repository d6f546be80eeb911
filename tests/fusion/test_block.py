"""Block-penalised fusion: one model, a penalty per modality, whatever is missing."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.fusion import BlockPenalizedFusion, EarlyFusion, LockedModel, frozen, lock
from hybridx.models.losses import make_loss
from tests.models.world import draw, without


@pytest.fixture(scope="module")
def world():
    return draw(140, seed=1)


@pytest.fixture(scope="module")
def ridge(world):
    return BlockPenalizedFusion().fit(world[0], world[1])


@pytest.fixture(scope="module")
def lasso(world):
    return BlockPenalizedFusion("lasso").fit(world[0], world[1])


def test_better_than_clinical_alone_and_not_hurt_by_noise():
    gains, harm, strength, shares = [], [], [], []
    for seed in range(8):
        X, y, *_ = draw(420, seed=seed + 20)
        test = slice(120, 420)
        fused = BlockPenalizedFusion(recalibrate=False).fit(X[:120], y[:120])
        alone = EarlyFusion(modalities=["clinical"]).fit(X[:120], y[:120])
        pure = BlockPenalizedFusion(modalities=["clinical", "pet"], recalibrate=False).fit(X[:120], y[:120])
        gains.append(fused.score(X[120:], y[test]) - alone.score(X[120:], y[test]))
        harm.append(pure.score(X[120:], y[test]) - fused.score(X[120:], y[test]))
        strength.append(fused.prior_sds_)
        shares.append(fused.shares_)
    assert np.mean(gains) > 0.01
    assert np.mean(harm) < 0.01
    mean = pl.DataFrame(strength).mean().row(0, named=True)
    assert mean["lab"] < 0.9 * min(mean["pet"], mean["clinical"])
    mean = pl.DataFrame(shares).mean().row(0, named=True)
    assert mean["lab"] < 0.5 * min(mean["pet"], mean["clinical"])


@pytest.mark.parametrize("name", ["ridge", "lasso"])
def test_the_linear_form_is_the_prediction(name, world, request):
    model = request.getfixturevalue(name)
    X = without(world[0], "clinical", np.arange(140) % 3 == 0)
    form = model.linear_form(X)
    told = form.offset + (form.values * form.coefficients).sum(axis=1)
    np.testing.assert_allclose(told, model.linear_predictor(X), atol=1e-12)
    measured = model.measured(X)
    for i, modality in enumerate(model.modalities_):
        here = np.array([c.startswith(f"{modality}.") for c in form.columns])
        assert (form.coefficients[np.ix_(~measured[:, i], here)] == 0).all()
    assert np.isnan(form.offset).sum() == (~measured.any(axis=1)).sum() > 0
    # what everyone measured has is the table of coefficients
    whole = form.coefficients[measured.all(axis=1)][0]
    np.testing.assert_allclose(whole, model.coef_["coefficient"].to_numpy(), atol=1e-12)


def test_an_absent_modality_counts_as_average(ridge, world):
    X = world[0].filter(pl.col("pet.measured"))
    gone = without(X, "pet", np.ones(X.height, dtype=bool))
    form = ridge.linear_form(X)
    pet = np.array([c.startswith("pet.") for c in form.columns])
    part = (form.values[:, pet] * form.coefficients[:, pet]).sum(axis=1)
    np.testing.assert_allclose(ridge.predict(X) - ridge.predict(gone), part, atol=1e-12)
    trained = world[0].filter(pl.col("pet.measured"))
    assert ridge.linear_form(trained).values[:, pet].mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_what_it_says_of_itself(ridge, lasso, world):
    assert sum(ridge.shares_.values()) == pytest.approx(1)
    assert ridge.shares_["lab"] < min(ridge.shares_["clinical"], ridge.shares_["pet"])
    assert ridge.coef_.columns == ["modality", "column", "coefficient"]
    for modality, columns in ridge.columns_.items():
        q = ridge.coef_.filter(modality=modality).height
        assert 0 < q <= len(columns)
        assert ridge.penalties_[modality] == pytest.approx(q / ridge.prior_sds_[modality] ** 2)
    assert 0 < (lasso.coef_["coefficient"] == 0).sum() < lasso.coef_.height
    assert ridge.patterns_["patients"].sum() == 140
    assert ridge.support(world[0]).sum() > 0
    assert "clinical" in repr(ridge)


@given(seed=st.integers(0, 1000), times=st.lists(st.floats(0, 5000), min_size=2, max_size=6))
@settings(max_examples=20, deadline=None)
def test_survival_curves_of_any_pattern(ridge, seed, times):
    X, *_ = draw(30, seed=seed, missing=0.5)
    X = without(X, "clinical", np.random.default_rng(seed).random(30) < 0.5)
    curves = ridge.predict_survival(X, [0, *sorted(times)])
    there = ridge.measured(X).any(axis=1)
    assert np.isnan(curves[~there]).all()
    assert (curves[there, 0] == 1).all() and (curves[there] >= 0).all()
    assert (np.diff(curves[there], axis=1) <= 0).all()


@pytest.mark.parametrize("penalty", ["ridge", "lasso", "priority"])
def test_units_do_not_matter(penalty, world):
    X, y = world[0], world[1]
    other = X.with_columns(pl.col("pet.x1") * 1e4 - 7, pl.col("lab.x0") * 1e-3)
    model = BlockPenalizedFusion(penalty, recalibrate=False)
    one, two = clone(model).fit(X, y), clone(model).fit(other, y)
    np.testing.assert_allclose(one.predict(X), two.predict(other), atol=1e-6)


def test_patients_with_missing_blocks_teach_too(world):
    X, y, *_ = world
    lent = without(X, "pet", np.arange(140) >= 60)
    few = BlockPenalizedFusion(modalities=["clinical"], recalibrate=False, prior_sds={"clinical": 0.5})
    both = BlockPenalizedFusion(recalibrate=False, prior_sds={"clinical": 0.5, "pet": 1e-6, "lab": 1e-6})
    # with pet and lab shrunk to nothing the clinical part rests on all 140 patients, not on those who have everything
    np.testing.assert_allclose(both.fit(lent, y).predict(X), few.fit(X, y).predict(X), atol=1e-6)


def test_noise_is_not_believed():
    rng = np.random.default_rng(0)
    X = pl.DataFrame({f"pet.x{j}": rng.normal(size=300) for j in range(200)})
    y = Outcome.survival(rng.exponential(size=300) * 500 + 1, rng.random(300) < 0.6)
    model = BlockPenalizedFusion().fit(X[:100], y[:100])
    raw = clone(model).set_params(recalibrate=False).fit(X[:100], y[:100])
    assert raw.score(X[:100], y[:100]) > 0.8  # what the training patients would make one believe
    assert np.std(model.predict(X[100:])) < 0.2
    assert not BlockPenalizedFusion().fit(*draw(140, seed=1)[:2]).notes_
    assert any("not predicted clearly better" in note for note in model.notes_)


def test_held_out_risks_set_the_spread(world):
    X, y, *_ = world
    bold = BlockPenalizedFusion(prior_sds={"clinical": 3.0, "pet": 3.0, "lab": 3.0}).fit(X, y)
    assert bold.recalibration_.slope < 0.6
    assert 0.5 < BlockPenalizedFusion().fit(X, y).recalibration_.slope < 2.0


def test_frozen_copies_keep_modalities_and_strengths(ridge, world):
    copy = frozen(ridge)
    assert copy.prior_sds == ridge.prior_sds_ and copy.modalities == ridge.modalities_
    np.testing.assert_allclose(copy.fit(world[0], world[1]).predict(world[0]), ridge.predict(world[0]))


@pytest.mark.parametrize("penalty", ["ridge", "elastic_net", "priority"])
def test_a_locked_model_predicts_the_same(penalty, world, tmp_path):
    X, y, *_ = world
    model = BlockPenalizedFusion(penalty).fit(X, y)
    back = LockedModel.load(lock(model, X, y).save(tmp_path / "model")).model
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    np.testing.assert_array_equal(back.predict_survival(X, [300]), model.predict_survival(X, [300]))
    np.testing.assert_array_equal(back.linear_form(X).values, model.linear_form(X).values)


def test_a_modality_without_enough_patients_or_columns_is_left_out(world):
    X, y, *_ = world
    rare = without(X, "pet", np.arange(140) > 8).with_columns(
        pl.lit(1.0).alias("ct.a"), pl.lit(True).alias("ct.measured")
    )
    model = BlockPenalizedFusion().fit(rare, y)
    assert model.modalities_ == ["clinical", "lab"]
    assert [note.split()[0] for note in model.notes_[:2]] == ["pet", "ct"]
    with pytest.raises(NotEnoughDataError, match="no modality with enough patients"):
        BlockPenalizedFusion(modalities=["ct"]).fit(rare, y)


def test_patients_with_nothing_measured_are_left_out(world):
    X, y, *_ = world
    for modality in ("clinical", "pet", "lab"):
        X = without(X, modality, np.arange(140) < 10)
    model = BlockPenalizedFusion(recalibrate=False).fit(X, y)
    again = BlockPenalizedFusion(recalibrate=False).fit(X[10:], y[10:])
    assert any("10 patients with nothing measured" in note for note in model.notes_)
    np.testing.assert_allclose(model.predict(X[10:]), again.predict(X[10:]), atol=1e-9)
    assert np.isnan(model.predict(X[:10])).all()


@pytest.mark.parametrize("penalty", ["ridge", "elastic_net", "lasso"])
@pytest.mark.parametrize("endpoint", ["survival", "response"])
def test_coefficients_are_at_the_minimum_of_the_penalised_loss(penalty, endpoint, world):
    X, y = world[0], world[1] if endpoint == "survival" else world[2]
    model = BlockPenalizedFusion(penalty, endpoint=endpoint, recalibrate=False).fit(X, y)
    ratio = {"ridge": 0.0, "elastic_net": 0.5, "lasso": 1.0}[penalty]
    form, coef = model.linear_form(X), model.coef_["coefficient"].to_numpy()
    weight = np.array([model.penalties_[m] for m in model.coef_["modality"]])
    values = np.where(form.coefficients != 0, form.values, form.values * (coef == 0))
    slope = -values.T @ make_loss(y).gradient(model.linear_predictor(X)) - weight * (1 - ratio) * coef
    used = coef != 0
    np.testing.assert_allclose(slope[used], (weight * ratio * np.sign(coef))[used], atol=2e-3)
    assert (np.abs(slope[~used]) <= (weight * ratio)[~used] + 2e-3).all()


def test_wrong_settings_are_named(world):
    X, y, *_ = world
    with pytest.raises(InputError, match="penalty 'rigde'"):
        BlockPenalizedFusion("rigde").fit(X, y)
    with pytest.raises(SettingsError, match="l1_ratio is a share"):
        BlockPenalizedFusion("lasso", l1_ratio=0.5).fit(X, y)
    with pytest.raises(SettingsError, match="l1_ratio is a share"):
        BlockPenalizedFusion("elastic_net", l1_ratio=1.5).fit(X, y)
    with pytest.raises(SettingsError, match="order is for penalty='priority'"):
        BlockPenalizedFusion(order=["pet"]).fit(X, y)
    with pytest.raises(InputError, match="modality in `order` 'pett'"):
        BlockPenalizedFusion("priority", order=["pett"]).fit(X, y)
    with pytest.raises(SettingsError, match="standard deviations > 0, got -1"):
        BlockPenalizedFusion(prior_sds={"pet": -1}).fit(X, y)
    with pytest.raises(SettingsError, match="it lacks clinical"):
        BlockPenalizedFusion(prior_sds={"pet": 1.0, "lab": 0.5}).fit(X, y)
    with pytest.raises(SettingsError, match="recalibrate=True"):
        BlockPenalizedFusion(recalibrate=False).fit(X, y).predict_survival(X, [100])
