"""A fold whose tables are cut out when it is run: a hundred folds need no hundred copies of the table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.evaluate.designs_split import Split
from hybridx.evaluate.folds import FoldResult, FoldTask, run_fold
from hybridx.evaluate.plan import Plan

__all__ = ["Cut", "cut_of", "run_cut"]


@dataclass(frozen=True, eq=False)
class Cut:
    """One fold to be.

    Parameters
    ----------
    table : polars.DataFrame
        Features of all patients; of outcomes, `task` holds those of the training patients only.
    train : array of int
        Rows of `table`.
    test : array of int
        The fold's test patients, then those whose outcome is unknown, then training patients whose predictions are
        wanted to measure optimism.
    task : FoldTask
        Its tables are empty.
    """

    table: pl.DataFrame
    train: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]
    task: FoldTask

    def whole(self) -> FoldTask:
        """Return the task with its tables."""
        return replace(self.task, X_train=self.table[self.train], X_test=self.table[self.test])


def run_cut(cut: Cut) -> FoldResult:
    """Cut out the tables of a fold and run it."""
    return run_fold(cut.whole())


def cut_of(plan: Plan, split: Split) -> Cut:
    """Return the fold of a split."""
    task = FoldTask(
        repeat=split.repeat,
        fold=split.fold,
        X_train=plan.frame.head(0),
        y_train=plan.outcome[split.train],
        X_test=plan.frame.head(0),
        models=plan.models,
        kind=plan.outcome.kind,
        times=plan.times,
        primary=plan.primary,
        explain=plan.explain if split.repeat == plan.first_repeat else None,
        # a patient without an outcome is explained once, by the first fold's model
        explained=len(split.test) + (len(plan.open_rows) if split.fold == 0 else 0),
        keep_frozen=plan.bands > 0 and split.repeat == plan.first_repeat,
        without=plan.without if len(split.test) else (),
        support=split.repeat == plan.first_repeat and len(split.test) > 0,
    )
    return Cut(plan.frame, split.train, np.concatenate([split.test, plan.open_rows, split.seen]), task)
