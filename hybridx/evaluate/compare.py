"""Two models on the same patients in the same resamples: the difference, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.registry import Metric, Moment, describe
from hybridx.evaluate.training_noise import lifted, training_of, turned_over, widened
from hybridx.terms.estimate import Estimate

__all__ = ["Difference", "holm", "judged", "paired_difference"]


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """A paired difference, value of `a` minus value of `b`; an `Estimate` that knows its two sides.

    Parameters
    ----------
    a, b : str
        Models.
    metric : str
    best : str
        Which way the metric is better: ``high``, ``low``, ``one`` or ``zero``.
    value_a, value_b : float
        The metric of each on the `n` patients that both predict (not on all patients of either).
    p_value : float
        Two-sided, of no difference: below 1 - `level` exactly where the interval excludes 0. Not adjusted for the
        number of comparisons.
    """

    a: str = ""
    b: str = ""
    metric: str = ""
    best: str = "high"
    value_a: float = np.nan
    value_b: float = np.nan
    p_value: float = np.nan

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``not separated``: whether the interval of a - b excludes 0, and on which side.

        Of this one comparison; where several are made, `judged` counts them.
        """
        if np.isnan(self.low) or np.isnan(self.high) or self.low <= 0 <= self.high:
            return "not separated"
        if self.best in ("one", "zero"):  # nearer to perfection cannot be read off the sign
            return "not separated"
        return "better" if (self.value > 0) == (self.best == "high") else "worse"


def judged(d: Difference, adjusted: float) -> str:
    """Return the verdict on a difference as one of a family: that of its interval, if it survives the adjustment.

    Parameters
    ----------
    d : Difference
    adjusted : float
        Its p-value after counting all comparisons (`holm`).
    """
    return d.verdict if adjusted < 1.0 - d.level else "not separated"


def paired_difference(
    metric: Metric, panels: tuple[Panel, Panel], names: tuple[str, str], moment: Moment, resamples: Resamples
) -> Difference:
    """Return metric(a) - metric(b) on the patients that both predict, in the repeats in which both do."""
    first, second = panels
    both = (
        first.valid & second.valid
    )  # in a repeat in which one of them failed, the other does not count either
    mask = np.asarray(both.any(axis=0))
    a, b = (panel.where(both).rows(mask) for panel in panels)
    if metric.eats == "survival" and (a.survival is None or b.survival is None):
        reason = "one of the models gives risks, not probabilities of survival"
        return Difference(
            np.nan,
            np.nan,
            np.nan,
            resamples.level,
            a.n,
            a.n_events,
            reason,
            a=names[0],
            b=names[1],
            metric=metric.name,
            best=metric.best,
        )

    def difference(weights: FloatArray) -> FloatArray:
        return metric.values(a, weights, moment) - metric.values(b, weights, moment)

    found = resamples.interval(difference, mask)
    found = widened(found, training_of(metric, [a, b], moment), metric, difference=True)
    once = np.ones((1, a.n))
    values = [float(metric.values(panel, once, moment)[0]) if a.n else np.nan for panel in (a, b)]
    if min(values) < metric.useless:  # a model that only turns over makes the other look better than it is
        up, down = (
            turned_over(value, training_of(metric, [panel], moment), metric)
            for value, panel in zip(values, (a, b), strict=True)
        )
        found = lifted(found, up=up, down=down)
    method = f"paired difference on {a.n} patients; {describe(found, a)}"
    return Difference(
        found.value,
        found.low,
        found.high,
        resamples.level,
        a.n,
        a.n_events,
        method,
        a=names[0],
        b=names[1],
        metric=metric.name,
        best=metric.best,
        value_a=values[0],
        value_b=values[1],
        p_value=np.nan if found.p_at is None else found.p_at(0.0),
    )


def holm(p_values: Sequence[float]) -> FloatArray:
    """Return p-values adjusted so that the chance of any false finding in the family stays below the level.

    Parameters
    ----------
    p_values : sequence of float
        The family; NaN (a comparison that could not be made) counts for nothing and stays NaN.

    Source
    ------
    Holm S. Scand J Stat 1979;6:65-70. Checked against R 4.2 `p.adjust` to 1e-15.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)  # NaN last
    tests = int(np.isfinite(p).sum())
    raised = p[order[:tests]] * np.arange(tests, 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order[:tests]] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted
