"""Kernel fusion: what fades, what comes through, what is missing, and what it may be believed."""

import functools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.explain import explain
from hybridx.fusion import KernelFusion, LockedModel, frozen, lock
from hybridx.models.losses import make_loss
from hybridx.models.ridge import ridge_path
from tests.models.world import draw, without

N = 140
KERNELS = pytest.mark.parametrize("kernels", ["linear", ("linear", "rbf")], ids=["linear", "both"])


@functools.cache
def world():
    return draw(N, seed=1)


@functools.cache
def fitted(kernels="linear", endpoint="survival"):
    X, y, response, _ = world()
    return KernelFusion(kernels, endpoint=endpoint).fit(X, y if endpoint == "survival" else response)


def test_noise_fades_signal_comes_through_and_noise_hardly_harms():
    found, shares, harm = [], [], []
    for seed in range(6):
        X, y, *_ = draw(420, seed=seed + 20)
        model = KernelFusion(recalibrate=False).fit(X[:140], y[:140])
        pure = KernelFusion(modalities=["clinical", "pet"], recalibrate=False).fit(X[:140], y[:140])
        found.append(model.sizes_)
        shares.append(model.shares_)
        assert sum(model.shares_.values()) == pytest.approx(1)
        harm.append(pure.score(X[140:], y[140:]) - model.score(X[140:], y[140:]))
    size, share = (pl.DataFrame(rows).mean().row(0, named=True) for rows in (found, shares))
    assert size["lab linear"] < 0.25 and size["pet linear"] > 0.4 and size["clinical linear"] > 0.45
    assert share["lab"] < 0.06 and share["pet"] > 0.2 and share["clinical"] > 0.3
    assert np.mean(harm) < 0.01


def test_one_known_size_is_the_ridge_fit_of_the_mapped_features():
    X, y, response, _ = world()
    for endpoint, outcome in (("survival", y), ("response", response)):
        model = KernelFusion(
            modalities=["clinical"],
            endpoint=endpoint,
            sizes={"clinical linear": 0.5},
            recalibrate=False,
            correlation=None,
        ).fit(X, outcome)
        mapped = model.maps_[0].transform(X.select(model.columns_["clinical"]).to_numpy())
        ridge = ridge_path(mapped, make_loss(outcome), [1 / 0.5**2])[0]
        # the intercept's own prior is wide, not flat
        np.testing.assert_allclose(
            model.linear_predictor(X), mapped @ ridge.coef + ridge.intercept, atol=3e-3
        )
        assert model.sizes_ == {"clinical linear": 0.5} and model.evidence_.effective_draws == 1


@KERNELS
def test_order_of_rows_columns_and_modalities_changes_nothing(kernels):
    X, y, *_ = world()
    expected = fitted(kernels).linear_predictor(X)
    rng = np.random.default_rng(0)
    rows = rng.permutation(N)
    names = rng.permutation(X.columns).tolist()
    again = KernelFusion(kernels).fit(X[rows].select(names), y[rows])
    assert again.modalities_ != fitted(kernels).modalities_
    np.testing.assert_allclose(again.linear_predictor(X), expected, atol=1e-9)


@KERNELS
def test_a_missing_modality_adds_nothing_whatever_stands_in_its_columns(kernels):
    X, y, *_ = world()
    gone = ~X["pet.measured"].to_numpy()
    assert gone.sum() > 10
    pet = [c for c in X.columns if c.startswith("pet.x")]
    filled = X.with_columns(pl.when(pl.Series(gone)).then(1e6).otherwise(pl.col(c)).alias(c) for c in pet)
    expected = fitted(kernels).linear_predictor(X)
    np.testing.assert_array_equal(fitted(kernels).linear_predictor(filled), expected)
    again = KernelFusion(kernels).fit(filled, y)
    np.testing.assert_array_equal(again.linear_predictor(X), expected)
    # and the parts add up: what two modalities say is what they say one by one
    lone = dict.fromkeys(("clinical", "lab"), X)
    for m in lone:
        for other in {"clinical", "lab", "pet"} - {m}:
            lone[m] = without(lone[m], other, np.ones(N, dtype=bool))
    model = fitted(kernels)
    nothing = model.recalibration_.predictor(np.zeros(1))[0]
    both = model.linear_predictor(without(X, "pet", np.ones(N, dtype=bool))) - nothing
    parts = [model.linear_predictor(lone[m]) - nothing for m in lone]
    has_lab = X["lab.measured"].to_numpy()
    np.testing.assert_allclose(both, parts[0] + np.where(has_lab, parts[1], 0), atol=1e-9)
    np.testing.assert_allclose(parts[0][~has_lab], both[~has_lab], atol=1e-12)


