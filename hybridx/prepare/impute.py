"""Median imputation within the training fold."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hybridx.prepare.base import FloatArray, TableTransformer

__all__ = ["MedianImputer"]


class MedianImputer(TableTransformer):
    """Fill a missing value with the median of the training patients who have it.

    A column that no training patient has is dropped and named in `dropped_`: any number put there would be invented.

    Attributes
    ----------
    medians_ : array of float, shape (q,)
        Of the columns that stay, in their own units.

    Examples
    --------
    >>> import polars as pl
    >>> nothing = pl.Series([None, None, None], dtype=pl.Float64)
    >>> X = pl.DataFrame({"lab.ldh": [200.0, None, 400.0], "lab.crp": nothing})
    >>> step = MedianImputer().fit(X)
    >>> step.transform(X)["lab.ldh"].to_list(), step.dropped_
    ([200.0, 300.0, 400.0], {'lab.crp': 'missing in every training patient'})
    """

    _flags_decide: ClassVar[bool] = False
    medians_: FloatArray

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:
        empty = np.isnan(matrix).all(axis=0)
        self.medians_ = np.nanmedian(matrix[:, ~empty], axis=0) if (~empty).any() else np.empty(0)
        return {name: "missing in every training patient" for name, e in zip(names, empty, strict=True) if e}

    def _apply(self, kept: FloatArray) -> FloatArray:
        return np.where(np.isnan(kept), self.medians_, kept)
