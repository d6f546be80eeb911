"""Partial likelihood and logistic loss as functions of the linear predictor, stable at any size of it.

Cox, Efron's handling of ties: with risk set R_k, tied events D_k and f_k = l / d for the l-th of d tied events,

    NLL(eta) = -sum_k [ eta_k - log( sum_{j in R_k} e^eta_j - f_k sum_{j in D_k} e^eta_j ) ].

Every sum is kept as a logarithm and has positive terms only, so log-hazards of +-500 neither overflow nor cancel. Both
losses share one interface, so the ridge fit, the choice of its penalty and the weights of late fusion are written once.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hybridx.cohort import Outcome
from hybridx.models.ordinal_loss import OrdinalLoss

__all__ = ["CoxLoss", "LogisticLoss", "Loss", "SquaredLoss", "make_loss"]

FloatArray = npt.NDArray[np.float64]
# exp(-600) is still a normal double, so weights relative to the largest one keep all their digits below this range
_SAFE_RANGE = 600.0


class Loss(Protocol):
    """A negative log-likelihood of a linear predictor `eta`, shape (n,)."""

    has_intercept: bool
    size: float

    def value(self, eta: FloatArray) -> float:
        """Return the negative log-likelihood."""

    def gradient(self, eta: FloatArray) -> FloatArray:
        """Return its derivative by each patient's linear predictor, shape (n,)."""

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return its second derivative by the coefficients of `Z`, shape (p, p)."""

    def curvature(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return its second derivative by the linear predictors (n, n), times `Z` (n, k), shape (n, k)."""


class CoxLoss:
    """Negative log partial likelihood (Efron ties) of patients with `time_days` and `event`, each of shape (n,)."""

    has_intercept = False

    def __init__(self, time_days: npt.ArrayLike, event: npt.ArrayLike) -> None:
        time = np.asarray(time_days, dtype=np.float64)
        happened = np.asarray(event, dtype=bool)
        self.order = np.lexsort((~happened, time))  # by time; at one time the events come before the censored
        time, happened = time[self.order], happened[self.order]
        self.size = float(happened.sum())
        self._events = np.flatnonzero(happened)
        _, first, group, count = np.unique(
            time[self._events], return_index=True, return_inverse=True, return_counts=True
        )
        self._group, self._first, self._count = group, first, count
        starts = np.searchsorted(time, time[self._events][first], side="left")
        self._start = starts[group]  # first row at risk at the time of each event
        self._after = (starts + count)[group]  # first row at risk beyond the tied events
        self._fraction = (np.arange(len(self._events)) - first[group]) / count[group]
        # events no later than each row: row j is at risk for exactly these
        self._n_before = np.searchsorted(time[self._events], time, side="right")
        self._happened = happened

    def _log_denominators(self, eta: FloatArray) -> FloatArray:
        """Return the log of each event's denominator; `eta` is sorted by time."""
        reverse = np.append(np.logaddexp.accumulate(eta[::-1])[::-1], -np.inf)
        tied = np.logaddexp.reduceat(eta[self._events], self._first)[self._group]
        return np.asarray(np.logaddexp(reverse[self._after], np.log1p(-self._fraction) + tied))

    def value(self, eta: FloatArray) -> float:
        """Return the negative log partial likelihood."""
        if not len(self._events):
            return 0.0
        ordered = eta[self.order]
        return float(np.sum(self._log_denominators(ordered) - ordered[self._events]))

    def _expected(self, eta: FloatArray, log_denominator: FloatArray) -> FloatArray:
        """Return each row's expected number of events (the sum of its selection probabilities), sorted by time."""
        log_hazard = np.append(-np.inf, np.logaddexp.accumulate(-log_denominator))
        exponent = eta + log_hazard[self._n_before]
        # among d tied events a row counts with 1 - f_k only, so its own tie group is added apart
        own = np.logaddexp.reduceat(np.log1p(-self._fraction) - log_denominator, self._first)
        before = log_hazard[self._first]
        exponent[self._events] = eta[self._events] + np.logaddexp(before, own)[self._group]
        return np.exp(exponent)

    def gradient(self, eta: FloatArray) -> FloatArray:
        """Return minus the martingale residuals, shape (n,)."""
        result = np.zeros(len(eta))
        if len(self._events):
            ordered = eta[self.order]
            expected = self._expected(ordered, self._log_denominators(ordered))
            result[self.order] = expected - self._happened
        return result

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the observed information of the coefficients of `Z` (n, p), shape (p, p)."""
        if not len(self._events):
            return np.zeros((Z.shape[1], Z.shape[1]))
        ordered, rows = eta[self.order], Z[self.order]
        log_denominator = self._log_denominators(ordered)
        expected = self._expected(ordered, log_denominator)
        means = self._risk_set_means(ordered, rows, log_denominator)
        return np.asarray(rows.T @ (expected[:, None] * rows) - means.T @ means)

    def curvature(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the second derivative by the linear predictors, times `Z` (n, k), shape (n, k)."""
        if not len(self._events):
            return np.zeros_like(Z)
        ordered, rows = eta[self.order], Z[self.order]
        log_denominator = self._log_denominators(ordered)
        means = self._risk_set_means(ordered, rows, log_denominator)
        expected = self._expected(ordered, log_denominator)
        result = np.empty_like(rows)
        result[self.order] = expected[:, None] * rows - self._spread(ordered, means, log_denominator)
        return result

    def _spread(self, eta: FloatArray, means: FloatArray, log_denominator: FloatArray) -> FloatArray:
        """Return, for each row, the sum over events of its selection probability times that event's mean."""
        top = eta.max()
        if top - eta.min() > _SAFE_RANGE:
            total = np.zeros((len(eta), means.shape[1]))
            for k, start in enumerate(self._start):
                total[start:] += self._selection(eta, log_denominator, k)[:, None] * means[k]
            return total
        scaled = means * np.exp(top - log_denominator)[:, None]
        total = np.vstack([np.zeros((1, means.shape[1])), np.cumsum(scaled, axis=0)])[self._n_before]
        # among d tied events a row counts with 1 - f_k only
        total[self._events] -= np.add.reduceat(self._fraction[:, None] * scaled, self._first, axis=0)[
            self._group
        ]
        return np.asarray(np.exp(eta - top)[:, None] * total)

    def _selection(self, eta: FloatArray, log_denominator: FloatArray, k: int) -> FloatArray:
        """Return the probability with which each row still at risk has event k, from `_start[k]` on."""
        start, n_tied = self._start[k], self._count[self._group[k]]
        weight = np.exp(eta[start:] - log_denominator[k])
        weight[:n_tied] = np.exp(
            eta[start : start + n_tied] - log_denominator[k] + np.log1p(-self._fraction[k])
        )
        return np.asarray(weight)

    def _risk_set_means(self, eta: FloatArray, Z: FloatArray, log_denominator: FloatArray) -> FloatArray:
        """Return the weighted mean of `Z` over each event's risk set, shape (n_events, p)."""
        top = eta.max()
        if top - eta.min() > _SAFE_RANGE:
            return self._risk_set_means_far(eta, Z, log_denominator)
        weighted = np.exp(eta - top)[:, None] * Z
        reverse = np.cumsum(weighted[::-1], axis=0)[::-1]
        reverse = np.vstack([reverse, np.zeros((1, Z.shape[1]))])
        tied = np.add.reduceat(weighted[self._events], self._first, axis=0)[self._group]
        sums = reverse[self._after] + (1.0 - self._fraction)[:, None] * tied
        return np.asarray(sums * np.exp(top - log_denominator)[:, None])

    def _risk_set_means_far(self, eta: FloatArray, Z: FloatArray, log_denominator: FloatArray) -> FloatArray:
        """Return the same, one event at a time: for predictors so far apart that common weights would vanish."""
        means = np.empty((len(self._events), Z.shape[1]))
        for k, start in enumerate(self._start):
            means[k] = self._selection(eta, log_denominator, k) @ Z[start:]
        return means