def test_thin_and_unmeasured_modalities_are_left_out_and_said_so():
    X, y, *_ = world()
    for patients in (0, 9):
        rare = without(X, "pet", np.arange(N) >= patients)
        kept = int(rare["pet.measured"].sum())
        model = KernelFusion({"pet": "rbf"}).fit(rare, y)
        assert model.modalities_ == ["clinical", "lab"]
        assert model.notes_[0] == f"pet was left out: {kept} patients have it." and model.notes_[0] in repr(
            model
        )
        only_pet = without(without(X, "clinical", np.ones(N, bool)), "lab", np.ones(N, bool))
        assert np.isnan(model.predict(only_pet)).all()
        # it is as if the table never had it
        plain = KernelFusion().fit(rare.select(c for c in X.columns if not c.startswith("pet.")), y)
        np.testing.assert_allclose(plain.predict(rare), model.predict(rare), atol=1e-9)


def test_a_modality_just_thick_enough_survives_its_own_refits():
    X, y, *_ = world()
    rows = np.flatnonzero(X["pet.measured"].to_numpy())[:10]
    rare = without(X, "pet", ~np.isin(np.arange(N), rows))
    for modality in ("clinical", "lab"):  # two of the ten have nothing else
        rare = without(rare, modality, np.isin(np.arange(N), rows[:2]))
    model = KernelFusion().fit(rare, y)
    assert "pet" in model.modalities_
    assert np.isfinite(model.recalibration_.slope) and np.isfinite(model.predict(rare)[rows]).all()


def test_nobody_thick_enough_is_an_error_with_the_counts():
    X, y, *_ = world()
    for modality in ("clinical", "pet", "lab"):
        X = without(X, modality, np.arange(N) >= 6)
    with pytest.raises(
        NotEnoughDataError, match=r"enough patients:\n  clinical was left out: 6 patients have it"
    ):
        KernelFusion().fit(X, y)


@pytest.mark.parametrize("events", [7, 8, 11])
def test_few_events_that_suffice_for_all_suffice_for_the_refits(events):
    X = world()[0][:80]
    y = Outcome.survival(np.arange(1.0, 81.0), np.arange(80) < events)
    assert 0 < KernelFusion().fit(X, y).recalibration_.slope < 3
    response = Outcome.response((np.arange(80) < events).astype(float))
    assert 0 < KernelFusion(endpoint="response").fit(X, response).recalibration_.slope < 3


@pytest.mark.parametrize("endpoint", ["survival", "response"])
def test_frozen_refits_stay_near(endpoint):
    X, y, response, _ = world()
    model = fitted(endpoint=endpoint)
    again = frozen(model).fit(X, y if endpoint == "survival" else response)
    assert again.sizes_ == pytest.approx(model.sizes_)
    assert again.recalibration_.slope == pytest.approx(model.recalibration_.slope)
    first, second = model.linear_predictor(X), again.linear_predictor(X)
    assert np.corrcoef(first, second)[0, 1] > 0.995
    assert np.std(second) == pytest.approx(np.std(first), rel=0.1)
    best = KernelFusion(endpoint=endpoint, n_draws=0, recalibrate=False)
    best.fit(X, y if endpoint == "survival" else response)
    exact = frozen(best).fit(X, y if endpoint == "survival" else response)
    np.testing.assert_allclose(exact.linear_predictor(X), best.linear_predictor(X), atol=1e-3)


def test_averaging_over_sizes_hardly_moves_the_ranking():
    X, y, *_ = world()
    best, mean = (KernelFusion(n_draws=k, recalibrate=False).fit(X, y) for k in (0, 64))
    assert best.sizes_ == mean.sizes_ and best.evidence_.effective_draws == 1 < mean.evidence_.effective_draws
    difference = np.abs(best.predict(X) - mean.predict(X)).max()
    assert 1e-4 < difference < 0.3 and np.corrcoef(best.predict(X), mean.predict(X))[0, 1] > 0.99


@settings(max_examples=25, deadline=None)
@given(
    times=st.lists(st.floats(0, 1e5), min_size=1, max_size=12),
    rows=st.lists(st.integers(0, N - 1), min_size=1, max_size=5),
    factor=st.floats(-1e4, 1e4),
)
def test_survival_starts_at_one_and_falls(times, rows, factor):
    X = world()[0][rows].with_columns(pl.col("clinical.x0") * factor)
    curves = fitted().predict_survival(X, [0.0, *sorted(times)])
    assert (curves[:, 0] == 1).all() and (curves >= 0).all() and (curves <= 1).all()
    assert (np.diff(curves, axis=1) <= 0).all()


