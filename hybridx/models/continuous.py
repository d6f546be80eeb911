"""Continuous outcomes (% change of PSA, tumour size, absorbed dose): ridge regression with a predictive interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from hybridx.cohort import Outcome
from hybridx.cohort.outcome import OutcomeKind
from hybridx.errors import NotEnoughDataError, SettingsError
from hybridx.models.base import TableModel
from hybridx.models.data import TrainingData
from hybridx.models.losses import make_loss
from hybridx.models.ridge import ridge_path
from hybridx.prepare import Preparation

__all__ = ["ContinuousModel", "ValueModel"]

FloatArray = npt.NDArray[np.float64]

# Share of the outcome's variance that the features are expected to explain, from next to nothing to nearly all.
_SHARES = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)


class ValueModel(RegressorMixin, TableModel):
    """Base of the models of a continuous outcome.

    Attributes
    ----------
    unit_ : str
        Unit of the outcome, of `predict` and of `predict_interval`.
    residuals_ : array of float, shape (n_patients_,)
        Outcome minus held-out prediction of the training patients, rising.
    """

    takes: ClassVar[OutcomeKind] = "continuous"
    unit_: str
    residuals_: FloatArray

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table and a continuous outcome (`Outcome.continuous`, or a plain column of numbers).

        Patients whose value is unknown are left out with a warning.

        Raises
        ------
        NotEnoughDataError
            Fewer than ten patients, or all with one value.
        """
        return self._learn(X, _as_values(y))

    def predict(self, X: Any) -> FloatArray:
        """Return the expected value of each patient in the outcome's own unit, shape (n,).

        Higher means more of the outcome; whether that is better or worse, the outcome decides.
        """
        return self.linear_predictor(X)

    def predict_interval(self, X: Any, level: float = 0.9) -> FloatArray:
        """Return the range that holds a new patient's value with probability `level`, shape (n, 2): low, high.

        The prediction plus the matching quantiles of the held-out residuals, so skewed errors give a skewed range. It
        holds on average over patients like those of the training, not for each kind of patient on its own.

        Raises
        ------
        SettingsError
            `level` lies outside (0, 1).
        NotEnoughDataError
            So few training patients that no range of this level can be had from them.

        Source
        ------
        Residuals of patients held out in folds, ranks as in split-conformal prediction: Lei et al. 2018,
        doi:10.1080/01621459.2017.1307116; Barber et al. 2021, doi:10.1214/20-AOS1965.
        """
        if not 0.0 < level < 1.0:
            msg = f"level lies between 0 and 1, for example 0.9, got {level!r}."
            raise SettingsError(msg)
        predictor, n = self.linear_predictor(X), len(self.residuals_)
        tail = int(np.floor((n + 1) * (1.0 - level) / 2.0 + 1e-9))
        if tail < 1:
            least = int(np.ceil(2.0 / (1.0 - level) - 1e-9)) - 1
            msg = (
                f"A {level:g} interval needs at least {least} training patients; this model has {n}. "
                "Ask for a lower level."
            )
            raise NotEnoughDataError(msg)
        return np.asarray(predictor[:, None] + self.residuals_[[tail - 1, n - tail]])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, the share of the variance explained (for scikit-learn's searches)."""
        outcome = _as_values(y)
        known = outcome.known
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(r2_score(outcome.value[known], self.predict(X)[known], sample_weight=weight))

    def _keep(self, data: TrainingData, held_out: FloatArray) -> None:
        self.residuals_ = np.sort(data.y.value - held_out)
        self.unit_ = data.y.unit


class ContinuousModel(ValueModel):
    r"""Linear regression that shrinks all effects towards none, as far as held-out patients ask for.

    Minimises :math:`\tfrac12 \sum_i (y_i - a - z_i b)^2 + \tfrac{\lambda}{2} |b|^2` over standardised features z,
    intercept a free, with :math:`\lambda = p (1 - R^2) / R^2`: the penalty of a Bayesian who expects p features to
    explain the share R^2 of the variance. It is chosen inside by held-out squared error.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    prior_r2 : float or None
        R^2 above, between 0 and 1. None chooses among 0.01 to 0.9.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice and for the held-out residuals of the interval.
    random_state : int
        Deals patients to the inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,)
        Change of the outcome, in its unit, per standard deviation of the prepared columns.
    intercept_ : float
        Value of an average patient.
    cv_ : polars.DataFrame
        Held-out mean squared error of each `prior_r2` tried.

    Source
    ------
    Checked against scikit-learn 1.9 `Ridge(alpha=penalty_)` to 1e-8.

    Examples
    --------
    >>> ContinuousModel(columns=["pet.suv_mean", "lab.ldh"])
    ContinuousModel(columns=['pet.suv_mean', 'lab.ldh'])
    """

    preparation_: Preparation
    coef_: FloatArray
    intercept_: float

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        prior_r2: float | None = None,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.prior_r2 = prior_r2
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.random_state = random_state

    def _fit(self, data: TrainingData) -> None:
        if self.prior_r2 is not None and not 0.0 < self.prior_r2 < 1.0:
            msg = f"prior_r2 is a share between 0 and 1 (or None to choose it inside), got {self.prior_r2!r}."
            raise SettingsError(msg)
        prepared = self._prepared(data)
        shares = _SHARES if self.prior_r2 is None else (self.prior_r2,)
        held_out = self._held_out(data, shares)
        errors = np.mean((data.y.value[:, None] - held_out) ** 2, axis=0)
        best = int(errors.argmin())
        self.cv_ = pl.DataFrame({"prior_r2": shares, "mean_squared_error": errors})
        self.penalty_ = _penalty(shares[best], prepared.shape[1])
        (fit,) = ridge_path(prepared, make_loss(data.y), [self.penalty_])
        self.coef_, self.intercept_ = fit.coef, fit.intercept
        self.tuned_ = {"prior_r2": shares[best]}
        self._keep(data, held_out[:, best])

    def _held_out(self, data: TrainingData, shares: Sequence[float]) -> FloatArray:
        """Return each patient's prediction from a model that did not see them, shape (n, n_shares)."""
        folds = data.folds(self.n_folds, self.random_state)
        held_out = np.zeros((len(data.y), len(shares)))
        for fold in np.unique(folds):
            train = folds != fold
            step = self._prepare(data.matrix[train], data.columns)
            fitted, test = (
                step.transform_matrix(data.matrix[train]),
                step.transform_matrix(data.matrix[~train]),
            )
            penalties = [_penalty(share, fitted.shape[1]) for share in shares]
            for i, fit in enumerate(ridge_path(fitted, make_loss(data.y[train]), penalties)):
                held_out[~train, i] = test @ fit.coef + fit.intercept
        return held_out

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the expected value of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        return self.preparation_.transform_matrix(matrix) @ self.coef_ + self.intercept_


def _as_values(y: Any) -> Any:
    # a plain column of numbers is a column of values here, where other models read a response
    return y if isinstance(y, Outcome) else Outcome.continuous(y)


def _penalty(share: float, n_features: int) -> float:
    return max(n_features, 1) * (1.0 - share) / share
