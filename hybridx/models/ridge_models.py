"""Ridge-penalised Cox and logistic regression with the penalty chosen inside: the sober default for small cohorts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import SettingsError
from hybridx.models.base import ResponseModel, SurvivalModel, TableModel
from hybridx.models.baseline import BreslowBaseline
from hybridx.models.data import TrainingData
from hybridx.models.losses import make_loss
from hybridx.models.ridge import PRIOR_SDS, penalty_of, ridge_path
from hybridx.prepare import Preparation

__all__ = ["CoxRidge", "LogisticModel", "RidgeModel"]

FloatArray = npt.NDArray[np.float64]


class RidgeModel(TableModel):
    """The part that ridge-penalised regressions share; everything else is in the loss."""

    shares = True
    preparation_: Preparation
    coef_: FloatArray
    intercept_: float

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        prior_sd: float | None = None,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        scale_blocks: bool | str = False,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.prior_sd = prior_sd
        self.max_missing = max_missing
        self.correlation = correlation
        self.scale_blocks = scale_blocks
        self.n_folds = n_folds
        self.random_state = random_state

    def _prepare(self, matrix: FloatArray, names: list[str]) -> Preparation:
        preparation = Preparation(self.max_missing, self.correlation, scale_blocks=self.scale_blocks)
        return preparation.fit_matrix(matrix, names)

    def _fit(self, data: TrainingData) -> None:
        if self.prior_sd is not None and not self.prior_sd > 0:
            msg = (
                f"prior_sd is a standard deviation > 0 (or None to choose it inside), got {self.prior_sd!r}."
            )
            raise SettingsError(msg)
        prepared = self._prepared(data)
        self.cv_ = self._search(data) if self.prior_sd is None else None
        best = (
            self.prior_sd
            if self.cv_ is None
            else float(self.cv_["prior_sd"][int(self.cv_["loss"].arg_min() or 0)])
        )
        self.penalty_ = penalty_of(best, prepared.shape[1])
        (fit,) = ridge_path(prepared, make_loss(data.y), [self.penalty_])
        self.coef_, self.intercept_ = fit.coef, fit.intercept
        self.tuned_ = {"prior_sd": best}

    def _search(self, data: TrainingData) -> pl.DataFrame:
        """Return the out-of-fold loss of each prior SD: one pooled likelihood, as in Verweij & van Houwelingen 1993."""
        folds = data.folds(self.n_folds, self.random_state)
        held_out = np.zeros((len(data.y), len(PRIOR_SDS)))
        for fold in np.unique(folds):
            train = folds != fold
            preparation = self._prepare(data.matrix[train], data.columns)
            fitted = preparation.transform_matrix(data.matrix[train])
            penalties = [penalty_of(sd, fitted.shape[1]) for sd in PRIOR_SDS]
            test = preparation.transform_matrix(data.matrix[~train])
            for i, fit in enumerate(ridge_path(fitted, make_loss(data.y[train]), penalties)):
                held_out[~train, i] = test @ fit.coef + fit.intercept
        loss = make_loss(data.y)
        return pl.DataFrame({"prior_sd": PRIOR_SDS, "loss": [loss.value(eta) for eta in held_out.T]})

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        return self.preparation_.transform_matrix(matrix) @ self.coef_ + self.intercept_


class CoxRidge(RidgeModel, SurvivalModel):
    r"""Cox regression that shrinks all effects towards none, as far as held-out patients ask for.

    Maximises the partial likelihood (Efron ties) minus :math:`\tfrac{p}{2 s^2} |b|^2` over standardised features, with
    s the expected standard deviation of the log-hazard between patients, chosen inside by cross-validated partial
    likelihood.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    prior_sd : float or None
        s above, in units of log-hazard: 0.1 is very cautious, 1 lets patients differ e-fold. None chooses among
        0.05 to 1.6.
    max_missing, correlation, scale_blocks
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice.
    random_state : int
        Deals patients to the inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,)
        Log hazard ratio per standard deviation of the prepared columns (``preparation_.get_feature_names_out()``).
    penalty_ : float
        p / s^2.
    cv_ : polars.DataFrame or None
        Held-out loss of each `prior_sd` tried.
    baseline_ : BreslowBaseline
        Turns log-hazards into survival curves.

    Source
    ------
    Verweij & van Houwelingen 1994, doi:10.1002/sim.4780132307. Coefficients checked against scikit-survival 0.28
    `CoxPHSurvivalAnalysis(ties="efron")` to 1e-5.
    """

    late_entry = True

    def _fit(self, data: TrainingData) -> None:
        super()._fit(data)
        self.baseline_ = BreslowBaseline.fit(
            data.y.time_days, data.y.event, self.predictor_of(data.matrix), entry=data.y.entry_days
        )


class LogisticModel(RidgeModel, ResponseModel):
    r"""Logistic regression that shrinks all effects towards none, as far as held-out patients ask for.

    Maximises the likelihood minus :math:`\tfrac{p}{2 s^2} |b|^2` over standardised features, intercept free, with s the
    expected standard deviation of the log-odds between patients, chosen inside by held-out likelihood.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    prior_sd : float or None
        s above, in units of log-odds. None chooses among 0.05 to 1.6.
    max_missing, correlation, scale_blocks
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice.
    random_state : int
        Deals patients to the inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,)
        Log odds ratio per standard deviation of the prepared columns.
    intercept_ : float
        Log-odds of an average patient.
    cv_ : polars.DataFrame or None
        Held-out loss of each `prior_sd` tried.

    Source
    ------
    Checked against scikit-learn 1.9 `LogisticRegression(C=1 / penalty_)` to 1e-5.
    """
