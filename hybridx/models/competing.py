r"""Competing risks: one model per cause of the event, and from their hazards the incidence of each.

.. math:: F_c(t \mid x) = \int_0^t S(u^- \mid x)\, dH_c(u \mid x), \qquad S(t \mid x) = e^{-\sum_c H_c(t \mid x)}

A patient who died can no longer relapse. The incidence of relapse therefore needs the hazards of all causes, and is
lower than one minus the curve of a model that only censors the deaths.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort import Outcome, as_outcome
from hybridx.cohort.columns import to_frame
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError, SettingsError
from hybridx.models.base import frozen
from hybridx.models.baseline import BreslowBaseline, check_times
from hybridx.models.competing_causes import asked_cause, cause_specific, numbers_at_risk, stated_causes
from hybridx.models.concordance import harrell_c
from hybridx.models.ridge_models import CoxRidge
from hybridx.terms.text import check_name

__all__ = ["CompetingRisks"]

FloatArray = npt.NDArray[np.float64]

_LEAST_SURVIVAL = 1e-300  # smaller ones have no logarithm that a double holds


class CompetingRisks(BaseEstimator):
    """Fit one survival model per cause of the event, the other causes censored, and combine their hazards.

    Parameters
    ----------
    model : survival estimator of `hybridx.models` or `hybridx.fusion`, dict of cause to estimator, or None
        None takes `CoxRidge`; a dict may name some causes only.
    cause : str or None
        The cause meant where a call names none; with several causes and None, calls must say it.

    Attributes
    ----------
    causes_ : list of str
        Causes among the events of training, sorted.
    models_ : dict of str to estimator
        The fitted cause-specific model of each cause; `hybridx.explain` takes each of them.
    common_ : dict of str to BreslowBaseline
        Causes with too few events for a model of their own: one hazard for all patients. `notes_` says so.
    n_events_ : dict of str to int
        Events of each cause.
    notes_ : list of str
        What was decided on the user's behalf, in sentences.

    Notes
    -----
    Between two event times of training the hazards of the causes are taken to keep their proportion, so the incidences
    of all causes and the probability of no event add up to 1 at every time.

    Source
    ------
    Putter, Fiocco & Geskus 2007, doi:10.1002/sim.2712; Austin, Lee & Fine 2016, doi:10.1161/CIRCULATIONAHA.115.017719.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> rng = np.random.default_rng(0)
    >>> X = pl.DataFrame({"clinical.age": rng.normal(65, 9, 60)})
    >>> y = Outcome.survival(rng.uniform(50, 900, 60), [True] * 60, endpoint="DFS", cause=["relapse", "death"] * 30)
    >>> both = CompetingRisks().fit(X, y)
    >>> both.causes_
    ['death', 'relapse']
    >>> both.predict_incidence(X, times=[365, 730], cause="relapse").shape
    (60, 2)
    """

    def __init__(self, model: Any = None, *, cause: str | None = None) -> None:
        self.model = model
        self.cause = cause

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table and a survival outcome with causes.

        Parameters
        ----------
        X : polars or pandas table, n rows
            As the models take it.
        y : Outcome, n rows
            With `cause`; that of a censored patient is not looked at. Rows with an unknown outcome are left out with a
            warning. Delayed entry is used as far as the models use it; those that do not say so.

        Raises
        ------
        InputError
            The outcome has no causes, or events without a stated cause.
        NotEnoughDataError
            No cause, or not the one in `cause`, has enough events for a model.
        """
        causes = stated_causes(as_outcome(y))
        asked_cause(self.cause, causes[0], causes)
        self._check_models(causes)
        frame, outcome = _known(to_frame(X), as_outcome(y))
        self.causes_, self.models_, self.common_, self.notes_ = causes, {}, {}, []
        self.n_events_ = {}
        for cause in causes:
            self._fit_cause(cause, frame, cause_specific(outcome, cause))
        if not self.models_:
            msg = "CompetingRisks has no cause with enough events:"
            raise NotEnoughDataError("\n  ".join([msg, *self.notes_]))
        self.grid_ = np.unique(outcome.time_days[outcome.event])
        self.last_day_ = float(outcome.time_days.max())
        self.tuned_ = {"model": {cause: frozen(model) for cause, model in self.models_.items()}}
        return self

    def _check_models(self, causes: list[str]) -> None:
        given = self.model.values() if isinstance(self.model, Mapping) else [self.model]
        if isinstance(self.model, Mapping):
            for cause in self.model:
                check_name(cause, causes, "cause in `model`")
        for model in given:
            takes = getattr(model, "takes", getattr(model, "endpoint", None))
            if model is not None and takes != "survival":
                msg = f"`model` takes survival estimators of hybridx.models or hybridx.fusion, got {model!r}."
                raise SettingsError(msg)

    def _fit_cause(self, cause: str, frame: pl.DataFrame, y: Outcome) -> None:
        self.n_events_[cause] = y.n_events
        template = self.model.get(cause) if isinstance(self.model, Mapping) else self.model
        model = CoxRidge() if template is None else clone(template)
        try:
            self.models_[cause] = model.fit(frame, y)
        except NotEnoughDataError as error:
            if cause == self.cause:
                raise
            self.common_[cause] = _nelson_aalen(y)
            self.notes_.append(f"{cause}: one hazard for all patients. {error}")

    def predict(self, X: Any, cause: str | None = None) -> FloatArray:
        """Return the risk of an event of `cause` while none has happened: log-hazard, higher is worse, shape (n,).

        It orders patients by how fast the cause acts on them. Who will have the event is also a matter of the other
        causes: `predict_incidence`.
        """
        check_is_fitted(self, "causes_")
        name = asked_cause(cause, self.cause, self.causes_)
        if name in self.common_:
            return np.zeros(to_frame(X).height)
        return np.asarray(self.models_[name].predict(X))

    def predict_incidence(self, X: Any, times: npt.ArrayLike, cause: str | None = None) -> FloatArray:
        """Return the probability of having had an event of `cause` by `times` (days), shape (n, n_times).

        It starts at 0, rises, and stays flat after the last follow-up seen in training. NaN where a fusion model has
        nothing to go by.
        """
        check_is_fitted(self, "causes_")
        name = asked_cause(cause, self.cause, self.causes_)
        return self._incidences(to_frame(X), check_times(times))[self.causes_.index(name)]

    def predict_survival(self, X: Any, times: npt.ArrayLike) -> FloatArray:
        """Return the probability of being free of every event at `times` (days), shape (n, n_times)."""
        check_is_fitted(self, "causes_")
        return np.exp(-self._hazards(to_frame(X), check_times(times)).sum(axis=0))

    def score(self, X: Any, y: Any) -> float:
        """Return Harrell's C of the risk of the cause meant, the others censored (for scikit-learn's searches)."""
        outcome = as_outcome(y)
        own = cause_specific(outcome, asked_cause(None, self.cause, self.causes_))
        rows = outcome.known
        return harrell_c(own.time_days[rows], own.event[rows], self.predict(X)[rows])

    def _hazards(self, frame: pl.DataFrame, days: FloatArray) -> FloatArray:
        """Return the cumulative hazard of each cause, shape (n_causes, n, n_times)."""
        curves = [
            self.common_[cause].survival(np.zeros(frame.height), days)
            if cause in self.common_
            else self.models_[cause].predict_survival(frame, days)
            for cause in self.causes_
        ]
        return -np.log(np.maximum(np.array(curves), _LEAST_SURVIVAL))

    def _incidences(self, frame: pl.DataFrame, days: FloatArray) -> FloatArray:
        """Return the cumulative incidence of each cause, shape (n_causes, n, n_times)."""
        asked = len(days)
        hazards = self._hazards(frame, np.concatenate([days, self.grid_]))
        at_days, at_grid = hazards[:, :, :asked], hazards[:, :, asked:]
        steps = np.concatenate([np.zeros_like(at_grid[:, :, :1]), at_grid], axis=2)
        reached = np.concatenate(
            [np.zeros_like(at_grid[:, :, :1]), np.cumsum(_lost(steps[:, :, :-1], steps[:, :, 1:]), axis=2)],
            axis=2,
        )
        # from the last event time before each day asked for, the rest of the way (0 for step functions)
        last = np.searchsorted(self.grid_, days, side="right")
        return np.clip(reached[:, :, last] + _lost(steps[:, :, last], at_days), 0.0, 1.0)


