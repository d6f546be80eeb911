"""Elastic-net paths: peers, optimality, penalty factors, more features than patients."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

from hybridx.errors import ConvergenceError, InputError, SettingsError
from hybridx.models import cox_path, largest_penalty, penalty_grid
from hybridx.models.losses import CoxLoss, LogisticLoss
from tests.models.test_cox_loss import choose, world


def sample(seed=0, n=90, p=150):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.6 * rng.normal(size=(n, 1))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    time = rng.exponential(size=n) * np.exp(-0.7 * X[:, 0])
    return X, time, rng.random(n) < 0.7, rng.uniform(0.5, 2.0, size=p)


def residual(X, loss, path, l1_ratio, factors):
    """Return how far each fit is from satisfying the conditions of a minimum, relative to its penalty."""
    worst = []
    for penalty, b, a in zip(path.penalties, path.coefs, path.intercepts, strict=True):
        weight = penalty * factors
        slope = X.T @ loss.gradient(X @ b + a) + (1 - l1_ratio) * weight * b
        used = b != 0
        off = np.where(
            used,
            np.abs(slope + l1_ratio * weight * np.sign(b)),
            np.maximum(np.abs(slope) - l1_ratio * weight, 0),
        )
        worst.append(off.max() / penalty)
    return max(worst)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.05])
def test_equals_scikit_survival(l1_ratio):
    X, time, event, factors = sample()
    factors *= len(factors) / factors.sum()  # as the peer rescales them
    loss = CoxLoss(time, event)
    grid = penalty_grid(X, loss, l1_ratio, factors, n_penalties=8, end=0.2)
    path = cox_path(X, loss, grid, l1_ratio, factors)
    peer = CoxnetSurvivalAnalysis(
        l1_ratio=l1_ratio, alphas=list(grid / len(X)), penalty_factor=factors, tol=1e-13, max_iter=1_000_000
    ).fit(X, Surv.from_arrays(event, time))
    np.testing.assert_allclose(path.coefs.T, peer.coef_, atol=1e-4)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_logistic_equals_scikit_learn(l1_ratio):
    X, _, event, _ = sample(1, p=30)
    path = cox_path(X, LogisticLoss(event), [20.0, 5.0], l1_ratio)
    peer = LogisticRegression(l1_ratio=l1_ratio, C=1 / 5.0, solver="saga", tol=1e-9, max_iter=100_000)
    peer.fit(X, event)
    np.testing.assert_allclose(path.coefs[1], peer.coef_[0], atol=1e-4)
    assert path.intercepts[1] == pytest.approx(peer.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("kind", ["cox", "logistic"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.3, 0.02, 0.0])
def test_every_fit_is_a_minimum_with_ties_and_more_used_features_than_patients(kind, l1_ratio):
    X, time, event, factors = sample(2, n=40, p=120)
    loss = CoxLoss(np.ceil(4 * time), event) if kind == "cox" else LogisticLoss(event)
    grid = penalty_grid(X, loss, max(l1_ratio, 0.02), factors, n_penalties=10, end=0.02)
    path = cox_path(X, loss, grid, l1_ratio, factors)
    assert residual(X, loss, path, l1_ratio, factors) < 1e-5
    if l1_ratio == 0.02:
        assert (path.coefs[-1] != 0).sum() > len(X)


def test_strata_weights_and_delayed_entry():
    data = world(3, n=60, p=25)
    loss = CoxLoss(data["time"], data["event"], **choose(data, ("strata", "weights", "entry")))
    grid = penalty_grid(data["X"], loss, 0.8, n_penalties=6, end=0.2)
    path = cox_path(data["X"], loss, grid, 0.8)
    assert residual(data["X"], loss, path, 0.8, np.ones(25)) < 1e-5


@pytest.mark.parametrize("kind", ["cox", "logistic"])
def test_the_largest_penalty_just_empties_the_model(kind):
    X, time, event, factors = sample(4)
    loss = CoxLoss(time, event) if kind == "cox" else LogisticLoss(event)
    factors[:2] = 0.0
    top = largest_penalty(X, loss, 0.7, factors)
    path = cox_path(X, loss, [1.0001 * top, 0.999 * top], 0.7, factors)
    assert np.flatnonzero(path.coefs[0]).tolist() == [0, 1]
    assert np.count_nonzero(path.coefs[1]) == 3


def test_a_fit_does_not_hang_on_where_the_path_began():
    X, time, event, factors = sample(5)
    loss = CoxLoss(time, event)
    grid = penalty_grid(X, loss, 0.9, factors, n_penalties=12, end=0.1)
    path = cox_path(X, loss, grid, 0.9, factors)
    for i in (3, 11):
        alone = cox_path(X, loss, [grid[i]], 0.9, factors)
        np.testing.assert_allclose(alone.coefs[0], path.coefs[i], atol=1e-5)
    upwards = cox_path(X, loss, grid[::-1], 0.9, factors)
    np.testing.assert_allclose(upwards.coefs[::-1], path.coefs, atol=1e-5)


def test_a_factor_is_a_change_of_unit_for_the_lasso():
    X, time, event, factors = sample(6, p=40)
    loss = CoxLoss(time, event)
    scaled = cox_path(X / factors, loss, [5.0], 1.0)
    np.testing.assert_allclose(
        cox_path(X, loss, [5.0], 1.0, factors).coefs, scaled.coefs / factors, atol=1e-5
    )


def test_nothing_to_fit():
    X, time, event, _ = sample(7, p=3)
    silent = CoxLoss(time, np.zeros_like(event))
    assert largest_penalty(X, silent) == 0.0
    assert not cox_path(X, silent, [1.0]).coefs.any()
    assert cox_path(X[:, :0], CoxLoss(time, event), [1.0]).coefs.shape == (1, 0)


def test_separation_by_an_unpenalised_feature_is_refused():
    X, _, event, _ = sample(8, p=4)
    X[:, 0] = np.where(event, 1.0, -1.0)
    with pytest.raises(ConvergenceError, match="separate"):
        cox_path(X, LogisticLoss(event), [1.0], 1.0, [0.0, 1.0, 1.0, 1.0])


def test_impossible_arguments_are_refused():
    X, time, event, _ = sample(9, p=3)
    loss = CoxLoss(time, event)
    with pytest.raises(SettingsError, match="l1_ratio lies in"):
        cox_path(X, loss, [1.0], 1.5)
    with pytest.raises(SettingsError, match="penalties are finite and >= 0"):
        cox_path(X, loss, [-1.0])
    with pytest.raises(SettingsError, match="one per feature"):
        cox_path(X, loss, [1.0], 1.0, [1.0])
    X[2, 1] = np.nan
    with pytest.raises(InputError, match="number 1"):
        cox_path(X, loss, [1.0])
