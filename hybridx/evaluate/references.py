"""Knowing nothing: the shares of the levels, or the mean, of the training patients for everyone."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from hybridx.cohort.columns import to_frame
from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.panel import FloatArray

__all__ = ["LevelSharesReference", "MeanReference"]


class LevelSharesReference(BaseEstimator):  # type: ignore[misc]
    """How often each level occurred among the training patients: what ranked probability scores are held against."""

    def fit(self, X: Any, y: Outcome) -> LevelSharesReference:  # noqa: ARG002 - scikit-learn's signature
        """Count levels."""
        self.shares_ = np.bincount(y.value.astype(np.intp), minlength=len(y.levels)) / len(y)
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the same probability of each level for all, shape (n, K)."""
        return np.tile(self.shares_, (to_frame(X).height, 1))


class MeanReference(BaseEstimator):  # type: ignore[misc]
    """The mean of the training patients: what errors of continuous outcomes are held against."""

    def fit(self, X: Any, y: Outcome) -> MeanReference:  # noqa: ARG002 - scikit-learn's signature
        """Take the mean."""
        self.mean_ = float(np.mean(y.value))
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the same value for all, shape (n,)."""
        return np.full(to_frame(X).height, self.mean_)