def _known(frame: pl.DataFrame, y: Outcome) -> tuple[pl.DataFrame, Outcome]:
    """Return the patients whose outcome is known."""
    if frame.height != len(y):
        msg = f"The table has {frame.height} rows while the outcome has {len(y)}."
        raise InputError(msg)
    rows = np.flatnonzero(y.known)
    if len(rows) < len(y):
        text = f"{len(y) - len(rows)} of {len(y)} patients have no known {y.endpoint!r} and are left out."
        warnings.warn(text, HybridxWarning, stacklevel=3)
    return frame[rows], y[rows]


def _nelson_aalen(y: Outcome) -> BreslowBaseline:
    """Return the hazard that all patients share."""
    days, count = np.unique(y.time_days[y.event], return_counts=True)
    hazard = np.cumsum(count / numbers_at_risk(y, days))
    return BreslowBaseline(times_days=days, log_hazard=np.log(hazard), last_day=float(y.time_days.max()))


def _lost(start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the share of all patients that each cause takes while cumulative hazards rise from `start` to `end`."""
    rise = np.maximum(end - start, 0.0)
    total = rise.sum(axis=0)
    taken = np.exp(-start.sum(axis=0)) * -np.expm1(-total)
    return np.where(total == 0, 0.0, rise / np.where(total == 0, 1.0, total)) * taken
