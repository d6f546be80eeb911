r"""Proportional-odds likelihood of ordered levels as a function of the linear predictor, thresholds profiled out.

Levels 0 (best) to K - 1 (worst); with thresholds :math:`\theta_0 < \dots < \theta_{K-2}`,

.. math:: P(Y_i \le k) = \sigma(\theta_k - \eta_i), \qquad \eta \text{ higher: worse}.

The thresholds are to this model what the baseline hazard is to Cox's: for every `eta` the loss takes the thresholds
that fit best, so a shift of `eta` changes nothing and the ridge fit needs no intercept. With a = theta_k - eta and
b = theta_{k-1} - eta the negative log-likelihood of level k is

    softplus(-a) + softplus(b) - log(1 - exp(b - a)),

a sum of terms that neither overflow nor cancel at any size of `eta`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit

from hybridx.errors import ConvergenceError

__all__ = ["OrdinalLoss", "level_probabilities"]

FloatArray = npt.NDArray[np.float64]
_MAX_STEPS, _MAX_HALVINGS = 100, 50


class OrdinalLoss:
    """Negative log-likelihood of levels (ranks, 0 the best), shape (n,), minimised over the thresholds.

    Levels that nobody has are left out, with their threshold: they cannot be told from their neighbours.

    Attributes
    ----------
    present : array of float, shape (k,)
        Levels that occur, rising.
    """

    has_intercept = False

    def __init__(self, value: npt.ArrayLike) -> None:
        self.present, self._level = np.unique(np.asarray(value, dtype=np.float64), return_inverse=True)
        self._counts = np.bincount(self._level, minlength=len(self.present)).astype(np.float64)
        self.size = float(len(self._level) - self._counts.max(initial=0.0))
        share = np.cumsum(self._counts)[:-1] / max(len(self._level), 1)
        self._start = np.log(share) - np.log1p(-share)

    def thresholds(self, eta: FloatArray) -> FloatArray:
        """Return the best thresholds between the levels that occur, rising, shape (k - 1,).

        Raises
        ------
        ConvergenceError
            Newton's method found none (predictors of absurd size).
        """
        theta = self._start + (float(np.mean(eta)) if len(eta) else 0.0)
        value = self._value(eta, theta)
        farthest = (
            10.0 + float(np.ptp(eta)) if len(eta) else 0.0
        )  # no way is longer; on a plateau Newton aims beyond
        for _ in range(_MAX_STEPS):
            if not len(theta):
                return theta
            gradient, curvature, _ = self._derivatives(eta, theta)
            step = cho_solve(_factor(curvature), gradient, check_finite=False)
            step *= min(1.0, farthest / max(float(np.abs(step).max()), 1e-300))
            decrement = float(gradient @ step)
            if decrement <= 1e-15 * (1.0 + abs(value)):
                # one more step squares the error; the profile's gradient leans on exact thresholds
                return theta - step if np.isfinite(self._value(eta, theta - step)) else theta
            for halving in range(_MAX_HALVINGS):
                length = 0.5**halving
                trial = theta - length * step
                new = self._value(eta, trial)
                if new <= value - 1e-4 * length * decrement:
                    break
            else:
                if decrement <= 1e-9 * (1.0 + abs(value)):  # rounding: no descent left to find
                    return theta
                break
            theta, value = trial, new
        msg = f"The thresholds between levels were not found in {_MAX_STEPS} Newton steps."
        raise ConvergenceError(msg)

    def _limits(self, eta: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a and b of each patient: +inf above the worst level, -inf below the best."""
        padded = np.concatenate([[-np.inf], theta, [np.inf]])
        return padded[self._level + 1] - eta, padded[self._level] - eta

    def _value(self, eta: FloatArray, theta: FloatArray) -> float:
        gaps = np.diff(theta)
        if (gaps <= 0).any():
            return float("inf")
        a, b = self._limits(eta, theta)
        middle = -float(self._counts[1:-1] @ np.log(-np.expm1(-gaps))) if len(gaps) else 0.0
        return float(np.sum(np.logaddexp(0.0, -a) + np.logaddexp(0.0, b))) + middle

    def _derivatives(self, eta: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return gradient (k-1,) and curvature (k-1, k-1) by the thresholds, and the mixed curvature (n, k-1)."""
        a, b = self._limits(eta, theta)
        upper, lower = expit(a) * expit(-a), expit(b) * expit(-b)
        k = len(self.present)
        mixed = np.zeros((len(eta), k + 1))
        rows = np.arange(len(eta))
        mixed[rows, self._level + 1] = -upper
        mixed[rows, self._level] -= lower
        slopes = np.zeros(k + 1)
        np.subtract.at(slopes, self._level + 1, expit(-a))
        np.add.at(slopes, self._level, expit(b))
        gradient, mixed = slopes[1:-1], mixed[:, 1:-1]
        curvature = np.diag(-mixed.sum(axis=0))
        gaps = np.diff(theta)
        if len(gaps):
            pull = self._counts[1:-1] * np.exp(-gaps) / -np.expm1(-gaps)
            gradient[:-1] += pull
            gradient[1:] -= pull
            bend = pull / -np.expm1(-gaps)
            i = np.arange(len(gaps))
            curvature[i, i] += bend
            curvature[i + 1, i + 1] += bend
            curvature[i, i + 1] -= bend
            curvature[i + 1, i] -= bend
        return gradient, curvature, mixed

    def value(self, eta: FloatArray) -> float:
        """Return the negative log-likelihood at the best thresholds."""
        return self._value(eta, self.thresholds(eta))

    def gradient(self, eta: FloatArray) -> FloatArray:
        """Return its derivative by each patient's linear predictor, shape (n,)."""
        a, b = self._limits(eta, self.thresholds(eta))
        return np.asarray(expit(-a) - expit(b))

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the information of the coefficients of `Z` with the thresholds estimated, shape (p, p)."""
        return np.asarray(Z.T @ self.curvature(eta, Z))

    def curvature(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the second derivative by the linear predictors, times `Z` (n, k), shape (n, k)."""
        theta = self.thresholds(eta)
        a, b = self._limits(eta, theta)
        direct = (expit(a) * expit(-a) + expit(b) * expit(-b))[:, None] * Z
        if not len(theta):
            return np.asarray(direct)
        _, curvature, mixed = self._derivatives(eta, theta)
        return np.asarray(direct - mixed @ cho_solve(_factor(curvature), mixed.T @ Z))


def _factor(curvature: FloatArray) -> tuple[FloatArray, bool]:
    """Return the Cholesky factor; a ridge only where there is none, as it makes steps crawl in a flat valley."""
    diagonal = (1.0 + np.trace(curvature)) * np.eye(len(curvature))
    for ridge in (
        0.0,
        1e-14,
        1e-10,
    ):  # far from the data a threshold has no curvature left that a float can hold
        try:
            factor: tuple[FloatArray, bool] = cho_factor(curvature + ridge * diagonal, check_finite=False)
        except LinAlgError:
            continue
        return factor
    msg = "The thresholds between levels have no curvature (predictors of absurd size)."
    raise ConvergenceError(msg)


def level_probabilities(eta: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Return the probability of each level, shape (n, k); rows sum to 1.

    Parameters
    ----------
    eta : array of float, shape (n,)
        Linear predictor, higher is worse; NaN gives NaN.
    thresholds : array of float, shape (k - 1,)
        Rising.
    """
    padded = np.concatenate([[-np.inf], thresholds, [np.inf]])
    a, b = padded[1:] - np.asarray(eta)[:, None], padded[:-1] - np.asarray(eta)[:, None]
    # sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - e^(b - a)): no cancellation in either tail
    return np.asarray(expit(a) * expit(-b) * -np.expm1(-np.diff(padded)))
