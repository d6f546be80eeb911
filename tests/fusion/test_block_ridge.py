"""One penalty per block: the fit against the plain ridge fit, and the slope of the held-out likelihood."""

import numpy as np
import pytest

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError
from hybridx.fusion import block_ridge
from hybridx.fusion.block_problem import SD_RANGE, BlockProblem, FoldBlocks, RidgeSolver, sd_prior
from hybridx.fusion.block_ridge import BlockFold, fit_blocks
from hybridx.models.losses import make_loss
from hybridx.models.ridge import ridge_path

WIDTHS = {"few columns": (3, 5, 4), "many columns": (3, 90, 60)}
SDS = np.array([0.9, 0.3, 0.5])


def sample(widths, kind, n=60, seed=0):
    rng = np.random.default_rng(seed)
    blocks = [rng.normal(size=(n, q)) for q in widths]
    blocks[1][: n // 4] = 0.0  # not measured
    hazard = blocks[0][:, 0] + 0.5 * blocks[1][:, 0]
    time = np.ceil(rng.exponential(size=n) * np.exp(-hazard) * 10)
    y = Outcome.survival(time, rng.random(n) < 0.7)
    return blocks, y if kind == "cox" else Outcome.response(
        (hazard + rng.logistic(size=n) > 0.4).astype(float)
    )


@pytest.mark.parametrize("kind", ["cox", "logistic"])
@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)
def test_fit_is_plain_ridge_on_rescaled_columns(kind, widths):
    blocks, y = sample(widths, kind)
    fit = fit_blocks(blocks, make_loss(y), SDS)
    scales = [s / np.sqrt(z.shape[1]) for s, z in zip(SDS, blocks, strict=True)]
    scaled = np.hstack([c * z for c, z in zip(scales, blocks, strict=True)])
    (plain,) = ridge_path(scaled, make_loss(y), [1.0])
    coef = np.concatenate([b / c for b, c in zip(fit.coefs, scales, strict=True)])
    np.testing.assert_allclose(coef, plain.coef, atol=1e-7)
    assert fit.intercept == pytest.approx(plain.intercept, abs=1e-7)
    eta = fit.predictor(blocks)
    assert eta.shape == (60, 3) and (eta[:15, 1] == 0).all()


@pytest.mark.parametrize("kind", ["cox", "logistic"])
@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)
def test_slope_of_the_held_out_predictor(kind, widths, monkeypatch):
    monkeypatch.setattr(block_ridge, "_QUICK", 1e-13)
    blocks, y = sample(widths, kind)
    train, test = np.arange(45), np.arange(45, 60)

    def held_out(theta):
        fold = BlockFold([z[train] for z in blocks], [z[test] for z in blocks], make_loss(y[train]), test)
        return fold.held_out(np.exp(theta))

    theta, h = np.log(SDS), 1e-3
    value, slope = held_out(theta)
    fit = fit_blocks([z[train] for z in blocks], make_loss(y[train]), SDS)
    expected = fit.predictor([z[test] for z in blocks]).sum(axis=1) + fit.intercept
    np.testing.assert_allclose(value, expected, atol=1e-7)
    numeric = [(held_out(theta + s)[0] - held_out(theta - s)[0]) / (2 * h) for s in h * np.eye(3)]
    np.testing.assert_allclose(slope, np.transpose(numeric), atol=5e-5)


def problem(blocks, y, n_folds=5):
    fold = np.arange(len(y)) % n_folds

    def folds():
        rows = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]
        return [FoldBlocks([z[a] for z in blocks], [z[b] for z in blocks], a, b) for a, b in rows]

    return BlockProblem(blocks, y, folds)


def held_out_loss(task, sds):
    """The criterion, by plain refits."""
    eta = np.zeros(len(task.y))
    for fold in task.folds:
        fit = fit_blocks(fold.train, task.training_loss(fold), sds)
        eta[fold.test_rows] = fit.predictor(fold.test).sum(axis=1) + fit.intercept
    return task.loss.value(eta) + sd_prior(np.log(sds))[0]


@pytest.mark.parametrize("kind", ["cox", "logistic"])
def test_search_finds_no_better_neighbour(kind):
    blocks, y = sample((4, 80, 30), kind, n=100, seed=3)
    task = problem(blocks, y)
    sds = RidgeSolver().search(task)
    best = held_out_loss(task, sds)
    assert ((sds >= SD_RANGE[0]) & (sds <= SD_RANGE[1])).all()
    for i in range(3):
        for factor in (0.7, 1.4):
            trial = sds.copy()
            trial[i] *= factor
            assert held_out_loss(task, trial) > best - 1e-3
    # and no far better place: a coarse grid
    grid = np.stack(np.meshgrid(*[[0.05, 0.2, 0.5, 1.2]] * 3), -1).reshape(-1, 3)
    assert min(held_out_loss(task, trial) for trial in grid) > best - 1e-3


def test_a_block_without_columns_carries_nothing():
    blocks, y = sample((3, 90, 60), "cox")
    blocks[2] = np.zeros((60, 0))
    fit = fit_blocks(blocks, make_loss(y), SDS)
    assert len(fit.coefs[2]) == 0
    np.testing.assert_array_equal(fit.predictor(blocks)[:, 2], 0)
    two = fit_blocks(blocks[:2], make_loss(y), SDS[:2])
    np.testing.assert_allclose(fit.coefs[1], two.coefs[1], atol=1e-9)


def test_values_of_absurd_size_are_an_error_not_a_number():
    blocks, y = sample((3, 5, 4), "cox")
    blocks[0][0, 0] = 1e200
    with pytest.raises(ConvergenceError), np.errstate(all="ignore"):
        fit_blocks(blocks, make_loss(y), SDS)
