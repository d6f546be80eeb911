"""Boosted Cox regression through scikit-survival (GPL-3.0-or-later; imported in ``models/sksurv_*.py`` only)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.tree._tree import Tree
from sksurv.ensemble import ComponentwiseGradientBoostingSurvivalAnalysis, GradientBoostingSurvivalAnalysis

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, SettingsError
from hybridx.models.base import SurvivalModel
from hybridx.models.baseline import BreslowBaseline
from hybridx.models.data import TrainingData
from hybridx.models.held_out_score import cox_slope
from hybridx.models.losses import CoxLoss
from hybridx.prepare import Preparation
from hybridx.terms.text import check_name

__all__ = ["GradientBoostedCox"]

FloatArray = npt.NDArray[np.float64]
Learner = Literal["tree", "linear"]

# Stumps (additive) and pairs: a few hundred patients carry no more. The lengths are a factor 2 apart.
_DEPTHS = (1, 2)
_ROUNDS = {"tree": (5, 10, 20, 40, 80, 160), "linear": (5, 10, 20, 40, 80, 160, 320)}
_MAX_SLOPE = (
    1.5  # held-out margins further apart than the data ask for are shrunk; much wider ones are chance
)


class GradientBoostedCox(SurvivalModel):
    """Boosting on Cox's partial likelihood, by small trees or one feature at a time, length chosen inside.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    learner : {"tree", "linear"}
        Small trees, or component-wise boosting: each round moves the coefficient of the one feature that helps most,
        so that the model is linear and sparse.
    max_depth : int or None
        Depth of the trees. None chooses between 1 and 2 by held-out partial likelihood; not used by "linear".
    n_rounds : int or None
        Number of rounds. None chooses among 5 to 160 ("linear": to 320).
    learning_rate : float
        Weight of each round, in (0, 1].
    min_leaf : int
        Fewest patients of a leaf.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice and for the calibration of survival curves.
    random_state : int
        Subsampling, candidate features and inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,), or None
        "linear": log hazard ratio per standard deviation of the prepared columns; 0 where a feature is not used.
    trees_, node_value_ : list
        "tree": the trees, and what each of their nodes adds to the log-hazard.
    calibration_slope_ : float
        Factor on the log-hazard in survival curves, learnt on held-out margins: boosted margins are too far apart.
    cv_ : polars.DataFrame
        Held-out loss of each setting tried.

    Source
    ------
    Ridgeway 1999, Computing Science and Statistics 31:172-181; Bühlmann & Hothorn 2007, doi:10.1214/07-STS242.
    Margins equal those of scikit-survival 0.28 `GradientBoostingSurvivalAnalysis` and
    `ComponentwiseGradientBoostingSurvivalAnalysis` to 1e-9.
    """

    coef_: FloatArray | None
    trees_: list[Tree]
    node_value_: list[FloatArray]

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        learner: Learner = "tree",
        max_depth: int | None = None,
        n_rounds: int | None = None,
        learning_rate: float = 0.1,
        min_leaf: int = 10,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.learner = learner
        self.max_depth = max_depth
        self.n_rounds = n_rounds
        self.learning_rate = learning_rate
        self.min_leaf = min_leaf
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.random_state = random_state

    def _check(self) -> None:
        check_name(self.learner, get_args(Learner), "learner")
        counts = (self.max_depth, self.n_rounds, self.min_leaf)
        if any(v is not None and v < 1 for v in counts) or not 0 < self.learning_rate <= 1:
            msg = (
                "max_depth, n_rounds and min_leaf must be >= 1 and learning_rate lie in (0, 1], got "
                f"{self.max_depth!r}, {self.n_rounds!r}, {self.min_leaf!r} and {self.learning_rate!r}."
            )
            raise SettingsError(msg)

    def _prepare(self, matrix: FloatArray, names: list[str]) -> Preparation:
        scale = self.learner == "linear"  # trees do not care
        return Preparation(self.max_missing, self.correlation, scale=scale).fit_matrix(matrix, names)

    def _boost(self, boosted: Any, X: FloatArray, y: Outcome) -> None:
        """Fit a boosting of scikit-survival.

        Raises
        ------
        ConvergenceError
            Log-hazards grew until their exponentials overflowed.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                boosted.fit(X, y.to_array())
            except (RuntimeWarning, ArithmeticError) as error:
                msg = (
                    f"Boosting ran away in {boosted.n_estimators} rounds with learning_rate {self.learning_rate!r} "
                    f"({error}): lower one of the two."
                )
                raise ConvergenceError(msg) from error

    def _trees(
        self, X: FloatArray, y: Outcome, depth: int, rounds: int
    ) -> tuple[list[Tree], list[FloatArray]]:
        boosted = GradientBoostingSurvivalAnalysis(
            loss="coxph",
            learning_rate=self.learning_rate,
            n_estimators=rounds,
            max_depth=depth,
            min_samples_leaf=self.min_leaf,
            min_samples_split=2 * self.min_leaf,
            subsample=0.8,
            max_features=max(1, round(0.3 * X.shape[1])),
            random_state=self.random_state,
        )
        self._boost(boosted, X, y)
        trees = [row[0].tree_ for row in boosted.estimators_]
        return trees, [self.learning_rate * tree.value[:, 0, 0] for tree in trees]

    def _coefficients(self, X: FloatArray, y: Outcome, rounds: int) -> FloatArray:
        """Return the coefficients after each round, shape (q, rounds)."""
        boosted = ComponentwiseGradientBoostingSurvivalAnalysis(
            loss="coxph",
            learning_rate=self.learning_rate,
            n_estimators=rounds,
            random_state=self.random_state,
        )
        self._boost(boosted, X, y)
        steps = np.zeros((X.shape[1] + 1, rounds))  # row 0: the intercept, which Cox does not have
        for i, step in enumerate(boosted.estimators_):
            steps[step.component, i] = self.learning_rate * float(np.ravel(step.coef_)[0])
        return np.cumsum(steps, axis=1)[1:]

    def _fit(self, data: TrainingData) -> None:
        self._check()
        prepared = self._prepared(data)
        self.cv_, held_out = self._search(data)
        best = int(self.cv_["loss"].arg_min() or 0)
        rounds = int(self.cv_["n_rounds"][best])
        self.coef_, self.trees_, self.node_value_ = None, [], []
        self.tuned_ = {"n_rounds": rounds}
        if self.learner == "linear":
            self.coef_ = self._coefficients(prepared, data.y, rounds)[:, -1]
        else:
            self.tuned_["max_depth"] = int(self.cv_["max_depth"][best])
            self.trees_, self.node_value_ = self._trees(prepared, data.y, self.tuned_["max_depth"], rounds)
        self.calibration_slope_ = min(cox_slope(data.y, held_out[:, best]), _MAX_SLOPE)
        self.baseline_ = BreslowBaseline.fit(
            data.y.time_days, data.y.event, self.calibration_slope_ * held_out[:, best]
        )

    def _search(self, data: TrainingData) -> tuple[pl.DataFrame, FloatArray]:
        """Return the held-out loss of each setting and the held-out margins, shape (n, n_settings)."""
        depths = (
            (_DEPTHS if self.max_depth is None else (self.max_depth,)) if self.learner == "tree" else (0,)
        )
        rounds = _ROUNDS[self.learner] if self.n_rounds is None else (self.n_rounds,)
        settings = [(depth, n) for depth in depths for n in rounds]
        at = np.array(rounds) - 1
        folds = data.folds(self.n_folds, self.random_state)
        held_out = np.zeros((len(data.y), len(settings)))
        for fold in np.unique(folds):
            train = folds != fold
            step = self._prepare(data.matrix[train], data.columns)
            fitted, rest = (step.transform_matrix(data.matrix[rows]) for rows in (train, ~train))
            if self.learner == "linear":
                held_out[~train] = rest @ self._coefficients(fitted, data.y[train], rounds[-1])[:, at]
                continue
            paths = []
            for depth in depths:
                trees, values = self._trees(fitted, data.y[train], depth, rounds[-1])
                paths.append(np.cumsum(_added(trees, values, rest), axis=0)[at].T)
            held_out[~train] = np.hstack(paths)
        loss = CoxLoss(data.y.time_days, data.y.event)
        table = pl.DataFrame(settings, schema=["max_depth", "n_rounds"], orient="row")
        return table.with_columns(loss=np.array([loss.value(eta) for eta in held_out.T])), held_out

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        prepared = self.preparation_.transform_matrix(matrix)
        if self.coef_ is not None:
            return np.asarray(prepared @ self.coef_)
        return _added(self.trees_, self.node_value_, prepared).sum(axis=0)

    def predict_survival(self, X: object, times: npt.ArrayLike) -> FloatArray:
        """Return S(t) of each patient from the recalibrated log-hazard, shape (n, n_times); flat after follow-up."""
        return self.baseline_.survival(self.calibration_slope_ * self.predict(X), times)


def _added(trees: list[Tree], values: list[FloatArray], X: FloatArray) -> FloatArray:
    """Return what each tree adds to each patient's log-hazard, shape (n_trees, n)."""
    if not len(X):
        return np.zeros((len(trees), 0))
    single = X.astype(np.float32)  # as scikit-learn's trees compare
    return np.array([value[tree.apply(single)] for tree, value in zip(trees, values, strict=True)])
