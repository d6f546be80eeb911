"""Many differences at once: intervals that hold for all of them together, from resamples that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridx.evaluate.intervals import Statistic
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.training_noise import Training

__all__ = ["Together", "stretched", "together"]


@dataclass(frozen=True, eq=False)
class Together:
    """Intervals and p-values of k differences as one family; NaN where a difference does not vary or is undefined.

    `low`, `high` cover all k true differences at once with the stated probability; `p` is the chance, were there no
    difference anywhere, that any of the k came out as far from 0 as this one (in its standard errors).
    """

    low: FloatArray
    high: FloatArray
    p: FloatArray


def together(values: FloatArray, draws: FloatArray, level: float) -> Together:
    """Return simultaneous intervals of k differences by the largest studentised deviation over shared resamples.

    Parameters
    ----------
    values : array, shape (k,)
        Differences found.
    draws : array, shape (B, k)
        The same in each resample of patients; NaN where undefined.
    level : float

    Source
    ------
    Hothorn T, Bretz F, Westfall P. Biometrical Journal 2008. doi:10.1002/bimj.200810425 (there with normal quantiles;
    the bootstrap distribution takes their place here).
    """
    k = len(values)
    low, high, p = (np.full(k, np.nan) for _ in range(3))
    use = np.isfinite(values) & (np.isfinite(draws).mean(axis=0) >= 0.95) if len(draws) else np.zeros(k, bool)
    spread = np.full(k, np.nan)
    spread[use] = np.nanstd(draws[:, use], axis=0)
    use &= spread > 1e-12
    if not use.any():
        return Together(low, high, p)
    deviation = np.abs(draws[:, use] - values[use]) / spread[use]
    largest = np.nanmax(np.where(np.isnan(deviation), 0.0, deviation), axis=1)
    reach = float(np.quantile(largest, level)) * spread[use]
    low[use], high[use] = values[use] - reach, values[use] + reach
    seen = np.abs(values[use]) / spread[use]
    p[use] = (1 + (largest[:, None] >= seen).sum(axis=0)) / (len(largest) + 1)
    return Together(low, high, p)


def stretched(statistic: Statistic, weights: FloatArray, training: Training | None) -> FloatArray:
    """Return a statistic in each resample, spread about its value for what another training cohort would change.

    Parameters
    ----------
    statistic : callable
        Weights (B, n) to values (B,) or (B, k).
    weights : array, shape (B, n)
    training : Training or None
        None: the predictions come from fixed models.
    """
    drawn = statistic(weights)
    if training is None:
        return drawn
    value = statistic(np.ones((1, weights.shape[1])))
    return np.asarray(value + np.sqrt(training.factor) * (drawn - value))
