"""Proportional odds: against statsmodels' likelihood, against logistic regression with two levels; direction."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import approx_fprime

from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.models import LogisticModel, OrdinalModel
from hybridx.models.ordinal_loss import OrdinalLoss, level_probabilities
from hybridx.models.ridge import penalty_of, ridge_path
from tests.models.world import draw, draw_other
from tests.reference.ordinal_peers import draw as draw_reference

PEERS = json.loads((Path(__file__).parents[1] / "reference" / "ordinal_peers.json").read_text())
LEVELS = ("CR", "PR", "SD", "PD")


@pytest.fixture(scope="module")
def data():
    X, _, response, truth = draw(240, seed=5)
    ordinal, _ = draw_other(truth, seed=5)
    return X, ordinal, response, truth


@pytest.mark.parametrize("peer", PEERS["fits"], ids=lambda fit: f"penalty {fit['penalty']:g}")
def test_fits_equal_those_on_the_likelihood_of_statsmodels(peer):
    X, y = draw_reference()
    loss = OrdinalLoss(y)
    (fit,) = ridge_path(X, loss, [max(peer["penalty"], 1e-12)])
    thresholds = loss.thresholds(X @ fit.coef)
    np.testing.assert_allclose(fit.coef, peer["coef"], atol=1e-6)
    np.testing.assert_allclose(thresholds, peer["thresholds"], atol=1e-6)
    assert -loss.value(X @ fit.coef) == pytest.approx(peer["log_likelihood"], abs=1e-5)
    np.testing.assert_allclose(
        level_probabilities(X[:5] @ fit.coef, thresholds), peer["probabilities"], atol=1e-6
    )


def test_the_model_itself_equals_statsmodels():
    X, y = draw_reference()
    table = pl.DataFrame({f"lab.x{j}": X[:, j] for j in range(5)})
    peer = PEERS["fits"][2]
    prior_sd = np.sqrt(5 / peer["penalty"])
    assert penalty_of(prior_sd, 5) == pytest.approx(peer["penalty"])
    model = OrdinalModel(prior_sd=prior_sd, correlation=None)
    model.fit(table, Outcome.ordinal(np.array(LEVELS)[y], levels=LEVELS))
    np.testing.assert_allclose(model.coef_, peer["coef"], atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(table[:5]), peer["probabilities"], atol=1e-6)


def test_with_two_levels_it_is_logistic_regression_turned_round(data):
    X, _, response, _ = data
    levels = Outcome.ordinal(np.where(response.value == 1, "yes", "no"), levels=["yes", "no"])
    two, one = OrdinalModel().fit(X[:150], levels[:150]), LogisticModel().fit(X[:150], response[:150])
    assert two.tuned_ == one.tuned_
    np.testing.assert_allclose(two.coef_, -one.coef_, atol=1e-7)
    np.testing.assert_allclose(two.predict_proba(X)[:, 0], one.predict_proba(X)[:, 1], atol=1e-7)
    assert two.score(X[150:], levels[150:]) == pytest.approx(one.score(X[150:], response[150:]), abs=1e-12)


def test_higher_is_worse_and_levels_that_run_backwards_turn_it_round(data):
    X, y, _, truth = data
    model = OrdinalModel(prior_sd=0.4).fit(X[:150], y[:150])
    predictor, probability = model.linear_predictor(X), model.predict_proba(X)
    assert np.corrcoef(predictor, truth)[0, 1] > 0.5
    assert model.levels_ == list(LEVELS)
    worst, best = predictor.argmax(), predictor.argmin()
    assert (
        probability[worst, 3] == probability[:, 3].max() and probability[best, 0] == probability[:, 0].max()
    )
    backwards = Outcome.ordinal(np.array(LEVELS)[y.value.astype(int)], levels=LEVELS[::-1])
    other = OrdinalModel(prior_sd=0.4).fit(X[:150], backwards[:150])
    np.testing.assert_allclose(other.linear_predictor(X), -predictor, atol=1e-6)
    np.testing.assert_allclose(other.predict_proba(X), probability[:, ::-1], atol=1e-7)


def test_probabilities_and_classes(data):
    X, y, _, _ = data
    model = OrdinalModel().fit(X[:150], y[:150])
    probability = model.predict_proba(X[150:])
    assert probability.shape == (90, 4) and (probability > 0).all()
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X[150:]), probability.argmax(axis=1))
    assert model.classes_.tolist() == [0, 1, 2, 3]
    # free thresholds: predicted and observed shares agree in training (nearly: odds are only taken as proportional)
    observed = np.bincount(y.value[:150].astype(int)) / 150
    np.testing.assert_allclose(model.predict_proba(X[:150]).mean(axis=0), observed, atol=0.02)


def test_score_is_the_share_of_pairs_in_order(data):
    X, y, _, _ = data
    model = OrdinalModel().fit(X[:150], y[:150])
    risk, level = model.linear_predictor(X[150:]), y.value[150:]
    worse = level[:, None] > level[None, :]
    assert model.score(X[150:], y[150:]) == pytest.approx((risk[:, None] > risk[None, :])[worse].mean())
    assert 0.6 < model.score(X[150:], y[150:]) < 0.95
    with pytest.raises(InputError, match=r"knows the levels CR, PR, SD, PD; the outcome has a, b"):
        model.score(X[:2], Outcome.ordinal(["a", "b"], levels=["a", "b"]))
    with pytest.raises(InputError, match="no sample_weight"):
        model.score(X[:2], y[:2], sample_weight=[1, 1])


# one patient far worse than the rest: between them lies a valley as flat as e^-30
@example(np.array([57.0, *[0.0] * 11]), np.array([1, *[0] * 11]), 0.0)
@given(
    arrays(float, 12, elements=st.floats(-400, 400)),
    arrays(int, 12, elements=st.integers(0, 3)),
    st.floats(-500, 500),
)
def test_loss_is_finite_and_shifts_change_nothing(eta, level, shift):
    loss = OrdinalLoss(level)
    value = loss.value(eta)
    assert np.isfinite(value) and value >= -1e-9
    assert loss.value(eta + shift) == pytest.approx(value, rel=1e-7, abs=1e-6)
    gradient = loss.gradient(eta)
    assert np.isfinite(gradient).all() and abs(gradient.sum()) < 1e-4


@pytest.mark.parametrize("n_levels", [2, 3, 6])
def test_derivatives_are_those_of_the_value(n_levels):
    rng = np.random.default_rng(n_levels)
    level, eta, Z = rng.integers(0, n_levels, 60), 2 * rng.normal(size=60), rng.normal(size=(60, 3))
    loss, b = OrdinalLoss(level), np.array([0.3, -0.5, 0.1])
    np.testing.assert_allclose(loss.gradient(eta), approx_fprime(eta, loss.value, 1e-6), atol=1e-5)
    step = 1e-5 * np.eye(3)
    slopes = [Z.T @ (loss.gradient(Z @ (b + e)) - loss.gradient(Z @ (b - e))) / 2e-5 for e in step]
    np.testing.assert_allclose(loss.information(Z @ b, Z), slopes, atol=1e-6)


def test_a_level_that_nobody_has_is_left_out_of_the_loss():
    eta = np.random.default_rng(0).normal(size=40)
    level = np.arange(40) % 3
    skipped = np.where(level == 2, 5, level)
    assert OrdinalLoss(skipped).value(eta) == OrdinalLoss(level).value(eta)
    assert OrdinalLoss(np.zeros(4)).value(eta[:4]) == 0
    assert not OrdinalLoss(np.zeros(4)).gradient(eta[:4]).any()


def test_too_few_patients_of_a_level_are_counted_and_the_cure_is_named(data):
    X, y, _, _ = data
    names = np.array(LEVELS)[y.value.astype(int)]
    names[np.flatnonzero(names == "CR")[3:]] = "PR"
    rare = Outcome.ordinal(names, levels=LEVELS)
    with pytest.raises(
        NotEnoughDataError, match=r"5 patients of each level of 'response'; got CR 3, PR .*one name"
    ):
        OrdinalModel().fit(X, rare)
    with pytest.raises(NotEnoughDataError, match="CR 0"):
        OrdinalModel().fit(X, Outcome.ordinal(np.where(names == "CR", "PR", names), levels=LEVELS))


def test_shuffled_levels_teach_nothing():
    scores = []
    for seed in range(5):
        X, _, _, truth = draw(160, seed=seed + 50)
        y, _ = draw_other(truth)
        shuffled = y[np.random.default_rng(seed).permutation(160)]
        scores.append(OrdinalModel().fit(X[:80], shuffled[:80]).score(X[80:], y[80:]))
    assert abs(np.mean(scores) - 0.5) < 0.1


@pytest.mark.parametrize("kind", ["ordinal", "continuous"])
def test_late_fusion_says_which_endpoints_it_takes(kind, data):
    with pytest.raises(SettingsError, match=f"Unknown endpoint '{kind}'.*Known: survival, response"):
        LateFusion(endpoint=kind).fit(data[0], data[1])


@pytest.mark.parametrize("fusion", [EarlyFusion, LateFusion])
def test_fusion_of_survival_takes_models_of_survival(fusion, data):
    with pytest.raises(InputError, match=r"takes its estimators of hybridx\.models, got OrdinalModel"):
        fusion(OrdinalModel()).fit(data[0][:80], Outcome.survival(np.arange(1, 81), np.arange(80) % 2))
