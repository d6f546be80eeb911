"""One- to three-parameter Cox and logistic fits for many weightings at once: what calibration is made of.

Newton's method on all resamples together; a resample whose fit does not converge, or whose data do not determine it,
gives NaN, never a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

__all__ = ["cox_event_probability", "fit_cox", "fit_logistic"]

FloatArray = npt.NDArray[np.float64]

STEPS = 30
LARGEST_STEP = 2.0  # in units of a standardised covariate: keeps early steps from overshooting
LARGEST = 30.0  # a coefficient beyond this is separation, not an estimate
FLATTEST = 1e-7  # information per event below which the data say nothing about a parameter

Derivatives = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def fit_cox(
    time: FloatArray,
    event: npt.NDArray[np.bool_],
    x: FloatArray,
    weights: FloatArray,
    entry: FloatArray | None = None,
) -> FloatArray:
    """Fit a Cox model (Breslow ties) under each row of weights.

    Parameters
    ----------
    time, event : arrays, shape (n,)
    x : array, shape (n, d)
        Standardised covariates.
    weights : array, shape (B, n)
    entry : array, shape (n,), optional
        Delayed entry: a patient is at risk after it.

    Returns
    -------
    array, shape (B, d)
        Log hazard ratios; NaN where the fit failed.
    """
    sets = _RiskSets.of(time, x, weights, entry)
    failures = sets.weights * event[sets.order]

    def derivatives(beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        s0, s1, s2 = sets.sums(beta)
        mean = s1 / s0[:, :, None]
        gradient = np.einsum("bi,id->bd", failures, sets.x) - np.einsum("bi,bid->bd", failures, mean)
        spread = s2 / s0[:, :, None, None] - mean[:, :, :, None] * mean[:, :, None, :]
        return gradient, np.einsum("bi,bide->bde", failures, spread)

    return _newton(derivatives, weights.shape[0], x.shape[1], failures.sum(axis=1))


def cox_event_probability(  # noqa: PLR0917 - the data, then what was fitted
    time: FloatArray,
    event: npt.NDArray[np.bool_],
    x: FloatArray,
    weights: FloatArray,
    beta: FloatArray,
    entry: FloatArray | None = None,
) -> FloatArray:
    """Return each patient's event probability by the last time, (B, n): fitted coefficients and Breslow's hazard."""
    sets = _RiskSets.of(time, x, weights, entry)
    cumulative = np.sum(sets.weights * event[sets.order] / sets.sums(beta)[0], axis=1)
    with np.errstate(over="ignore"):
        return np.asarray(-np.expm1(-cumulative[:, None] * np.exp(beta @ x.T)))


def fit_logistic(label: FloatArray, x: FloatArray, weights: FloatArray) -> FloatArray:
    """Fit a logistic model without penalty under each row of weights; `x` holds its own intercept column.

    Returns
    -------
    array, shape (B, d)
        Coefficients; NaN where the fit failed (separation, or one class only).
    """

    def derivatives(beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        p = expit(beta @ x.T)
        gradient = (weights * (label - p)) @ x
        return gradient, np.einsum("bi,id,ie->bde", weights * p * (1 - p), x, x, optimize=True)

    rarer = np.minimum(weights @ label, weights @ (1.0 - label))
    return _newton(derivatives, weights.shape[0], x.shape[1], rarer)


@dataclass(frozen=True, eq=False)
class _RiskSets:
    """Patients in order of time, and where the risk set of each begins."""

    order: npt.NDArray[np.intp]
    first: npt.NDArray[np.intp]  # tied patients share one risk set
    x: FloatArray
    weights: FloatArray
    arrival: npt.NDArray[np.intp] | None  # order of entry, latest last
    absent: npt.NDArray[np.intp] | None  # from here on in `arrival`, patients have not entered yet

    @classmethod
    def of(cls, time: FloatArray, x: FloatArray, weights: FloatArray, entry: FloatArray | None) -> _RiskSets:
        order = np.argsort(time, kind="stable")
        ordered = time[order]
        first = np.searchsorted(ordered, ordered, side="left")
        arrival = absent = None
        if entry is not None:
            arrival = np.argsort(entry[order], kind="stable")
            absent = np.searchsorted(entry[order][arrival], ordered, side="left")
        return cls(order, first, x[order], weights[:, order], arrival, absent)

    def sums(self, beta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        linear = np.nan_to_num(beta) @ self.x.T
        hazard = self.weights * np.exp(np.clip(linear, -50.0, 50.0))
        s0 = np.maximum(self._at_risk(hazard), 1e-300)  # an empty risk set is never multiplied by an event
        s1 = self._at_risk(hazard[:, :, None] * self.x[None])
        s2 = self._at_risk(hazard[:, :, None, None] * (self.x[:, :, None] * self.x[:, None, :])[None])
        return s0, s1, s2

    def _at_risk(self, values: FloatArray) -> FloatArray:
        """Return the sum over each patient's risk set: who leaves no earlier, less who has not entered yet."""
        still = _from_the_end(values)[:, self.first]
        if self.arrival is None or self.absent is None:
            return still
        late = _from_the_end(values[:, self.arrival])
        nobody = np.zeros_like(late[:, :1])
        return np.asarray(still - np.concatenate([late, nobody], axis=1)[:, self.absent])


def _from_the_end(values: FloatArray) -> FloatArray:
    return np.asarray(np.cumsum(values[:, ::-1], axis=1)[:, ::-1])


def _newton(derivatives: Derivatives, b: int, d: int, events: FloatArray) -> FloatArray:
    beta = np.zeros((b, d))
    enough = events > 0
    converged = np.zeros(b, dtype=bool)
    for _ in range(STEPS):
        gradient, information = derivatives(beta)
        flattest = np.linalg.eigvalsh(information)[:, 0]
        enough &= flattest > FLATTEST * np.maximum(events, 1.0)
        information[~enough] = np.eye(d)
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1)
        step *= np.minimum(1.0, LARGEST_STEP / np.maximum(longest, 1e-12))[:, None]
        enough &= np.abs(beta + step).max(axis=1) < LARGEST
        beta = np.where(enough[:, None], beta + step, beta)
        converged = enough & (longest < 1e-9)
        if np.all(converged | ~enough):
            break
    return np.where((enough & converged)[:, None], beta, np.nan)
