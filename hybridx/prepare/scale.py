"""Standard scores learnt on the training fold."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hybridx.prepare.base import FloatArray, TableTransformer

__all__ = ["Standardizer"]


class Standardizer(TableTransformer):
    """Subtract the training mean and divide by the training standard deviation; a constant column becomes 0.

    Attributes
    ----------
    mean_, sd_ : array of float, shape (p,)
        In the units of the columns; missing values are left out of both and stay missing.
    """

    _flags_decide: ClassVar[bool] = False
    mean_: FloatArray
    sd_: FloatArray

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:  # noqa: ARG002
        there = ~np.isnan(matrix)
        count = np.maximum(there.sum(axis=0), 1)
        self.mean_ = np.where(there, matrix, 0.0).sum(axis=0) / count
        sd = np.sqrt(np.where(there, (matrix - self.mean_) ** 2, 0.0).sum(axis=0) / count)
        self.sd_ = np.where(sd > 1e-10 * np.maximum(np.abs(self.mean_), 1e-290), sd, np.inf)
        return {}

    def _apply(self, kept: FloatArray) -> FloatArray:
        return (kept - self.mean_) / self.sd_
