"""Tame the tails of columns: clip at training quantiles, ranks to normal scores, logarithms of skewed columns."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import ndtri

from hybridx.errors import SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer

__all__ = ["LogTransform", "RankTransform", "Winsorizer"]


class Winsorizer(TableTransformer):
    """Clip each column at two quantiles of the training patients; missing values stay missing.

    Parameters
    ----------
    low, high : float, default 0.01 and 0.99
        Quantiles, 0 <= low < high <= 1.

    Attributes
    ----------
    low_, high_ : array of float, shape (p,)
        In the units of the columns; NaN for a column without values, which is left alone.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"lab.crp": [1.0, 2, 3, 4, 500]})
    >>> Winsorizer(0.0, 0.75).fit_transform(X)["lab.crp"].to_list()
    [1.0, 2.0, 3.0, 4.0, 4.0]
    """

    low_: FloatArray
    high_: FloatArray

    def __init__(self, low: float = 0.01, high: float = 0.99) -> None:
        self.low = low
        self.high = high

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:  # noqa: ARG002
        if not 0.0 <= self.low < self.high <= 1.0:
            msg = f"low and high are quantiles, 0 <= low < high <= 1, got {self.low!r} and {self.high!r}."
            raise SettingsError(msg)
        self.low_, self.high_ = np.full((2, matrix.shape[1]), np.nan)
        some = ~np.isnan(matrix).all(axis=0)
        if some.any():
            self.low_[some], self.high_[some] = np.nanquantile(matrix[:, some], [self.low, self.high], axis=0)
        return {}

    def _apply(self, kept: FloatArray) -> FloatArray:
        # fmin, fmax: a missing limit limits nothing; a missing value stays missing
        clipped = np.fmin(np.fmax(kept, self.low_), self.high_)
        return np.where(np.isnan(kept), np.nan, clipped)


class RankTransform(TableTransformer):
    r"""Map each column to normal scores of its rank among the training patients.

    .. math:: x \mapsto \Phi^{-1}\left(\frac{r(x) - 3/8}{n + 1/4}\right)

    with the mean rank of tied training values (Blom 1958), and linear interpolation between training values. A value
    beyond those of training gets the score of the outermost training value: the ranks say nothing farther out. Any
    monotone change of unit (a logarithm) gives the same result on training values.

    Attributes
    ----------
    values_, scores_ : list of array of float, length p
        Distinct training values of each column, rising, and their scores.

    Source
    ------
    Blom 1958. Checked against scipy 1.17 `rankdata` and `norm.ppf`.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"lab.crp": [1.0, 10, 100]})
    >>> RankTransform().fit_transform(X)["lab.crp"].round(3).to_list()
    [-0.869, 0.0, 0.869]
    """

    values_: list[FloatArray]
    scores_: list[FloatArray]

    def __init__(self) -> None:
        pass

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:  # noqa: ARG002
        self.values_, self.scores_ = [], []
        for column in matrix.T:
            values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
            rank = np.cumsum(counts) - (counts - 1) / 2.0
            self.values_.append(values)
            self.scores_.append(np.asarray(ndtri((rank - 0.375) / (counts.sum() + 0.25))))
        return {}

    def _apply(self, kept: FloatArray) -> FloatArray:
        result = np.full(kept.shape, np.nan)
        for j, (values, scores) in enumerate(zip(self.values_, self.scores_, strict=True)):
            there = ~np.isnan(kept[:, j])
            # a column that nobody had in training has no ranks: it stays missing
            if len(values):
                result[there, j] = np.interp(kept[there, j], values, scores)
        return result


class LogTransform(TableTransformer):
    r"""Take logarithms of the columns whose training values are skewed, and of no others.

    .. math:: x \mapsto \mathrm{sign}(x) \log(1 + |x| / s)

    with s the median of :math:`|x|` over training values other than 0: zeros stay 0, negative values are allowed, the
    unit does not matter, and the order of values is kept. A column is changed where its skewness exceeds `min_skewness`
    in absolute value and the logarithm makes it smaller.

    Parameters
    ----------
    min_skewness : float, default 1.0
        Third standardised moment beyond which a column counts as skewed.

    Attributes
    ----------
    scale_ : array of float, shape (p,)
        s, in the units of the columns; NaN for columns left as they are.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"pet.mtv": [1.0, 2, 3, 4, 400]})
    >>> LogTransform().fit_transform(X)["pet.mtv"].round(2).to_list()
    [0.29, 0.51, 0.69, 0.85, 4.9]
    """

    _least: ClassVar[int] = 3  # values without which a third moment means nothing
    scale_: FloatArray

    def __init__(self, min_skewness: float = 1.0) -> None:
        self.min_skewness = min_skewness

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:  # noqa: ARG002
        if not self.min_skewness >= 0:
            msg = f"min_skewness is >= 0, got {self.min_skewness!r}."
            raise SettingsError(msg)
        self.scale_ = np.full(matrix.shape[1], np.nan)
        for j, column in enumerate(matrix.T):
            values = column[~np.isnan(column)]
            other = np.abs(values[values != 0])
            before = _skewness(values)
            if len(values) < self._least or not len(other) or abs(before) <= self.min_skewness:
                continue
            scale = float(np.median(other))
            if abs(_skewness(_log(values, scale))) < abs(before):
                self.scale_[j] = scale
        return {}

    def _apply(self, kept: FloatArray) -> FloatArray:
        chosen = ~np.isnan(self.scale_)
        result = kept.copy()
        result[:, chosen] = _log(kept[:, chosen], self.scale_[chosen])
        return result


def _log(values: FloatArray, scale: FloatArray | float) -> FloatArray:
    size = np.abs(values)
    with np.errstate(over="ignore"):
        ratio = size / scale
    # a ratio beyond the largest float is so far from 1 that the 1 no longer counts
    beyond = np.log(np.maximum(size, np.finfo(np.float64).tiny)) - np.log(scale)
    return np.asarray(np.sign(values) * np.where(np.isinf(ratio), beyond, np.log1p(ratio)))


def _skewness(values: FloatArray) -> float:
    if not len(values):
        return 0.0
    centred = values - values.mean()
    spread = float(np.sqrt((centred**2).mean()))
    if spread <= 1e-10 * max(float(np.abs(values).max()), 1e-290):
        return 0.0
    return float(((centred / spread) ** 3).mean())
