"""Estimators that do one thing each, to watch what `evaluate` does with them."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from hybridx.cohort.columns import to_matrix

__all__ = ["Broken", "ByColumn", "Noise", "Same", "Spy"]


class ByColumn(BaseEstimator):
    """Risk is one column; survival is exponential with that log-hazard. Learns nothing."""

    def __init__(self, column="clinical.x0", scale=400.0):
        self.column = column
        self.scale = scale

    def fit(self, X, y):  # noqa: ARG002 - scikit-learn's signature
        self.n_ = len(y)
        return self

    def predict(self, X):
        return to_matrix(X, [self.column])[:, 0]

    def predict_survival(self, X, times):
        return np.exp(-np.outer(np.exp(self.predict(X)), np.asarray(times) / self.scale))

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(self.predict(X)))
        return np.column_stack([1 - p, p])


class Same(ByColumn):
    """The same risk for everyone."""

    def predict(self, X):
        return np.zeros(X.height)


class Noise(BaseEstimator):
    """Risk from a generator seeded by the fold: what `random_state` is for."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):  # noqa: ARG002 - scikit-learn's signature
        return self

    def predict(self, X):
        return np.random.default_rng(self.random_state).normal(size=X.height)


class Spy(ByColumn):
    """Keeps what it was shown in class-level lists (one process only)."""

    trained: list = []  # noqa: RUF012 - shared on purpose: clones report to one place
    tested: list = []  # noqa: RUF012

    def fit(self, X, y):
        Spy.trained.append((X, y))
        return super().fit(X, y)

    def predict(self, X):
        Spy.tested.append(X)
        return super().predict(X)


class Broken(ByColumn):
    """Fails to fit: always, or only where the training part holds a given patient."""

    def __init__(self, patient=None):
        super().__init__()
        self.patient = patient

    def fit(self, X, y):
        if self.patient is None or self.patient in X["patient_id"]:
            msg = "cannot be fitted"
            raise ArithmeticError(msg)
        return super().fit(X, y)
