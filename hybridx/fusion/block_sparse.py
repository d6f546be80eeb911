r"""Lasso and elastic net with one penalty per block.

Each block's penalty is that of a Laplace prior under which it carries a linear predictor of standard deviation s_b, the
same s_b that the ridge fit uses:

.. math:: \lambda_b \sum_{j \in b} \left( \alpha |\beta_j| + \tfrac{1 - \alpha}{2} \beta_j^2 \right), \qquad
   \lambda_b = \sqrt{2 q_b} / s_b.

So the RATIO of the blocks' penalties comes from the quick ridge search, and only one number, the common strength, is
left to choose on held-out patients: with a few dozen events a grid over all ratios finds the luckiest, not the best.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.errors import ConvergenceError
from hybridx.fusion.block_problem import BlockProblem, RidgeSolver
from hybridx.fusion.block_ridge import BlockFit
from hybridx.models.cox_descent import cox_path, largest_penalty
from hybridx.models.losses import Loss

__all__ = ["SparseSolver", "block_penalties", "fit_sparse", "sparse_strength"]

FloatArray = npt.NDArray[np.float64]

# Strengths tried, as shares of the one that empties the model; in parts, until a part brings nothing better.
_N_STRENGTHS, _N_PARTS, _START, _END = 20, 4, 0.75, 0.05


def block_penalties(blocks: list[FloatArray], prior_sds: FloatArray) -> FloatArray:
    """Return the penalty of each block, shape (m,)."""
    return np.sqrt(2.0 * np.array([max(z.shape[1], 1) for z in blocks])) / prior_sds


def _factors(blocks: list[FloatArray], prior_sds: FloatArray) -> FloatArray:
    return np.repeat(block_penalties(blocks, prior_sds), [z.shape[1] for z in blocks])


def fit_sparse(blocks: list[FloatArray], loss: Loss, prior_sds: FloatArray, l1_ratio: float) -> BlockFit:
    """Return the elastic net of all blocks at given prior SDs."""
    path = cox_path(np.hstack(blocks), loss, [1.0], l1_ratio, _factors(blocks, prior_sds))
    ends = np.cumsum([z.shape[1] for z in blocks])[:-1]
    return BlockFit(coefs=np.split(path.coefs[0], ends), intercept=float(path.intercepts[0]))


def sparse_strength(
    problem: BlockProblem, prior_sds: FloatArray, l1_ratio: float, *, may_be_empty: bool = False
) -> float:
    """Return by how much all penalties together are multiplied for the best held-out likelihood.

    Without `may_be_empty` at least the first column to enter stays: a model that says the same of everyone is no use,
    however little the columns promise.
    """
    factors = _factors(problem.blocks, prior_sds)
    top = largest_penalty(np.hstack(problem.blocks), problem.loss, l1_ratio, factors)
    grid = np.geomspace(_START, _END, _N_STRENGTHS) * (top if top > 0 else 1.0)
    grid = np.append(1.01 * top, grid) if may_be_empty else grid
    best, lowest = float(grid[0]), np.inf
    for part in np.array_split(grid, _N_PARTS):
        try:
            losses = _held_out_losses(problem, part, prior_sds, l1_ratio)
        except ConvergenceError:
            if np.isinf(lowest):
                raise
            break  # so weak that columns outnumber patients: no minimum that one could tell apart, and never the best
        if losses.min() >= lowest:
            break
        best, lowest = float(part[int(np.argmin(losses))]), float(losses.min())
    return best


def _held_out_losses(
    problem: BlockProblem, grid: FloatArray, prior_sds: FloatArray, l1_ratio: float
) -> FloatArray:
    held_out = np.zeros((len(problem.y), len(grid)))
    for fold in problem.folds:
        factors = _factors(fold.train, prior_sds)
        path = cox_path(np.hstack(fold.train), problem.training_loss(fold), grid, l1_ratio, factors)
        held_out[fold.test_rows] = np.hstack(fold.test) @ path.coefs.T + path.intercepts
    return np.array([problem.loss.value(eta) for eta in held_out.T])


class SparseSolver:
    """Lasso (`l1_ratio` 1) or elastic net within blocks whose penalties follow the ridge search."""

    def __init__(self, l1_ratio: float, *, may_be_empty: bool = False) -> None:
        self.l1_ratio, self.may_be_empty = l1_ratio, may_be_empty

    def search(self, problem: BlockProblem) -> FloatArray:
        """Return the prior SD of each block, shape (m,)."""
        ratios = RidgeSolver().search(problem)
        strength = sparse_strength(problem, ratios, self.l1_ratio, may_be_empty=self.may_be_empty)
        return ratios / strength

    def fit(self, problem: BlockProblem, prior_sds: FloatArray) -> BlockFit:
        """Return coefficients, many of them exactly 0, and intercept."""
        return fit_sparse(problem.blocks, problem.loss, prior_sds, self.l1_ratio)

    def penalties(self, problem: BlockProblem, prior_sds: FloatArray) -> FloatArray:
        """Return the penalty per standardised column of each block, shape (m,)."""
        return block_penalties(problem.blocks, prior_sds)
