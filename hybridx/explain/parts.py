"""A prediction as base plus contributions of columns: the form in which every explanation is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hybridx.cohort.columns import modality_of

__all__ = ["Parts"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Parts:
    """Contributions of columns to the predictions of n patients.

    Parameters
    ----------
    columns : list of str
        The p columns.
    features : array of float, shape (n, p) or (n, p, n_times)
        Contributions; a row of NaN where nothing is measured.
    base : array of float, shape (n,) or (n, n_times)
        What they start from.
    method : str
        How they were found.
    modalities : list of str
        Modalities in order; each column belongs to one.
    error : array of float, shape of `features`, or None
        Standard errors of what was sampled, 0 for what is exact; None where everything is.
    """

    columns: list[str]
    features: FloatArray
    base: FloatArray
    method: str
    modalities: list[str]
    error: FloatArray | None = None

    def of(self, modality: str) -> BoolArray:
        """Return which columns belong to a modality, shape (p,)."""
        return np.array([modality_of(c) == modality for c in self.columns], dtype=bool)

    def modality_sums(self) -> FloatArray:
        """Return the contributions of the modalities, shape (n, m) or (n, m, n_times)."""
        return np.stack([self.features[:, self.of(m)].sum(axis=1) for m in self.modalities], axis=1)

    def without_absent(self, measured: BoolArray, modalities: Sequence[str]) -> Parts:
        """Move what a model makes of modalities that a patient lacks into the base: it is nobody's measurement.

        Parameters
        ----------
        measured : array of bool, shape (n, m)
            Of `modalities`. A patient without any becomes NaN throughout.
        """
        features, base = self.features.copy(), self.base.copy()
        error = None if self.error is None else self.error.copy()
        for i, modality in enumerate(modalities):
            absent = np.ix_(~measured[:, i], self.of(modality))
            base[~measured[:, i]] += features[absent].sum(axis=1)
            features[absent] = 0.0
            if error is not None:
                error[absent] = 0.0
        nothing = ~measured.any(axis=1)
        features[nothing], base[nothing] = np.nan, np.nan
        return replace(self, features=features, base=base, error=error)

    def arranged(self, columns: Sequence[str], modalities: Sequence[str]) -> Parts:
        """Return the same with `columns` first, in this order; those that it does not have contribute 0."""
        order = list(dict.fromkeys([*columns, *self.columns]))
        place = {column: i for i, column in enumerate(self.columns)}
        features = np.zeros((len(self.base), len(order), *self.features.shape[2:]))
        known = [i for i, column in enumerate(order) if column in place]
        features[:, known] = self.features[:, [place[order[i]] for i in known]]
        features[np.isnan(self.base).reshape(len(self.base), -1).any(axis=1)] = np.nan
        error = None
        if self.error is not None:
            error = np.zeros(features.shape)
            error[:, known] = self.error[:, [place[order[i]] for i in known]]
        named = list(dict.fromkeys([*modalities, *self.modalities]))
        return replace(self, columns=order, features=features, modalities=named, error=error)
