"""Leave out columns that say nothing in the training fold: nearly empty or constant."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from hybridx.errors import SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import check_name

__all__ = ["VarianceFilter"]

# A spread below this share of the column's size is rounding of a constant, not a difference between patients.
_ROUNDING = 1e-10


class VarianceFilter(TableTransformer):
    """Drop columns missing in too many training patients, and columns with one value only.

    In a table of several modalities say ``among="measured"``: otherwise a modality that most patients lack loses all
    its columns, although they are complete wherever it was measured.

    Parameters
    ----------
    max_missing : float, default 0.5
        Largest tolerated share of missing values, 0 to 1.
    min_sd : float, default 0.0
        A column stays when its standard deviation (over the values that are there) is larger, in its own unit.
    among : {"all", "measured"}, default "all"
        Of whom the share is taken: of all training patients, or of those who have the column's modality.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"pet.measured": [True, True, False, False, False], "pet.a": [1.0, 2.0, None, None, None]})
    >>> VarianceFilter().fit(X).dropped_, VarianceFilter(among="measured").fit(X).dropped_
    ({'pet.a': 'missing in 60 % of training patients'}, {})
    """

    _flags_decide: ClassVar[bool] = False

    def __init__(self, max_missing: float = 0.5, min_sd: float = 0.0, among: str = "all") -> None:
        self.max_missing = max_missing
        self.min_sd = min_sd
        self.among = among

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:  # noqa: ARG002
        if check_name(self.among, ("all", "measured"), "among") == "all":
            return self._learn(table.matrix, table.names)
        dropped: dict[str, str] = {}
        for modality, columns in table.blocks.items():
            rows = table.measured(modality)
            block = table.matrix[np.ix_(rows, columns)] if rows.any() else np.full((1, len(columns)), np.nan)
            found = self._learn(block, [table.names[i] for i in columns])
            dropped |= {name: f"{why} with {modality}" for name, why in found.items()}
        return dropped

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
