"""Late fusion: what it weighs, what it leaves out, what it says about itself."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.fusion import EarlyFusion, LateFusion, frozen
from hybridx.models import CoxRidge, LogisticModel
from tests.models.world import draw, without


@pytest.fixture(scope="module")
def world():
    X, y, response, truth = draw(140, seed=1)
    return X, y, response, truth


@pytest.fixture(scope="module")
def late(world):
    return LateFusion().fit(world[0], world[1])


def test_informative_modalities_outweigh_noise():
    weights = []
    for seed in range(6):
        X, y, *_ = draw(150, seed=seed)
        weights.append(LateFusion().fit(X, y).weights_)
    mean = pl.DataFrame(weights).mean().row(0, named=True)
    assert mean["lab"] < 0.25 * mean["pet"]
    assert mean["clinical"] > 0.2 and mean["pet"] > 0.2


def test_better_than_clinical_alone_and_not_hurt_by_noise():
    gains, harm = [], []
    for seed in range(8):
        X, y, *_ = draw(420, seed=seed + 20)
        train, test = slice(0, 120), slice(120, 420)
        fused = LateFusion().fit(X[:120], y[train])
        gains.append(
            fused.score(X[120:], y[test])
            - EarlyFusion(modalities=["clinical"]).fit(X[:120], y[train]).score(X[120:], y[test])
        )
        pure = LateFusion(modalities=["clinical", "pet"]).fit(X[:120], y[train])
        harm.append(pure.score(X[120:], y[test]) - fused.score(X[120:], y[test]))
    assert np.mean(gains) > 0.01
    assert np.mean(harm) < 0.01


def test_held_out_risks_are_standardised_and_marked(late, world):
    held_out = late.held_out_
    assert held_out.columns == late.modalities_
    for modality in late.modalities_:
        assert held_out[modality].null_count() == int((~world[0][f"{modality}.measured"]).sum())
        assert held_out[modality].std(ddof=0) == pytest.approx(1, abs=1e-9)


def test_prediction_is_the_weighted_sum_it_claims(late, world):
    X = world[0]
    risks = late.modality_risks(X)
    measured = late.measured(X)
    np.testing.assert_array_equal(np.isnan(risks), ~measured)
    eta = (np.nan_to_num(risks) * late.effective_weights(measured)).sum(axis=1)
    np.testing.assert_allclose(late.predict(X), eta, atol=1e-12)


def test_nothing_measured_is_nan_never_zero(late, world):
    X = world[0]
    for modality in ("clinical", "pet", "lab"):
        X = without(X, modality, np.arange(140) < 3)
    for model in (late, EarlyFusion().fit(world[0], world[1])):
        risk = model.predict(X)
        assert np.isnan(risk[:3]).all() and np.isfinite(risk[3:]).all()
        assert np.isnan(model.predict_survival(X, [100])[:3]).all()
    response = LateFusion(endpoint="response").fit(world[0], world[2])
    assert np.isnan(response.predict_proba(X)[:3]).all() and np.isnan(response.predict(X)[:3]).all()


def test_a_table_without_a_modality_counts_as_not_measured(late, world):
    X = world[0]
    dropped = X.select(c for c in X.columns if not c.startswith("pet."))
    np.testing.assert_allclose(
        late.predict(dropped), late.predict(without(X, "pet", np.ones(140, dtype=bool)))
    )
    early = EarlyFusion().fit(X, world[1])
    np.testing.assert_allclose(
        early.predict(dropped), early.predict(without(X, "pet", np.ones(140, dtype=bool)))
    )


def test_absent_columns_of_a_measured_modality_are_an_error(late, world):
    with pytest.raises(InputError, match=r"1 pet columns that the model needs are absent: pet\.x2"):
        late.predict(world[0].drop("pet.x2"))


def test_thin_modality_is_left_out_and_said_so(world):
    X, y, response, _ = world
    rare = without(X, "pet", np.arange(140) >= 9)
    for outcome, endpoint, word in ((y, "survival", "events"), (response, "response", "responders")):
        model = LateFusion(endpoint=endpoint).fit(rare, outcome)
        assert model.modalities_ == ["clinical", "lab"]
        (note,) = [n for n in model.notes_ if "pet" in n]
        assert note.startswith("pet was left out: The modality 'pet' needs at least 7") and word in note
        assert note in repr(model)
        only_pet = without(without(X, "clinical", np.ones(140, dtype=bool)), "lab", np.ones(140, dtype=bool))
        assert np.isnan(model.predict(only_pet)).all()


def test_no_modality_thick_enough_is_an_error_with_the_counts(world):
    X, y, *_ = world
    for modality in ("clinical", "pet", "lab"):
        X = without(X, modality, np.arange(140) >= 6)
    with pytest.raises(
        NotEnoughDataError, match=r"no modality with enough patients:\n  clinical was left out"
    ):
        LateFusion().fit(X, y)


def test_constant_block_is_left_out(world):
    X, y, *_ = world
    model = LateFusion().fit(X.with_columns(pl.lit(1.0).alias("genomics.a")), y)
    assert "genomics" not in model.modalities_
    assert any("genomics was left out" in note and "one value" in note for note in model.notes_)


def test_patterns_count_the_training_patients(late, world):
    table = late.patterns_
    assert table["patients"].sum() == 140 and table["events"].sum() == world[1].n_events
    everything = table.filter(pl.all_horizontal(late.modalities_))
    assert everything["patients"].item() == int(late.measured(world[0]).all(axis=1).sum())
    for modality in late.modalities_:
        assert everything[f"weight {modality}"].item() == pytest.approx(late.weights_[modality])
    support = late.support(world[0])
    assert support.len() == 140 and support.min() >= 1
    never = world[0].select("patient_id", *(c for c in world[0].columns if c.startswith("lab.")))
    assert (
        late.support(never).max() == 0
        and np.isfinite(late.predict(never)[late.measured(never).any(axis=1)]).all()
    )


def test_repr_is_escaped_and_shows_the_patterns(late):
    assert "Training patients by what was measured" in repr(late)
    html = late._repr_html_()
    assert "<table>" in html and "scope='col'" in html
    late_copy = clone(late)
    assert "Training patients" not in repr(late_copy)
    from hybridx.fusion.display import fitted_html

    assert "<script>" not in fitted_html(
        "x", late.patterns_.rename({"lab": "<script>"}), ["<script>alert()</script>"]
    )


def test_modalities_by_name(world):
    X, y, *_ = world
    assert LateFusion(modalities=["pet", "clinical"]).fit(X, y).modalities_ == ["clinical", "pet"]
    assert LateFusion(modalities="pet").fit(X, y).modalities_ == ["pet"]
    with pytest.raises(InputError, match=r"no modality 'pett'\. Did you mean 'pet'"):
        LateFusion(modalities=["pett"]).fit(X, y)


def test_unknown_names_are_refused_with_the_nearest(world):
    X, y, *_ = world
    with pytest.raises(SettingsError, match=r"'clincal'\. Did you mean 'clinical'"):
        LateFusion({"clincal": CoxRidge()}).fit(X, y)
    with pytest.raises(SettingsError, match=r"'survial'\. Did you mean 'survival'"):
        LateFusion(endpoint="survial").fit(X, y)
    with pytest.raises(SettingsError, match=r"takes its estimators of hybridx\.models, got LogisticModel"):
        LateFusion(LogisticModel()).fit(X, y)
    with pytest.raises(InputError, match=r"takes its estimators of hybridx\.models"):
        EarlyFusion(LogisticModel()).fit(X, y)


def test_a_model_per_modality_and_its_own_columns(world):
    X, y, *_ = world
    model = LateFusion({"pet": CoxRidge(columns=["pet.x0"])}).fit(X, y)
    assert model.models_["pet"].columns_ == ["pet.x0"]
    assert len(model.models_["clinical"].columns_) == 5
    # what the modality's model does not look at need not be there
    np.testing.assert_allclose(model.predict(X.drop("pet.x5")), model.predict(X))


def test_frozen_keeps_what_was_tuned(late, world):
    cheap = frozen(late)
    assert cheap.modalities == late.modalities_
    for modality, model in late.models_.items():
        assert cheap.models[modality].prior_sd == model.tuned_["prior_sd"]


def test_pure_noise_says_so_and_predicts_next_to_nothing():
    X, y, *_ = draw(120, seed=9)
    noise = X.select("patient_id", *(c for c in X.columns if c.startswith("lab.")))
    spreads, said = [], 0
    for seed in range(5):
        shuffled = y[np.random.default_rng(seed).permutation(120)]
        model = LateFusion().fit(noise, shuffled)
        spreads.append(np.nanstd(model.predict(noise)))
        said += any("better than chance" in note for note in model.notes_)
    assert np.median(spreads) < 0.2
    assert said >= 2


def test_calibration_of_fused_risk_on_new_patients():
    from hybridx.models.losses import CoxLoss

    slopes = []
    for seed in range(6):
        X, y, *_ = draw(700, seed=seed + 70)
        risk = LateFusion().fit(X[:200], y[:200]).predict(X[200:])
        loss, grid = CoxLoss(y.time_days[200:], y.event[200:]), np.linspace(0, 3, 61)
        slopes.append(grid[int(np.argmin([loss.value(s * risk) for s in grid]))])
    assert 0.7 < np.median(slopes) < 1.45


def test_patients_with_nothing_measured_do_not_disturb_the_fit(world):
    X, y, *_ = world
    empty = X[:5].with_columns(pl.lit(None, dtype=pl.Float64).alias(c) for c in X.columns if ".x" in c)
    empty = empty.with_columns(
        pl.concat_str(pl.lit("E"), "patient_id").alias("patient_id"),
        *(pl.lit(False).alias(f"{m}.measured") for m in ("clinical", "pet", "lab")),
    )
    both = Outcome.survival(np.append(y.time_days, y.time_days[:5]), np.append(y.event, y.event[:5]))
    model = LateFusion().fit(pl.concat([X, empty]), both)
    assert np.isfinite(model.predict(X)).all()
    early = EarlyFusion().fit(pl.concat([X, empty]), both)
    assert early.notes_ == ["5 patients with nothing measured were left out."]


@pytest.mark.parametrize("model", [EarlyFusion(), LateFusion()], ids=["early", "late"])
def test_the_flag_decides_whatever_stands_in_the_columns(world, model):
    X, y, *_ = world
    pet = [c for c in X.columns if c.startswith("pet.") and not c.endswith(".measured")]
    filled = X.with_columns(
        pl.when(pl.col("pet.measured")).then(pl.col(c)).otherwise(-7.0).alias(c) for c in pet
    )
    assert not X["pet.measured"].all()
    expected = clone(model).fit(X, y)
    found = clone(model).fit(filled, y)
    np.testing.assert_array_equal(found.predict(filled), expected.predict(X))