def test_held_out_probabilities_are_calibrated():
    slopes, gaps = [], []
    for seed in range(6):
        X, _, response, _ = draw(560, seed=seed + 70)
        model = KernelFusion(endpoint="response").fit(X[:160], response[:160])
        log_odds = model.decision_function(X[160:])
        fit = ridge_path(log_odds[:, None], make_loss(response[160:]), [1e-9])[0]
        slopes.append(fit.coef[0])
        probability = model.predict_proba(X[160:])[:, 1]
        np.testing.assert_allclose(probability, expit(log_odds))
        gaps.append(probability.mean() - response[160:].value.mean())
    assert np.exp(np.mean(np.log(slopes))) == pytest.approx(1, abs=0.25)
    assert np.mean(gaps) == pytest.approx(0, abs=0.04)


def test_a_rare_response_gets_its_intercept():
    rng = np.random.default_rng(0)
    X = pl.DataFrame({f"lab.x{j}": rng.normal(size=300) for j in range(4)})
    y = Outcome.response((rng.random(300) < 0.1).astype(float))
    model = KernelFusion(endpoint="response").fit(X, y)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.value.mean(), abs=0.02)
    raw = KernelFusion(endpoint="response", recalibrate=False).fit(X, y)
    assert expit(raw.intercept_) == pytest.approx(y.value.mean(), abs=0.03)


def curved(seed, n=500):
    """Return a table and outcome whose hazard follows the square of the one lab value that matters."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    eta = 1.5 * (x[:, 0] ** 2 - 1)
    time = np.ceil(500 * rng.exponential(size=n) * np.exp(-eta)) + 1
    X = pl.DataFrame({f"lab.x{j}": x[:, j] for j in range(3)})
    return X, Outcome.survival(np.minimum(time, 2000), time <= 2000)


def test_rbf_recovers_a_quadratic_effect_that_linear_cannot():
    scores = {"linear": [], "rbf": [], "both": []}
    for seed in range(2):
        X, y = curved(seed)
        for name, kernels in (("linear", "linear"), ("rbf", "rbf"), ("both", ("linear", "rbf"))):
            model = KernelFusion(kernels, recalibrate=False).fit(X[:200], y[:200])
            scores[name].append(model.score(X[200:], y[200:]))
    mean = {name: np.mean(values) for name, values in scores.items()}
    assert mean["linear"] < 0.58 and mean["rbf"] > 0.65 and mean["both"] > 0.65


@pytest.mark.parametrize("endpoint", ["survival", "response"])
def test_the_linear_form_is_the_predictor(endpoint):
    X, model = world()[0], fitted(endpoint=endpoint)
    form = model.linear_form(X)
    total = form.offset + (form.values * form.coefficients).sum(axis=1)
    np.testing.assert_allclose(total, model.linear_predictor(X), atol=1e-9)
    owner = np.array([c.split(".")[0] for c in form.columns])
    for modality in model.modalities_:
        gone = ~X[f"{modality}.measured"].to_numpy()
        assert not form.coefficients[np.ix_(gone, owner == modality)].any()


def test_no_linear_form_with_a_curved_kernel():
    assert fitted(("linear", "rbf")).linear_form(world()[0]) is None


@KERNELS
def test_explanations_add_up(kernels):
    X, model = world()[0], fitted(kernels)
    why = explain(model, X[:5], X[5:35])
    total = why.base + why.modalities.drop("patient_id").to_numpy().sum(axis=1)
    np.testing.assert_allclose(total, model.linear_predictor(X[:5]), atol=1e-9)
    assert ("linear given what is measured" in why.method) == (kernels == "linear")


def arrays_in(thing, seen=None):
    """Yield every array and table that hangs on an object, with the way to it."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray | pl.DataFrame):
        yield thing.shape
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from arrays_in(value, seen)
    elif isinstance(thing, list | tuple):
        yield (len(thing),)
        for value in thing:
            yield from arrays_in(value, seen)
    elif hasattr(thing, "__dict__"):
        yield from arrays_in(vars(thing), seen)


@pytest.mark.parametrize(
    ("kernels", "endpoint"),
    [("linear", "survival"), (("linear", "rbf"), "survival"), ("rbf", "response")],
    ids=["linear", "both", "response"],
)
def test_locking_keeps_the_numbers_and_no_patient(kernels, endpoint, tmp_path):
    X, y, response, _ = world()
    outcome = y if endpoint == "survival" else response
    model = fitted(kernels, endpoint)
    back = LockedModel.load(lock(model, X, outcome).save(tmp_path / "model")).model
    np.testing.assert_array_equal(back.linear_predictor(X), model.linear_predictor(X))
    if endpoint == "survival":
        np.testing.assert_array_equal(
            back.predict_survival(X, [90, 400]), model.predict_survival(X, [90, 400])
        )
        object.__setattr__(
            back.recalibration_, "baseline", None
        )  # times and hazards of events are what a curve is
    shapes = list(arrays_in(back))
    assert len(shapes) > 10
    counts = {N, *(int(X[f"{m}.measured"].sum()) for m in model.modalities_)}
    assert not [shape for shape in shapes if counts & set(shape)]
    assert "P000" not in (tmp_path / "model" / "model.json").read_text()


