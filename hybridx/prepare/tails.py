"""Draw in heavy tails, so that one extreme patient does not outweigh a cohort."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hybridx.errors import SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer

__all__ = ["TailCompressor"]


class TailCompressor(TableTransformer):
    r"""Compress columns whose tails are heavier than a normal distribution's; leave the others as they are.

    .. math:: z \mapsto k \operatorname{asinh}(z / k), \qquad z = (x - \bar x) / s_x

    Nearly linear within k standard deviations, logarithmic beyond: with k = 3, 2 becomes 1.9, 5 becomes 3.9, 20 becomes
    7.8. Order is kept, and so is the sign of an effect. Expression values, lesion volumes and many textures have single
    patients at 10 or 20 standard deviations; a linear model would spend its coefficients on them.

    Parameters
    ----------
    excess : float, default 1
        Excess kurtosis in the training patients (0 for a normal distribution, about 3 for an exponential one to 6 and
        more for a lognormal one) above which a column is compressed. 1 is two standard errors of it with 100 normal
        patients.
    knee : float, default 3
        k above, in standard deviations, > 0.

    Attributes
    ----------
    heavy_ : array of bool, shape (p,)
        Which columns are compressed.
    mean_, sd_ : array of float, shape (p,)
        In the units of the columns.

    Source
    ------
    Generalised logarithm of expression values: Huber et al. 2002, doi:10.1093/bioinformatics/18.suppl_1.S96. That
    only heavy-tailed columns are compressed is a choice made here.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"lab.crp": [1.0, 2, 3, 4, 5, 6, 7, 8, 500]})
    >>> TailCompressor().fit_transform(X)["lab.crp"].round(2).to_list()[-1]
    2.52
    """

    _flags_decide: ClassVar[bool] = False
    heavy_: np.typing.NDArray[np.bool_]
    mean_: FloatArray
    sd_: FloatArray

    def __init__(self, excess: float = 1.0, knee: float = 3.0) -> None:
        self.excess = excess
        self.knee = knee

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:  # noqa: ARG002
        if not self.excess > -2:
            msg = f"excess is an excess kurtosis > -2, got {self.excess!r}."
            raise SettingsError(msg)
        if not self.knee > 0:
            msg = f"knee is a number of standard deviations > 0, got {self.knee!r}."
            raise SettingsError(msg)
        there = ~np.isnan(matrix)
        count = np.maximum(there.sum(axis=0), 1)
        self.mean_ = np.where(there, matrix, 0.0).sum(axis=0) / count
        off = np.where(there, matrix - self.mean_, 0.0)
        self.sd_ = np.sqrt((off**2).sum(axis=0) / count)
        varies = self.sd_ > 1e-10 * np.maximum(np.abs(self.mean_), 1e-290)
        self.sd_ = np.where(varies, self.sd_, np.inf)
        fourth = ((off / self.sd_) ** 4).sum(axis=0) / count
        self.heavy_ = varies & (fourth > 3.0 + self.excess)
        return {}

    def _apply(self, kept: FloatArray) -> FloatArray:
        if not self.heavy_.any():
            return kept
        result = kept.copy()
        heavy = self.heavy_
        z = (kept[:, heavy] - self.mean_[heavy]) / self.sd_[heavy]
        result[:, heavy] = self.knee * np.arcsinh(z / self.knee)
        return result
