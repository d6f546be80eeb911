r"""Intraclass correlation: how much of the spread between patients is left when the measurement is repeated.

With n patients each measured k times, and the mean squares of a two-way layout: MSR between patients, MSC between
repeats, MSE what is left (MSW within patients, for the one-way form):

.. math::
    ICC(1,1) &= (MSR - MSW) / (MSR + (k-1) MSW) \\
    ICC(2,1) &= (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n) \\
    ICC(3,1) &= (MSR - MSE) / (MSR + (k-1) MSE)

(2,1) asks for agreement: a scanner that always reads 10 % higher counts as error. (3,1) asks for consistency: it does
not. (1,1) is for repeats that have nothing in common between patients, such as random perturbations of a mask: there a
patient with fewer repeats still counts (method of unweighted means). With k_i repeats of patient i, k their harmonic
mean and MSR k times the variance of the patients' means, all formulae of (1,1) hold; with equal k_i they are the usual
ones and the interval is exact. The two-way forms leave out patients with a gap.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import f as f_distribution

from hybridx.errors import InputError, SettingsError
from hybridx.terms.estimate import Estimate
from hybridx.terms.text import check_name

__all__ = ["ICC_KINDS", "icc", "icc_columns"]

FloatArray = npt.NDArray[np.float64]
Squares = tuple[FloatArray, FloatArray, FloatArray, FloatArray]  # MSR, MSC, MSE, MSW
# patients, repeats (harmonic mean), degrees of freedom within patients, mean squares
Layout = tuple[npt.NDArray[np.intp], FloatArray, npt.NDArray[np.intp], Squares]
Bounds = tuple[FloatArray, FloatArray, FloatArray]
ICC_KINDS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")


def icc(values: npt.ArrayLike, kind: str = "ICC(2,1)", level: float = 0.95) -> Estimate:
    """Return the intraclass correlation of a single measurement, with its confidence interval.

    Parameters
    ----------
    values : array of float, shape (n, k)
        n patients, each measured up to k times, NaN where a repeat is missing. A patient with a gap is left out of the
        two-way forms; for "ICC(1,1)" the repeats that are there count.
    kind : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)"}, default "ICC(2,1)"
        One-way; two-way random, absolute agreement; two-way mixed, consistency.
    level : float, default 0.95
        Nominal coverage of the interval.

    Returns
    -------
    Estimate
        NaN where fewer than two patients count, or all values are equal.

    Raises
    ------
    InputError
        Not a table with at least two repeats.
    SettingsError
        Unknown kind, or a level outside (0, 1).

    Source
    ------
    Shrout & Fleiss 1979, doi:10.1037/0033-2909.86.2.420; intervals of McGraw & Wong 1996,
    doi:10.1037/1082-989X.1.1.30; unequal repeats: Thomas & Hultquist 1978, doi:10.1214/aos/1176344202. Checked against
    pingouin 0.7.0 to 1e-9, unequal repeats against R 4.

    Examples
    --------
    >>> print(icc([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]))
    0.290 (95 % interval 0.019 to 0.761; n = 6)
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        msg = f"values has shape {table.shape}; wanted (patients, repeats) with at least two repeats."
        raise InputError(msg)
    value, low, high, n = (float(a[0]) for a in icc_columns(table[:, :, None], kind, level))
    method = f"{kind} of {table.shape[1]} repeats; F-based interval (McGraw & Wong 1996)"
    return Estimate(value, low, high, level, n=int(n), method=method)


def icc_columns(
    values: FloatArray, kind: str = "ICC(2,1)", level: float = 0.95
) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.intp]]:
    """Return value, low, high and number of patients who count of many columns at once, each of shape (p,).

    Parameters
    ----------
    values : array of float, shape (n, k, p)
        Patients, repeats, columns; NaN where missing.
    kind, level
        See `icc`.
    """
    check_name(kind, ICC_KINDS, "kind of intraclass correlation")
    if not 0.0 < level < 1.0:
        msg = f"level lies in (0, 1), got {level!r}."
        raise SettingsError(msg)
    one_way = kind == "ICC(1,1)"
    with np.errstate(divide="ignore", invalid="ignore"):
        layout = _unweighted_means(values) if one_way else _two_way(values)
        n, k, _, (msr, msc, mse, msw) = layout
        bounds = {"ICC(1,1)": _one_way, "ICC(2,1)": _agreement, "ICC(3,1)": _consistency}[kind]
        value, low, high = bounds(layout, (1.0 - level) / 2.0)
    left = msw if one_way else mse
    exact = (n > 1) & (left == 0) & (msr > 0) & (one_way | (msc == 0) | (kind == "ICC(3,1)"))
    usable = (n > 1) & (k > 1) & (msr + (msw if one_way else msc + mse) > 0)
    result = [np.where(exact, 1.0, np.where(usable, a, math.nan)) for a in (value, low, high)]
    return result[0], result[1], result[2], n


