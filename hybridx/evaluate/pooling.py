r"""Random-effects pooling of one score over centres: its mean, how much centres differ, and what a new one may show.

.. math:: y_i \sim N(\mu, s_i^2 + \tau^2)

tau by restricted maximum likelihood; the interval of mu by Hartung, Knapp, Sidik and Jonkman, never narrower than the
plain one; the prediction interval for a new centre is mu -/+ t_{k-2} sqrt(tau^2 + se^2).

Coverage of nominal 95 % in 1,500 runs each, standard errors 0.1 to 0.3, tau 0.3: of the mean 0.97, 0.95, 0.95 with 4,
8, 15 centres, of a new centre 0.94, 0.91, 0.93; without spread (8 centres) 0.99 and 0.99. That prediction intervals are
somewhat narrow with few centres is known (Partlett C, Riley RD. Stat Med 2017. doi:10.1002/sim.7140).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.stats import t as student

__all__ = ["Pooled", "pool"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """A pooled value with its interval, the interval for a new centre, and the spread of centres.

    Parameters
    ----------
    value, low, high : float
        Mean over centres and its interval.
    new_low, new_high : float
        Where the true value of a new centre is expected; NaN with fewer than three centres.
    tau : float
        Standard deviation of true values between centres.
    centres : int
    """

    value: float
    low: float
    high: float
    new_low: float
    new_high: float
    tau: float
    centres: int


def pool(values: npt.ArrayLike, errors: npt.ArrayLike, level: float = 0.95) -> Pooled:
    """Pool estimates of k >= 2 centres.

    Parameters
    ----------
    values, errors : arrays, shape (k,)
        Estimates and their standard errors, on a scale on which they are about normal (logit of a C, log of O:E).
    level : float
        Of the intervals.

    Source
    ------
    Debray TPA et al. Stat Methods Med Res 2019. doi:10.1177/0962280218785504. Checked on the BCG vaccine trials against
    metafor 3.8.1 in R (REML, Knapp-Hartung) to 1e-4.

    Examples
    --------
    >>> found = pool([0.2, 0.5, 0.8], [0.1, 0.1, 0.1])
    >>> round(found.value, 3), round(found.tau, 3)
    (0.5, 0.283)
    """
    y, v = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64) ** 2
    k = len(y)

    def mean(tau2: float) -> tuple[float, FloatArray]:
        w = 1.0 / (v + tau2)
        return float(np.sum(w * y) / np.sum(w)), w

    def minus_likelihood(tau2: float) -> float:
        mu, w = mean(tau2)
        return float(np.sum(w * (y - mu) ** 2) - np.sum(np.log(w)) + np.log(np.sum(w)))

    top = float(10 * (np.var(y, ddof=1) + v.max()))
    found = minimize_scalar(
        minus_likelihood, bounds=(0.0, top), method="bounded", options={"xatol": top * 1e-10}
    )
    tau2 = float(found.x) if found.fun < minus_likelihood(0.0) - 1e-12 else 0.0
    mu, w = mean(tau2)
    spread = float(np.sum(w * (y - mu) ** 2) / (k - 1))
    error = float(np.sqrt(max(spread, 1.0) / np.sum(w)))
    half = float(student.ppf(0.5 + level / 2, k - 1)) * error
    new = np.nan
    if k >= 3:
        new = float(student.ppf(0.5 + level / 2, k - 2)) * float(np.sqrt(tau2 + error**2))
    return Pooled(mu, mu - half, mu + half, mu - new, mu + new, float(np.sqrt(tau2)), k)
