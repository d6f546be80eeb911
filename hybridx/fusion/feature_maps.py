"""What a kernel sees of one modality: its standardised features, or smooth non-linear functions of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from hybridx.prepare import Preparation

__all__ = ["FeatureMap", "KernelName"]

FloatArray = npt.NDArray[np.float64]
KernelName = Literal["linear", "rbf"]

_WAVES = 256  # random cosine features: their kernel is off by some 1 / sqrt(256) of its size


class FeatureMap:
    r"""Columns whose inner products are the kernel, learnt on the training patients who have the modality.

    ``linear``: the standardised features z. ``rbf``: random cosines of them, whose inner products approach
    :math:`e^{-|z - z'|^2 / 2q}` for q features (Rahimi & Recht 2007): smooth non-linear effects and interactions within
    the modality, and nothing of any single training patient is kept. Either is scaled to rows of mean square norm 1.

    Attributes
    ----------
    preparation_ : Preparation
        Imputes, filters, standardises.
    """

    def __init__(self, kernel: KernelName, max_missing: float, correlation: float | None, seed: int) -> None:
        self.kernel = kernel
        self.max_missing = max_missing
        self.correlation = correlation
        self.seed = seed

    def fit(self, matrix: FloatArray, names: list[str]) -> FloatArray:
        """Learn from the patients who have the modality, (n, p), and return their mapped rows, (n, q)."""
        self.preparation_ = Preparation(self.max_missing, self.correlation).fit_matrix(matrix, names)
        prepared = self.preparation_.transform_matrix(matrix)
        q = prepared.shape[1]
        if self.kernel == "rbf":
            rng = np.random.default_rng(self.seed)
            self.waves_ = rng.normal(size=(q, _WAVES)) / np.sqrt(max(q, 1))
            self.phase_ = rng.uniform(0.0, 2.0 * np.pi, _WAVES)
        mapped = self._map(prepared)
        self.center_ = mapped.mean(axis=0)
        square = float(np.mean(((mapped - self.center_) ** 2).sum(axis=1)))
        self.scale_ = float(np.sqrt(square)) if square > 1e-12 else np.inf
        return (mapped - self.center_) / self.scale_

    def _map(self, prepared: FloatArray) -> FloatArray:
        if self.kernel == "linear":
            return prepared
        return np.cos(prepared @ self.waves_ + self.phase_)

    def transform(self, matrix: FloatArray) -> FloatArray:
        """Return the mapped rows of new patients, (n, q)."""
        return np.asarray(
            (self._map(self.preparation_.transform_matrix(matrix)) - self.center_) / self.scale_
        )
