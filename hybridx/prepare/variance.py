"""Leave out columns that say nothing in the training fold: nearly empty or constant."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from hybridx.errors import SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer

__all__ = ["VarianceFilter"]

# A spread below this share of the column's size is rounding of a constant, not a difference between patients.
_ROUNDING = 1e-10


class VarianceFilter(TableTransformer):
    """Drop columns missing in too many training patients, and columns with one value only.

    Parameters
    ----------
    max_missing : float, default 0.5
        Largest tolerated share of missing values, 0 to 1.
    min_sd : float, default 0.0
        A column stays when its standard deviation (over the values that are there) is larger, in its own unit.
    """

    _flags_decide: ClassVar[bool] = False

    def __init__(self, max_missing: float = 0.5, min_sd: float = 0.0) -> None:
        self.max_missing = max_missing
        self.min_sd = min_sd

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:
        if not 0.0 <= self.max_missing <= 1.0 or self.min_sd < 0.0:
            msg = f"max_missing must lie in [0, 1] and min_sd be >= 0, got {self.max_missing!r} and {self.min_sd!r}."
            raise SettingsError(msg)
        there = ~np.isnan(matrix)
        count = there.sum(axis=0)
        share_missing = 1.0 - count / len(matrix)
        filled = np.where(there, matrix, 0.0)
        mean = filled.sum(axis=0) / np.maximum(count, 1)
        sd = np.sqrt((np.where(there, matrix - mean, 0.0) ** 2).sum(axis=0) / np.maximum(count, 1))
        constant = sd <= np.maximum(self.min_sd, _ROUNDING * np.abs(filled).max(axis=0, initial=0.0))
        dropped = {}
        for i, name in enumerate(names):
            if share_missing[i] > self.max_missing or not count[i]:
                dropped[name] = _missing_reason(share_missing[i])
            elif constant[i]:
                dropped[name] = "one value in all training patients" if not self.min_sd else f"SD {sd[i]:.3g}"
        return dropped


def _missing_reason(share: Any) -> str:
    return f"missing in {100 * float(share):.0f} % of training patients"
