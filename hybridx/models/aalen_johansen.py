r"""Cumulative incidence of competing events without any model: the reference that knows nothing of the patients.

.. math:: F_c(t) = \sum_{t_k \le t} S(t_{k-1})\, d_{ck} / n_k, \qquad S(t) = \prod_{t_k \le t} (1 - d_k / n_k)

S counts every cause. One minus the Kaplan-Meier curve of a cause, its competitors censored, is larger: it answers what
would happen if nobody could die of anything else.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort import as_outcome
from hybridx.cohort.columns import to_frame
from hybridx.errors import InputError
from hybridx.models.baseline import check_times
from hybridx.models.competing_causes import asked_cause, numbers_at_risk, stated_causes
from hybridx.terms.estimate import Estimate

__all__ = ["AalenJohansen"]

FloatArray = npt.NDArray[np.float64]


class AalenJohansen(BaseEstimator):
    """Non-parametric cumulative incidence of each cause, with its variance; the same curve for every patient.

    Delayed entry is used: a patient counts among those at risk from `entry_days` on.

    Parameters
    ----------
    cause : str or None
        The cause meant where a call names none.

    Attributes
    ----------
    causes_ : list of str
        Causes among the events of training, sorted.
    times_days_ : array of float, shape (k,)
        Times at which any event happened, rising.
    at_risk_ : array of float, shape (k,)
        Patients under observation just before.
    incidence_, variance_ : array of float, shape (n_causes, k)
        Cumulative incidence from each of these times on, and its variance.
    survival_ : array of float, shape (k,)
        Probability of no event of any cause; with the incidences it adds up to 1.

    Source
    ------
    Aalen & Johansen 1978, Scand J Stat 5:141-150; variance: Aalen 1978, doi:10.1214/aos/1176344198, as in Pintilie
    2006, doi:10.1002/9780470870709, eq. 4.5. Checked against scikit-survival 0.28
    `cumulative_incidence_competing_risks` (incidence and log-log interval to 1e-9) and lifelines 0.30
    `AalenJohansenFitter` (incidence to 1e-9).

    Examples
    --------
    >>> from hybridx.cohort import Outcome
    >>> y = Outcome.survival([10, 20, 30, 40], [1, 1, 1, 0], cause=["relapse", "death", "relapse", ""])
    >>> aj = AalenJohansen().fit(None, y)
    >>> aj.predict_incidence(None, [15, 35], cause="relapse")
    array([[0.25, 0.5 ]])
    """

    def __init__(self, cause: str | None = None) -> None:
        self.cause = cause

    def fit(self, X: Any, y: Any) -> Self:
        """Count events; `X` is not looked at and may be None.

        Raises
        ------
        InputError
            The outcome has no causes, or events without a stated cause.
        """
        outcome = as_outcome(y)
        if X is not None and to_frame(X).height != len(outcome):
            msg = f"The table has {to_frame(X).height} rows while the outcome has {len(outcome)}."
            raise InputError(msg)
        causes = stated_causes(outcome)
        asked_cause(self.cause, causes[0], causes)
        known = outcome[outcome.known]
        time, cause = known.time_days, np.asarray(known.cause)
        days = np.unique(time[known.event])
        counts = np.array(
            [
                np.bincount(np.searchsorted(days, time[rows]), minlength=len(days))
                for rows in (known.event & (cause == name) for name in causes)
            ]
        )
        at_risk = numbers_at_risk(known, days)
        self.causes_, self.times_days_, self.at_risk_ = causes, days, at_risk
        self.survival_ = np.cumprod(1.0 - counts.sum(axis=0) / at_risk)
        before = np.append(1.0, self.survival_[:-1])
        self.incidence_ = np.cumsum(before * counts / at_risk, axis=1)
        self.variance_ = np.array(
            [
                _variance(own, counts.sum(axis=0), at_risk, before, incidence)
                for own, incidence in zip(counts, self.incidence_, strict=True)
            ]
        )
        self.n_patients_ = len(time)
        self.n_events_ = dict(zip(causes, counts.sum(axis=1).tolist(), strict=True))
        self.last_day_ = float(time.max())
        return self

    def _row(self, cause: str | None) -> int:
        check_is_fitted(self, "causes_")
        return self.causes_.index(asked_cause(cause, self.cause, self.causes_))

    def _height(self, X: Any) -> int:
        check_is_fitted(self, "causes_")
        return 1 if X is None else to_frame(X).height

    def predict(self, X: Any, cause: str | None = None) -> FloatArray:
        """Return the risk of each patient, shape (n,): 0, the same for all."""
        self._row(cause)
        return np.zeros(self._height(X))

    def predict_incidence(self, X: Any, times: npt.ArrayLike, cause: str | None = None) -> FloatArray:
        """Return the probability of an event of `cause` by `times` (days), shape (n, n_times), n = 1 without a table.

        It starts at 0, rises, and stays flat after the last event.
        """
        steps = np.append(0.0, self.incidence_[self._row(cause)])
        return np.tile(steps[self._at(times)], (self._height(X), 1))

    def predict_survival(self, X: Any, times: npt.ArrayLike) -> FloatArray:
        """Return the probability of being free of every event at `times` (days), shape (n, n_times)."""
        height = self._height(X)
        return np.tile(np.append(1.0, self.survival_)[self._at(times)], (height, 1))

    def _at(self, times: npt.ArrayLike) -> npt.NDArray[np.intp]:
        return np.searchsorted(self.times_days_, check_times(times), side="right")

    def estimate(self, day: float, cause: str | None = None, *, level: float = 0.95) -> Estimate:
        """Return the incidence of `cause` by `day` with its interval (complementary log-log scale)."""
        row = self._row(cause)
        at = int(self._at(day)[0])
        low, high = self._interval(row, level)
        value, low, high = (float(np.append(0.0, curve)[at]) for curve in (self.incidence_[row], low, high))
        method = "Aalen-Johansen; interval on the complementary log-log scale, variance by Aalen"
        ends = (low, high) if at else (math.nan, math.nan)
        n_events = self.n_events_[self.causes_[row]]
        return Estimate(value, *ends, level=level, n=self.n_patients_, n_events=n_events, method=method)

    def curve(self, cause: str | None = None, *, level: float = 0.95) -> pl.DataFrame:
        """Return the curve of one cause: time_days, at_risk, incidence, variance, low, high."""
        row = self._row(cause)
        low, high = self._interval(row, level)
        return pl.DataFrame(
            {
                "time_days": self.times_days_,
                "at_risk": self.at_risk_,
                "incidence": self.incidence_[row],
                "variance": self.variance_[row],
                "low": low,
                "high": high,
            }
        ).with_columns(pl.col("low", "high").fill_nan(None))

    def _interval(self, row: int, level: float) -> tuple[FloatArray, FloatArray]:
        """Return pointwise limits; NaN where the incidence is still 0 or already 1."""
        if not 0 < level < 1:
            msg = f"level must lie between 0 and 1, got {level!r}."
            raise InputError(msg)
        value = self.incidence_[row]
        open_ends = (value > 0) & (value < 1)
        inside = np.where(open_ends, value, 0.5)
        step = norm.ppf(0.5 + level / 2) * np.sqrt(self.variance_[row]) / (inside * np.log(inside))
        low, high = inside ** np.exp(-step), inside ** np.exp(step)
        return np.where(open_ends, low, np.nan), np.where(open_ends, high, np.nan)


def _variance(
    own: npt.NDArray[np.intp],
    any_cause: npt.NDArray[np.intp],
    at_risk: FloatArray,
    before: FloatArray,
    incidence: FloatArray,
) -> FloatArray:
    """Return Aalen's variance of one cause's incidence at each event time, shape (k,).

    A sum over earlier times j of a_j (F - F_j)^2 - 2 b_j (F - F_j) + c_j, kept as sums of powers of F_j.
    """
    a, b, c = (np.zeros(len(own)) for _ in range(3))
    more = at_risk > 1
    left = at_risk - any_cause
    some = more & (left > 0)  # the last patient at risk adds nothing: F does not rise after them
    np.divide(any_cause, (at_risk - 1) * left, out=a, where=some)
    np.divide(before * own * (at_risk - own), at_risk * left * (at_risk - 1), out=b, where=some)
    np.divide(before**2 * own * (at_risk - own), at_risk**2 * (at_risk - 1), out=c, where=more)
    constant = np.cumsum(c + 2 * b * incidence + a * incidence**2)
    linear = np.cumsum(b + a * incidence)
    return np.maximum(constant - 2 * linear * incidence + np.cumsum(a) * incidence**2, 0.0)
