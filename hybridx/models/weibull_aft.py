"""Weibull regression of the time to an event, penalised, through lifelines (pandas at its door only)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
from lifelines import WeibullAFTFitter
from lifelines import exceptions as lifelines_errors

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, SettingsError
from hybridx.models.aft_baseline import AFTBaseline, aft_loss, log_survival
from hybridx.models.base import SurvivalModel
from hybridx.models.data import TrainingData
from hybridx.models.ridge import penalty_of

__all__ = ["WeibullAFT"]

FloatArray = npt.NDArray[np.float64]

# Expected SD of the log-time between patients, a factor 3 apart; at 1.6 one SD is living five times longer.
_PRIOR_SDS = (0.05, 0.2, 0.6, 1.6)
_RANK = 1e-10


class WeibullAFT(SurvivalModel):
    r"""Weibull regression, shrunk as far as held-out patients ask for: a survival curve in closed form.

    .. math:: S(t \mid x) = \exp\{-(t / \lambda_0)^\rho e^{\eta}\}, \qquad \eta = b'x

    The risk eta is a log-hazard, and -eta / rho the shift of the log-time. Maximises the likelihood minus
    :math:`\tfrac{p}{2 s^2} |b / \rho|^2` over standardised features, with s the expected standard deviation of the
    log-time between patients. Delayed entry is used.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    prior_sd : float or None
        s above, in units of log-time. None chooses among 0.05 to 1.6 by held-out likelihood.
    max_components : int
        The guard where features outnumber patients: more columns than this enter as their first `max_components`
        principal components (of the training patients, without looking at outcomes), and coefficients are given back
        for the columns. With fewer columns nothing is reduced.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice.
    random_state : int
        Deals patients to the inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,)
        Log hazard ratio per standard deviation of the prepared columns; divided by -rho it is the log of the time
        ratio.
    baseline_ : AFTBaseline
        Weibull distribution of an average patient: location log lambda_0, scale 1 / rho.
    cv_ : polars.DataFrame or None
        Held-out loss of each `prior_sd` tried, infinite where a fit did not converge.

    Source
    ------
    Kalbfleisch & Prentice 2002, doi:10.1002/9781118032985, ch. 3, through lifelines 0.30 `WeibullAFTFitter`. Checked
    against it without penalty, and against a direct minimisation with penalty, to 2e-3 (its own stopping).
    """

    late_entry: ClassVar[bool] = True
    baseline_: AFTBaseline  # type: ignore[assignment]
    coef_: FloatArray

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        prior_sd: float | None = None,
        max_components: int = 50,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.prior_sd = prior_sd
        self.max_components = max_components
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.random_state = random_state

    def _fit(self, data: TrainingData) -> None:
        if (self.prior_sd is not None and not self.prior_sd > 0) or self.max_components < 1:
            msg = (
                "prior_sd is a standard deviation > 0 (or None to choose it inside) and max_components >= 1, got "
                f"{self.prior_sd!r} and {self.max_components!r}."
            )
            raise SettingsError(msg)
        prepared = self._prepared(data)
        self.cv_ = self._search(data) if self.prior_sd is None else None
        best = (
            self.prior_sd
            if self.cv_ is None
            else float(self.cv_["prior_sd"][int(self.cv_["loss"].arg_min() or 0)])
        )
        (fit,) = _fits(prepared, data.y, [best], self.max_components)
        self.coef_, self.baseline_ = fit.coef, fit.baseline
        self.tuned_ = {"prior_sd": best}

    def _search(self, data: TrainingData) -> pl.DataFrame:
        """Return the held-out loss of each prior SD, infinite where a fit did not converge."""
        folds = data.folds(self.n_folds, self.random_state)
        loss, failure = np.zeros(len(_PRIOR_SDS)), None
        for fold in np.unique(folds):
            train, test = folds != fold, data.y[folds == fold]
            step = self._prepare(data.matrix[train], data.columns)
            fitted, rest = (step.transform_matrix(data.matrix[rows]) for rows in (train, ~train))
            for i, prior_sd in enumerate(_PRIOR_SDS):
                try:
                    (fit,) = _fits(fitted, data.y[train], [prior_sd], self.max_components)
                except ConvergenceError as error:
                    loss[i], failure = np.inf, error
                    continue
                eta = rest @ fit.coef
                z = fit.baseline.standardised(test.time_days) + eta
                loss[i] += aft_loss("weibull", z, fit.baseline.scale, test.event)
                # who enters late was sure to be free of the event until then
                loss[i] += log_survival("weibull", fit.baseline.standardised(_entry(test)) + eta).sum()
        if failure is not None and not np.isfinite(loss).any():
            raise failure
        return pl.DataFrame({"prior_sd": _PRIOR_SDS, "loss": loss})

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        return np.asarray(self.preparation_.transform_matrix(matrix) @ self.coef_)


@dataclass(frozen=True)
class _WeibullFit:
    coef: FloatArray
    baseline: AFTBaseline


def _fits(X: FloatArray, y: Outcome, prior_sds: Sequence[float], max_components: int) -> list[_WeibullFit]:
    """Fit standardised features (n, q) at each prior SD."""
    back = _components(X, max_components)
    scores = X @ back
    # lifelines divides columns by their SD (n - 1) before it penalises: done here, so that the penalty is known
    sd = scores.std(axis=0, ddof=1)
    # in days its exponents overflow on the way
    unit = float(np.median(y.time_days))
    table = pd.DataFrame(scores / sd, columns=[f"x{i}" for i in range(scores.shape[1])])
    table["time"], table["event"], table["entry"] = y.time_days / unit, y.event, _entry(y) / unit
    found = []
    for prior_sd in prior_sds:
        # lifelines means the likelihood over patients; the last 0 is for the Weibull shape, which a single number would
        # shrink towards exponential times
        penalty = np.append(penalty_of(prior_sd, X.shape[1]) / (len(y) * sd**2), 0.0)
        params = _lifelines(table, penalty)
        rho = float(np.exp(params["rho_"]["Intercept"]))
        by_time = params["lambda_"].drop("Intercept").loc[list(table.columns[:-3])].to_numpy() / sd
        location = float(params["lambda_"]["Intercept"]) + float(np.log(unit))
        baseline = AFTBaseline("weibull", location, 1.0 / rho, 1.0, float(y.time_days.max()))
        found.append(_WeibullFit(coef=-rho * (back @ by_time), baseline=baseline))
    return found


def _entry(y: Outcome) -> FloatArray:
    return np.zeros(len(y)) if y.entry_days is None else np.nan_to_num(y.entry_days)


def _components(X: FloatArray, max_components: int) -> FloatArray:
    """Return directions (q, k) in which X enters: its own columns, or its first principal components."""
    if X.shape[1] <= max_components and X.shape[1] < len(X):
        return np.eye(X.shape[1])
    _, size, directions = np.linalg.svd(X, full_matrices=False)
    k = min(max_components, int((size > _RANK * size[0]).sum()), len(X) - 1)
    return np.asarray(directions[:k].T)


def _lifelines(table: pd.DataFrame, penalty: FloatArray) -> pd.Series:
    """Return lifelines' parameters.

    Raises
    ------
    ConvergenceError
        It found no solution, or doubts the one it found.
    """
    doubts = (
        lifelines_errors.ConvergenceWarning,
        lifelines_errors.StatisticalWarning,
        lifelines_errors.ApproximationWarning,
    )
    entry = "entry" if table["entry"].any() else None
    table = table if entry else table.drop(columns="entry")
    n_columns = table.shape[1] - (3 if entry else 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow on the way is caught at the end
        for doubt in doubts:
            warnings.simplefilter("error", doubt)
        try:
            params = WeibullAFTFitter(penalizer=penalty).fit(table, "time", "event", entry_col=entry).params_
        except (*doubts, lifelines_errors.ConvergenceError, ArithmeticError, np.linalg.LinAlgError) as error:
            reason = " ".join(str(error).split())[:160]
            msg = (
                f"Weibull regression of {len(table)} patients on {n_columns} columns did not converge: "
                f"{reason} A smaller prior_sd or fewer max_components may help."
            )
            raise ConvergenceError(msg) from error
    if not np.isfinite(params.to_numpy()).all():
        msg = f"Weibull regression of {len(table)} patients on {n_columns} columns gave no finite answer."
        raise ConvergenceError(msg)
    return params
