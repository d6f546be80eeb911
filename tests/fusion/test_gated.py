"""GatedFusion: attention, absent modalities, heads, a second outcome, the line beside it, locking."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.compute import bars
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError, SettingsError
from hybridx.fusion import GatedFusion, LockedModel, frozen, lock
from hybridx.models.concordance import harrell_c
from tests.models.world import draw, without

QUICK = {
    "interactions": "attention",
    "epochs": 40,
    "weight_decay": 0.03,
    "n_members": 2,
    "show_progress": False,
}


@pytest.fixture(scope="module")
def world():
    """Return 240 patients as `tests.models.world` draws them."""
    X, y, response, log_hazard = draw(240, seed=11)
    return X, y, response, log_hazard


@pytest.fixture(scope="module", params=["cox", "hazard", "response", "hidden", "pairs"])
def fitted(request, world):
    X, y, response, _ = world
    settings = {
        "cox": {},
        "hazard": {"head": "hazard"},
        "response": {"endpoint": "response"},
        "hidden": {"interactions": "hidden"},
        "pairs": {"interactions": "pairs", "head": "hazard"},
    }[request.param]
    outcome = response if request.param == "response" else y
    return GatedFusion(**QUICK | settings).fit(X[:160], outcome[:160])


def test_attention_is_a_share_of_what_is_measured(fitted, world):
    X = world[0][160:]
    nothing = np.arange(80) == 7
    for modality in ("clinical", "pet", "lab"):
        X = without(X, modality, nothing)
    table = fitted.attention(X)
    assert table.columns == ["patient_id", "clinical", "pet", "lab"]
    assert table["patient_id"].equals(X["patient_id"])
    shares, measured = table.drop("patient_id").to_numpy(), fitted.measured(X)
    assert np.isnan(shares[7]).all() and table["pet"].null_count() == 1
    rest = ~nothing
    np.testing.assert_allclose(shares[rest].sum(axis=1), 1)
    assert (shares[rest][~measured[rest]] == 0).all() and (shares[rest][measured[rest]] > 0).all()
    assert np.isnan(fitted.linear_predictor(X)[7]) and np.isfinite(fitted.linear_predictor(X)[rest]).all()


def test_what_a_table_holds_where_nothing_is_measured_does_not_matter(fitted, world):
    X, y, response, _ = world
    filled = X.with_columns(
        pl.when(pl.col(f"{m}.measured")).then(pl.col(c)).otherwise(1e5).alias(c)
        for m in ("pet", "lab")
        for c in X.columns
        if c.startswith(f"{m}.x")
    )
    assert not filled.equals(X)
    np.testing.assert_array_equal(fitted.linear_predictor(filled), fitted.linear_predictor(X))
    outcome = response if fitted.endpoint == "response" else y
    again = clone(fitted).fit(filled[:160], outcome[:160])
    np.testing.assert_array_equal(again.linear_predictor(X), fitted.linear_predictor(X))


def test_members_differ_and_their_mean_is_the_prediction(fitted, world):
    X = world[0][160:]
    members = fitted.member_predictors(X)
    assert members.shape == (80, 2)
    assert (np.ptp(members, axis=1) > 0).any()
    tolerance = 0.05 if fitted.head == "hazard" else 1e-12  # averaged on the scale of interval hazards
    np.testing.assert_allclose(members.mean(axis=1), fitted.linear_predictor(X), atol=tolerance)


def test_locked_and_read_again(fitted, world, tmp_path):
    X, y, response, _ = world
    outcome = response if fitted.endpoint == "response" else y
    back = LockedModel.load(lock(fitted, X[:160], outcome[:160]).save(tmp_path / "model")).model
    np.testing.assert_array_equal(back.linear_predictor(X), fitted.linear_predictor(X))
    assert back.attention(X).equals(fitted.attention(X))
    if fitted.endpoint == "survival":
        days = [0, 50, 400, 5000]
        np.testing.assert_array_equal(back.predict_survival(X, days), fitted.predict_survival(X, days))


def test_same_seed_same_model_and_nothing_else_is_touched(world):
    X, y, _, _ = world
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first = GatedFusion(**QUICK).fit(X[:160], y[:160])
        first.linear_predictor(X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.rand(1) == expected
    torch.manual_seed(99)
    second = GatedFusion(**QUICK).fit(X[:160], y[:160])
    np.testing.assert_array_equal(second.linear_predictor(X), first.linear_predictor(X))
    other = GatedFusion(**QUICK, random_state=1).fit(X[:160], y[:160])
    assert (other.linear_predictor(X) != first.linear_predictor(X)).any()


def test_tuning_is_remembered(world):
    X, y, _, _ = world
    model = GatedFusion(n_members=1, interactions="attention", show_progress=False).fit(X[:120], y[:120])
    assert set(model.cv_.columns) == {"interactions", "weight_decay", "epochs", "loss"}
    best = model.cv_.sort("loss").row(0, named=True)
    assert {k: best[k] for k in ("interactions", "weight_decay", "epochs")}.items() <= model.tuned_.items()
    quick = frozen(model).fit(X[:120], y[:120])
    assert quick.cv_ is None
    np.testing.assert_array_equal(quick.linear_predictor(X), model.linear_predictor(X))


@pytest.mark.slow
def test_signal_is_found_and_noise_beside_the_anchor_is_not_heard(world):
    X, y, _, log_hazard = world
    model = GatedFusion(**QUICK).fit(X[:160], y[:160])
    assert np.corrcoef(model.predict(X[160:]), log_hazard[160:])[0, 1] > 0.5
    rng = np.random.default_rng(0)
    only_lab = X.select("patient_id", *(c for c in X.columns if c.startswith(("clinical", "lab"))))
    noisy = only_lab.with_columns(pl.Series(f"lab.n{j}", rng.normal(size=240)) for j in range(200))
    plain = GatedFusion(["clinical"], **QUICK).fit(X[:160], y[:160])
    beside = GatedFusion(**QUICK).fit(noisy[:160], y[:160])
    c_plain = plain.score(X[160:], y[160:])
    assert beside.score(noisy[160:], y[160:]) > c_plain - 0.03
    assert GatedFusion(**QUICK, anchor="genomics").fit(X[:160], y[:160]).line_ is None


def crossing(n, seed):
    """Return a table in which pet.x0 raises the hazard before day 300 and lowers it afterwards."""
    rng = np.random.default_rng(seed)
    z, lab = rng.choice([-1.0, 1.0], n), rng.normal(size=n)
    early, late = 0.002 * np.exp(1.2 * z), 0.004 * np.exp(-1.2 * z)
    need = rng.exponential(size=n)
    time = np.where(need < 300 * early, need / early, 300 + (need - 300 * early) / late)
    censored = rng.uniform(200, 1500, n)
    y = Outcome.survival(np.minimum(time, censored) + 0.01, time <= censored)
    X = pl.DataFrame({"pet.x0": z, "pet.x1": rng.normal(size=n), "lab.x0": lab})

    def survival(days):
        days = np.asarray(days, dtype=float)
        before, after = np.minimum(days, 300), np.maximum(days - 300, 0)
        return np.exp(-before * early[:, None] - after * late[:, None])

    return X, y, survival


@pytest.mark.slow
def test_crossing_hazards_are_recovered_by_the_hazard_head_and_not_by_cox():
    X, y, _ = crossing(600, seed=1)
    new, _, truth = crossing(300, seed=2)
    days = [150, 300, 500, 800]
    error = {}
    for head in ("cox", "hazard"):
        model = GatedFusion(
            head=head, anchor=None, interactions="attention", n_members=2, show_progress=False
        ).fit(X, y)
        curves = model.predict_survival(new, days)
        error[head] = float(np.sqrt(np.mean((curves - truth(days)) ** 2)))
        if head == "hazard":
            # hazards between two times, high against low z: above 1 early, below 1 late
            H = -np.log(model.predict_survival(new, [0, 250, 400, 900]))
            high = new["pet.x0"].to_numpy() > 0
            ratio = [H[high, j + 1].mean() - H[high, j].mean() for j in (0, 2)]
            ratio = [
                r / (H[~high, j + 1].mean() - H[~high, j].mean()) for r, j in zip(ratio, (0, 2), strict=True)
            ]
            assert ratio[0] > 2 and ratio[1] < 0.6
    assert error["hazard"] < 0.6 * error["cox"]


@pytest.mark.parametrize("head", ["cox", "hazard"])
def test_curves_fall_from_one_and_stay_flat_after_the_last_follow_up(head, world):
    X, y, _, _ = world
    model = GatedFusion(**QUICK, head=head).fit(X[:160], y[:160])
    end = float(y.time_days[:160].max())
    days = np.sort(np.append(np.random.default_rng(0).uniform(0, end, 40), [0, end, 2 * end]))
    curves = model.predict_survival(X, days)
    assert (curves[:, 0] == 1).all() and (np.diff(curves, axis=1) <= 0).all() and (curves >= 0).all()
    np.testing.assert_array_equal(curves[:, -1], curves[:, -2])
    if head == "hazard":
        assert model.combination_.horizon == y.time_days[:160][y.event[:160]].max()
        short = clone(model).set_params(horizon=90.0).fit(X[:160], y[:160])
        assert short.combination_.horizon == 90.0
        # a patient with higher risk has lower survival, on the whole
        assert np.corrcoef(model.predict(X), curves[:, 20])[0, 1] < -0.9


def test_hazards_are_right_on_average(world):
    X, y, _, _ = world
    model = GatedFusion(**QUICK, head="hazard").fit(X[:160], y[:160])
    cuts = model.combination_.cuts
    at = float(cuts[len(cuts) // 2])
    time, event = y.time_days[:160], y.event[:160]
    kaplan_meier = np.prod([1 - 1 / np.sum(time >= t) for t in time[event & (time <= at)]])
    assert model.predict_survival(X[:160], at).mean() == pytest.approx(kaplan_meier, abs=0.05)


def multitask(n, seed, known=0.25):
    """Return a survival outcome known in few and a response that the same factor decides, known in all."""
    X, y, _, log_hazard = draw(n, seed=seed)
    rng = np.random.default_rng(seed)
    time = np.where(rng.random(n) < known, y.time_days, np.nan)
    few = Outcome.survival(time, np.where(np.isnan(time), False, y.event))
    response = Outcome.response((log_hazard + 0.3 * rng.normal(size=n) < 0).astype(float))
    return X, few, response, log_hazard


@pytest.mark.slow
def test_an_informative_second_outcome_helps_where_the_first_is_rarely_known():
    alone, together = [], []
    for seed in (1, 2, 3):
        X, few, response, _ = multitask(300, seed)
        new, _, _, truth = draw(300, seed=seed + 50)
        rows = np.flatnonzero(few.known)
        one = GatedFusion(**QUICK, anchor=None).fit(X[rows], few[rows])
        two = GatedFusion(**QUICK, anchor=None, auxiliary_weight=1.0).fit(X, few, auxiliary=response)
        alone.append(np.corrcoef(one.predict(new), truth)[0, 1])
        together.append(np.corrcoef(two.predict(new), truth)[0, 1])
    assert np.mean(together) > np.mean(alone) + 0.02


@pytest.mark.slow
def test_unknown_second_outcomes_are_masked(world):
    X, y, response, _ = world
    value = response.value.copy()
    value[::3] = np.nan
    partly = Outcome.response(value)
    model = GatedFusion(**QUICK).fit(X, y, auxiliary=partly)
    assert sorted({name.partition(".")[0] for name in model.weights_ if name.endswith(".common")}) == [
        "main",
        "second",
    ]
    plain = GatedFusion(**QUICK).fit(X, y)
    assert (model.linear_predictor(X) != plain.linear_predictor(X)).any()
    # a second head without any say changes nothing of the first but the draw of the weights
    silent = GatedFusion(**QUICK, auxiliary_weight=0.0).fit(X, y, auxiliary=partly)
    flipped = np.where(np.isnan(value), np.nan, 1 - value)
    other = GatedFusion(**QUICK, auxiliary_weight=0.0).fit(X, y, auxiliary=Outcome.response(flipped))
    np.testing.assert_allclose(silent.linear_predictor(X), other.linear_predictor(X), atol=1e-12)
    shuffled = np.random.default_rng(0).permutation(240)
    again = GatedFusion(**QUICK).fit(X[shuffled], y[shuffled], auxiliary=partly[shuffled])
    np.testing.assert_array_equal(again.linear_predictor(X), model.linear_predictor(X))


@pytest.mark.slow
def test_patients_of_whom_only_the_second_outcome_is_known_are_used(world):
    X, _, _, _ = world
    _, few, response, _ = multitask(240, 11, known=0.5)
    order = np.random.default_rng(1).permutation(240)
    model = GatedFusion(**QUICK).fit(X, few, auxiliary=response)
    again = GatedFusion(**QUICK).fit(X[order], few[order], auxiliary=response[order])
    np.testing.assert_array_equal(again.linear_predictor(X), model.linear_predictor(X))
    rows = np.flatnonzero(few.known)
    fewer = GatedFusion(**QUICK).fit(X[rows], few[rows], auxiliary=response[rows])
    assert (fewer.linear_predictor(X) != model.linear_predictor(X)).any()
    assert model.patterns_["patients"].sum() == len(rows)
    reverse = GatedFusion(**QUICK, endpoint="response").fit(X, response, auxiliary=few)
    assert reverse.predict_proba(X).shape == (240, 2)
    value = response.value.copy()
    value[np.flatnonzero(~few.known)[:3]] = np.nan
    with pytest.warns(HybridxWarning, match="3 of 240 patients have neither outcome known"):
        GatedFusion(**QUICK).fit(X, few, auxiliary=Outcome.response(value))


def test_refusals(world):
    X, y, response, _ = world
    with pytest.raises(
        NotEnoughDataError, match=r"GatedFusion needs at least 10 events of 'OS'; got 9 events in 240"
    ):
        GatedFusion(**QUICK).fit(X, Outcome.survival(y.time_days, np.arange(240) < 9))
    with pytest.raises(
        InputError, match="`auxiliary` beside survival is a response outcome; 'OS' is a survival"
    ):
        GatedFusion(**QUICK).fit(X, y, auxiliary=y)
    with pytest.raises(InputError, match="The table has 240 rows, the outcome 240, `auxiliary` 239"):
        GatedFusion(**QUICK).fit(X, y, auxiliary=response[:239])
    with pytest.raises(
        NotEnoughDataError, match="The second head of GatedFusion needs at least 10 responders"
    ):
        GatedFusion(**QUICK).fit(X, y, auxiliary=Outcome.response((np.arange(240) < 3).astype(float)))
    with pytest.raises(
        NotEnoughDataError, match=r"no modality with enough patients:\n  pet was left out: .* needs at"
    ):
        GatedFusion(["pet"], **QUICK).fit(without(X, "pet", np.arange(240) > 10), y)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"head": "coxx"}, "head.*'cox'"),
        ({"interactions": "deep"}, "interactions"),
        ({"endpoint": "survivl"}, "endpoint"),
        ({"width": 0}, "width is a whole number from 1 to 512, got 0"),
        ({"n_members": 2.5}, "n_members is a whole number from 1 to 1000, got 2.5"),
        ({"modality_dropout": 1.5}, "modality_dropout is a number from 0 to 1, got 1.5"),
        ({"weight_decay": -1}, "weight_decay is a number from 0 to inf, or None, got -1"),
        ({"horizon": "1y"}, "horizon is a number"),
        ({"device": "gpu"}, "device='gpu' is no device"),
    ],
)
def test_impossible_settings_are_refused(setting, words, world):
    X, y, _, _ = world
    with pytest.raises(SettingsError, match=words):
        GatedFusion(**{**QUICK, **setting}).fit(X, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_named(world):
    X, y, _, _ = world
    with pytest.raises(SettingsError, match="device='cuda' is not available here"):
        GatedFusion(**QUICK, device="cuda").fit(X, y)


def test_rare_and_empty_modalities_are_left_out_and_named(world):
    X, y, _, _ = world
    X = without(X, "pet", np.arange(240) > 9).with_columns(pl.lit(1.0).alias("ct.x0"))
    model = GatedFusion(**QUICK).fit(X, y)
    assert model.modalities_ == ["clinical", "lab"]
    assert "pet was left out: The modality 'pet' needs at least 10 events" in model.notes_[0]
    assert model.notes_[1] == "ct was left out: none of its columns is usable."
    nobody = without(X, "clinical", np.arange(240) < 20)
    nobody = without(nobody, "lab", np.arange(240) < 20)
    left = GatedFusion(**QUICK).fit(nobody, y)
    assert "20 patients with nothing measured were left out." in left.notes_
    assert left.patterns_["patients"].sum() == 220


@pytest.mark.slow
def test_permuted_outcomes_teach_nothing():
    scores = []
    for seed in range(4):
        X, y, _, _ = draw(200, seed=seed + 70)
        permuted = y[np.random.default_rng(seed).permutation(200)]
        model = GatedFusion(**QUICK).fit(X[:100], permuted[:100])
        scores.append(harrell_c(y.time_days[100:], y.event[100:], model.predict(X[100:])))
    assert abs(np.mean(scores) - 0.5) < 0.07


def test_a_long_fit_says_so_and_a_short_one_is_quiet(world, capsys, monkeypatch):
    X, y, _, _ = world
    GatedFusion(**QUICK | {"show_progress": True}).fit(X[:100], y[:100])
    assert not capsys.readouterr().err
    monkeypatch.setattr(bars, "SHOW_AFTER_SECONDS", 0.0)
    GatedFusion(**QUICK | {"show_progress": True}).fit(X[:100], y[:100])
    assert "GatedFusion: 4 of 4 done" in capsys.readouterr().err
    GatedFusion(**QUICK).fit(X[:100], y[:100])
    assert not capsys.readouterr().err
