"""Partial likelihood: derivatives, peers, ties, and log-hazards far beyond what a double can exponentiate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from hybridx.errors import ConvergenceError
from hybridx.models.losses import CoxLoss, LogisticLoss
from hybridx.models.ridge import penalty_of, ridge_path


def sample(seed=0, n=70, p=5, *, ties=True):
    rng = np.random.default_rng(seed)
    time = rng.exponential(size=n) * 10
    event = rng.random(n) < 0.6
    event[0] = True
    return rng.normal(size=(n, p)), np.ceil(time) if ties else time, event, rng.normal(size=n)


def brute_force(time, event, eta):
    """Efron's formula, read off the page."""
    total = 0.0
    for t in np.unique(time[event]):
        tied = np.flatnonzero(event & (time == t))
        risk = np.exp(eta[time >= t]).sum()
        own = np.exp(eta[tied]).sum()
        total += eta[tied].sum() - sum(np.log(risk - k / len(tied) * own) for k in range(len(tied)))
    return -total


@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(max_examples=30, deadline=None)
def test_value_is_efrons_formula(seed, ties):
    _, time, event, eta = sample(seed, ties=ties)
    assert CoxLoss(time, event).value(eta) == pytest.approx(brute_force(time, event, eta), rel=1e-10)


@pytest.mark.parametrize("loss_of", ["cox", "logistic"])
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_derivatives(loss_of, spread):
    X, time, event, _ = sample(1)
    loss = CoxLoss(time, event) if loss_of == "cox" else LogisticLoss(event)
    b = np.random.default_rng(2).normal(size=X.shape[1]) * spread / 3
    h = 1e-5
    steps = h * np.eye(len(b))
    slope = [(loss.value(X @ (b + s)) - loss.value(X @ (b - s))) / (2 * h) for s in steps]
    np.testing.assert_allclose(X.T @ loss.gradient(X @ b), slope, rtol=1e-5, atol=1e-4)
    bend = [(X.T @ loss.gradient(X @ (b + s)) - X.T @ loss.gradient(X @ (b - s))) / (2 * h) for s in steps]
    np.testing.assert_allclose(loss.information(X @ b, X), bend, rtol=1e-4, atol=1e-3)
    times = loss.curvature(X @ b, X)
    np.testing.assert_allclose(X.T @ times, loss.information(X @ b, X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("spread", [1.0, 400.0])
def test_curvature_between_patients_is_the_slope_of_the_gradient(spread):
    _, time, event, eta = sample(4, n=25)
    loss, h = CoxLoss(time, event), 1e-5
    eta = eta * spread
    bend = [(loss.gradient(eta + s) - loss.gradient(eta - s)) / (2 * h) for s in h * np.eye(len(eta))]
    np.testing.assert_allclose(loss.curvature(eta, np.eye(len(eta))), bend, atol=1e-6)


@given(shift=st.floats(-500, 500))
@settings(max_examples=30, deadline=None)
def test_shift_of_the_log_hazard_changes_nothing(shift):
    X, time, event, eta = sample(3)
    loss = CoxLoss(time, event)
    assert loss.value(eta + shift) == pytest.approx(loss.value(eta), rel=1e-9)
    np.testing.assert_allclose(loss.gradient(eta + shift), loss.gradient(eta), atol=1e-9)
    np.testing.assert_allclose(loss.information(eta + shift, X), loss.information(eta, X), atol=1e-7)


def test_extreme_log_hazards_stay_finite_and_exact():
    X, time, event, _ = sample(4)
    loss = CoxLoss(time, event)
    eta = np.linspace(-500, 500, len(time))[np.random.default_rng(0).permutation(len(time))]
    assert np.isfinite(loss.value(eta))
    assert np.isfinite(loss.information(eta, X)).all()
    assert loss.gradient(eta).sum() == pytest.approx(0, abs=1e-9)


def test_no_events_is_flat():
    X, time, event, eta = sample(5)
    loss = CoxLoss(time, np.zeros_like(event))
    assert loss.value(eta) == 0.0
    assert not loss.gradient(eta).any()
    assert not loss.information(eta, X).any()


@pytest.mark.parametrize(("n", "p"), [(70, 5), (40, 90)])
def test_ridge_equals_scikit_survival(n, p):
    X, time, event, _ = sample(6, n=n, p=p)
    peer = CoxPHSurvivalAnalysis(alpha=7.0, ties="efron", tol=1e-14, n_iter=500)
    peer.fit(X, Surv.from_arrays(event, time))
    (fit,) = ridge_path(X - X.mean(axis=0), CoxLoss(time, event), [7.0])
    np.testing.assert_allclose(fit.coef, peer.coef_, atol=1e-5)


def test_almost_unpenalised_equals_lifelines():
    import pandas as pd

    X, time, event, _ = sample(7, n=150, p=3)
    table = pd.DataFrame(X).assign(time=time, event=event)
    peer = CoxPHFitter().fit(table, "time", "event", fit_options={"precision": 1e-9})
    (fit,) = ridge_path(X, CoxLoss(time, event), [1e-8])
    np.testing.assert_allclose(fit.coef, peer.params_.to_numpy(), atol=1e-5)


@pytest.mark.parametrize(("n", "p"), [(80, 4), (40, 90)])
def test_logistic_ridge_equals_scikit_learn(n, p):
    from sklearn.linear_model import LogisticRegression

    X, _, event, _ = sample(8, n=n, p=p)
    peer = LogisticRegression(C=1 / 7.0, tol=1e-10, max_iter=10_000).fit(X, event)
    (fit,) = ridge_path(X, LogisticLoss(event), [7.0])
    np.testing.assert_allclose(fit.coef, peer.coef_[0], atol=1e-5)
    assert fit.intercept == pytest.approx(peer.intercept_[0], abs=1e-5)


def test_path_does_not_depend_on_its_start():
    X, time, event, _ = sample(9, n=50, p=80)
    penalties = [penalty_of(sd, 80) for sd in (0.05, 0.4, 1.6)]
    path = ridge_path(X, CoxLoss(time, event), penalties)
    for penalty, fit in zip(penalties, path, strict=True):
        (alone,) = ridge_path(X, CoxLoss(time, event), [penalty])
        np.testing.assert_allclose(fit.coef, alone.coef, atol=1e-7)


def test_failure_to_converge_says_so():
    class Bumpy(LogisticLoss):
        def value(self, eta):
            return -1e6 * abs(np.sin(1e9 * float(np.sum(eta)) + 1.0)) if eta.any() else -2e6

    X, _, event, _ = sample(10)
    with pytest.raises(ConvergenceError, match="did not converge"):
        ridge_path(X, Bumpy(event), [1.0])
