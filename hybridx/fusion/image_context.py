"""What the tables say about a patient, in the few numbers that condition the image network.

A block of up to eight columns enters as it is (imputed, standardised); a wider one by its first four principal
components, so that hundreds of features cannot drive the network by themselves. A block that a patient lacks enters as
zeros, and a flag per block tells zeros from averages. Nothing here looks at an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import to_matrix
from hybridx.prepare import Preparation

__all__ = ["TableContext"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_WIDE = 8  # columns above which a block is summarised
_COMPONENTS = 4
_LARGEST = 3.0  # standard deviations: an outlier in a table must not throw the picture's reading


@dataclass(frozen=True)
class TableContext:
    """How tables become context.

    Attributes
    ----------
    columns : dict of str to list of str
        Feature columns of each block.
    preparations : dict of str to Preparation
        Fitted on those who have the block.
    loadings : dict of str to array, shape (q, k)
        From prepared columns to the block's k numbers, each with variance 1.
    """

    columns: dict[str, list[str]]
    preparations: dict[str, Preparation]
    loadings: dict[str, FloatArray]

    @classmethod
    def fit(cls, frame: pl.DataFrame, columns: Mapping[str, Sequence[str]], measured: BoolArray) -> Self:
        """Learn from a table; `measured` (n, m) says who has which of the m blocks. Blocks without use are left out."""
        kept: dict[str, list[str]] = {}
        preparations: dict[str, Preparation] = {}
        loadings: dict[str, FloatArray] = {}
        for i, (block, names) in enumerate(columns.items()):
            rows = np.flatnonzero(measured[:, i])
            if len(rows) < 2 or not names:
                continue
            matrix = to_matrix(frame[rows], names)
            preparation = Preparation().fit_matrix(matrix, list(names))
            if not len(preparation.kept_):
                continue
            kept[block], preparations[block] = list(names), preparation
            loadings[block] = _loadings(preparation.transform_matrix(matrix))
        return cls(kept, preparations, loadings)

    @property
    def size(self) -> int:
        """Length of the context of one patient: numbers of all blocks, then one flag per block."""
        return sum(loading.shape[1] for loading in self.loadings.values()) + len(self.loadings)

    def of_blocks(self) -> npt.NDArray[np.intp]:
        """Return which block each number of the context belongs to, shape (size,)."""
        widths = [loading.shape[1] for loading in self.loadings.values()]
        numbers = np.arange(len(widths))
        return np.concatenate([np.repeat(numbers, widths), numbers]).astype(np.intp)

    def transform(self, frame: pl.DataFrame, measured: Mapping[str, BoolArray]) -> FloatArray:
        """Return the context of each row, shape (n, size); 0 where a block is not measured."""
        values, flags = [], []
        for block, names in self.columns.items():
            has = measured[block]
            part = np.zeros((frame.height, self.loadings[block].shape[1]))
            rows = np.flatnonzero(has)
            if len(rows):
                prepared = self.preparations[block].transform_matrix(to_matrix(frame[rows], names))
                part[rows] = np.clip(prepared @ self.loadings[block], -_LARGEST, _LARGEST)
            values.append(part)
            flags.append(has[:, None].astype(np.float64))
        return np.hstack([*values, *flags]) if values else np.zeros((frame.height, 0))


def _loadings(prepared: FloatArray) -> FloatArray:
    p = prepared.shape[1]
    if p <= _WIDE:
        return np.eye(p)
    _, spread, axes = np.linalg.svd(prepared - prepared.mean(axis=0), full_matrices=False)
    sd = spread / np.sqrt(len(prepared))
    chosen = np.flatnonzero(sd[:_COMPONENTS] > 1e-6)
    axes = axes[chosen]
    # a component has no sign of its own: its largest loading is made positive, so that it does not flip between fits
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray((axes * np.sign(largest) / sd[chosen, None]).T)
