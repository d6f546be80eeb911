"""Cox regression for inference and for prediction: plain, ridge, lasso, elastic net; strata, weights, delayed entry."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import feature_columns, to_frame, to_matrix
from hybridx.compute import one_thread
from hybridx.errors import ConvergenceError, HybridxWarning, InputError, SettingsError
from hybridx.models.base import SurvivalModel
from hybridx.models.baseline import BreslowBaseline, check_times
from hybridx.models.cox_data import CoxData, check_strata, strata_of
from hybridx.models.cox_descent import cox_path, path_note, penalty_grid
from hybridx.models.cox_loss import CoxLoss, Ties
from hybridx.models.cox_newton import fit_cox
from hybridx.models.cox_summary import effect_table
from hybridx.models.data import TrainingData, known_rows
from hybridx.models.folds import patient_keys
from hybridx.prepare import Preparation, Standardizer
from hybridx.terms.text import check_name, listing

__all__ = ["CoxRegression"]

FloatArray = npt.NDArray[np.float64]

# carried through the choice of rows beside the features; no dot, so never a feature
_WEIGHT = "sample_weight of the fit"
_N_PENALTIES, _PATH_END = 30, 0.02
_LEAST_RATIO = (
    1e-2  # ridge has no penalty that empties the model: its path starts where this share of lasso would
)


class CoxRegression(SurvivalModel):
    r"""Cox regression with the classical output, penalised on request.

    Maximises the partial likelihood divided by the number of patients (the sum of their weights), minus
    :math:`\lambda \left( \alpha |b|_1 + \tfrac{1 - \alpha}{2} |b|^2 \right)` over standardised features. Patients who
    enter late (``Outcome.entry_days``) are at risk from then on.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    penalty : float or None
        :math:`\lambda` >= 0, on the scale of glmnet. 0: the plain regression, with standard errors. None: chosen along
        a path by held-out partial likelihood.
    l1_ratio : float
        :math:`\alpha`, share of the lasso: 0 ridge, 1 lasso, between them the elastic net.
    ties : {"efron", "breslow"}
        What to do about events on the same day.
    strata : str or None
        A column of the table, without dot, such as ``centre``: patients are compared within it only, and each value has
        a baseline of its own.
    max_missing, correlation
        See `hybridx.prepare.Preparation`. Missing values are replaced by medians: standard errors do not know of it.
    n_folds : int
        Inner folds for the choice of the penalty.
    random_state : int
        Deals patients to the inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,)
        Log hazard ratio per standard deviation of the prepared columns (``preparation_.get_feature_names_out()``).
    covariance_ : array of float, shape (q, q), or None
        Covariance of `coef_`, from the observed information; None with a penalty.
    log_likelihood_, null_log_likelihood_ : float
        Log partial likelihood of the fit, and without any feature.
    baseline_ : BreslowBaseline
        Without strata: turns log-hazards into survival curves. Tied deaths count as `ties` says.
    baselines_ : dict of str to BreslowBaseline
        With strata: one for each value with an event.
    cv_ : polars.DataFrame or None
        Held-out loss of each penalty tried.

    Notes
    -----
    `sample_weight` enters the likelihood; the standard errors are those of the weighted likelihood (R's ``naive.var``).

    Source
    ------
    Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x; Simon et al. 2011, doi:10.18637/jss.v039.i05. Coefficients,
    standard errors, log-likelihood and baselines checked against R survival 3.5-3 to 1e-6; paths against
    scikit-survival 0.28.

    Examples
    --------
    >>> CoxRegression(["clinical.age"], strata="centre")
    CoxRegression(columns=['clinical.age'], strata='centre')
    """

    late_entry = True

    preparation_: Preparation
    coef_: FloatArray
    covariance_: FloatArray | None
    baselines_: dict[str, BreslowBaseline]

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        penalty: float | None = 0.0,
        l1_ratio: float = 0.0,
        ties: Ties = "efron",
        strata: str | None = None,
        max_missing: float = 0.5,
        correlation: float | None = None,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.ties = ties
        self.strata = strata
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Learn from a table and its survival outcome.

        Parameters
        ----------
        X : polars or pandas table, n rows
            Features are the numeric columns named ``<modality>.<name>``.
        y : Outcome or structured array of (event, time in days), n rows
            Rows with an unknown outcome are left out with a warning.
        sample_weight : array-like of float, shape (n,), optional
            Case weights >= 0.

        Raises
        ------
        NotEnoughDataError
            Fewer than five events.
        ConvergenceError
            Collinear columns, or columns that separate events from the rest: they are named.
        """
        who, frame = type(self).__name__, to_frame(X)
        if self.strata is not None:
            check_strata(frame, self.strata)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=np.float64)
            if weights.shape != (frame.height,) or not (np.isfinite(weights) & (weights >= 0)).all():
                msg = f"sample_weight holds {frame.height} finite numbers >= 0, got {sample_weight!r}."
                raise InputError(msg)
            frame = frame.with_columns(pl.Series(_WEIGHT, weights))
        choosing = self.penalty is None  # only then does anything hang on who the patients are
        frame, outcome = known_rows(frame, y, "survival", late_entry=True, ordered=choosing)
        names = feature_columns(frame) if self.columns is None else list(self.columns)
        if not names:
            msg = f"{who} found no feature column: features are numeric columns named '<modality>.<name>'."
            raise InputError(msg)
        data = CoxData(
            to_matrix(frame, names),
            names,
            outcome,
            patient_keys(frame, names) if choosing else np.zeros(0, dtype=np.str_),
            strata=None if self.strata is None else strata_of(frame, self.strata),
            weights=None if sample_weight is None else frame[_WEIGHT].to_numpy(),
        )
        with one_thread():
            return self.fit_data(data)

    def _fit(self, data: TrainingData) -> None:
        self._check_settings()
        if not isinstance(data, CoxData):
            if self.strata is not None:
                msg = (
                    f"{type(self).__name__} with strata is fitted on a table, not as a part of another model."
                )
                raise SettingsError(msg)
            data = CoxData(data.matrix, data.columns, data.y, data.keys)
        prepared = self._prepared(data)
        self.cv_ = self._search(data, prepared) if self.penalty is None else None
        best = (
            float(self.penalty or 0.0)
            if self.cv_ is None
            else float(self.cv_["penalty"][int(self.cv_["loss"].arg_min() or 0)])
        )
        self.penalty_ = best
        self._estimate(data, prepared)
        self.tuned_ = {"penalty": self.penalty_}
        self._fit_baselines(data, prepared @ self.coef_)

    def _check_settings(self) -> None:
        check_name(self.ties, ("efron", "breslow"), "ties")
        if not 0 <= self.l1_ratio <= 1 or (self.penalty is not None and not 0 <= self.penalty < np.inf):
            msg = (
                "l1_ratio lies in [0, 1] and penalty is >= 0 (None to choose it inside), got "
                f"{self.l1_ratio!r} and {self.penalty!r}."
            )
            raise SettingsError(msg)

    def _prepare(self, matrix: FloatArray, names: list[str]) -> Preparation:
        # coefficients are read as log hazard ratios of what was measured, so columns keep their shape
        preparation = Preparation(self.max_missing, self.correlation, tails=False)
        return preparation.fit_matrix(matrix, names)

    def _estimate(self, data: CoxData, prepared: FloatArray) -> None:
        loss = None
        if self.penalty_ and (self.l1_ratio > 0 or prepared.shape[1] > len(prepared)):
            loss = data.loss(self.ties)
            self.coef_ = self._sparse_coefs(data, prepared, loss)
            self.covariance_ = None
            self.log_likelihood_ = -loss.value(prepared @ self.coef_)
            self.null_log_likelihood_ = -loss.value(np.zeros(len(prepared)))
            return
        y, names = data.y, [str(name) for name in self.preparation_.get_feature_names_out()]
        fit = fit_cox(
            prepared,
            y.time_days,
            y.event,
            ties=self.ties,
            strata=data.strata,
            weights=data.weights,
            entry=y.entry_days,
            ridge=self.penalty_ * data.size,
            names=names,
        )
        self.coef_, self.covariance_ = fit.coef, None if self.penalty_ else fit.covariance
        self.log_likelihood_, self.null_log_likelihood_ = fit.log_likelihood, fit.null_log_likelihood

    def _sparse_coefs(self, data: CoxData, prepared: FloatArray, loss: CoxLoss) -> FloatArray:
        """Return the coefficients at `penalty_`, or at the next above a chosen one that has a minimum."""
        try:
            return np.asarray(cox_path(prepared, loss, [self.penalty_ * data.size], self.l1_ratio).coefs[0])
        except ConvergenceError:
            if self.cv_ is None:
                raise
        grid = self.cv_["penalty"].filter(self.cv_["penalty"] >= self.penalty_).to_numpy()
        path = cox_path(prepared, loss, grid * data.size, self.l1_ratio, partial=True)
        self.penalty_ = float(grid[len(path.penalties) - 1])
        self.notes_.append(f"The penalty is {self.penalty_:.3g}: no minimum was found below it.")
        return np.asarray(path.coefs[-1])

    def _search(self, data: CoxData, prepared: FloatArray) -> pl.DataFrame:
        """Return the out-of-fold loss of each penalty of the path, folds pooled.

        The path ends where a fold has no minimum any more: penalties that weak are never the best.
        """
        loss = data.loss(self.ties)
        ratio = max(self.l1_ratio, _LEAST_RATIO)
        grid = penalty_grid(prepared, loss, ratio, n_penalties=_N_PENALTIES, end=_PATH_END) / data.size
        folds = data.folds(self.n_folds, self.random_state)
        held_out, reached = np.zeros((len(data.y), len(grid))), len(grid)
        for fold in np.unique(folds):
            train = data.rows(np.flatnonzero(folds != fold))
            step = self._prepare(train.matrix, train.columns)
            fitted = step.transform_matrix(train.matrix)
            wanted = grid[:reached] * train.size
            path = cox_path(fitted, train.loss(self.ties), wanted, self.l1_ratio, partial=True)
            rest, reached = folds == fold, len(path.penalties)
            held_out[rest, :reached] = step.transform_matrix(data.matrix[rest]) @ path.coefs.T
        if reached < len(grid):
            self.notes_.append(path_note(float(grid[reached - 1]), self.l1_ratio))
        losses = [loss.value(eta) for eta in held_out[:, :reached].T]
        return pl.DataFrame({"penalty": grid[:reached], "loss": losses})

    def _fit_baselines(self, data: CoxData, eta: FloatArray) -> None:
        y, weights = data.y, data.weights

        def baseline(rows: Any) -> BreslowBaseline:
            return BreslowBaseline.fit(
                y.time_days[rows],
                y.event[rows],
                eta[rows],
                entry=None if y.entry_days is None else y.entry_days[rows],
                weights=None if weights is None else weights[rows],
                ties=self.ties,
            )

        if data.strata is None:
            self.baselines_, self.baseline_ = {}, baseline(slice(None))
            return
        self.__dict__.pop("baseline_", None)
        self.baselines_ = {
            str(name): baseline(data.strata == name)
            for name in np.unique(data.strata)
            if y.event[data.strata == name].any()
        }

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        return np.asarray(self.preparation_.transform_matrix(matrix) @ self.coef_)

    def predict_survival(self, X: Any, times: npt.ArrayLike) -> FloatArray:
        """Return the probability of being free of the event at `times` (days), shape (n, n_times).

        With strata, each patient's curve rests on the baseline of the own stratum; NaN, with a warning, for a stratum
        that had no event in training.
        """
        if self.strata is None:
            return super().predict_survival(X, times)
        days, eta, frame = check_times(times), self.predict(X), to_frame(X)
        check_strata(frame, self.strata)
        strata = strata_of(frame, self.strata)
        result = np.full((len(eta), len(days)), np.nan)
        unknown = []
        for name in np.unique(strata):
            rows = strata == name
            if str(name) in self.baselines_:
                result[rows] = self.baselines_[str(name)].survival(eta[rows], days)
            else:
                unknown.append(str(name))
        if unknown:
            text = f"No survival curve for {self.strata} without an event in training: {listing(unknown)}."
            warnings.warn(text, HybridxWarning, stacklevel=2)
        return result

    def summary(self, level: float = 0.95) -> pl.DataFrame:
        """Return the effect of each feature per unit, with confidence limits and p; see `effect_table`."""
        names = [str(name) for name in self.preparation_.get_feature_names_out()]
        sd = self._scales()
        se = None if self.covariance_ is None else np.sqrt(np.diag(self.covariance_)) / sd
        return effect_table(names, self.coef_ / sd, se, level)

    def _scales(self) -> FloatArray:
        """Return the standard deviation by which the preparation divided each kept column."""
        (scaler,) = (step for step in self.preparation_.steps_ if isinstance(step, Standardizer))
        return scaler.sd_
