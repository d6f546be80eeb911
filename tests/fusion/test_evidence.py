"""Sizes asked of the data: two coordinates agree, known sizes are ridge, useless groups fade, absurd values fail."""

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, SettingsError
from hybridx.fusion.evidence import SizePrior, _ByFeatures, _ByPatients, fit_by_evidence
from hybridx.models.concordance import harrell_c
from hybridx.models.losses import make_loss
from hybridx.models.ridge import ridge_path

OPEN = 0.7


def block(rng, n, q):
    values = rng.normal(size=(n, q))
    values -= values.mean(axis=0)
    return values / np.sqrt(np.mean((values**2).sum(axis=1)))


def cohort(seed, n=120, widths=(3, 5), spread=(1.0, 0.0)):
    """Return groups, a survival outcome and a response; group g moves the log-hazard with SD `spread[g]`."""
    rng = np.random.default_rng(seed)
    groups = [block(rng, n, q) for q in widths]
    eta = sum(s * g @ rng.normal(size=g.shape[1]) for g, s in zip(groups, spread, strict=True))
    time = np.ceil(500 * rng.exponential(size=n) * np.exp(-eta)) + 1
    censored = rng.integers(50, 1500, size=n)
    y = Outcome.survival(np.minimum(time, censored), time <= censored)
    return groups, y, Outcome.response((rng.random(n) < 1 / (1 + np.exp(-eta - 1))).astype(float))


def prior(typical, log_sd):
    return SizePrior(np.array(typical, dtype=float), np.array(log_sd, dtype=float))


