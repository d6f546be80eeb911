"""Where the weight of an absent modality goes, and that useless modalities get none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.fusion.weights import carry_over, effective_weights, nonnegative_weights, risk_correlation
from hybridx.models.losses import CoxLoss, LogisticLoss

W = np.array([0.6, 0.4])


def test_independent_modalities_keep_their_weights():
    weights = effective_weights(W, np.eye(2), np.array([[True, True], [True, False], [False, True]]))
    np.testing.assert_allclose(weights, [[0.6, 0.4], [0.6, 0.0], [0.0, 0.4]])


def test_copies_hand_all_their_weight_over():
    twins = np.array([[1.0, 1.0], [1.0, 1.0]])
    weights = effective_weights(W, twins, np.array([[True, False], [False, True]]))
    np.testing.assert_allclose(weights, [[1.0, 0.0], [0.0, 1.0]])


def test_partial_correlation_hands_over_a_part():
    half = np.array([[1.0, 0.5], [0.5, 1.0]])
    weights = effective_weights(W, half, np.array([[True, False]]))
    np.testing.assert_allclose(weights, [[0.6 + 0.5 * 0.4, 0.0]])


def test_expectation_is_the_gaussian_one():
    rng = np.random.default_rng(0)
    loading = rng.uniform(0.3, 0.8, size=4)
    cov = np.outer(loading, loading) + np.diag(1 - loading**2)
    z = rng.multivariate_normal(np.zeros(4), cov, size=200_000)
    present = np.array([True, False, True, False])
    regression = np.linalg.lstsq(z[:, present], z[:, ~present], rcond=None)[0].T
    np.testing.assert_allclose(carry_over(cov, present)[np.ix_(~present, present)], regression, atol=0.02)


@given(seed=st.integers(0, 5000), m=st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_weights_are_never_negative_and_never_on_what_is_absent(seed, m):
    rng = np.random.default_rng(seed)
    z, measured = rng.normal(size=(20, m)) @ rng.normal(size=(m, m)), rng.random((20, m)) < 0.6
    correlation = risk_correlation(z, measured)
    assert np.linalg.eigvalsh(correlation)[0] > 0.05
    assert (correlation >= 0).all() and np.allclose(np.diag(correlation), 1)
    weights = effective_weights(rng.uniform(size=m), correlation, measured)
    assert (weights >= 0).all() and not weights[~measured].any()


@pytest.mark.parametrize("kind", ["survival", "response"])
def test_noise_gets_nothing_and_a_reversed_risk_gets_nothing(kind):
    zero, reversed_, signal = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(150, 3))
        eta = 0.8 * z[:, 0] - 0.8 * z[:, 2]
        if kind == "survival":
            time = rng.exponential(size=150) * np.exp(-eta)
            loss = CoxLoss(time, rng.random(150) < 0.6)
        else:
            loss = LogisticLoss((rng.random(150) < 1 / (1 + np.exp(-eta))).astype(float))
        weights, _ = nonnegative_weights(z, loss, np.zeros(3, dtype=bool))
        signal.append(weights[0])
        zero.append(weights[1])
        reversed_.append(weights[2])
    # noise passes one standard error with probability 0.16
    assert np.mean(np.array(zero) > 0) <= 0.35 and np.mean(zero) < 0.03
    assert not np.any(reversed_)
    assert np.min(signal) > 0.2


def test_free_modality_is_not_shrunk():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(120, 2))
    loss = CoxLoss(rng.exponential(size=120) * np.exp(-0.5 * z[:, 0]), np.ones(120, dtype=bool))
    shrunk, _ = nonnegative_weights(z, loss, np.array([False, False]))
    free, _ = nonnegative_weights(z, loss, np.array([True, False]))
    assert free[0] > shrunk[0] + 0.05
