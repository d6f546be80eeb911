r"""Time in intervals: what a patient contributes to each, and survival curves and a risk from interval hazards.

The hazard is constant within an interval, so a curve falls exponentially from one cut to the next:

.. math:: -\log S_i(t) = H_i(t) = \sum_j e_j(t)\, \log(1 + e^{f_{ij}})

with :math:`e_j(t)` the share of interval j that lies before t. Who came under observation late (entry u) contributes
:math:`e_j(t) - e_j(u)`: nothing before, and the rest of the interval of the entry. An event in that very interval, of
which the share s lay before the entry, counts for 1 - s/2 of it, so that its likelihood, 1 - S(end) / S(u), is right to
the second order of the hazard.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

__all__ = [
    "IntervalLoss",
    "cumulative_hazard",
    "event_cuts",
    "exposure",
    "mean_log_hazard",
    "person_intervals",
]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_EVENTS_PER_INTERVAL = 8  # fewer, and an interval's hazard is mostly chance


def event_cuts(time_days: FloatArray, event: BoolArray, n_intervals: int) -> FloatArray:
    """Return interval ends in days, rising, the last one at the end of follow-up; about as many events in each.

    Parameters
    ----------
    n_intervals : int
        At most this many; each is to hold about eight events or more.
    """
    wanted = int(np.clip(event.sum() // _EVENTS_PER_INTERVAL, 1, n_intervals))
    inner = np.quantile(time_days[event], np.linspace(0, 1, wanted + 1)[1:-1])
    last = float(time_days.max())
    return np.append(np.unique(inner[inner < last]), last)


def exposure(cuts: FloatArray, days: FloatArray) -> FloatArray:
    """Return the share of each interval that lies before each day, shape (n, J); 1 beyond the last cut."""
    start = np.append(0.0, cuts[:-1])
    return np.clip((np.asarray(days)[:, None] - start) / (cuts - start), 0.0, 1.0)


def person_intervals(
    cuts: FloatArray, time_days: FloatArray, event: BoolArray, entry_days: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return d and e of `hybridx.fusion.network_losses`, each (n, J); an entry of NaN is from the start."""
    which = np.minimum(np.searchsorted(cuts, time_days, side="left"), len(cuts) - 1)
    happened = np.zeros((len(time_days), len(cuts)))
    happened[np.flatnonzero(event), which[event]] = 1.0
    exposed = np.maximum(exposure(cuts, time_days), happened)
    if entry_days is None:
        return happened, exposed
    before = exposure(cuts, np.nan_to_num(entry_days))
    return happened, exposed - np.where(happened > 0, before / 2, before)


def cumulative_hazard(logits: FloatArray, cuts: FloatArray, days: FloatArray) -> FloatArray:
    """Return H(t) of hazards on the log-odds scale (n, J), shape (n, n_times)."""
    return np.asarray(np.logaddexp(0.0, logits) @ exposure(cuts, days).T)


def mean_log_hazard(logits: FloatArray, cuts: FloatArray, horizon: float) -> FloatArray:
    r"""Return the risk, shape (n,): the log of the cumulative hazard averaged over the days up to `horizon`.

    .. math:: r_i = \log \frac{1}{\tau} \int_0^\tau H_i(t)\, dt

    With proportional hazards this is the log-hazard up to a constant; otherwise an early hazard counts for longer.
    """
    start, total = 0.0, np.zeros(len(logits))
    level = np.zeros(len(logits))
    for cut, step in zip(cuts, np.logaddexp(0.0, logits).T, strict=True):
        length = min(float(cut), horizon) - start
        if length <= 0:
            break
        share = length / (float(cut) - start)
        total += length * (level + 0.5 * share * step)
        level = level + step
        start = float(cut)
    return np.asarray(np.log(np.maximum(total / horizon, 1e-300)))


class IntervalLoss:
    """Negative log-likelihood of flattened interval log-odds, shape (n * J,), one free intercept per interval."""

    def __init__(self, happened: FloatArray, exposed: FloatArray) -> None:
        self._d, self._e = happened.ravel(), exposed.ravel()
        self.intercepts = np.tile(np.eye(happened.shape[1]), (len(happened), 1))

    def value(self, eta: FloatArray) -> float:
        """Return the negative log-likelihood."""
        return float(np.sum(self._e * np.logaddexp(0.0, eta) - self._d * eta))

    def gradient(self, eta: FloatArray) -> FloatArray:
        """Return its derivative, shape (n * J,)."""
        return np.asarray(self._e * expit(eta) - self._d)

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return its second derivative by the coefficients of `Z` (n * J, k), shape (k, k)."""
        p = expit(eta)
        return np.asarray(Z.T @ ((self._e * p * (1.0 - p))[:, None] * Z))
