"""Blocks one after the other: each explains what the held-out predictions of the earlier ones leave.

The most trusted block comes first and keeps what it shares with the later ones; a block that adds nothing is shrunk to
nothing without taking from those before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hybridx.fusion.block_problem import BlockProblem, BlockSolver, FoldBlocks, RidgeSolver
from hybridx.fusion.block_ridge import BlockFit
from hybridx.fusion.block_sparse import SparseSolver

__all__ = ["PrioritySolver"]

FloatArray = npt.NDArray[np.float64]


class PrioritySolver:
    """Fit blocks in an order of trust, each with the held-out predictor of the earlier ones as offset.

    Held out, since the fitted predictor of a block is too sure of its own training patients: it would leave too little
    for the next.

    Parameters
    ----------
    order : sequence of int
        Blocks, the most trusted first.
    l1_ratio : float
        Share of the lasso within a block; 0 is ridge.
    """

    def __init__(self, order: Sequence[int], l1_ratio: float) -> None:
        self.order = list(order)
        self.inner: BlockSolver = (
            RidgeSolver() if l1_ratio == 0 else SparseSolver(l1_ratio, may_be_empty=True)
        )
        self.first: BlockSolver = RidgeSolver() if l1_ratio == 0 else SparseSolver(l1_ratio)

    def search(self, problem: BlockProblem) -> FloatArray:
        """Return the prior SD of each block, shape (m,), chosen one after the other."""
        return self._walk(problem, None)[0]

    def fit(self, problem: BlockProblem, prior_sds: FloatArray) -> BlockFit:
        """Return coefficients of all blocks, and the sum of their intercepts."""
        return self._walk(problem, prior_sds)[1]

    def penalties(self, problem: BlockProblem, prior_sds: FloatArray) -> FloatArray:
        """Return the penalty per standardised column of each block, shape (m,)."""
        return self.inner.penalties(problem, prior_sds)

    def _walk(self, problem: BlockProblem, given: FloatArray | None) -> tuple[FloatArray, BlockFit]:
        prior_sds, coefs, intercept = np.ones(len(problem.blocks)), list(problem.blocks), 0.0
        offset = np.zeros(len(problem.y)) if problem.offset is None else problem.offset
        for i in self.order:
            stage = _stage(problem, i, offset)
            solver = self.first if i == self.order[0] else self.inner
            sd = solver.search(stage) if given is None else given[[i]]
            fit = self.inner.fit(stage, sd)
            prior_sds[i], coefs[i] = sd[0], fit.coefs[0]
            intercept += fit.intercept
            if i != self.order[-1]:
                offset = offset + self._held_out(stage, sd)
        return prior_sds, BlockFit(coefs=coefs, intercept=intercept)

    def _held_out(self, stage: BlockProblem, sd: FloatArray) -> FloatArray:
        result = np.zeros(len(stage.y))
        for fold in stage.folds:
            offset = None if stage.offset is None else stage.offset[fold.train_rows]
            part = BlockProblem(fold.train, stage.y[fold.train_rows], list, offset)
            fit = self.inner.fit(part, sd)
            result[fold.test_rows] = fit.predictor(fold.test).sum(axis=1) + fit.intercept
        return result


def _stage(problem: BlockProblem, block: int, offset: FloatArray) -> BlockProblem:
    """Return one block of a problem, on top of an offset of each patient."""

    def folds() -> list[FoldBlocks]:
        return [replace(f, train=[f.train[block]], test=[f.test[block]]) for f in problem.folds]

    return BlockProblem([problem.blocks[block]], problem.y, folds, offset)
