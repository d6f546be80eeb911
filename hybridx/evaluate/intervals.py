"""Intervals by resampling patients: the same resamples for every model, so that differences are paired.

A resample draws n patients with replacement; each metric is computed from how often each was drawn. Predictions are
held fixed: the interval made here says how much the score of *these* predictions would move with other patients. For
fixed models that is all there is, and the nominal 95 % hold (`tests/evaluate/test_intervals.py`). For cross-validated
scores, another cohort would also have trained other models: `hybridx.evaluate.training_noise` widens for that, and
``benchmarks/interval_coverage.py`` measures the coverage of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from hybridx.errors import SettingsError

__all__ = ["Interval", "Resamples", "all_one_way", "perfect_ranking"]

FloatArray = npt.NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]

CELLS = 3_000_000  # weights per pass: bounds memory at about 25 MB per intermediate array
DEFINED = 0.95  # share of resamples in which a metric must exist for its interval to be honest


@dataclass(frozen=True)
class Interval:
    """A point estimate, its interval and how that was made; NaN ends where there is none, with the reason.

    `p_at` gives the two-sided p-value of a supposed true value: 1 minus the level at which it becomes an end.
    """

    value: float
    low: float
    high: float
    note: str
    p_at: Callable[[float], float] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Resamples:
    """Bootstrap resamples of n patients.

    Parameters
    ----------
    n : int
        Patients.
    count : int
        Number of resamples.
    seed : int
        Same seed, same resamples.
    level : float
        Nominal coverage of intervals.
    """

    n: int
    count: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if not 0.5 <= self.level < 1 or self.count < 100:
            msg = f"An interval needs level in [0.5, 1) and 100 resamples or more, got {self.level!r}, {self.count!r}."
            raise SettingsError(msg)

    @cached_property
    def counts(self) -> npt.NDArray[np.uint16]:
        """How often each patient was drawn in each resample, shape (count, n)."""
        rng = np.random.default_rng((self.seed, self.n, 0xB007))
        drawn = rng.multinomial(self.n, np.full(self.n, 1.0 / self.n), size=self.count)
        return drawn.astype(np.uint16)

    def interval(self, statistic: Statistic, keep: npt.NDArray[np.bool_] | None = None) -> Interval:
        """Return the value of a statistic and its bias-corrected accelerated (BCa) interval.

        Parameters
        ----------
        statistic : callable
            Weights (B, m) of the kept patients to values (B,); NaN where undefined.
        keep : array of bool, shape (n,), optional
            Patients that take part; the others' draws are dropped, so that models with different patients still
            share resamples.

        Source
        ------
        Efron B. Better bootstrap confidence intervals. JASA 1987. doi:10.1080/01621459.1987.10478410
        The end at level p is the (B + 1) p-th of B ordered resamples, beyond which another one falls with chance p:
        Davison AC, Hinkley DV. Bootstrap Methods and their Application. 1997, section 5.2. The usual (B - 1) p + 1 of
        400 resamples leaves out 5.5 % for 5 %.
        """
        drawn = self.counts if keep is None else self.counts[:, keep]
        m = drawn.shape[1]
        if m == 0:
            return Interval(np.nan, np.nan, np.nan, "nobody has a prediction")
        value = float(statistic(np.ones((1, m)))[0])
        if np.isnan(value):
            return Interval(value, np.nan, np.nan, "undefined on these patients")
        values = _in_chunks(statistic, lambda rows: drawn[rows].astype(np.float64), self.count, m)
        left_out = _in_chunks(statistic, lambda rows: _leave_one_out(rows, m), m, m)
        return _bca(value, values, left_out, self.level)


def perfect_ranking(found: Interval, n_events: int, level: float) -> Interval:
    """Give a perfect (or perfectly wrong) C or AUC the interval that resamples cannot: none of them can contradict it.

    With k events all ranked rightly, a chance p of ranking one rightly is not excluded as long as p**k > alpha/2: the
    interval of k successes in k trials (Clopper-Pearson). One event is one trial, however many pairs it makes.

    Source
    ------
    Clopper CJ, Pearson ES. Biometrika 1934. doi:10.1093/biomet/26.4.404
    """
    if found.low != found.high or found.value not in (0.0, 1.0) or n_events < 1:
        return found
    open_end = (0.5 - level / 2) ** (1.0 / n_events)
    low, high = (open_end, 1.0) if found.value == 1.0 else (0.0, 1.0 - open_end)
    note = (
        f"a {'perfect' if found.value else 'perfectly wrong'} ranking of {n_events} events: Clopper-Pearson"
    )
    return Interval(found.value, low, high, note)


def all_one_way(found: Interval, trials: float, level: float) -> Interval:
    """Give a share of 0 or 1 the interval that resamples cannot: Clopper-Pearson of `trials`, rounded down.

    Resamples of patients who were all classified rightly are classified rightly too, however few they are.
    """
    k = int(trials)
    if found.low != found.high or found.value not in (0.0, 1.0):
        return found
    if k < 1:
        return Interval(found.value, np.nan, np.nan, "no interval: all resamples agree")
    open_end = (0.5 - level / 2) ** (1.0 / k)
    low, high = (open_end, 1.0) if found.value == 1.0 else (0.0, 1.0 - open_end)
    return Interval(found.value, low, high, f"{k if found.value else 0} of {k}: Clopper-Pearson")


def _leave_one_out(rows: slice, m: int) -> FloatArray:
    out = np.arange(m)[rows]
    weights = np.ones((len(out), m))
    weights[np.arange(len(out)), out] = 0.0
    return weights


def _in_chunks(
    statistic: Statistic, weights: Callable[[slice], FloatArray], total: int, m: int
) -> FloatArray:
    size = max(1, CELLS // m)
    parts = [statistic(weights(slice(start, min(start + size, total)))) for start in range(0, total, size)]
    return np.concatenate(parts)


def _bca(value: float, values: FloatArray, left_out: FloatArray, level: float) -> Interval:
    defined = values[np.isfinite(values)]
    if len(defined) < DEFINED * len(values):
        missing = len(values) - len(defined)
        return Interval(
            value, np.nan, np.nan, f"no interval: undefined in {missing} of {len(values)} resamples"
        )
    tails = np.array([0.5 - level / 2, 0.5 + level / 2])
    below = (np.sum(defined < value) + 0.5 * np.sum(defined == value)) / len(defined)
    if np.ptp(defined) < 1e-12:
        return Interval(value, value, value, f"all {len(values)} resamples agree")
    jack = left_out[np.isfinite(left_out)]
    pull = jack.mean() - jack if len(jack) else np.zeros(1)
    spread = float(np.sum(pull**2)) ** 1.5
    bias, acceleration, name = 0.0, 0.0, "percentile"
    if 0 < below < 1 and spread > 0 and len(jack) == len(left_out):
        shifted = ndtri(below) + ndtri(tails)
        pulled = float(np.sum(pull**3)) / (6.0 * spread)
        if np.all(1.0 - pulled * shifted > 0.1):  # beyond, the correction folds back on itself
            bias, acceleration, name = float(ndtri(below)), pulled, "BCa"
            tails = ndtr(bias + shifted / (1.0 - pulled * shifted))
    low, high = np.quantile(defined, tails, method="weibull")
    note = f"{name}, {len(values)} resamples of patients"
    return Interval(value, float(low), float(high), note, _inverse(defined, bias, acceleration))


def _inverse(values: FloatArray, bias: float, acceleration: float) -> Callable[[float], float]:
    """Return the p-value of a supposed true value: the interval, solved for its level."""
    ordered = np.sort(values)
    least = 2.0 / (len(ordered) + 1)  # what so many resamples can show
    places = np.arange(1, len(ordered) + 1) / (len(ordered) + 1)

    def p_at(truth: float) -> float:
        if not ordered[0] < truth < ordered[-1]:
            return least
        share = np.interp(truth, ordered, places)
        away = float(ndtri(share)) - bias
        below = 1.0 + acceleration * away
        tail = float(ndtr(away / below - bias)) if below > 0 else 0.0
        return float(np.clip(2.0 * min(tail, 1.0 - tail), least, 1.0))

    return p_at
