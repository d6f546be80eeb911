"""The chain inside every model: filter, limit, impute, thin out, scale, all learnt where the model is fitted."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.block_scale import BlockScaler
from hybridx.prepare.correlation import CorrelationFilter
from hybridx.prepare.impute import MedianImputer
from hybridx.prepare.limits import RangeLimit
from hybridx.prepare.scale import Standardizer
from hybridx.prepare.tails import TailCompressor
from hybridx.prepare.variance import VarianceFilter

__all__ = ["Preparation"]


class Preparation(TableTransformer):
    """Drop empty and constant columns, limit, impute medians, keep one of each bundle of copies, standardise.

    A value of a new patient more than one training standard deviation beyond the training range counts as that limit
    (see `RangeLimit`); training values are never changed by it.

    Parameters
    ----------
    max_missing : float, default 0.5
        See `VarianceFilter`.
    correlation : float or None, default None
        Threshold of `CorrelationFilter`; None keeps all columns (ridge and trees cope with copies).
    impute, scale : bool, default True
        Whether to impute medians and to standardise (trees need neither).
    scale_blocks : bool or {"variance", "leading"}, default False
        Scale whole modalities after standardising, so that a penalty weighs modalities rather than columns; True means
        "variance". See `BlockScaler`.
    tails : bool, default True
        Draw in heavy tails before standardising (see `TailCompressor`); ignored where `scale` is off: trees see ranks.

    Attributes
    ----------
    steps_ : list of TableTransformer
        The fitted steps, in order.
    stands_for_ : dict of str to list of str
        Kept column -> columns it stands for; empty without correlation filter.
    """

    _flags_decide: ClassVar[bool] = False
    steps_: list[TableTransformer]
    stands_for_: dict[str, list[str]]

    def __init__(
        self,
        max_missing: float = 0.5,
        correlation: float | None = None,
        *,
        impute: bool = True,
        scale: bool = True,
        scale_blocks: bool | str = False,
        tails: bool = True,
    ) -> None:
        self.max_missing = max_missing
        self.correlation = correlation
        self.impute = impute
        self.scale = scale
        self.scale_blocks = scale_blocks
        self.tails = tails

    def _learn(self, matrix: FloatArray, names: list[str]) -> dict[str, str]:
        self.steps_ = [VarianceFilter(max_missing=self.max_missing), RangeLimit()]
        self.steps_ += [MedianImputer()] if self.impute else []
        self.steps_ += [] if self.correlation is None else [CorrelationFilter(self.correlation)]
        self.steps_ += [TailCompressor()] if self.scale and self.tails else []
        self.steps_ += [Standardizer()] if self.scale else []
        if self.scale_blocks:
            method = "variance" if self.scale_blocks is True else str(self.scale_blocks)
            self.steps_ += [BlockScaler(method, standardize=False)]
        dropped: dict[str, str] = {}
        for step in self.steps_:
            matrix = step.fit_matrix(matrix, names).transform_matrix(matrix)
            dropped |= step.dropped_
            names = [str(name) for name in step.get_feature_names_out()]
        self.stands_for_ = {}
        for step in self.steps_:
            if isinstance(step, CorrelationFilter):
                self.stands_for_ = step.stands_for_
        return dropped

    def transform_matrix(self, matrix: FloatArray) -> FloatArray:
        """Return the prepared matrix (n, q) from one with the columns of `fit`, (n, p)."""
        for step in self.steps_:
            matrix = step.transform_matrix(matrix)
        return np.ascontiguousarray(matrix)
