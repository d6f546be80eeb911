r"""From a fused score to one whose size can be believed, and to survival curves.

The score of a flexible model is too sure of the patients it was fitted on. Its spread is therefore set on HELD-OUT
scores f, and so are intercept and baseline hazard:

.. math:: \eta = a + s\,(f - c), \qquad S(t) = \exp(-H_0(t)\, e^{\eta})

with s > 0 (the ranking stays) near 1 unless the held-out patients say otherwise: log s has a normal prior with
standard deviation 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import minimize
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.cohort.columns import feature_columns
from hybridx.errors import ConvergenceError
from hybridx.models import BreslowBaseline
from hybridx.models.data import event_folds
from hybridx.models.losses import make_loss

__all__ = ["Recalibration", "held_out_scores"]

FloatArray = npt.NDArray[np.float64]

_ABSURD = 1e6  # log-hazard or log-odds from the middle
_PRIOR_SD = 0.5  # of log s: a factor of 2.7 either way is two standard deviations


@dataclass(frozen=True)
class Recalibration:
    """What turns a raw score f into the linear predictor.

    Attributes
    ----------
    slope, center, intercept : float
        s, c and a above; a is 0 for survival.
    baseline : BreslowBaseline or None
        Survival only.
    """

    slope: float
    center: float
    intercept: float
    baseline: BreslowBaseline | None

    @classmethod
    def fit(cls, score: FloatArray, y: Outcome, *, slope: float | None = None) -> Self:
        """Learn from held-out scores, shape (n,), NaN where there is none, and the known outcomes of the patients.

        With a fixed `slope`, only intercept and baseline are learnt, and the scores may be those of the fit itself.
        """
        there = np.flatnonzero(~np.isnan(score))
        score, y = score[there], y[there]
        largest = float(np.abs(score - np.median(score)).max())
        if not largest < _ABSURD:  # else one patient's typing error would become everybody's centre
            msg = f"A patient's held-out score lies {largest:.3g} off: are there values of absurd size in the table?"
            raise ConvergenceError(msg)
        loss, center = make_loss(y), float(np.mean(score))
        centred = score - center
        log_odds = 0.0
        if loss.has_intercept:
            share = float(np.clip(np.mean(y.value), 1e-3, 1.0 - 1e-3))
            log_odds = float(np.log(share / (1.0 - share)))

        def objective(theta: FloatArray) -> tuple[float, FloatArray]:
            slope = float(np.exp(theta[0]))
            eta = slope * centred + (theta[1] if loss.has_intercept else 0.0)
            gradient = loss.gradient(eta)
            down = np.array(
                [slope * float(gradient @ centred) + theta[0] / _PRIOR_SD**2, float(gradient.sum())]
            )
            return loss.value(eta) + 0.5 * (theta[0] / _PRIOR_SD) ** 2, down[: len(theta)]

        first = 0.0 if slope is None else float(np.log(slope))
        start = np.array([first, log_odds]) if loss.has_intercept else np.array([first])
        bounds = [(-3.0, 3.0) if slope is None else (first, first), (-20.0, 20.0)][: len(start)]
        found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
        slope = float(np.exp(found.x[0])) if slope is None else float(slope)
        intercept = float(found.x[1]) if loss.has_intercept else 0.0
        baseline = None
        if y.kind == "survival":
            baseline = BreslowBaseline.fit(y.time_days, y.event, slope * centred, entry=y.entry_days)
        return cls(slope=slope, center=center, intercept=intercept, baseline=baseline)

    def predictor(self, score: FloatArray) -> FloatArray:
        """Return the log-hazard or log-odds of raw scores."""
        return self.slope * (score - self.center) + self.intercept

    def survival(self, score: FloatArray, days: FloatArray) -> FloatArray:
        """Return the survival curves of raw scores, shape (n, n_times)."""
        if self.baseline is None:
            msg = "A response has no survival curve."
            raise TypeError(msg)
        return self.baseline.survival(self.predictor(score), days)


def held_out_scores(
    model: Any, frame: pl.DataFrame, y: Outcome, *, n_folds: int = 5, random_state: int = 0
) -> FloatArray:
    """Return each patient's raw score from refits that did not see them, shape (n,).

    Parameters
    ----------
    model : FusionModel
        Unfitted, with every choice fixed (as `frozen` gives it) and its own recalibration switched off, so that a refit
        is quick; what it returns as `linear_predictor` is the raw score.
    frame, y : table and Outcome
        Training patients in canonical order (as `known_rows` gives them), each with something measured.
    n_folds : int
        At most as many as there are events.
    random_state : int
        Deals patients to folds.
    """
    folds = event_folds(frame, feature_columns(frame), y, n_folds, random_state)
    score = np.zeros(len(y))
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        fitted = clone(model).fit(frame[train], y[train])
        score[test] = fitted.linear_predictor(frame[test])
        if y.kind == "survival":  # a log-hazard has no zero of its own: each refit's is its training mean
            score[test] -= float(np.nanmean(fitted.linear_predictor(frame[train])))
    return score
