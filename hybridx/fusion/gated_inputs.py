"""What an encoder eats: one modality, imputed and standardised within itself, as far as the patients can carry it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import to_matrix
from hybridx.prepare import Preparation

__all__ = ["BlockInput", "stack_inputs"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BlockInput:
    """Median imputation, standardisation and principal components of one modality, from those who have it.

    The components keep their relative size and have total variance 1 together: a penalty on their weights is then the
    same prior belief for a modality of 5 columns and for one of 1,500, as in ridge regression.

    Attributes
    ----------
    preparation : Preparation
        Fitted on the training patients who have the modality.
    rotation : array of float, shape (q, k)
        Prepared columns to inputs.
    """

    preparation: Preparation
    rotation: FloatArray

    @classmethod
    def fit(cls, matrix: FloatArray, columns: list[str], components: int) -> Self | None:
        """Learn from the rows that have the modality, (n, p); None where no column is usable.

        Parameters
        ----------
        components : int
            At most this many principal components are kept.
        """
        preparation = Preparation().fit_matrix(matrix, columns)
        if not len(preparation.kept_):
            return None
        prepared = preparation.transform_matrix(matrix)
        rotation = _principal_axes(prepared, components)
        spread = float(np.sqrt(np.sum(np.var(prepared @ rotation, axis=0))))
        return cls(preparation=preparation, rotation=rotation / spread)

    def transform(self, matrix: FloatArray, measured: BoolArray) -> FloatArray:
        """Return the inputs (n, k) of a matrix (n, p); 0 where the modality is not measured, whatever stands there."""
        result = np.zeros((len(matrix), self.rotation.shape[1]))
        rows = np.flatnonzero(measured)
        if len(rows):
            result[rows] = self.preparation.transform_matrix(matrix[rows]) @ self.rotation
        return result


def _principal_axes(prepared: FloatArray, components: int) -> FloatArray:
    """Return the leading eigenvectors (q, k) of the columns' covariance, each with a sign that its values decide."""
    n, q = prepared.shape
    if q <= components:
        return np.eye(q)
    centred = prepared - prepared.mean(axis=0)
    if q <= n:
        values, vectors = np.linalg.eigh(centred.T @ centred)
    else:
        values, left = np.linalg.eigh(centred @ centred.T)
        vectors = centred.T @ left
        vectors /= np.maximum(np.linalg.norm(vectors, axis=0), 1e-300)
    keep = np.flatnonzero(values > 1e-10 * values[-1])[::-1][:components]
    axes = vectors[:, keep]
    # eigenvectors have no sign of their own: a solver's choice must not become the network's start
    return np.asarray(axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(len(keep))] < 0, -1.0, 1.0))


def stack_inputs(
    frame: pl.DataFrame,
    columns: dict[str, list[str]],
    measured: BoolArray,
    train: BoolArray,
    components: int,
) -> tuple[list[FloatArray], BoolArray, list[list[BlockInput | None]]]:
    """Prepare every modality anew on the training patients of each data set.

    Parameters
    ----------
    frame : table of n patients
    columns : dict of modality to its feature columns
    measured : array of bool, shape (n, m)
    train : array of bool, shape (F, n)
        Training patients of each data set; all n are transformed.
    components : int
        See `BlockInput`.

    Returns
    -------
    blocks : list of m arrays, (F, n, k_m)
        Padded with zeros where a data set has fewer components.
    seen : array of bool, shape (F, n, m)
        False also where a data set has no usable column of the modality.
    fitted : list of F lists of m BlockInput or None
    """
    fitted: list[list[BlockInput | None]] = [[] for _ in train]
    seen = np.repeat(measured[None], len(train), axis=0)
    blocks = []
    for m, names in enumerate(columns.values()):
        matrix = to_matrix(frame, names)
        parts = []
        for f, rows in enumerate(train):
            block = BlockInput.fit(matrix[rows & measured[:, m]], names, components)
            fitted[f].append(block)
            seen[f, :, m] &= block is not None
            parts.append(
                np.zeros((len(matrix), 1)) if block is None else block.transform(matrix, measured[:, m])
            )
        widest = max(part.shape[1] for part in parts)
        blocks.append(np.stack([np.pad(part, ((0, 0), (0, widest - part.shape[1]))) for part in parts]))
    return blocks, seen, fitted