@pytest.mark.parametrize("kind", ["survival", "response"])
@pytest.mark.parametrize("widths", [(3, 5), (40, 90)])
def test_features_and_patients_give_one_evidence(kind, widths):
    groups, y, response = cohort(1, n=60, widths=widths, spread=(0.8, 0.3))
    loss = make_loss(y if kind == "survival" else response)
    eta = 0.3 * np.random.default_rng(2).normal(size=60)
    ours, theirs = _ByFeatures(groups, loss, eta), _ByPatients(groups, loss, eta)
    base = np.array([0.2, 0.2])
    for sizes in (np.array([0.5, 0.3]), np.array([1.4, 0.02])):
        a, b = ours.evidence(sizes), theirs.evidence(sizes)
        # each form drops its own constant, the part of the loss that no coefficient reaches
        constant = ours.evidence(base)[0] - theirs.evidence(base)[0]
        assert a[0] - b[0] == pytest.approx(constant, abs=1e-6)
        np.testing.assert_allclose(a[1], b[1], atol=1e-6)
        for left, right in zip(ours.solve(sizes), theirs.solve(sizes), strict=True):
            np.testing.assert_allclose(left, right, atol=1e-6)
        for form in (ours, theirs):
            for g in range(2):
                step = np.exp(1e-4 * np.eye(2)[g])
                slope = (form.evidence(sizes * step)[0] - form.evidence(sizes / step)[0]) / 2e-4
                assert slope == pytest.approx(form.evidence(sizes)[1][g], abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("width", [6, 150])
@pytest.mark.parametrize("size", [0.2, 0.9])
def test_one_known_size_is_a_ridge_fit(width, size):
    groups, y, _ = cohort(3, n=90, widths=(width,), spread=(0.9,))
    found = fit_by_evidence(groups, make_loss(y), prior([size], [0.0]))
    expected = ridge_path(groups[0], make_loss(y), [1 / size**2])[0].coef
    np.testing.assert_allclose(groups[0] @ found.coefficients[0], groups[0] @ expected, atol=1e-5)
    peer = CoxPHSurvivalAnalysis(alpha=1 / size**2, ties="efron", tol=1e-12)
    peer.fit(groups[0], Surv.from_arrays(y.event, y.time_days))
    np.testing.assert_allclose(groups[0] @ found.coefficients[0], groups[0] @ peer.coef_, atol=1e-5)
    assert found.sizes.tolist() == [size] and found.effective_draws == 1.0


def test_a_generous_intercept_is_an_unpenalised_one():
    groups, _, response = cohort(4, widths=(5,), spread=(0.8,))
    loss = make_loss(response)
    found = fit_by_evidence([*groups, np.ones((120, 1))], loss, prior([0.5, 10.0], [0.0, 0.0]))
    expected = ridge_path(groups[0], loss, [1 / 0.5**2])[0]
    assert abs(expected.intercept) > 0.4
    assert found.coefficients[1][0] == pytest.approx(expected.intercept, abs=2e-3)
    np.testing.assert_allclose(found.coefficients[0], expected.coef, atol=2e-3)


def test_a_prior_without_width_fixes_its_size_and_leaves_the_other_free():
    groups, y, _ = cohort(5)
    found = fit_by_evidence(groups, make_loss(y), prior([0.45, 0.3], [0.0, OPEN]))
    assert found.sizes[0] == 0.45 and found.sizes[1] != 0.3
    again = fit_by_evidence(groups, make_loss(y), prior([0.9, 0.3], [0.0, OPEN]))
    assert np.abs(again.coefficients[0]).sum() > np.abs(found.coefficients[0]).sum()


def test_sizes_stand_where_the_posterior_is_highest():
    groups, y, _ = cohort(6, n=200)
    loss, given = make_loss(y), prior([0.3, 0.3], [OPEN, OPEN])
    best = fit_by_evidence(groups, loss, given, n_draws=0)

    def height(sizes):
        fixed = fit_by_evidence(groups, loss, SizePrior(sizes, np.zeros(2)), n_draws=0)
        return fixed.log_evidence - 0.5 * np.sum((np.log(sizes / given.typical) / OPEN) ** 2)

    # Laplace's evidence expands around each fit anew, so the top may move by a little
    assert all(
        height(best.sizes) > height(best.sizes * factor)
        for factor in ([1.6, 1.0], [1 / 1.6, 1.0], [1.0, 1.6], [1.0, 1 / 1.6])
    )


def test_useless_groups_fade_and_strong_ones_come_through():
    useless, strong, harm = [], [], []
    for seed in range(6):
        groups, y, _ = cohort(seed + 10, n=360, widths=(4, 30), spread=(1.2, 0.0))
        train, rest = np.arange(160), np.arange(160, 360)
        loss = make_loss(y[train])
        both = fit_by_evidence([g[train] for g in groups], loss, prior([0.3, 0.3], [OPEN, OPEN]))
        alone = fit_by_evidence([groups[0][train]], loss, prior([0.3], [OPEN]))
        strong.append(both.sizes[0])
        useless.append(both.sizes[1])

        def c(fit, groups=groups, rest=rest, y=y):
            eta = sum(g[rest] @ b for g, b in zip(groups, fit.coefficients, strict=False))
            return harrell_c(y[rest].time_days, y[rest].event, eta)

        harm.append(c(alone) - c(both))
    assert np.mean(useless) < 0.28 and np.mean(strong) > 0.6
    assert np.mean(harm) < 0.012


def test_averaging_moves_the_fit_a_little_and_deterministically():
    groups, y, _ = cohort(7)
    loss, given = make_loss(y), prior([0.3, 0.3], [OPEN, OPEN])
    best, mean, again, finer = (fit_by_evidence(groups, loss, given, n_draws=k) for k in (0, 64, 64, 1024))
    eta = [sum(g @ b for g, b in zip(groups, fit.coefficients, strict=True)) for fit in (best, mean, finer)]
    assert 1e-6 < np.abs(eta[0] - eta[1]).max() < 0.3
    assert np.corrcoef(eta[0], eta[1])[0, 1] > 0.99
    # 64 draws are near the integral: 16 times as many change less than averaging did
    assert np.abs(eta[1] - eta[2]).max() < 0.05
    assert best.effective_draws == 1.0 and 30 < mean.effective_draws <= 64
    np.testing.assert_array_equal(mean.coefficients[0], again.coefficients[0])


@pytest.mark.parametrize("width", [4, 160])
@pytest.mark.parametrize("absurd", [np.nan, np.inf, 1e200])
def test_absurd_values_are_refused(width, absurd):
    groups, y, _ = cohort(8, widths=(width,), spread=(0.5,))
    groups[0][3, 2] = absurd
    with pytest.raises(ConvergenceError, match="values of absurd size"):
        fit_by_evidence(groups, make_loss(y), prior([0.3], [OPEN]))


@pytest.mark.parametrize("n_draws", [-1, 3, 100])
def test_draws_come_in_powers_of_two(n_draws):
    groups, y, _ = cohort(9)
    with pytest.raises(SettingsError, match=f"0 or a power of 2, got {n_draws}"):
        fit_by_evidence(groups, make_loss(y), prior([0.3, 0.3], [OPEN, OPEN]), n_draws=n_draws)


def test_an_empty_group_keeps_its_prior_and_changes_nothing():
    groups, y, _ = cohort(11)
    loss = make_loss(y)
    without = fit_by_evidence(groups, loss, prior([0.3, 0.3], [OPEN, OPEN]), n_draws=0)
    beside = fit_by_evidence(
        [*groups, np.zeros((120, 2))], loss, prior([0.3, 0.3, 0.2], [OPEN, OPEN, OPEN]), n_draws=0
    )
    assert beside.sizes[2] == pytest.approx(0.2) and not beside.coefficients[2].any()
    np.testing.assert_allclose(beside.coefficients[0], without.coefficients[0], atol=1e-4)
