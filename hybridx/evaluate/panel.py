"""Out-of-fold predictions of one model as arrays: the one thing every metric eats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["FloatArray", "Panel"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Panel:
    """What one model predicted for n patients in R repeats, and what happened to them.

    Parameters
    ----------
    outcome : Outcome
        n rows, all known.
    fold : array of int, shape (R, n)
        Test fold in which the patient was predicted; only predictions of one fold come from one fitted model.
    score : array of float, shape (R, n)
        Risk (higher is worse) for survival, probability of response for response, expected rank of the level (higher
        is worse) for ordinal, the value itself for continuous outcomes; NaN where not predicted.
    survival : array of float, shape (R, n, T), or None
        Survival probability at `times`.
    times : array of float, shape (T,)
        Days, increasing.
    levels : array of float, shape (R, n, K), or None
        Ordinal outcomes: the probability of each level, best to worst.
    """

    outcome: Outcome
    fold: npt.NDArray[np.intp]
    score: FloatArray
    survival: FloatArray | None = None
    times: FloatArray | None = None
    levels: FloatArray | None = None

    @classmethod
    def single(
        cls, outcome: Outcome, score: Any = None, *, survival: Any = None, times: Any = None, fold: Any = None
    ) -> Panel:
        """Build a panel from plain arrays: (n,) for one set of predictions, (R, n) for R repeats.

        Raises
        ------
        InputError
            Shapes do not fit the outcome, or a probability lies outside [0, 1].
        """
        n = len(outcome)
        surv = None
        if survival is not None:
            surv = np.asarray(survival, dtype=np.float64)
            surv = surv[None] if surv.ndim == 2 else surv
            times = np.atleast_1d(np.asarray(times, dtype=np.float64))
            if not (np.isfinite(times).all() and (times > 0).all() and (np.diff(times) > 0).all()):
                msg = f"times are days > 0, rising, each once; got {listing(f'{t:g}' for t in times)}."
                raise InputError(msg)
            if surv.ndim != 3 or surv.shape[1:] != (n, len(times)):
                msg = f"survival has shape {np.shape(survival)} while it should be ({n}, {len(times)})."
                raise InputError(msg)
            if np.nanmin(surv, initial=0.0) < 0 or np.nanmax(surv, initial=1.0) > 1:
                msg = "survival must be probabilities in [0, 1]; a risk score is not accepted here."
                raise InputError(msg)
        if score is None:
            score = np.zeros((1, n)) if surv is None else 1.0 - surv[:, :, -1]
        values = np.atleast_2d(np.asarray(score, dtype=np.float64))
        if np.isinf(values).any():
            msg = f"{int(np.isinf(values).sum())} scores are infinite; use NaN where there is none."
            raise InputError(msg)
        folds = np.zeros(values.shape, dtype=np.intp)
        if fold is not None:
            folds = np.atleast_2d(np.asarray(fold, dtype=np.intp))
        if values.shape[1:] != (n,) or folds.shape != values.shape:
            msg = f"scores have shape {np.shape(score)} and folds {np.shape(fold)} while the outcome has {n} patients."
            raise InputError(msg)
        panel = cls(outcome, folds, values, surv, times)
        return panel.rows(outcome.known)

    @property
    def n(self) -> int:
        """Number of patients."""
        return len(self.outcome)

    @property
    def n_events(self) -> int | None:
        """Number of events or responders; None of outcomes that have none to count."""
        return self.outcome.n_events if self.outcome.kind in ("survival", "response") else None

    @cached_property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Where there is a prediction, shape (R, n)."""
        return np.asarray(np.isfinite(self.score) & (self.fold >= 0))

    @property
    def predicted(self) -> npt.NDArray[np.bool_]:
        """Which patients have a prediction in at least one repeat, shape (n,)."""
        return np.asarray(self.valid.any(axis=0))

    def rows(self, keep: npt.NDArray[np.bool_]) -> Panel:
        """Return the panel of some of its patients."""
        return replace(
            self,
            outcome=self.outcome[keep],
            fold=self.fold[:, keep],
            score=self.score[:, keep],
            survival=None if self.survival is None else self.survival[:, keep],
            levels=None if self.levels is None else self.levels[:, keep],
        )

    def where(self, keep: npt.NDArray[np.bool_]) -> Panel:
        """Return the panel with some of its predictions only; `keep` has shape (R, n), patients stay."""
        survival, levels = (
            None if whole is None else np.where(keep[:, :, None], whole, np.nan)
            for whole in (self.survival, self.levels)
        )
        return replace(self, score=np.where(keep, self.score, np.nan), survival=survival, levels=levels)

    def blocks(self) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
        """Yield (repeat, rows) for each set of patients predicted by one fitted model."""
        for repeat in range(self.fold.shape[0]):
            for fold in np.unique(self.fold[repeat]):
                rows = np.flatnonzero(self.valid[repeat] & (self.fold[repeat] == fold))
                if rows.size > 1:
                    yield repeat, rows

    def survival_at(self, time_days: float) -> FloatArray:
        """Return survival at a time, shape (R, n): the value at the last grid time not after it."""
        if self.survival is None or self.times is None:
            msg = "The model gives risks only: it has no `predict_survival`, so no probability to score."
            raise InputError(msg)
        at = int(np.searchsorted(self.times, time_days * (1 + 1e-12), side="right")) - 1
        if at < 0:
            return np.where(self.valid, 1.0, np.nan)
        return np.asarray(self.survival[:, :, at], dtype=np.float64)

    def mean_event_probability(self, time_days: float) -> FloatArray:
        """Return each patient's out-of-fold probability of an event by a time, mean over repeats, shape (n,)."""
        return 1.0 - mean_over_repeats(self.survival_at(time_days))

    def mean_probability(self) -> FloatArray:
        """Return each patient's out-of-fold probability of response, mean over repeats, shape (n,)."""
        return mean_over_repeats(np.where(self.valid, self.score, np.nan))


def mean_over_repeats(values: FloatArray) -> FloatArray:
    """Average over the first axis, ignoring NaN; NaN where nothing is there (without numpy's warning)."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), dtype=np.float64)
