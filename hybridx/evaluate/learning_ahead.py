r"""Where a learning curve is heading: an inverse power law, fitted to scores at growing training sizes.

.. math:: s(n) = a - b\, n^{-c}, \qquad b \ge 0, \quad 0.25 \le c \le 1.5

(for scores best when low the signs turn), fitted once for each resample of patients: its spread is the uncertainty of
the continuation, of which the form itself is the part that no resample shows.

Source
------
Figueroa RL et al. Predicting sample size required for classification performance. BMC Med Inform Decis Mak 2012.
doi:10.1186/1472-6947-12-8
"""

from __future__ import annotations

import numpy as np
import polars as pl

from hybridx.evaluate.metric import Metric
from hybridx.evaluate.panel import FloatArray

__all__ = ["continued", "power_law", "verdict_of"]

POWERS = np.linspace(0.25, 1.5, 26)
AHEAD = (1.25, 1.5, 2.0, 3.0)  # times the largest training part


def continued(
    metric: Metric, size: FloatArray, found: FloatArray, draws: FloatArray, level: float
) -> pl.DataFrame:
    """Fit the power law to the scores and to each resample of them.

    Parameters
    ----------
    metric : Metric
    size : array, shape (k,)
        Mean number of patients trained on.
    found : array, shape (k,)
        Score at each size.
    draws : array, shape (k, B)
        The same in each resample of patients.
    level : float
        Of the intervals.

    Returns
    -------
    polars.DataFrame
        See `LearningCurve.extrapolated`; empty with fewer than three sizes.
    """
    names = ("n_train", "value", "low", "high", "gain", "gain_low", "gain_high")
    schema = dict.fromkeys(names, pl.Float64)
    use = np.isfinite(found) & (np.isfinite(draws).mean(axis=1) > 0.95)
    if use.sum() < 3:
        return pl.DataFrame(schema=schema)
    drawn = draws[use][:, np.isfinite(draws[use]).all(axis=0)]
    ahead = np.unique(np.concatenate([np.linspace(size.min(), size.max(), 12), size.max() * np.array(AHEAD)]))
    sign = 1.0 if metric.best == "high" else -1.0
    weight = 1.0 / np.maximum(drawn.var(axis=1), 1e-12)
    targets = sign * np.column_stack([found[use], drawn])
    curves = sign * power_law(size[use], targets, weight, ahead)  # (1 + B, points)
    gains = curves - curves[:, [int(np.abs(ahead - size.max()).argmin())]]
    tails = [0.5 - level / 2, 0.5 + level / 2]
    columns = (
        ahead, curves[0], *np.quantile(curves[1:], tails, axis=0), gains[0], *np.quantile(gains[1:], tails, axis=0)
    )  # fmt: skip
    return pl.DataFrame(dict(zip(names, columns, strict=True)), schema=schema)


def power_law(size: FloatArray, scores: FloatArray, weight: FloatArray, at: FloatArray) -> FloatArray:
    """Return a - b n^-c fitted to each column of scores (k, m) by weighted least squares, at new sizes: (m, points)."""
    scale = float(size.max())
    best = np.full(scores.shape[1], np.inf)
    fitted = np.zeros((scores.shape[1], len(at)))
    w = weight / weight.sum()
    for power in POWERS:
        x = -((size / scale) ** -power)
        x0, s0 = w @ x, w @ scores
        slope = np.maximum(((w * (x - x0)) @ (scores - s0)) / (w @ (x - x0) ** 2), 0.0)
        left = scores - s0 - np.outer(x - x0, slope)
        loss = w @ left**2
        better = loss < best - 1e-15
        best[better] = loss[better]
        fitted[better] = (s0 + np.outer(-((at / scale) ** -power) - x0, slope)).T[better]
    return fitted


def verdict_of(metric: Metric, size: FloatArray, found: FloatArray, ahead: pl.DataFrame) -> str:
    """Say in one sentence whether more patients would help."""
    if not ahead.height:
        return "No continuation: it needs scores at three training sizes or more."
    now, twice = size.max(), 2.0 * size.max()
    row = ahead.filter(pl.col("n_train").is_close(twice)).row(0, named=True)
    return (
        f"Trained on {now:.0f} patients {metric.title} is {found[-1]:.3f}; the power law gives {row['value']:.3f} "
        f"({row['low']:.3f} to {row['high']:.3f}) at {twice:.0f}, a change of {row['gain']:+.3f} "
        f"({row['gain_low']:+.3f} to {row['gain_high']:+.3f})."
    )
