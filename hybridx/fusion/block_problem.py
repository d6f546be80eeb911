"""What the solvers of block-penalised fusion work on: prepared blocks of all patients and of each fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hybridx.cohort import Outcome
from hybridx.fusion.block_design import BlockRows, prepared
from hybridx.fusion.block_ridge import BlockFit, BlockFold, fit_blocks, search_prior_sds
from hybridx.models.losses import Loss, make_loss

__all__ = ["SD_RANGE", "BlockProblem", "BlockSolver", "FoldBlocks", "RidgeSolver", "fold_blocks", "sd_prior"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# Prior SDs of the log-hazard that a block may carry: from nothing to more than published models reach.
SD_RANGE = (0.02, 1.6)
# What is expected before the held-out patients are asked: blocks are alike, about as strong as published signatures,
# two thirds of them within a factor e^0.5 of that. Held-out likelihoods of 50 events tell blocks apart no better.
_TYPICAL_SD, _LOG_SPREAD = 0.4, 0.5


def sd_prior(theta: FloatArray) -> tuple[float, FloatArray]:
    """Return minus the log-density of log prior SDs, shape (m,), and its gradient."""
    away = (theta - np.log(_TYPICAL_SD)) / _LOG_SPREAD
    return 0.5 * float(away @ away), away / _LOG_SPREAD


@dataclass(frozen=True)
class FoldBlocks:
    """Prepared blocks of one fold, learnt on its training patients."""

    train: list[FloatArray]
    test: list[FloatArray]
    train_rows: IntArray
    test_rows: IntArray


@dataclass(frozen=True)
class BlockProblem:
    """Training patients in canonical order, with their prepared blocks.

    Parameters
    ----------
    blocks : list of array of float, each (n, q_b)
        Standardised columns, learnt on all n patients.
    y : Outcome
        Their known outcomes.
    make_folds : callable
        Returns the folds; asked for once, and only where something is chosen on held-out patients.
    offset : array of float, shape (n,), or None
        Linear predictor that the patients already have.
    """

    blocks: list[FloatArray]
    y: Outcome
    make_folds: Callable[[], list[FoldBlocks]]
    offset: FloatArray | None = None

    @cached_property
    def loss(self) -> Loss:
        """Return the loss of all patients."""
        return _with_offset(make_loss(self.y), self.offset)

    @cached_property
    def folds(self) -> list[FoldBlocks]:
        """Return the folds, each prepared on its own training patients."""
        return self.make_folds()

    def training_loss(self, fold: FoldBlocks) -> Loss:
        """Return the loss of a fold's training patients."""
        offset = None if self.offset is None else self.offset[fold.train_rows]
        return _with_offset(make_loss(self.y[fold.train_rows]), offset)


def fold_blocks(data: BlockRows, fold: IntArray, prepare: Callable[[BlockRows], Any]) -> list[FoldBlocks]:
    """Return the folds of raw rows, each prepared on its own training patients.

    Parameters
    ----------
    data : BlockRows
        Raw values of n patients.
    fold : array of int, shape (n,)
        Fold of each.
    prepare : callable
        From training rows to fitted preparations.
    """
    result = []
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        inside, outside = data.rows(train), data.rows(test)
        steps = prepare(inside)
        result.append(FoldBlocks(prepared(inside, steps), prepared(outside, steps), train, test))
    return result


class _Offset:
    """A loss of patients who already have a linear predictor, shape (n,)."""

    def __init__(self, inner: Loss, offset: FloatArray) -> None:
        self.inner, self.offset = inner, offset
        self.has_intercept, self.size = inner.has_intercept, inner.size

    def value(self, eta: FloatArray) -> float:
        return self.inner.value(eta + self.offset)

    def gradient(self, eta: FloatArray) -> FloatArray:
        return self.inner.gradient(eta + self.offset)

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        return self.inner.information(eta + self.offset, Z)

    def curvature(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        return self.inner.curvature(eta + self.offset, Z)


def _with_offset(loss: Loss, offset: FloatArray | None) -> Loss:
    return loss if offset is None else _Offset(loss, offset)


class BlockSolver(Protocol):
    """How penalties are chosen and coefficients found."""

    def search(self, problem: BlockProblem) -> FloatArray:
        """Return the prior SD of each block, shape (m,), chosen on held-out patients."""

    def fit(self, problem: BlockProblem, prior_sds: FloatArray) -> BlockFit:
        """Return coefficients and intercept at given prior SDs."""

    def penalties(self, problem: BlockProblem, prior_sds: FloatArray) -> FloatArray:
        """Return the penalty per standardised column of each block, shape (m,)."""


class RidgeSolver:
    """Ridge: all columns stay, all prior SDs are found together."""

    def search(self, problem: BlockProblem) -> FloatArray:
        """Return the prior SD of each block, shape (m,)."""
        folds = [BlockFold(f.train, f.test, problem.training_loss(f), f.test_rows) for f in problem.folds]
        start = np.full(len(problem.blocks), _TYPICAL_SD)
        return search_prior_sds(folds, problem.loss, start, SD_RANGE, sd_prior)

    def fit(self, problem: BlockProblem, prior_sds: FloatArray) -> BlockFit:
        """Return coefficients and intercept."""
        return fit_blocks(problem.blocks, problem.loss, prior_sds)

    def penalties(self, problem: BlockProblem, prior_sds: FloatArray) -> FloatArray:
        """Return q_b / s_b^2."""
        return np.array([max(z.shape[1], 1) for z in problem.blocks]) / prior_sds**2
