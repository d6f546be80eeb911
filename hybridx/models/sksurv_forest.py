"""Random survival forest through scikit-survival (GPL-3.0-or-later; imported in ``models/sksurv_*.py`` only)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from sksurv.ensemble import RandomSurvivalForest
from sksurv.tree import SurvivalTree

from hybridx.cohort import Outcome
from hybridx.errors import SettingsError
from hybridx.models.base import SurvivalModel
from hybridx.models.baseline import check_times
from hybridx.models.concordance import harrell_c
from hybridx.models.data import TrainingData
from hybridx.prepare import Preparation

__all__ = ["SurvivalForest"]

FloatArray = npt.NDArray[np.float64]

_LEAF_SIZES = (5, 15)  # fine and coarse; the forest's other settings matter less at this number of patients


class SurvivalForest(SurvivalModel):
    """Random survival forest: many trees, each on a resample, each leaf with its own survival curve.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    n_trees : int
        Trees of the final forest.
    min_leaf : int or None
        Fewest patients of a leaf. None chooses between 5 and 15 by held-out C.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice.
    random_state : int
        Resamples, candidate features and inner folds.

    Attributes
    ----------
    forest_ : sksurv.ensemble.RandomSurvivalForest
        Fitted on the prepared columns.
    node_risk_ : list of array of float
        For each tree, log(mortality + 1/2) of each of its nodes.

    Notes
    -----
    `predict` is the mean over trees of log(mortality + 1/2) of the leaf that a patient falls in: mortality is the count
    of events expected if all training patients were like those of the leaf (Ishwaran); the half keeps a leaf without
    event finite. A mean over trees, unlike the log of the mean, can be explained exactly. `predict_survival` is the
    forest's own curve and needs no proportional hazards.

    Source
    ------
    Ishwaran et al. 2008, doi:10.1214/08-AOAS169.
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        n_trees: int = 100,
        min_leaf: int | None = None,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        n_folds: int = 3,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.n_trees = n_trees
        self.min_leaf = min_leaf
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.random_state = random_state

    def _prepare(self, matrix: FloatArray, names: list[str]) -> Preparation:
        return Preparation(self.max_missing, self.correlation, scale=False).fit_matrix(matrix, names)

    def _forest(self, X: FloatArray, y: Outcome, leaf: int, n_trees: int) -> RandomSurvivalForest:
        forest = RandomSurvivalForest(
            n_estimators=n_trees,
            min_samples_leaf=leaf,
            min_samples_split=2 * leaf,
            random_state=self.random_state,
        )
        return forest.fit(X, y.to_array())

    def _fit(self, data: TrainingData) -> None:
        if self.n_trees < 1 or (self.min_leaf is not None and self.min_leaf < 1):
            msg = f"n_trees and min_leaf must be >= 1, got {self.n_trees!r} and {self.min_leaf!r}."
            raise SettingsError(msg)
        prepared = self._prepared(data)
        self.cv_ = self._search(data) if self.min_leaf is None else None
        leaf = (
            self.min_leaf
            if self.cv_ is None
            else int(self.cv_["min_leaf"][int(self.cv_["harrell_c"].arg_max() or 0)])
        )
        self.forest_ = self._forest(prepared, data.y, leaf, self.n_trees)
        self.node_risk_ = [_node_risk(tree) for tree in self.forest_.estimators_]
        self.tuned_ = {"min_leaf": leaf}
        self.last_day_ = float(data.y.time_days.max())

    def _search(self, data: TrainingData) -> pl.DataFrame:
        folds = data.folds(self.n_folds, self.random_state)
        held_out = np.zeros((len(data.y), len(_LEAF_SIZES)))
        for fold in np.unique(folds):
            train = folds != fold
            step = self._prepare(data.matrix[train], data.columns)
            for i, leaf in enumerate(_LEAF_SIZES):
                forest = self._forest(
                    step.transform_matrix(data.matrix[train]), data.y[train], leaf, self.n_trees // 2 + 1
                )
                # mortality counts events of its own training fold: relative to that number, folds can be pooled
                held_out[~train, i] = (
                    forest.predict(step.transform_matrix(data.matrix[~train])) / data.y[train].n_events
                )
        scores = [harrell_c(data.y.time_days, data.y.event, risk) for risk in held_out.T]
        return pl.DataFrame({"min_leaf": _LEAF_SIZES, "harrell_c": scores})

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        prepared = self.preparation_.transform_matrix(matrix).astype(
            np.float32
        )  # as scikit-learn's trees compare
        total = np.zeros(len(prepared))
        for tree, risk in zip(self.forest_.estimators_, self.node_risk_, strict=True):
            total += risk[tree.tree_.apply(prepared)] if len(prepared) else 0.0
        return total / len(self.node_risk_)

    def predict_survival(self, X: object, times: npt.ArrayLike) -> FloatArray:
        """Return the forest's mean curve at `times` (days), shape (n, n_times).

        1 before the first event of training, flat after the last follow-up (``last_day_``).
        """
        days = check_times(times)
        prepared = self.preparation_.transform_matrix(self._matrix(X))
        if not len(prepared):
            return np.empty((0, len(days)))
        curves = np.asarray(self.forest_.predict_survival_function(prepared, return_array=True))
        steps = np.column_stack([np.ones(len(curves)), curves])
        # the forest's grid holds censoring times too; a curve read at t is its value at the last grid point <= t
        at = np.searchsorted(self.forest_.unique_times_, days, side="right")
        return np.clip(np.minimum.accumulate(steps, axis=1)[:, at], 0.0, 1.0)


def _node_risk(tree: SurvivalTree) -> FloatArray:
    """Return log(mortality + 1/2) of each node of a tree: the sum of its cumulative hazard over the event times."""
    cumulative_hazard = tree.tree_.value[:, :, 0]
    return np.log(cumulative_hazard[:, tree.is_event_time_].sum(axis=1) + 0.5)
