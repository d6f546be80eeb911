"""Survival SVM through scikit-survival (GPL-3.0-or-later; imported in ``models/sksurv_*.py`` only)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import RBFSampler
from sksurv.exceptions import NoComparablePairException
from sksurv.svm import FastSurvivalSVM

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, SettingsError
from hybridx.models.base import SurvivalModel
from hybridx.models.baseline import BreslowBaseline
from hybridx.models.data import TrainingData
from hybridx.models.held_out_score import cox_slope
from hybridx.models.losses import CoxLoss
from hybridx.terms.text import check_name

__all__ = ["SurvivalSVM"]

FloatArray = npt.NDArray[np.float64]
Kernel = Literal["linear", "rbf"]

_COSTS = (0.1, 1.0, 10.0, 100.0, 1000.0)
_WAVES = 300  # random cosines: the kernel is met to about 1 / sqrt(300) = 0.06
_WIDTH = 0.5  # exp(-|x - x'|^2 / 2) with |x|^2 = 1 on average: two patients at random share exp(-1) = 0.37
_STEPS = 500
# At the solution the penalty's pull on the weights balances that of the pairs. The optimiser gives up where rounding
# ends its progress; up to this share of the pull the answer is as good as solved.
_BALANCE = 1e-3
# Where held-out patients show no ranking the score still orders patients, by a log-hazard that nobody would notice.
_LEAST_SLOPE = 0.01


class SurvivalSVM(SurvivalModel):
    r"""Rank patients by who fails first, with a margin; the score is calibrated to a log-hazard on held-out patients.

    .. math:: \min_w \tfrac12 |w|^2 + \tfrac{c}{2} \operatorname{mean}_{i \text{ fails before } j}
        \max(0, 1 - w'(\phi_i - \phi_j))^2

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    kernel : {"linear", "rbf"}
        "rbf" bends: a Gaussian kernel, met by 300 random cosines of the features, so that the fitted model keeps no
        training patient.
    cost : float or None
        c above, > 0. None chooses among 0.1 to 1000 by the partial likelihood of the calibrated held-out score.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice and for the calibration.
    random_state : int
        Ties, random cosines and inner folds.

    Attributes
    ----------
    weights_ : array of float
        Log-hazard per feature (or per cosine), after calibration.
    coef_ : array of float, shape (q,), or None
        "linear": log hazard ratio per standard deviation of the prepared columns.
    intercept_ : float
        Sets the average training patient to 0.
    calibration_slope_ : float
        Log-hazard per training standard deviation of the score, by Cox regression on held-out scores.
    cv_ : polars.DataFrame
        Held-out loss of each cost tried.

    Source
    ------
    Pölsterl, Navab & Katouzian 2015, doi:10.1007/978-3-319-23525-7_15 (ranking objective); Rahimi & Recht 2007, Random
    features for large-scale kernel machines (cosines).
    """

    coef_: FloatArray | None

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        kernel: Kernel = "linear",
        cost: float | None = None,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.kernel = kernel
        self.cost = cost
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.random_state = random_state

    def _features(self, prepared: FloatArray) -> FloatArray:
        """Return phi, rows of length about 1, shape (n, q) or (n, 300)."""
        scaled = prepared / np.sqrt(prepared.shape[1])
        if self.kernel == "linear":
            return scaled
        waves = RBFSampler(gamma=_WIDTH, n_components=_WAVES, random_state=self.random_state)
        # learns nothing but the number of columns: the cosines come from random_state alone
        waves.fit(np.zeros((1, prepared.shape[1])))
        return np.asarray(waves.transform(scaled)) if len(scaled) else np.zeros((0, _WAVES))

    def _fit(self, data: TrainingData) -> None:
        check_name(self.kernel, get_args(Kernel), "kernel")
        if self.cost is not None and not self.cost > 0:
            msg = f"cost must be > 0 (or None to choose it inside), got {self.cost!r}."
            raise SettingsError(msg)
        prepared = self._prepared(data)
        self.cv_, held_out = self._search(data)
        best = int(self.cv_["loss"].arg_min() or 0)
        cost, slope = float(self.cv_["cost"][best]), float(self.cv_["slope"][best])
        self.calibration_slope_ = max(slope, _LEAST_SLOPE)
        score = _rank(self._features(prepared), data.y, cost, self.random_state)
        self.weights_ = self.calibration_slope_ * score.weights / score.sd
        self.intercept_ = -self.calibration_slope_ * score.mean / score.sd
        self.coef_ = self.weights_ / np.sqrt(prepared.shape[1]) if self.kernel == "linear" else None
        self.tuned_ = {"cost": cost}
        self.baseline_ = BreslowBaseline.fit(
            data.y.time_days, data.y.event, self.calibration_slope_ * held_out[:, best]
        )

    def _search(self, data: TrainingData) -> tuple[pl.DataFrame, FloatArray]:
        """Return slope and loss of each cost and the held-out scores, in SDs of training, shape (n, n_costs)."""
        costs = _COSTS if self.cost is None else (float(self.cost),)
        folds = data.folds(self.n_folds, self.random_state)
        held_out = np.zeros((len(data.y), len(costs)))
        for fold in np.unique(folds):
            train = folds != fold
            step = self._prepare(data.matrix[train], data.columns)
            fitted, rest = (
                self._features(step.transform_matrix(data.matrix[rows])) for rows in (train, ~train)
            )
            for i, cost in enumerate(costs):
                score = _rank(fitted, data.y[train], cost, self.random_state)
                held_out[~train, i] = (rest @ score.weights - score.mean) / score.sd
        loss = CoxLoss(data.y.time_days, data.y.event)
        slopes = np.array([cox_slope(data.y, z) for z in held_out.T])
        losses = [loss.value(slope * z) for slope, z in zip(slopes, held_out.T, strict=True)]
        return pl.DataFrame({"cost": costs, "slope": slopes, "loss": losses}), held_out

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        features = self._features(self.preparation_.transform_matrix(matrix))
        return np.asarray(features @ self.weights_ + self.intercept_)


@dataclass(frozen=True)
class _Score:
    """Weights of the features, and mean and SD of the score over the training patients."""

    weights: FloatArray
    mean: float
    sd: float


def _rank(X: FloatArray, y: Outcome, cost: float, random_state: int) -> _Score:
    """Fit the ranking objective.

    Raises
    ------
    ConvergenceError
        No pair of patients can be compared, or the optimiser stopped short.
    """
    # events that anybody outlives, times those who do: the mean over pairs does not grow with the cohort
    order = np.sort(y.time_days)
    pairs = float((len(y) - np.searchsorted(order, y.time_days[y.event], side="right")).sum())
    machine = FastSurvivalSVM(
        alpha=cost / max(pairs, 1.0), max_iter=_STEPS, tol=1e-6, random_state=random_state
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # looked at below
        try:
            found = machine.fit(X, y.to_array()).optimizer_result_
        except (NoComparablePairException, ArithmeticError) as error:
            msg = f"The survival SVM (cost {cost:g}, {X.shape[1]} columns) did not converge: {error}"
            raise ConvergenceError(msg) from error
    weights = -np.asarray(found.x, dtype=np.float64)  # its coefficients rank by time, its predictions by risk
    if not found.success and np.abs(found.jac).max() > _BALANCE * np.abs(weights).max():
        msg = f"The survival SVM (cost {cost:g}, {X.shape[1]} columns) did not converge: {found.message}"
        raise ConvergenceError(msg)
    score = X @ weights
    sd = float(np.std(score))
    if not np.isfinite(sd) or sd <= 0:
        msg = f"The survival SVM (cost {cost:g}) gives every patient the same score: no pair could be ranked."
        raise ConvergenceError(msg)
    return _Score(weights, float(score.mean()), sd)