class LogisticLoss:
    """Negative log-likelihood of a binary response, 1 for responders; `eta` is their log-odds."""

    has_intercept = True

    def __init__(self, value: npt.ArrayLike) -> None:
        self.y = np.asarray(value, dtype=np.float64)
        self.size = float(min(self.y.sum(), len(self.y) - self.y.sum()))

    def value(self, eta: FloatArray) -> float:
        """Return the negative log-likelihood."""
        return float(np.sum(np.logaddexp(0.0, eta) - self.y * eta))

    def gradient(self, eta: FloatArray) -> FloatArray:
        """Return probability minus response, shape (n,)."""
        return np.asarray(expit(eta) - self.y)

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the information of the coefficients of `Z`, shape (p, p)."""
        return np.asarray(Z.T @ self.curvature(eta, Z))

    def curvature(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the second derivative by the linear predictors, times `Z` (n, k), shape (n, k)."""
        probability = expit(eta)
        return np.asarray((probability * (1.0 - probability))[:, None] * Z)


class SquaredLoss:
    """Half the sum of squared differences between a continuous outcome and its prediction `eta`."""

    has_intercept = True

    def __init__(self, value: npt.ArrayLike) -> None:
        self.y = np.asarray(value, dtype=np.float64)
        self.size = float(len(self.y))

    def value(self, eta: FloatArray) -> float:
        """Return half the sum of squares."""
        return 0.5 * float(np.sum((eta - self.y) ** 2))

    def gradient(self, eta: FloatArray) -> FloatArray:
        """Return prediction minus outcome, shape (n,)."""
        return np.asarray(eta - self.y)

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return Z' Z, shape (p, p)."""
        return np.asarray(Z.T @ Z)

    def curvature(self, eta: FloatArray, Z: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return `Z` itself, shape (n, k)."""
        return Z


def make_loss(y: Outcome) -> CoxLoss | LogisticLoss | OrdinalLoss | SquaredLoss:
    """Return the loss of an outcome whose values are all known."""
    if y.kind == "survival":
        return CoxLoss(y.time_days, y.event)
    if y.kind == "response":
        return LogisticLoss(y.value)
    return OrdinalLoss(y.value) if y.kind == "ordinal" else SquaredLoss(y.value)
