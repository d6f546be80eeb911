r"""How many patients a regression model needs: the criteria of Riley and colleagues, and what a C-index says of R².

Three demands, and the largest n decides: (1) expected shrinkage of 0.9 or more, that is little overfitting;
(2) apparent and adjusted Nagelkerke R² within 0.05; (3) the overall risk known to within 0.05. With p candidate
parameters, adjusted Cox-Snell R² and shrinkage S,

.. math:: n = \frac{p}{(S - 1) \ln(1 - R^2_{CS} / S)}

They speak of unpenalised regression. A penalised model can do with less, but nobody can say beforehand with how much
less; `hybridx.evaluate.learning_curve` looks.

Source
------
Riley RD et al. Minimum sample size for developing a multivariable prediction model: PART II, binary and time-to-event
outcomes. Stat Med 2019. doi:10.1002/sim.7992. From C to R²: Riley RD, Van Calster B, Collins GS. Stat Med 2021.
doi:10.1002/sim.8806 (binary); Jinks RC, Royston P, Parmar MKB. BMC Med Res Methodol 2015.
doi:10.1186/s12874-015-0078-y (survival). Checked against pmsampsize 0.1.0 (Python, after the R package): the same n;
R² from C to 0.002, which is the noise of its simulation (`tests/reference/sample_size.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri

__all__ = [
    "Needed",
    "c_of_r2_response",
    "c_of_r2_survival",
    "most_features",
    "needed_response",
    "needed_survival",
    "r2_max_response",
    "r2_max_survival",
    "r2_of_c_response",
    "r2_of_c_survival",
    "spread_of_c",
]

SHRINKAGE = 0.9
OPTIMISM = 0.05  # of Nagelkerke R²
MARGIN = 0.05  # of the overall risk
KAPPA2, SIGMA2 = 8.0 / math.pi, math.pi**2 / 6.0


@dataclass(frozen=True)
class Needed:
    """Patients that each criterion asks for, rounded up."""

    shrinkage: int
    optimism: int
    overall_risk: int

    @property
    def n(self) -> int:
        """What all three ask for."""
        return max(self.shrinkage, self.optimism, self.overall_risk)


def _n_for(parameters: int, r2: float, shrinkage: float) -> int:
    return math.ceil(parameters / ((shrinkage - 1.0) * math.log1p(-r2 / shrinkage)))


def _first_two(parameters: int, r2: float, r2_max: float) -> tuple[int, int]:
    other = r2 / (r2 + OPTIMISM * r2_max)
    return _n_for(parameters, r2, SHRINKAGE), _n_for(parameters, r2, other)


def needed_survival(
    parameters: int, r2: float, share_events: float, *, rate: float, horizon: float, follow_up: float
) -> Needed:
    """Return how many patients a survival model needs.

    Parameters
    ----------
    parameters : int
        Candidate parameters, before any selection.
    r2 : float
        Anticipated adjusted Cox-Snell R².
    share_events : float
        Share of patients with an event.
    rate, horizon, follow_up : float
        Events per unit of time, time of interest, mean follow-up, in one unit.
    """
    first, second = _first_two(parameters, r2, r2_max_survival(share_events))
    risk = -math.expm1(-rate * horizon)
    third = 1
    if risk + MARGIN < 1:
        upper = -math.log1p(-(risk + MARGIN)) / horizon
        third = math.ceil(1.96**2 * rate / (follow_up * (upper - rate) ** 2))
    return Needed(first, second, third)


def needed_response(parameters: int, r2: float, prevalence: float) -> Needed:
    """Return how many patients a model of a binary outcome needs."""
    first, second = _first_two(parameters, r2, r2_max_response(prevalence))
    third = math.ceil((1.96 / MARGIN) ** 2 * prevalence * (1.0 - prevalence))
    return Needed(first, second, third)


def most_features(n: int, r2: float) -> int:
    """Return how many candidate parameters n patients carry with an expected shrinkage of 0.9."""
    return math.floor(n * (SHRINKAGE - 1.0) * math.log1p(-r2 / SHRINKAGE))


def r2_max_survival(share_events: float) -> float:
    """Return the largest Cox-Snell R² that a survival model can have at this share of events."""
    return -math.expm1(2.0 * share_events * (math.log(share_events) - 1.0))


def r2_max_response(prevalence: float) -> float:
    """Return the largest Cox-Snell R² that a model of a binary outcome can have."""
    q = 1.0 - prevalence
    return -math.expm1(2.0 * (prevalence * math.log(prevalence) + q * math.log(q)))


def r2_of_c_survival(c: float, share_events: float) -> float:
    """Return the Cox-Snell R² that goes with a C-index: C to Royston's D, to the spread of log-hazards, to R²."""
    off = c - 0.5
    d = 5.50 * off + 10.26 * off**3
    spread2 = d**2 / KAPPA2
    # R² of O'Quigley, Xu and Stare is per event, Cox-Snell per patient
    return -math.expm1(-share_events * math.log1p(spread2))


def c_of_r2_survival(r2: float, share_events: float) -> float:
    """Return the C-index that goes with a Cox-Snell R²."""
    return float(brentq(lambda c: r2_of_c_survival(c, share_events) - r2, 0.5, 0.9999))


def spread_of_c(c: float) -> float:
    """Return the standard deviation of log-hazards that goes with a C-index."""
    off = c - 0.5
    return (5.50 * off + 10.26 * off**3) / math.sqrt(KAPPA2)


def r2_of_c_response(c: float, prevalence: float) -> float:
    """Return the Cox-Snell R² of a calibrated model with this AUC whose predictor is normal among both outcomes.

    Riley and colleagues simulate it; the integral is taken here, so that the same C gives the same n.
    """
    shift = math.sqrt(2.0) * float(ndtri(c))  # between the means, in standard deviations
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    intercept = float(logit(prevalence)) - 0.5 * shift**2
    gain = 0.0
    for share, mean, sign in ((prevalence, shift, 1.0), (1.0 - prevalence, 0.0, -1.0)):
        log_p = np.log(expit(sign * (intercept + shift * (nodes + mean))))
        gain += share * float(weights @ (log_p - math.log(share)))
    return -math.expm1(-2.0 * gain)


def c_of_r2_response(r2: float, prevalence: float) -> float:
    """Return the AUC that goes with a Cox-Snell R²."""
    return float(brentq(lambda c: r2_of_c_response(c, prevalence) - r2, 0.5, 0.9999))
