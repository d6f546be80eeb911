r"""Conformal prediction of survival time: "alive at least until ..." that holds as often as asked, under censoring.

The model's own curve gives the shape: the bound of a patient is the day on which the curve falls to a cut-off c, the
same for all patients, chosen so that held-out patients were missed as rarely as asked. Who was missed is seen in part
only; patients under observation stand for the censored ones (inverse probability of censoring, G its Kaplan-Meier
curve):

.. math:: \hat P(T < L_c) = \frac{1}{n + 1} \Big[ 1 + \sum_i \frac{d_i 1(T_i < L_c(x_i))}{G(T_i-)} \Big], \qquad
          \hat P(T > U_c) = \frac{1}{n + 1} \Big[ 1 + \sum_i \frac{1(T_i > U_c(x_i))}{G(U_c(x_i))} \Big]

The 1 stands for the new patient. Bounds end where fewer than a twentieth of the patients is still followed: a lower
bound stops there, an upper one is infinite beyond.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import to_frame
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.evaluate.conformal import check_settings, held_out, known_rows
from hybridx.evaluate.folds import seeded
from hybridx.evaluate.weighted_km import StepCurves, censoring_curves, late_entry, survival_curves

__all__ = ["CUTS", "FEWEST", "JUST_BEFORE", "ConformalSurvival", "day_of"]

FloatArray = npt.NDArray[np.float64]
DAYS = 256  # points of the curves
FOLLOWED = 0.05  # share of patients, and number of them, still followed where bounds end
FOLLOWED_LEAST = 5
FEWEST = 10  # events
JUST_BEFORE = 1.0 - 1e-12
CUTS = np.linspace(0.0, 1.0, 501)


class ConformalSurvival(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turn survival curves into bounds of each patient's survival time that hold in `level` of patients.

    `predict` gives a lower bound, "free of the event at least until this day"; `predict_interval` two bounds, of which
    the upper is infinite where follow-up does not reach far enough. Coverage is over patients like those of the fit,
    not within any subgroup. Censoring is taken not to depend on what the model knows of a patient.

    A patient with nothing measured, for whom the model says nothing, gets the Kaplan-Meier curve of the training
    patients in place of a curve of their own, and hence the bound that is right for "some patient" (never NaN).

    Parameters
    ----------
    model : estimator
        Unfitted, with `predict_survival`; a fusion model takes patients with missing modalities.
    level : float
        Coverage asked for, 0.5 to below 1. Intervals leave out half of the rest on either side.
    folds : int
        Of the held-out predictions.
    random_state : int
        Deals patients to folds.

    Attributes
    ----------
    model_ : estimator
        Fitted on all patients with a known outcome.
    cut_ : float
        The lower bound is where a patient's curve falls to this probability.
    interval_cuts_ : array of float, shape (2,)
        The same for the ends of intervals.
    end_days_ : float
        Where bounds end.
    notes_ : list of str

    Source
    ------
    Candes E, Lei L, Ren Z. JRSS B 2023. doi:10.1093/jrsssb/qkac017 (bounds under censoring). Gui Y, Hore R, Ren Z,
    Barber RF. Biometrika 2024. doi:10.1093/biomet/asad076 (cut-offs of fitted curves). They know every patient's
    censoring time; here, where a death hides it, inverse probability weights stand in, and coverage is approximate:
    0.90 to 0.91 where 0.9 was asked, with 100 and 300 patients (``benchmarks/conformal_coverage.py``).

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from hybridx.cohort import Outcome
    >>> from hybridx.models import CoxRidge
    >>> x = np.sin(np.arange(100.0))
    >>> y = Outcome.survival(300 * np.exp(-x) * (1.0 + np.cos(7 * np.arange(100))) + 1, np.arange(100) % 4 > 0)
    >>> bounds = ConformalSurvival(CoxRidge(), level=0.9).fit(pl.DataFrame({"pet.suv_max": x}), y)
    >>> low, high = bounds.predict(pl.DataFrame({"pet.suv_max": [-1.0, 1.0]}))
    >>> bool(low > high)  # the patient with the higher uptake is promised less
    True
    """

    model_: Any
    cut_: float
    interval_cuts_: FloatArray
    end_days_: float
    grid_: FloatArray
    population_: FloatArray
    notes_: list[str]

    def __init__(
        self, model: Any = None, level: float = 0.9, *, folds: int = 5, random_state: int = 0
    ) -> None:
        self.model = model
        self.level = level
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the model, and from held-out curves where to cut them.

        Raises
        ------
        InputError
            The model has no `predict_survival`, the outcome is no survival outcome, or it has late entry.
        NotEnoughDataError
            Fewer than ten events.
        SettingsError
            Impossible `level` or `folds`.
        """
        name = type(self).__name__
        check_settings(name, self.level, self.folds)
        if not hasattr(self.model, "predict_survival"):
            msg = f"{name} needs a model with `predict_survival`, got {type(self.model).__name__}."
            raise InputError(msg)
        frame, outcome = known_rows(X, y, "survival", name, {"events": FEWEST})
        if late_entry(outcome) is not None:
            msg = (
                f"{outcome.endpoint!r} has late entry, which {name} does not allow for: who had the event before they "
                "could enter was never seen, and bounds learnt from the others would promise too much. Count times "
                "from entry, or use cohort.at(day) to begin where everyone is under observation."
            )
            raise InputError(msg)
        time, once = outcome.time_days, np.ones((1, len(outcome)))
        followed = max(FOLLOWED_LEAST, int(np.ceil(FOLLOWED * len(time))))
        self.end_days_ = float(np.sort(time)[-min(followed, len(time))])
        self.grid_ = np.linspace(0.0, self.end_days_, DAYS)
        self.population_ = _population(outcome, self.grid_)
        curves = np.empty((len(outcome), DAYS))
        for model, train, test in held_out(self.model, frame, outcome, self.folds, self.random_state):
            curves[test] = _curves(model, frame[test], self.grid_, _population(outcome[train], self.grid_))
        censoring = censoring_curves(time, outcome.event, once)
        alpha = 1.0 - self.level
        self.cut_ = _lower_cut(curves, self.grid_, outcome, censoring, alpha)
        self.interval_cuts_ = np.array(
            [
                _lower_cut(curves, self.grid_, outcome, censoring, alpha / 2),
                _upper_cut(curves, self.grid_, outcome, censoring, alpha / 2),
            ]
        )
        self.notes_ = _notes(self.cut_, self.interval_cuts_, outcome, self.level)
        self.model_ = seeded(clone(self.model), (self.random_state,)).fit(frame, outcome)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the day until which each patient stays free of the event with probability `level`, shape (n,)."""
        check_is_fitted(self, "cut_")
        return np.minimum(day_of(self._curves(X), self.grid_, self.cut_), self.end_days_)

    def predict_interval(self, X: Any) -> FloatArray:
        """Return lower and upper bound of each patient's time, days, shape (n, 2); the upper may be infinite."""
        check_is_fitted(self, "cut_")
        curves = self._curves(X)
        low = np.minimum(day_of(curves, self.grid_, float(self.interval_cuts_[0])), self.end_days_)
        return np.column_stack([low, day_of(curves, self.grid_, float(self.interval_cuts_[1]))])

    def _curves(self, X: Any) -> FloatArray:
        return _curves(self.model_, to_frame(X), self.grid_, self.population_)


