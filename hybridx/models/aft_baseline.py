r"""Accelerated failure time: a log-time with a known distribution, from a risk to a survival curve.

.. math:: z = (\log t - m) / s + c\,\eta, \qquad S(t \mid \eta) = S_\epsilon(z)

with the error distribution minimum extreme value (Weibull times), logistic or normal. In 1/s, m/s and c the
log-likelihood is concave (all three densities are log-concave), so the fit has one answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_ndtr

from hybridx.errors import ConvergenceError
from hybridx.models.baseline import check_times

__all__ = ["DISTRIBUTIONS", "AFTBaseline", "Distribution", "aft_loss", "log_density", "log_survival"]

FloatArray = npt.NDArray[np.float64]
Distribution = Literal["weibull", "loglogistic", "lognormal"]
DISTRIBUTIONS: tuple[Distribution, ...] = get_args(Distribution)

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_FAR = 700.0  # e^700 is the largest exponent a double holds
_MAX_SLOPE = 1.5  # risks much closer together on held-out patients than the data ask for are chance
_MAX_LOG_RATE = 6.0  # a scale 400 times off the spread of the log-times: no distribution fits


def log_survival(distribution: Distribution, z: FloatArray) -> FloatArray:
    """Return log S of the standard error distribution."""
    if distribution == "weibull":
        return -np.exp(np.minimum(z, _FAR))
    return np.asarray(-np.logaddexp(0.0, z) if distribution == "loglogistic" else log_ndtr(-z))


def log_density(distribution: Distribution, z: FloatArray) -> FloatArray:
    """Return log f of the standard error distribution."""
    if distribution == "weibull":
        return z - np.exp(np.minimum(z, _FAR))
    if distribution == "loglogistic":
        return np.asarray(z - 2.0 * np.logaddexp(0.0, z))
    return -0.5 * z**2 - _HALF_LOG_2PI


def _slopes(distribution: Distribution, z: FloatArray, event: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the derivative of each patient's log-likelihood by z."""
    if distribution == "weibull":
        return np.where(event, 1.0, 0.0) - np.exp(np.minimum(z, _FAR))
    if distribution == "loglogistic":
        return np.where(event, 1.0, 0.0) - np.where(event, 2.0, 1.0) * expit(z)
    return np.where(event, -z, -np.exp(np.minimum(-0.5 * z**2 - _HALF_LOG_2PI - log_ndtr(-z), _FAR)))


def aft_loss(distribution: Distribution, z: FloatArray, scale: float, event: npt.NDArray[np.bool_]) -> float:
    """Return the negative log-likelihood of log-times standardised to `z`, up to a constant of the data alone."""
    return -float(
        np.sum(np.where(event, log_density(distribution, z) - np.log(scale), log_survival(distribution, z)))
    )


@dataclass(frozen=True)
class AFTBaseline:
    """A parametric baseline: distribution of the log-time of a patient with risk 0.

    Attributes
    ----------
    distribution : {"weibull", "loglogistic", "lognormal"}
        Of the event times.
    location, scale : float
        Of the log of the time in days.
    slope : float
        Factor on the risk.
    last_day : float
        End of the longest follow-up in training. Later than that the curve stays flat: nobody was seen there.
    """

    distribution: Distribution
    location: float
    scale: float
    slope: float
    last_day: float

    @classmethod
    def fit(
        cls,
        distribution: Distribution,
        time_days: FloatArray,
        event: npt.NDArray[np.bool_],
        eta: FloatArray | None = None,
    ) -> Self:
        """Estimate by maximum likelihood; `eta` (n,) is a risk in units of `scale`, None for no risk at all.

        Raises
        ------
        ConvergenceError
            No maximum was found.
        """
        log_time, risk = np.log(time_days), np.zeros(len(time_days))
        wide = 0.0 if eta is None else float(np.std(eta))
        if eta is not None and wide > 0:
            risk = (eta - eta.mean()) / wide  # however far apart the risks are, the search starts well
        centre, spread = float(log_time.mean()), max(float(log_time.std()), 1e-3)
        u = (log_time - centre) / spread
        size = float(event.sum())

        def objective(theta: FloatArray) -> tuple[float, FloatArray]:
            rate = np.exp(theta[0])
            z = rate * u - theta[1] + theta[2] * risk
            value = aft_loss(distribution, z, 1.0 / rate, event)
            by_z = -_slopes(distribution, z, event)
            gradient = np.array([rate * (by_z @ u) - size, -by_z.sum(), by_z @ risk])
            return value / size, gradient / size

        bounds = [(-_MAX_LOG_RATE, _MAX_LOG_RATE), (None, None), (0.0, _MAX_SLOPE * wide)]
        start = np.array([0.0, 0.0, min(0.5, _MAX_SLOPE * wide)])
        found = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": 1e-14, "gtol": 1e-8},
        )
        sound = np.isfinite(found.fun) and abs(found.x[0]) < _MAX_LOG_RATE
        inside = np.array([True, True, 0.0 < found.x[2] < _MAX_SLOPE * wide])
        if not sound or np.abs(found.jac[inside]).max() > 1e-3:
            msg = (
                f"The {distribution} distribution could not be fitted to {len(time_days)} times of {time_days.min():g} "
                f"to {time_days.max():g} days with {int(size)} events."
            )
            raise ConvergenceError(msg)
        rate = float(np.exp(found.x[0])) / spread
        slope = float(found.x[2]) / wide if wide > 0 else 0.0
        shift = float(found.x[1]) + (0.0 if eta is None else slope * float(eta.mean()))
        return cls(distribution, centre + shift / rate, 1.0 / rate, slope, float(time_days.max()))

    def standardised(self, time_days: FloatArray) -> FloatArray:
        """Return (log t - location) / scale; minus infinity at day 0."""
        with np.errstate(divide="ignore"):
            return (np.log(time_days) - self.location) / self.scale

    def survival(self, eta: FloatArray, times: npt.ArrayLike) -> FloatArray:
        """Return S(t) for each patient and time, shape (n, n_times); NaN where `eta` is NaN.

        Parameters
        ----------
        eta : array of float, shape (n,)
            Risks on the scale of `fit`, higher is worse.
        times : array-like of float, shape (n_times,)
            Days since origin, >= 0, in any order.
        """
        days = np.minimum(check_times(times), self.last_day)
        z = self.standardised(days)[None, :] + self.slope * np.asarray(eta)[:, None]
        return np.exp(log_survival(self.distribution, z))
