"""Gradient-boosted trees for survival (Cox objective), response and values: cautious, length chosen inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import xgboost as xgb

from hybridx.cohort import Outcome
from hybridx.models.base import ResponseModel, SurvivalModel, TableModel
from hybridx.models.baseline import BreslowBaseline
from hybridx.models.continuous import ValueModel
from hybridx.models.data import TrainingData
from hybridx.models.held_out_score import cox_slope
from hybridx.models.losses import make_loss
from hybridx.models.xgboost_trees import DEPTHS, BoostedTrees
from hybridx.prepare import Preparation

__all__ = ["XGBoostContinuous", "XGBoostCox", "XGBoostResponse"]

FloatArray = npt.NDArray[np.float64]

_ROUNDS = (5, 10, 20, 40, 80, 160, 320)
_MAX_SLOPE = 1.5  # curves are drawn together where margins are too far apart, and hardly ever apart


class _Boosted(BoostedTrees, TableModel):
    """The part that both endpoints share."""

    preparation_: Preparation
    booster_: xgb.Booster
    _objective: str

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        max_depth: int | None = None,
        n_rounds: int | None = None,
        learning_rate: float = 0.05,
        max_missing: float = 0.8,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.max_depth = max_depth
        self.n_rounds = n_rounds
        self.learning_rate = learning_rate
        self.max_missing = max_missing
        self.n_folds = n_folds
        self.random_state = random_state

    def _boost(self, X: FloatArray, y: Outcome, depth: int, rounds: int) -> xgb.Booster:
        settings = {"objective": self._objective, **self._tree_settings(depth)}
        return xgb.train(settings, xgb.DMatrix(X, label=self._label(y), nthread=1), num_boost_round=rounds)

    def _label(self, y: Outcome) -> FloatArray:
        # xgboost's Cox objective reads a negative time as censored
        return np.where(y.event, y.time_days, -y.time_days) if y.kind == "survival" else y.value

    def _fit(self, data: TrainingData) -> None:
        self._check_trees()
        prepared = self._prepared(data)
        self.cv_, held_out = self._search(data)
        best = int(self.cv_["loss"].arg_min() or 0)
        depth, rounds = int(self.cv_["max_depth"][best]), int(self.cv_["n_rounds"][best])
        self.booster_ = self._boost(prepared, data.y, depth, rounds)
        self.tuned_ = {"max_depth": depth, "n_rounds": rounds}
        self._calibrate(data, held_out[:, best])

    def _calibrate(self, data: TrainingData, held_out: FloatArray) -> None:
        """Learn what else the endpoint needs from the margins of patients each tree did not see."""

    def _search(self, data: TrainingData) -> tuple[pl.DataFrame, FloatArray]:
        """Return the held-out loss of each setting and the held-out margins, shape (n, n_settings)."""
        depths = DEPTHS if self.max_depth is None else (self.max_depth,)
        rounds = _ROUNDS if self.n_rounds is None else (self.n_rounds,)
        settings = [(depth, n) for depth in depths for n in rounds]
        folds = data.folds(self.n_folds, self.random_state)
        held_out = np.zeros((len(data.y), len(settings)))
        for fold in np.unique(folds):
            train = folds != fold
            step = self._prepare(data.matrix[train], data.columns)
            fitted, rest = (
                step.transform_matrix(data.matrix[train]),
                step.transform_matrix(data.matrix[~train]),
            )
            for depth in depths:
                booster = self._boost(fitted, data.y[train], depth, rounds[-1])
                for i, (other, n) in enumerate(settings):
                    if other == depth:
                        held_out[~train, i] = _margin(booster, rest, n)
        loss = make_loss(data.y)
        table = pl.DataFrame(settings, schema=["max_depth", "n_rounds"], orient="row")
        return table.with_columns(loss=np.array([loss.value(eta) for eta in held_out.T])), held_out

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        return _margin(self.booster_, self.preparation_.transform_matrix(matrix))


class XGBoostCox(_Boosted, SurvivalModel):
    """Boosted trees on Cox's partial likelihood; missing values are handled by the trees themselves.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    max_depth : int or None
        Depth of the trees. None chooses between 1 and 3 by held-out partial likelihood.
    n_rounds : int or None
        Number of trees. None chooses among 5 to 320.
    learning_rate : float
        Weight of each tree, > 0.
    max_missing : float
        Columns missing in a larger share of training patients are dropped.
    n_folds : int
        Inner folds for the choice.
    random_state : int
        Subsampling and inner folds.

    Attributes
    ----------
    booster_ : xgboost.Booster
        Its margin is the log-hazard that `predict` gives.
    calibration_slope_ : float
        Factor on the log-hazard in survival curves, learnt on held-out margins: boosted margins are too far apart.
    """

    _objective = "survival:cox"

    def _calibrate(self, data: TrainingData, held_out: FloatArray) -> None:
        self.calibration_slope_ = min(cox_slope(data.y, held_out), _MAX_SLOPE)
        self.baseline_ = BreslowBaseline.fit(
            data.y.time_days, data.y.event, self.calibration_slope_ * held_out
        )

    def predict_survival(self, X: object, times: npt.ArrayLike) -> FloatArray:
        """Return S(t) of each patient from the recalibrated log-hazard, shape (n, n_times); flat after follow-up."""
        return self.baseline_.survival(self.calibration_slope_ * self.predict(X), times)


class XGBoostResponse(_Boosted, ResponseModel):
    """Boosted trees on the logistic loss; missing values are handled by the trees themselves.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    max_depth : int or None
        Depth of the trees. None chooses between 1 and 3 by held-out likelihood.
    n_rounds : int or None
        Number of trees. None chooses among 5 to 320.
    learning_rate : float
        Weight of each tree, > 0.
    max_missing : float
        Columns missing in a larger share of training patients are dropped.
    n_folds : int
        Inner folds for the choice.
    random_state : int
        Subsampling and inner folds.

    Attributes
    ----------
    booster_ : xgboost.Booster
        Its margin is the log-odds of response.
    """

    _objective = "binary:logistic"


class XGBoostContinuous(_Boosted, ValueModel):
    """Boosted trees on the squared error of a continuous outcome; missing values are handled by the trees themselves.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    max_depth : int or None
        Depth of the trees. None chooses between 1 and 3 by held-out squared error.
    n_rounds : int or None
        Number of trees. None chooses among 5 to 320.
    learning_rate : float
        Weight of each tree, > 0.
    max_missing : float
        Columns missing in a larger share of training patients are dropped.
    n_folds : int
        Inner folds for the choice and for the held-out residuals of `predict_interval`.
    random_state : int
        Subsampling and inner folds.

    Attributes
    ----------
    booster_ : xgboost.Booster
        Its margin is the expected value, in the outcome's own unit (xgboost computes in single precision).
    """

    _objective = "reg:squarederror"

    def _calibrate(self, data: TrainingData, held_out: FloatArray) -> None:
        self._keep(data, held_out)


def _margin(booster: xgb.Booster, X: FloatArray, rounds: int = 0) -> FloatArray:
    """Return the margin of the first `rounds` trees (0: all)."""
    if not len(X):
        return np.empty(0)
    margin = booster.predict(xgb.DMatrix(X, nthread=1), output_margin=True, iteration_range=(0, rounds))
    return np.asarray(margin, dtype=np.float64)