def _population(y: Outcome, grid: FloatArray) -> FloatArray:
    """Return the Kaplan-Meier curve on a grid, shape (T,)."""
    return np.asarray(survival_curves(y.time_days, y.event, np.ones((1, len(y)))).at(grid)[0])


def _curves(model: Any, X: pl.DataFrame, grid: FloatArray, population: FloatArray) -> FloatArray:
    """Return survival curves that never rise, shape (n, T); those of the population where the model says nothing."""
    if X.height == 0:
        return np.empty((0, len(grid)))
    told = np.asarray(model.predict_survival(X, grid), dtype=np.float64)
    nothing = np.asarray(np.isnan(told).any(axis=1))
    return np.minimum.accumulate(np.where(nothing[:, None], population, np.clip(told, 0.0, 1.0)), axis=1)


def day_of(curves: FloatArray, grid: FloatArray, cut: float) -> FloatArray:
    """Return the first day on which each curve is at or below a cut-off (between grid days: linear); else infinity."""
    below = curves <= cut
    falls = below.any(axis=1)
    first = np.argmax(below, axis=1)
    row, before = np.arange(len(curves)), np.maximum(first - 1, 0)
    high, low = curves[row, before], curves[row, first]
    share = np.divide(high - cut, high - low, out=np.zeros(len(curves)), where=high > low)
    day = grid[before] + share * (grid[first] - grid[before])
    return np.where(falls, day, np.inf)


def _lower_cut(
    curves: FloatArray, grid: FloatArray, y: Outcome, censoring: StepCurves, alpha: float
) -> float:
    """Return the lowest cut-off (the latest bounds) at which held-out patients were missed rarely enough."""
    seen = y.event & (y.time_days <= grid[-1])
    weight = np.where(seen, 1.0 / np.maximum(censoring.at(y.time_days * JUST_BEFORE)[0], 1e-12), 0.0)

    def missed(cut: float) -> float:
        bound = np.minimum(day_of(curves, grid, cut), grid[-1])
        return float(1.0 + weight[y.time_days < bound].sum()) / (len(y) + 1)

    low, high = 0, len(CUTS) - 1  # missing falls as the cut-off rises; a cut-off of 1 is a bound of day 0
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if missed(float(CUTS[middle])) <= alpha else (middle + 1, high)
    return float(CUTS[low])


def _upper_cut(
    curves: FloatArray, grid: FloatArray, y: Outcome, censoring: StepCurves, alpha: float
) -> float:
    """Return the highest cut-off (the earliest bounds) up to which held-out patients outlived theirs rarely enough."""

    def outlived(cut: float) -> float:
        bound = day_of(curves, grid, cut)
        there = np.asarray(np.isfinite(bound) & (y.time_days > bound))
        still = censoring.at(bound[there])[0] if there.any() else np.ones(0)
        return float(1.0 + np.sum(1.0 / np.maximum(still, 1e-12))) / (len(y) + 1)

    best = -1.0  # no curve falls so far: every upper bound is infinite
    for cut in CUTS.tolist():
        if outlived(cut) > alpha:
            break
        best = cut
    return best


def _notes(cut: float, cuts: FloatArray, y: Outcome, level: float) -> list[str]:
    notes = []
    if cut >= 1.0 or cuts[0] >= 1.0:
        notes.append(
            f"Too few patients ({len(y)}) or events for {level:g}: a lower bound of day 0 excludes nothing."
        )
    if cuts[1] < 0:
        notes.append("Follow-up or numbers do not carry any upper bound: all are infinite.")
    return notes
