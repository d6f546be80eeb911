r"""The arithmetic of ComBat: regress, standardise, estimate each batch's shift and scale, shrink them.

.. math:: x_{ij} = \alpha_j + c_i \beta_j + \sigma_j (\gamma_{bj} + \delta_{bj}^{1/2} \varepsilon_{ij})

for patient i of batch b, column j, covariates c. Missing values leave their patient out of that column only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from hybridx.errors import ConvergenceError

__all__ = ["Pooled", "Shrinkage", "pooled_fit", "shift_and_scale"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
_MAX_ROUNDS = 10_000
_CHUNK = 256


@dataclass(frozen=True)
class Shrinkage:
    """How a batch's shift and scale are estimated.

    Parameters
    ----------
    method : {"parametric", "nonparametric", "none"}
        Empirical Bayes with normal and inverse-gamma priors; with the other columns as the prior; without.
    scale : bool
        Whether the scale is adjusted, too.
    least : int
        Values below which a column of a batch is left as it is.
    tolerance : float
        Largest relative change at which the parametric iteration ends.
    """

    method: str
    scale: bool
    least: int
    tolerance: float


@dataclass(frozen=True)
class Pooled:
    """What all batches share: mean (p,), slopes of the covariates (c, p) and SD (p,); NaN SD: column left as it is."""

    mean: FloatArray
    slope: FloatArray
    sd: FloatArray

    def standardised(self, values: FloatArray, design: FloatArray) -> FloatArray:
        """Return z-values (n, p) around what the covariates predict."""
        return np.asarray((values - self.mean - design @ self.slope) / self.sd)

    def restored(self, z: FloatArray, design: FloatArray) -> FloatArray:
        """Return values (n, p) in their own units."""
        return np.asarray(z * self.sd + self.mean + design @ self.slope)


def pooled_fit(
    values: FloatArray, batch: IntArray, n_batches: int, design: FloatArray, reference: int | None
) -> Pooled:
    """Regress each column on batches and covariates.

    Parameters
    ----------
    values : array of float, shape (n, p)
        NaN where missing.
    batch : array of int, shape (n,)
        0 to n_batches - 1.
    design : array of float, shape (n, c)
        Covariates, numbers and 0/1 columns.
    reference : int or None
        Batch whose mean and SD stand for all; None pools over patients.
    """
    p = values.shape[1]
    mean, slope, sd = np.full(p, np.nan), np.zeros((design.shape[1], p)), np.full(p, np.nan)
    member = np.eye(n_batches)[batch]
    there = ~np.isnan(values)
    # columns with the same patients missing are solved together: in radiomics nearly all of them
    patterns, which = np.unique(np.packbits(there.T, axis=1), axis=0, return_inverse=True)
    for k in range(len(patterns)):
        columns = np.flatnonzero(which == k)
        rows = np.flatnonzero(there[:, columns[0]])
        present = member[rows].any(axis=0)
        base = np.column_stack([member[rows][:, present], design[rows]])
        if reference is not None and not present[reference]:
            continue
        if len(rows) < base.shape[1] + 2 or np.linalg.matrix_rank(base) < base.shape[1]:
            continue
        y = values[np.ix_(rows, columns)]
        coef = np.linalg.lstsq(base, y, rcond=None)[0]
        batches, slopes = coef[: present.sum()], coef[present.sum() :]
        left = y - base @ coef
        if reference is None:
            weight = member[rows][:, present].mean(axis=0)
            mean[columns] = weight @ batches
            spread = (left**2).mean(axis=0)
        else:
            own = batch[rows] == reference
            mean[columns] = batches[int(present[:reference].sum())]
            spread = (left[own] ** 2).mean(axis=0)
        slope[:, columns] = slopes
        size = np.abs(y).max(axis=0)
        sd[columns] = np.where(np.sqrt(spread) > 1e-10 * np.maximum(size, 1e-290), np.sqrt(spread), np.nan)
    return Pooled(np.where(np.isnan(sd), 0.0, mean), np.where(np.isnan(sd), 0.0, slope), sd)


def shift_and_scale(z: FloatArray, how: Shrinkage) -> tuple[FloatArray, FloatArray]:
    """Return shift gamma (p,) and variance ratio delta (p,) of one batch; 0 and 1 where the column is left as it is.

    Parameters
    ----------
    z : array of float, shape (m, p)
        Standardised values of the batch's patients, NaN where missing.
    how : Shrinkage
        Empirical Bayes borrows strength from the batch's other columns; with fewer than three of them there is nothing
        to borrow, and the plain estimates stand.
    """
    gamma, delta = np.zeros(z.shape[1]), np.ones(z.shape[1])
    n = (~np.isnan(z)).sum(axis=0)
    columns = np.flatnonzero(n >= how.least)
    if not len(columns):
        return gamma, delta
    z, n = z[:, columns], n[columns].astype(np.float64)
    there = ~np.isnan(z)
    g_hat = np.where(there, z, 0.0).sum(axis=0) / n
    around = (np.where(there, z - g_hat, 0.0) ** 2).sum(axis=0)
    d_hat = around / np.maximum(n - 1, 1) if how.scale else np.ones(len(n))
    d_hat = np.where(d_hat > 0, d_hat, 1.0)
    if how.method == "none" or len(columns) < 3:
        gamma[columns], delta[columns] = g_hat, d_hat
    elif how.method == "nonparametric":
        gamma[columns], delta[columns] = _integrated(g_hat, d_hat, n, around)
    elif how.scale:
        gamma[columns], delta[columns] = _iterated(g_hat, d_hat, n, around, how.tolerance)
    else:
        spread = g_hat.var(ddof=1)
        gamma[columns] = (spread * n * g_hat + g_hat.mean()) / (spread * n + 1.0)
    return gamma, delta


def _iterated(
    g_hat: FloatArray, d_hat: FloatArray, n: FloatArray, around: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """Return the posterior modes under normal and inverse-gamma priors estimated from the columns."""
    g_bar, t2 = g_hat.mean(), g_hat.var(ddof=1)
    m, s2 = d_hat.mean(), d_hat.var(ddof=1)
    flat = s2 <= 1e-14 * m**2  # all scales equal: the prior is a point
    a, b = (0.0, 0.0) if flat else ((2 * s2 + m**2) / s2, (m * s2 + m**3) / s2)
    g_old, d_old = g_hat, d_hat
    for _ in range(_MAX_ROUNDS):
        g_new = (t2 * n * g_hat + d_old * g_bar) / (t2 * n + d_old)
        squares = around + n * (g_hat - g_new) ** 2
        d_new = np.full_like(d_hat, m) if flat else (0.5 * squares + b) / (n / 2 + a - 1)
        change = max(_relative(g_new, g_old), _relative(d_new, d_old))
        if change <= tolerance:
            return g_new, d_new
        g_old, d_old = g_new, d_new
    msg = f"ComBat's shifts and scales did not settle in {_MAX_ROUNDS} rounds (relative change {change:.2g})."
    raise ConvergenceError(msg)


def _relative(new: FloatArray, old: FloatArray) -> float:
    size = np.where(np.abs(old) > 1e-12, np.abs(old), 1.0)
    return float(np.max(np.abs(new - old) / size))


def _integrated(
    g_hat: FloatArray, d_hat: FloatArray, n: FloatArray, around: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the means of shift and scale over the other columns, weighted by how likely they make this column."""
    p = len(g_hat)
    gamma, delta = np.empty(p), np.empty(p)
    for start in range(0, p, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, p))
        squares = around[rows, None] + n[rows, None] * (g_hat[rows, None] - g_hat) ** 2
        logs = -0.5 * n[rows, None] * np.log(2 * np.pi * d_hat) - squares / (2 * d_hat)
        logs[np.arange(len(rows)), rows] = -np.inf  # not the column itself
        weight = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        gamma[rows], delta[rows] = weight @ g_hat, weight @ d_hat
    return gamma, delta
