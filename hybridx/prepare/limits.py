"""How far beyond the training patients a value may lie and still count as it stands."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hybridx.errors import SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer

__all__ = ["MARGIN", "RangeLimit", "range_limits"]

# Training standard deviations beyond the training range. A model is a guess out there: one more standard deviation is
# let through, since the next patient may well be the oldest yet; a wrong unit or a broken mask is not.
MARGIN = 1.0


def range_limits(matrix: FloatArray, margin: float = MARGIN) -> tuple[FloatArray, FloatArray]:
    """Return the smallest and largest value that counts, of each column (n, p) of training patients, shape (p,).

    Parameters
    ----------
    matrix : array of float, shape (n, p)
        Missing values are NaN; a column without values is not limited.
    margin : float
        Standard deviations that the range is extended by, on either side.

    Examples
    --------
    >>> low, high = range_limits(np.array([[-1.0], [1.0], [np.nan]]))
    >>> low.tolist(), high.tolist()
    ([-2.0], [2.0])
    """
    there = ~np.isnan(matrix)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, matrix, 0.0).sum(axis=0) / count
    sd = np.sqrt(np.where(there, (matrix - mean) ** 2, 0.0).sum(axis=0) / count)
    low = np.where(there, matrix, np.inf).min(axis=0, initial=np.inf)
    high = np.where(there, matrix, -np.inf).max(axis=0, initial=-np.inf)
    empty = ~there.any(axis=0)
    return np.where(empty, -np.inf, low - margin * sd), np.where(empty, np.inf, high + margin * sd)


class RangeLimit(TableTransformer):
    """Pull values far outside what training saw back to the training range plus a margin; missing values stay missing.

    Training values all lie inside, and come out as they went in, to the bit. So one absurd number (an unconverted unit,
    a mask on the wrong organ) cannot make an absurd risk of a new patient; a trend goes on for `margin` more.

    Parameters
    ----------
    margin : float, default 1.0
        In training standard deviations, >= 0, on either side of the range.

    Attributes
    ----------
    low_, high_ : array of float, shape (p,)
        In the units of the columns; infinite for a column without values.

    Examples
    --------
    >>> import polars as pl
    >>> step = RangeLimit().fit(pl.DataFrame({"lab.ldh": [180.0, 220.0, 180.0, 220.0]}))
    >>> step.transform(pl.DataFrame({"lab.ldh": [200.0, 235.0, 220_000.0]}))["lab.ldh"].to_list()
    [200.0, 235.0, 240.0]
    """

    _flags_decide: ClassVar[bool] = False
    low_: FloatArray
    high_: FloatArray

    def __init__(self, margin: float = MARGIN) -> None:
        self.margin = margin

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:  # noqa: ARG002
        if not 0.0 <= self.margin < np.inf:
            msg = f"margin is a number of standard deviations >= 0, got {self.margin!r}."
            raise SettingsError(msg)
        self.low_, self.high_ = range_limits(matrix, self.margin)
        return {}

    def _apply(self, kept: FloatArray) -> FloatArray:
        return np.asarray(np.clip(kept, self.low_, self.high_))
