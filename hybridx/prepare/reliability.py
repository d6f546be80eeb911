r"""Intraclass correlation: how much of the spread between patients is left when the measurement is repeated.

With n patients each measured k times, and the mean squares of a two-way layout: MSR between patients, MSC between
repeats, MSE what is left (MSW within patients, for the one-way form):

.. math::
    ICC(1,1) &= (MSR - MSW) / (MSR + (k-1) MSW) \\
    ICC(2,1) &= (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n) \\
    ICC(3,1) &= (MSR - MSE) / (MSR + (k-1) MSE)

(2,1) asks for agreement: a scanner that always reads 10 % higher counts as error. (3,1) asks for consistency: it does
not. (1,1) is for repeats that have nothing in common between patients, such as random perturbations of a mask.
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
ICC_KINDS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")


def icc(values: npt.ArrayLike, kind: str = "ICC(2,1)", level: float = 0.95) -> Estimate:
    """Return the intraclass correlation of a single measurement, with its confidence interval.

    Parameters
    ----------
    values : array of float, shape (n, k)
        n patients, each measured k times; a patient with a missing repeat is left out.
    kind : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)"}, default "ICC(2,1)"
        One-way; two-way random, absolute agreement; two-way mixed, consistency.
    level : float, default 0.95
        Nominal coverage of the interval.

    Returns
    -------
    Estimate
        NaN where fewer than two patients are complete, or all values are equal.

    Raises
    ------
    InputError
        Not a table with at least two repeats.
    SettingsError
        Unknown kind, or a level outside (0, 1).

    Source
    ------
    Shrout & Fleiss 1979, doi:10.1037/0033-2909.86.2.420; intervals of McGraw & Wong 1996,
    doi:10.1037/1082-989X.1.1.30. Checked against pingouin 0.7.0 to 1e-9.

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
    """Return value, low, high and number of complete patients of many columns at once, each of shape (p,).

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
    k = values.shape[1]
    complete = ~np.isnan(values).any(axis=1)
    n = complete.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = _mean_squares(values, complete, n)
        msr, msc, mse, msw = squares
        bounds = {"ICC(1,1)": _one_way, "ICC(2,1)": _agreement, "ICC(3,1)": _consistency}[kind]
        value, low, high = bounds(n, k, squares, (1.0 - level) / 2.0)
    exact = (n > 1) & (mse == 0) & (msr > 0) & ((msc == 0) | (kind == "ICC(3,1)"))
    usable = (n > 1) & (msr + msw > 0)
    result = [np.where(exact, 1.0, np.where(usable, a, math.nan)) for a in (value, low, high)]
    return result[0], result[1], result[2], n


def _mean_squares(values: FloatArray, complete: npt.NDArray[np.bool_], n: npt.NDArray[np.intp]) -> Squares:
    """Return MSR, MSC, MSE and MSW per column, from centred values: no difference of large sums."""
    k = values.shape[1]
    known = np.where(complete[:, None, :], values, 0.0)
    grand = known.sum(axis=(0, 1)) / (n * k)
    known = np.where(complete[:, None, :], values - grand, 0.0)
    # what is left of equal values is rounding, not a difference
    known[np.abs(known) <= 1e-12 * np.abs(grand)] = 0.0
    rows, repeats = known.mean(axis=1), known.sum(axis=0) / n
    left = known - rows[:, None, :] - np.where(complete[:, None, :], repeats[None], 0.0)
    left[np.abs(left) <= 1e-13 * np.abs(known).max(axis=(0, 1), initial=0.0)] = 0.0
    msr = k * (rows**2).sum(axis=0) / (n - 1)
    msc = n * (repeats**2).sum(axis=0) / (k - 1)
    mse = (left**2).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
    msw = ((known - rows[:, None, :]) ** 2).sum(axis=(0, 1)) / (n * (k - 1))
    return msr, msc, mse, msw


def _one_way(
    n: FloatArray, k: int, squares: Squares, tail: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    msr, _, _, msw = squares
    ratio, between, within = msr / msw, n - 1, n * (k - 1)
    low = ratio / f_distribution.isf(tail, between, within)
    high = ratio * f_distribution.isf(tail, within, between)
    return (msr - msw) / (msr + (k - 1) * msw), (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _consistency(
    n: FloatArray, k: int, squares: Squares, tail: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    msr, _, mse, _ = squares
    ratio, between, rest = msr / mse, n - 1, (n - 1) * (k - 1)
    low = ratio / f_distribution.isf(tail, between, rest)
    high = ratio * f_distribution.isf(tail, rest, between)
    return (msr - mse) / (msr + (k - 1) * mse), (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _agreement(
    n: FloatArray, k: int, squares: Squares, tail: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    msr, msc, mse, _ = squares
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
