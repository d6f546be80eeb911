"""How sure is one patient's curve: the model refitted on resamples of its training patients.

The band answers "would another training cohort of this size have told this patient the same?". It holds the settings
that were tuned on the training part, so it is narrower than full uncertainty, and it is no prediction interval for the
time of the event.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtri
from sklearn.base import clone

from hybridx.cohort.columns import without_modality
from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.folds import predict_rows, seeded
from hybridx.evaluate.panel import FloatArray

__all__ = ["BandTask", "band_around", "numbers_per_patient", "refit_predictions", "shifted"]

EDGE = 1e-3  # on the transformed scale 0 and 1 lie infinitely far away


@dataclass(frozen=True, eq=False)
class BandTask:
    """A few refits of one fold: draws `first` .. `first + count - 1` of its bootstrap.

    Each also predicts its patients with each modality of `without` taken away.
    """

    fold: int
    first: int
    count: int
    X_train: pl.DataFrame
    y_train: Outcome
    X_test: pl.DataFrame
    estimator: Any
    kind: str
    times: FloatArray
    seed: int
    without: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Numbers per patient, see `numbers_per_patient`."""
        return numbers_per_patient(self.kind, len(self.times))


def numbers_per_patient(kind: str, times: int) -> int:
    """Say how many numbers a model tells: survival at times; an expected rank, each level's probability; else one."""
    return {"survival": times, "ordinal": 1 + times}.get(kind, 1)


def refit_predictions(task: BandTask) -> tuple[FloatArray, int]:
    """Return predictions of the refits, and how many fits failed (NaN).

    Shape (count, m, (1 + len(without)) * width): as measured, then without each modality.
    """
    shown = [task.X_test, *(without_modality(task.X_test, name) for name in task.without)]
    drawn = np.full((task.count, task.X_test.height, len(shown) * task.width), np.nan)
    failed = 0
    for i in range(task.count):
        seed = (task.seed, task.fold, task.first + i)
        rows = _draw(task.y_train, np.random.default_rng(seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the fit itself has already said what it had to say
            try:
                model = seeded(clone(task.estimator), seed).fit(task.X_train[rows], task.y_train[rows])
                told = [_numbers(model, X, task) for X in shown]
            except Exception:  # noqa: BLE001 - a resample that cannot be fitted is one draw fewer, and counted
                failed += 1
                continue
        drawn[i] = np.concatenate(told, axis=1)
    return drawn, failed


def _numbers(model: Any, X: pl.DataFrame, task: BandTask) -> FloatArray:
    score, curve = predict_rows(model, X, task.kind, task.times)
    if task.kind == "ordinal":
        # a level that this resample did not draw has no column: such a fit has failed, and was counted above
        return np.column_stack([score, np.asarray(curve)])
    if task.kind != "survival":
        return score[:, None]
    return np.full((X.height, task.width), np.nan) if curve is None else curve


def band_around(
    centre: FloatArray, drawn: FloatArray, level: float = 0.95, *, probability: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of a band around probabilities (or values), from the spread of refits.

    Normal on the complementary log-log scale (of values: on their own), with the standard deviation of the refits:
    twenty refits give a usable standard deviation, their 2.5th percentile would be their minimum. NaN where fewer than
    ten refits exist.

    Parameters
    ----------
    centre : array, shape (...)
        Probabilities.
    drawn : array, shape (B, ...)
        The same from each refit.
    """
    there = ~np.isnan(drawn)
    count = there.sum(axis=0)
    z = _cloglog(np.where(there, drawn, 0.5)) if probability else -drawn
    mean = np.where(there, z, 0.0).sum(axis=0) / np.maximum(count, 1)
    variance = np.where(there, (z - mean) ** 2, 0.0).sum(axis=0) / np.maximum(count - 1, 1)
    half = ndtri(0.5 + level / 2) * np.sqrt(variance)
    low, high = centre - half, centre + half
    if probability:
        middle = _cloglog(centre)
        low, high = np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))
    enough = (count >= 10) & ~np.isnan(centre)
    low = np.where(enough, np.minimum(low, centre), np.nan)
    high = np.where(enough, np.maximum(high, centre), np.nan)
    return low, high


def shifted(
    centre: FloatArray, drawn: FloatArray, other: FloatArray, *, probability: bool = True
) -> FloatArray:
    """Return what the predictions become where refits say `other` in place of `drawn`: the mean step of the refits.

    On the scale of `band_around`. The same refits told both, so what they share cancels out.

    Parameters
    ----------
    centre : array, shape (...)
    drawn, other : array, shape (B, ...)
    """
    there = ~np.isnan(drawn) & ~np.isnan(other)
    count = there.sum(axis=0)
    step = _cloglog(np.where(there, other, 0.5)) - _cloglog(np.where(there, drawn, 0.5))
    step = step if probability else other - drawn
    mean = np.where(there, step, 0.0).sum(axis=0) / np.maximum(count, 1)
    moved = np.exp(-np.exp(_cloglog(centre) + mean)) if probability else centre + mean
    return np.where((count >= 10) & ~np.isnan(centre), moved, np.nan)


def _draw(y: Outcome, rng: np.random.Generator) -> np.typing.NDArray[np.intp]:
    """Draw patients with replacement, until both kinds of outcome are there (at most 50 times)."""
    n = len(y)
    if y.kind in ("ordinal", "continuous"):
        return np.sort(rng.integers(0, n, size=n))
    happened = y.event if y.kind == "survival" else y.value == 1.0
    for _ in range(50):
        rows = np.sort(rng.integers(0, n, size=n))
        if happened[rows].sum() >= 2 and (y.kind == "survival" or happened[rows].sum() <= n - 2):
            return rows
    return np.arange(n)


def _cloglog(survival: FloatArray) -> FloatArray:
    return np.asarray(np.log(-np.log(np.clip(survival, EDGE, 1.0 - EDGE))))
