"""Gradient-boosted trees on the log of the time to an event: accelerated failure time with a chosen distribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import xgboost as xgb

from hybridx.cohort import Outcome
from hybridx.models.aft_baseline import DISTRIBUTIONS, AFTBaseline, Distribution, aft_loss
from hybridx.models.base import SurvivalModel
from hybridx.models.data import TrainingData
from hybridx.models.xgboost_trees import DEPTHS, BoostedTrees
from hybridx.terms.text import check_name

__all__ = ["XGBoostAFT"]

FloatArray = npt.NDArray[np.float64]

# As XGBoostCox: lengths a factor 2 apart.
_ROUNDS = (5, 10, 20, 40, 80, 160)
_NAMES = {
    "weibull": "extreme",
    "loglogistic": "logistic",
    "lognormal": "normal",
}  # xgboost's, of the log-time


class XGBoostAFT(BoostedTrees, SurvivalModel):
    r"""Boosted trees that predict the log of the time itself; survival curves come from its distribution.

    .. math:: \log T_i = m + s(\epsilon_i - \eta_i), \qquad S(t \mid \eta) = S_\epsilon((\log t - m)/s + \eta)

    The risk is eta, higher is worse. With Weibull times it is a log-hazard; with log-logistic times the log-odds of an
    event by any day, relative to the average patient; with log-normal times it is in standard deviations of log-time.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    distribution : {"weibull", "loglogistic", "lognormal"} or None
        Of the event times. None chooses by held-out likelihood, at three times the cost.
    max_depth : int or None
        Depth of the trees. None chooses between 1 and 3 by held-out likelihood.
    n_rounds : int or None
        Number of trees. None chooses among 5 to 160.
    learning_rate : float
        Weight of each tree, in (0, 1].
    max_missing : float
        Columns missing in a larger share of training patients are dropped.
    n_folds : int
        Inner folds for the choice and for the calibration of survival curves.
    random_state : int
        Subsampling and inner folds.

    Attributes
    ----------
    booster_ : xgboost.Booster
        Its margin is the log of (time / typical time).
    scale_ : float
        s above while boosting: that of a model without features.
    baseline_ : AFTBaseline
        Location, scale and a factor on the risk for survival curves, learnt on held-out risks: boosted margins are too
        far apart, and the scale left over is smaller than that of a model without features.
    cv_ : polars.DataFrame
        Held-out loss of each setting tried.

    Source
    ------
    Barnwal, Cho & Hocking 2022, doi:10.1080/10618600.2022.2067548.
    """

    baseline_: AFTBaseline  # type: ignore[assignment]
    booster_: xgb.Booster

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        distribution: Distribution | None = "weibull",
        max_depth: int | None = None,
        n_rounds: int | None = None,
        learning_rate: float = 0.1,
        max_missing: float = 0.8,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.distribution = distribution
        self.max_depth = max_depth
        self.n_rounds = n_rounds
        self.learning_rate = learning_rate
        self.max_missing = max_missing
        self.n_folds = n_folds
        self.random_state = random_state

    def _check(self) -> None:
        if self.distribution is not None:
            check_name(self.distribution, DISTRIBUTIONS, "distribution")
        self._check_trees()

    def _boost(self, X: FloatArray, y: Outcome, null: AFTBaseline, depth: int, rounds: int) -> xgb.Booster:
        settings = {
            "objective": "survival:aft",
            "aft_loss_distribution": _NAMES[null.distribution],
            "aft_loss_distribution_scale": null.scale,
            "base_score": 1.0,  # a time: its log, 0, is where the trees start
            **self._tree_settings(depth),
        }
        # relative to the typical time: trees start from the model without features
        time = y.time_days / np.exp(null.location)
        data = xgb.DMatrix(X, nthread=1)
        data.set_float_info("label_lower_bound", time)
        data.set_float_info("label_upper_bound", np.where(y.event, time, np.inf))
        return xgb.train(settings, data, num_boost_round=rounds)

    def _fit(self, data: TrainingData) -> None:
        self._check()
        prepared = self._prepared(data)
        self.cv_, held_out = self._search(data)
        best = int(self.cv_["loss"].arg_min() or 0)
        chosen = self.cv_.row(best, named=True)
        names = ("distribution", "max_depth", "n_rounds")
        self.tuned_ = {name: chosen[name] for name in names}
        null = AFTBaseline.fit(chosen["distribution"], data.y.time_days, data.y.event)
        self.scale_ = null.scale
        self.booster_ = self._boost(prepared, data.y, null, chosen["max_depth"], chosen["n_rounds"])
        self.baseline_ = AFTBaseline.fit(
            chosen["distribution"], data.y.time_days, data.y.event, held_out[:, best]
        )

    def _search(self, data: TrainingData) -> tuple[pl.DataFrame, FloatArray]:
        """Return the held-out loss of each setting and the held-out risks, shape (n, n_settings)."""
        distributions = DISTRIBUTIONS if self.distribution is None else (self.distribution,)
        depths = DEPTHS if self.max_depth is None else (self.max_depth,)
        rounds = _ROUNDS if self.n_rounds is None else (self.n_rounds,)
        settings = [(law, depth, n) for law in distributions for depth in depths for n in rounds]
        folds = data.folds(self.n_folds, self.random_state)
        held_out, loss = np.zeros((len(data.y), len(settings))), np.zeros(len(settings))
        for fold in np.unique(folds):
            train = folds != fold
            step = self._prepare(data.matrix[train], data.columns)
            fitted, rest = (step.transform_matrix(data.matrix[rows]) for rows in (train, ~train))
            y, test = data.y[train], data.y[~train]
            for law in distributions:
                null = AFTBaseline.fit(law, y.time_days, y.event)
                at = null.standardised(test.time_days)
                for depth in depths:
                    booster = self._boost(fitted, y, null, depth, rounds[-1])
                    for i, setting in enumerate(settings):
                        if setting[:2] == (law, depth):
                            risk = _risk(booster, rest, null.scale, setting[2])
                            held_out[~train, i] = risk
                            loss[i] += aft_loss(law, at + risk, null.scale, test.event)
        table = pl.DataFrame(settings, schema=["distribution", "max_depth", "n_rounds"], orient="row")
        return table.with_columns(loss=loss), held_out

    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""
        return _risk(self.booster_, self.preparation_.transform_matrix(matrix), self.scale_)


def _risk(booster: xgb.Booster, X: FloatArray, scale: float, rounds: int = 0) -> FloatArray:
    """Return minus the margin (a log-time) of the first `rounds` trees (0: all), in units of the scale."""
    if not len(X):
        return np.empty(0)
    margin = booster.predict(xgb.DMatrix(X, nthread=1), output_margin=True, iteration_range=(0, rounds))
    return -np.asarray(margin, dtype=np.float64) / scale
