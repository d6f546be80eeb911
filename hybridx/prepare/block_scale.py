"""Scale whole modalities, so that a thousand radiomics features do not drown five clinical facts."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import check_name

__all__ = ["BlockScaler"]


class BlockScaler(TableTransformer):
    r"""Standardise the columns, then scale each modality by one number so that all modalities weigh the same.

    "variance": every modality carries the same total variance (the factor goes with :math:`1 / \sqrt{p_m}` for its p_m
    columns that vary). "leading": the strongest direction of every modality has the same variance, as in multiple
    factor analysis, so that a modality of many columns that all say the same does not count more for it, while one of
    many independent columns does. The factors together leave the total variance of the table at the number of columns
    that vary, so that a ridge penalty means what it meant before.

    A missing modality changes nothing in the rest of its row; missing values stay missing.

    Parameters
    ----------
    method : {"variance", "leading"}, default "variance"
        What is made equal.
    standardize : bool, default True
        Subtract the training mean and divide by the training SD of each column first. False takes the columns as they
        are, in whatever units: for columns that come standardised.

    Attributes
    ----------
    factor_ : dict of str to float
        Per modality, what its standardised columns are multiplied by.
    mean_, weight_ : array of float, shape (p,)
        Output is (value - mean) * weight.

    Source
    ------
    Escofier & Pages 1994, doi:10.1016/0167-9473(94)90135-X (multiple factor analysis).

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"pet.a": [0.0, 2.0], "pet.b": [5.0, 3.0], "pet.c": [1.0, 7.0], "clinical.age": [50.0, 70.0]})
    >>> {m: round(f, 3) for m, f in BlockScaler().fit(X).factor_.items()}
    {'pet': 0.816, 'clinical': 1.414}
    """

    factor_: dict[str, float]
    mean_: FloatArray
    weight_: FloatArray

    def __init__(self, method: str = "variance", *, standardize: bool = True) -> None:
        self.method = method
        self.standardize = standardize

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:  # noqa: ARG002
        check_name(self.method, ("variance", "leading"), "block scaling")
        matrix = table.matrix
        there = ~np.isnan(matrix)
        count = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, matrix, 0.0).sum(axis=0) / count
        centred = np.where(there, matrix - mean, 0.0)
        sd = np.sqrt((centred**2).sum(axis=0) / count)
        varies = sd > 1e-10 * np.maximum(np.abs(mean), 1e-290)
        scale = (
            np.where(varies, 1.0 / np.where(varies, sd, 1.0), 0.0) if self.standardize else np.ones(len(sd))
        )
        variance = np.where(varies, (sd * scale) ** 2, 0.0)
        size = {}
        for modality, columns in table.blocks.items():
            rows = there[:, columns].any(axis=1)
            block = centred[np.ix_(rows, columns)] * scale[columns]
            size[modality] = float(variance[columns].sum()) if self.method == "variance" else _leading(block)
        useful = {m: s for m, s in size.items() if s > 0}
        carried = sum(float(variance[table.blocks[m]].sum()) / s for m, s in useful.items())
        total = float(variance.sum())
        self.factor_ = {m: float(np.sqrt(total / carried / s)) if s > 0 else 1.0 for m, s in size.items()}
        self.mean_ = mean if self.standardize else np.zeros(len(mean))
        self.weight_ = scale.copy()
        for modality, columns in table.blocks.items():
            self.weight_[columns] *= self.factor_[modality]
        return {}

    def _apply(self, kept: FloatArray) -> FloatArray:
        return (kept - self.mean_) * self.weight_


def _leading(block: FloatArray) -> float:
    """Return the variance along the strongest direction of centred rows, whichever of n and p is smaller."""
    if not block.size:
        return 0.0
    small = block.T @ block if block.shape[1] <= block.shape[0] else block @ block.T
    return float(np.linalg.eigvalsh(small)[-1]) / len(block)