def test_delayed_entry_is_honoured():
    effects = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=500)
        time = np.ceil(600 * rng.exponential(size=500) * np.exp(-x)) + 2
        # who looks ill is enrolled late, and only who is still alive then
        entry = np.where(x > 0, np.floor(rng.uniform(100, 700, 500)), 0.0)
        there = np.flatnonzero(entry < time)
        X, died = pl.DataFrame({"lab.x": x[there]}), np.ones(len(there))
        known = Outcome.survival(time[there], died, entry_days=entry[there])
        models = [
            KernelFusion(recalibrate=False).fit(X, y) for y in (known, Outcome.survival(time[there], died))
        ]
        effects.append([np.ptp(m.predict(X)) / np.ptp(x[there]) for m in models])
    honoured, ignored = np.mean(effects, axis=0)
    assert honoured == pytest.approx(1, abs=0.15) and ignored < 0.8


def test_without_recalibration_no_survival_curves():
    X, y, *_ = world()
    model = KernelFusion(recalibrate=False).fit(X, y)
    assert model.recalibration_ is None and np.isfinite(model.predict(X)).all()
    with pytest.raises(SettingsError, match="fit with recalibrate=True"):
        model.predict_survival(X, [100])


def test_a_fixed_slope_needs_no_refits():
    X, y, *_ = world()
    model = KernelFusion(slope=0.5).fit(X, y)
    raw = KernelFusion(recalibrate=False).fit(X, y)
    assert model.recalibration_.slope == 0.5
    assert np.ptp(model.predict(X)) == pytest.approx(0.5 * np.ptp(raw.predict(X)))
    with pytest.raises(SettingsError, match=r"slope is a number > 0 .* got -1"):
        KernelFusion(slope=-1).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"kernels": "linaer"}, SettingsError, r"Unknown kernel 'linaer'. Did you mean 'linear'"),
        ({"kernels": {"pet": ("linear", "rfb")}}, SettingsError, r"Unknown kernel 'rfb'. Did you mean 'rbf'"),
        ({"kernels": {"pett": "rbf"}}, SettingsError, r"modality in `kernels` 'pett'. Did you mean 'pet'"),
        ({"kernels": ()}, SettingsError, r"each once; got \(\)"),
        ({"kernels": ("rbf", "rbf")}, SettingsError, r"each once; got \('rbf', 'rbf'\)"),
        ({"modalities": ["clincal"]}, InputError, r"no modality 'clincal'. Did you mean 'clinical'"),
        (
            {"sizes": {"clincal linear": 1.0}},
            SettingsError,
            r"'clinical linear'. Did you mean 'clincal linear'",
        ),
        (
            {"modalities": ["pet"], "sizes": {"pet linear": 0.0}},
            SettingsError,
            r"> 0, got 0.0 for 'pet linear'",
        ),
        ({"modalities": ["pet"], "sizes": {"pet linear": np.nan}}, SettingsError, r"> 0, got nan"),
        ({"n_draws": 12}, SettingsError, r"power of 2, got 12"),
        ({"endpoint": "survial"}, SettingsError, r"Unknown endpoint 'survial'. Did you mean 'survival'"),
    ],
)
def test_wrong_settings_are_named(settings, error, words):
    X, y, *_ = world()
    with pytest.raises(error, match=words):
        KernelFusion(**settings).fit(X, y)


def spoilt(X, value):
    there = int(np.flatnonzero(X["pet.measured"].to_numpy())[0])
    at = pl.int_range(N) == there
    return X.with_columns(pl.when(at).then(value).otherwise(pl.col("pet.x0")).alias("pet.x0"))


def test_infinite_values_are_refused():
    X, y, *_ = world()
    with pytest.raises(InputError, match=r"Infinite values in 1 columns: pet\.x0"):
        KernelFusion().fit(spoilt(X, np.inf), y)


def test_one_absurd_training_value_costs_its_column_and_nothing_else():
    X, y, *_ = world()
    risk = KernelFusion().fit(spoilt(X, 1e100), y).predict(X)
    rest = KernelFusion().fit(X.drop("pet.x0"), y).predict(X.drop("pet.x0"))
    assert np.corrcoef(risk, rest)[0, 1] > 0.98 and np.ptp(risk) < 2 * np.ptp(rest)
