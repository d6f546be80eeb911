"""One- to three-parameter Cox and logistic fits for many weightings at once: what calibration is made of.

Newton's method on all resamples together; a resample whose fit does not converge, or whose data do not determine it,
gives NaN, never a number.
"""

from __future__ import annotations

from collections.abc import Callable

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


def fit_cox(time: FloatArray, event: npt.NDArray[np.bool_], x: FloatArray, weights: FloatArray) -> FloatArray:
    """Fit a Cox model (Breslow ties) under each row of weights.

    Parameters
    ----------
    time, event : arrays, shape (n,)
    x : array, shape (n, d)
        Standardised covariates.
    weights : array, shape (B, n)

    Returns
    -------
    array, shape (B, d)
        Log hazard ratios; NaN where the fit failed.
    """
    order, first, x_sorted, w = _by_time(time, x, weights)
    failures = w * event[order]

    def derivatives(beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        s0, s1, s2 = _risk_sums(beta, x_sorted, w, first)
        mean = s1 / s0[:, :, None]
        gradient = np.einsum("bi,id->bd", failures, x_sorted) - np.einsum("bi,bid->bd", failures, mean)
        spread = s2 / s0[:, :, None, None] - mean[:, :, :, None] * mean[:, :, None, :]
        return gradient, np.einsum("bi,bide->bde", failures, spread)

    return _newton(derivatives, weights.shape[0], x.shape[1], failures.sum(axis=1))


def cox_event_probability(
    time: FloatArray, event: npt.NDArray[np.bool_], x: FloatArray, weights: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return each patient's event probability by the last time, (B, n): fitted coefficients and Breslow's hazard."""
    order, first, x_sorted, w = _by_time(time, x, weights)
    s0, _, _ = _risk_sums(beta, x_sorted, w, first)
    cumulative = np.sum(w * event[order] / s0, axis=1)
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


def _by_time(
    time: FloatArray, x: FloatArray, weights: FloatArray
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray, FloatArray]:
    order = np.argsort(time, kind="stable")
    first = np.searchsorted(time[order], time[order], side="left")  # tied patients share one risk set
    return order, first, x[order], weights[:, order]


def _risk_sums(
    beta: FloatArray, x: FloatArray, weights: FloatArray, first: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    linear = np.nan_to_num(beta) @ x.T
    hazard = weights * np.exp(np.clip(linear, -50.0, 50.0))

    def from_the_end(values: FloatArray) -> FloatArray:
        return np.asarray(np.cumsum(values[:, ::-1], axis=1)[:, ::-1][:, first])

    s0 = np.maximum(from_the_end(hazard), 1e-300)  # an empty risk set is never multiplied by an event
    s1 = from_the_end(hazard[:, :, None] * x[None])
    s2 = from_the_end(hazard[:, :, None, None] * (x[:, :, None] * x[:, None, :])[None])
    return s0, s1, s2


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
