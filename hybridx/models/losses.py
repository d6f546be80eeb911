"""Losses as functions of the linear predictor: Cox's partial likelihood (see `hybridx.models.cox_loss`) and logistic.

Both share one interface, so the ridge fit, the choice of its penalty, elastic-net paths and the weights of late fusion
are written once.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hybridx.cohort import Outcome
from hybridx.models.cox_loss import CoxLoss, Ties
from hybridx.models.ordinal_loss import OrdinalLoss

__all__ = ["CoxLoss", "LogisticLoss", "Loss", "SquaredLoss", "make_loss"]

FloatArray = npt.NDArray[np.float64]


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


def make_loss(y: Outcome, *, ties: Ties = "efron") -> CoxLoss | LogisticLoss | OrdinalLoss | SquaredLoss:
    """Return the loss of an outcome whose values are all known; patients count from their `entry_days` on."""
    if y.kind == "survival":
        return CoxLoss(y.time_days, y.event, ties=ties, entry=y.entry_days)
    if y.kind == "response":
        return LogisticLoss(y.value)
    return OrdinalLoss(y.value) if y.kind == "ordinal" else SquaredLoss(y.value)
