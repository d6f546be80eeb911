"""Elastic-net Cox regression through scikit-survival (GPL-3.0-or-later; imported in ``models/sksurv_*.py`` only)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.exceptions import ConvergenceWarning
from sksurv.linear_model import CoxnetSurvivalAnalysis

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, SettingsError
from hybridx.models.base import SurvivalModel
from hybridx.models.baseline import BreslowBaseline
from hybridx.models.cox_descent import largest_penalty, path_note
from hybridx.models.data import TrainingData
from hybridx.models.losses import CoxLoss

__all__ = ["CoxElasticNet"]

FloatArray = npt.NDArray[np.float64]

# Mostly ridge, half and half, mostly lasso: more settings would mostly add chance to the choice.
_L1_RATIOS = (0.1, 0.5, 0.9)
# The path ends at this share of the penalty that empties the model: smaller ones overfit where p > n and are slow.
_PATH_LENGTH, _PATH_END = 25, 0.05
_MAX_ITERATIONS = 100_000  # over a whole path


class CoxElasticNet(SurvivalModel):
    """Cox regression that keeps few features: lasso and ridge penalties in a proportion chosen inside.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    l1_ratio : float or None
        Share of the lasso in the penalty, (0, 1]. None chooses among 0.1, 0.5 and 0.9.
    penalty : float or None
        Strength, > 0, on the mean log partial likelihood. None chooses along a path.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice, by held-out partial likelihood.
    random_state : int
        Deals patients to the inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,)
        Log hazard ratio per standard deviation of the prepared columns; 0 where a feature is not used.
    baseline_ : BreslowBaseline
        Turns log-hazards into survival curves.
    notes_ : list of str
        Where the search had to end early.

    Source
    ------
    Simon et al. 2011, doi:10.18637/jss.v039.i05, as in scikit-survival's `CoxnetSurvivalAnalysis`.
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        l1_ratio: float | None = None,
        penalty: float | None = None,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.l1_ratio = l1_ratio
        self.penalty = penalty
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.random_state = random_state

    def _fit(self, data: TrainingData) -> None:
        if (self.l1_ratio is not None and not 0 < self.l1_ratio <= 1) or (
            self.penalty is not None and self.penalty <= 0
        ):
            msg = (
                f"l1_ratio must lie in (0, 1] and penalty be > 0, got {self.l1_ratio!r} and {self.penalty!r}."
            )
            raise SettingsError(msg)
        prepared = self._prepared(data)
        self.cv_ = self._search(data, prepared)
        best = self.cv_.row(int(self.cv_["loss"].arg_min() or 0), named=True)
        self.coef_ = self._coefs_at(best["l1_ratio"], best["penalty"], prepared, data.y)
        self.tuned_ = {"l1_ratio": best["l1_ratio"], "penalty": best["penalty"]}
        self.baseline_ = BreslowBaseline.fit(data.y.time_days, data.y.event, prepared @ self.coef_)

    def _coefs_at(self, l1_ratio: float, penalty: float, prepared: FloatArray, y: Outcome) -> FloatArray:
        try:
            return np.asarray(_path(prepared, y, l1_ratio, [penalty])[1][:, 0])
        except ConvergenceError:
            if self.penalty is not None:
                raise
        # from the start of the path it was reached once: the search went there
        tried = self.cv_.filter((pl.col("l1_ratio") == l1_ratio) & (pl.col("penalty") >= penalty))["penalty"]
        return np.asarray(_path(prepared, y, l1_ratio, tried.to_list())[1][:, -1])

    def _search(self, data: TrainingData, prepared: FloatArray) -> pl.DataFrame:
        """Return the out-of-fold loss of each penalty of the paths, which end where a fold does not settle any more."""
        ratios = _L1_RATIOS if self.l1_ratio is None else (float(self.l1_ratio),)
        given = None if self.penalty is None else [float(self.penalty)]
        if given is not None and len(ratios) == 1:
            return pl.DataFrame({"l1_ratio": list(ratios), "penalty": given, "loss": [0.0]})
        folds = data.folds(self.n_folds, self.random_state)
        loss, rows = CoxLoss(data.y.time_days, data.y.event), []
        for ratio in ratios:
            penalties, _, cut = _path_as_far_as_it_goes(prepared, data.y, ratio, given)
            held_out = np.zeros((len(data.y), len(penalties)))
            for fold in np.unique(folds):
                train = folds != fold
                step = self._prepare(data.matrix[train], data.columns)
                fitted = step.transform_matrix(data.matrix[train])
                penalties, coefs, shorter = _path_as_far_as_it_goes(fitted, data.y[train], ratio, penalties)
                cut |= shorter
                held_out = held_out[:, : len(penalties)]
                held_out[~train] = step.transform_matrix(data.matrix[~train]) @ coefs
            if cut:
                self.notes_.append(path_note(penalties[-1], ratio))
            rows += [(ratio, a, loss.value(eta)) for a, eta in zip(penalties, held_out.T, strict=True)]
        return pl.DataFrame(rows, schema=["l1_ratio", "penalty", "loss"], orient="row")

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        return np.asarray(self.preparation_.transform_matrix(matrix) @ self.coef_)


def _path_as_far_as_it_goes(
    X: FloatArray, y: Outcome, l1_ratio: float, penalties: list[float] | None
) -> tuple[list[float], FloatArray, bool]:
    """Return penalties and coefficients as `_path` does, and whether the weakest had to be left out to converge."""
    try:
        return *_path(X, y, l1_ratio, penalties), False
    except ConvergenceError:
        if penalties is None:
            top = largest_penalty(X, CoxLoss(y.time_days, y.event, ties="breslow"), l1_ratio) / len(X)
            penalties = [float(a) for a in np.geomspace(top, top * _PATH_END, _PATH_LENGTH)]
        best, shortest, rest = None, 0, len(penalties)
        while rest - shortest > 1:  # iterations are counted over the whole path: a shorter one needs fewer
            middle = (shortest + rest) // 2
            try:
                best, shortest = _path(X, y, l1_ratio, penalties[:middle]), middle
            except ConvergenceError:
                rest = middle
        if best is None:
            raise
        return *best, True


def _path(
    X: FloatArray, y: Outcome, l1_ratio: float, penalties: list[float] | None
) -> tuple[list[float], FloatArray]:
    """Return penalties (falling) and the coefficients at each, shape (q, n_penalties)."""
    settings: dict[str, Any] = {"l1_ratio": l1_ratio, "max_iter": _MAX_ITERATIONS}
    settings |= (
        {"n_alphas": _PATH_LENGTH, "alpha_min_ratio": _PATH_END}
        if penalties is None
        else {"alphas": penalties}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.filterwarnings(
            "ignore", "all coefficients are zero", UserWarning
        )  # a strong penalty, not a fault
        try:
            fitted = CoxnetSurvivalAnalysis(**settings).fit(X, y.to_array())
        except (ConvergenceWarning, ArithmeticError) as error:
            msg = f"The elastic-net path (l1_ratio {l1_ratio:g}, {X.shape[1]} columns) did not converge: {error}"
            raise ConvergenceError(msg) from error
    wanted = list(fitted.alphas_) if penalties is None else list(penalties)
    # the path may stop early once the deviance is explained: the last coefficients then hold for the rest
    found = {float(a): fitted.coef_[:, i] for i, a in enumerate(fitted.alphas_)}
    last = fitted.coef_[:, -1]
    return [float(a) for a in wanted], np.column_stack([found.get(float(a), last) for a in wanted])