def _unweighted_means(values: FloatArray) -> Layout:
    """Return the one-way layout: patients with any value count, each with the repeats that are there."""
    there = ~np.isnan(values)
    counts = there.sum(axis=1)
    counted = counts > 0
    n = counted.sum(axis=0)
    k = n / np.where(counted, 1.0 / np.maximum(counts, 1), 0.0).sum(axis=0)
    known = _centred(values, there)
    means = np.where(counted, known.sum(axis=1) / np.maximum(counts, 1), 0.0)
    left = np.where(there, known - means[:, None, :], 0.0)
    left[np.abs(left) <= 1e-13 * np.abs(known).max(axis=(0, 1), initial=0.0)] = 0.0
    free = counts.sum(axis=0) - n
    spread = np.where(counted, means - means.sum(axis=0) / n, 0.0)
    msr, msw = k * (spread**2).sum(axis=0) / (n - 1), (left**2).sum(axis=(0, 1)) / free
    none = np.full_like(msr, math.nan)
    return n, k, free, (msr, none, none, msw)


def _two_way(values: FloatArray) -> Layout:
    complete = np.asarray(~np.isnan(values).any(axis=1))
    n, k = complete.sum(axis=0), values.shape[1]
    return n, np.full(n.shape, float(k)), n * (k - 1), _mean_squares(values, complete, n)


def _centred(values: FloatArray, there: npt.NDArray[np.bool_]) -> FloatArray:
    """Return values less the grand mean of those that count, 0 elsewhere: no difference of large sums."""
    known = np.where(there, values, 0.0)
    grand = known.sum(axis=(0, 1)) / there.sum(axis=(0, 1))
    known = np.where(there, values - grand, 0.0)
    # what is left of equal values is rounding, not a difference
    known[np.abs(known) <= 1e-12 * np.abs(grand)] = 0.0
    return known


def _mean_squares(values: FloatArray, complete: npt.NDArray[np.bool_], n: npt.NDArray[np.intp]) -> Squares:
    """Return MSR, MSC, MSE and MSW per column."""
    k = values.shape[1]
    known = _centred(values, np.broadcast_to(complete[:, None, :], values.shape))
    rows, repeats = known.mean(axis=1), known.sum(axis=0) / n
    left = known - rows[:, None, :] - np.where(complete[:, None, :], repeats[None], 0.0)
    left[np.abs(left) <= 1e-13 * np.abs(known).max(axis=(0, 1), initial=0.0)] = 0.0
    msr = k * (rows**2).sum(axis=0) / (n - 1)
    msc = n * (repeats**2).sum(axis=0) / (k - 1)
    mse = (left**2).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
    msw = ((known - rows[:, None, :]) ** 2).sum(axis=(0, 1)) / (n * (k - 1))
    return msr, msc, mse, msw


def _one_way(layout: Layout, tail: float) -> Bounds:
    n, k, free, (msr, _, _, msw) = layout
    ratio = msr / msw
    low = ratio / f_distribution.isf(tail, n - 1, free)
    high = ratio * f_distribution.isf(tail, free, n - 1)
    return (msr - msw) / (msr + (k - 1) * msw), (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _consistency(layout: Layout, tail: float) -> Bounds:
    n, k, _, (msr, _, mse, _) = layout
    ratio, between, rest = msr / mse, n - 1, (n - 1) * (k - 1)
    low = ratio / f_distribution.isf(tail, between, rest)
    high = ratio * f_distribution.isf(tail, rest, between)
    return (msr - mse) / (msr + (k - 1) * mse), (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _agreement(layout: Layout, tail: float) -> Bounds:
    n, k, _, (msr, msc, mse, _) = layout
    value = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    # Satterthwaite's degrees of freedom of a MSC + b MSE
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    upper, lower = f_distribution.isf(tail, n - 1, v), f_distribution.isf(tail, v, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    low = n * (msr - upper * mse) / (upper * rest + n * msr)
    high = n * (lower * msr - mse) / (rest + n * lower * msr)
    return value, low, high
