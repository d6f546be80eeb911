"""The table of a block-penalised model: standardised columns per modality, 0 where a patient does not have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import to_matrix
from hybridx.prepare import Preparation

__all__ = ["BlockRows", "prepare_blocks", "prepared"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BlockRows:
    """Patients with their raw values, modality by modality.

    Parameters
    ----------
    matrices : list of array of float, each (n, p_b)
        One per modality; not looked at where it is not measured.
    columns : list of list of str
        Names of the columns of each.
    measured : array of bool, shape (n, m)
    """

    matrices: list[FloatArray]
    columns: list[list[str]]
    measured: BoolArray

    @classmethod
    def of(cls, frame: pl.DataFrame, columns: dict[str, list[str]], measured: BoolArray) -> Self:
        """Return the rows of a table; columns of a modality that nobody here has need not be there."""
        there = set(frame.columns)
        matrices = [
            to_matrix(frame, names)
            if measured[:, i].any() or there.issuperset(names)
            else np.full((frame.height, len(names)), np.nan)
            for i, names in enumerate(columns.values())
        ]
        return cls(matrices, list(columns.values()), measured)

    def rows(self, index: npt.NDArray[np.intp]) -> Self:
        """Return some of the patients."""
        return replace(self, matrices=[m[index] for m in self.matrices], measured=self.measured[index])


def prepare_blocks(
    data: BlockRows, max_missing: float, correlation: float | None
) -> list[Preparation | None]:
    """Return one fitted preparation per modality, learnt on those who have it; None where no column is usable."""
    result: list[Preparation | None] = []
    for i, (matrix, names) in enumerate(zip(data.matrices, data.columns, strict=True)):
        rows, step = matrix[data.measured[:, i]], None
        if len(rows):
            step = Preparation(max_missing, correlation).fit_matrix(rows, names)
        result.append(step if step is not None and len(step.kept_) else None)
    return result


def prepared(data: BlockRows, preparations: Sequence[Preparation | None]) -> list[FloatArray]:
    """Return the standardised columns of each modality, shape (n, q_b); rows of 0 where it is not measured.

    0 is the mean of those who have the modality: what is expected of a patient of whom nothing else is known.
    """
    result = []
    for i, (matrix, step) in enumerate(zip(data.matrices, preparations, strict=True)):
        there = data.measured[:, i]
        values = np.zeros((len(matrix), 0 if step is None else len(step.get_feature_names_out())))
        if step is not None and there.any():
            values[there] = step.transform_matrix(matrix[there])
        result.append(values)
    return result
