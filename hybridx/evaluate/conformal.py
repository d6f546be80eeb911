"""What the two conformal wrappers share: predictions of patients by models that did not see them.

A conformal wrapper learns from each patient's held-out prediction how wrong its model tends to be, and widens what it
tells the next patient accordingly. Held-out predictions come from folds, so no patient is spent on calibration alone
(cross-conformal prediction); the model that speaks to new patients is fitted on all. The price: coverage of
1 - 2 alpha is proven, of 1 - alpha only measured (``benchmarks/conformal_coverage.py``).

Source
------
Vovk V. Ann Math Artif Intell 2015. doi:10.1007/s10472-013-9368-4. Barber RF et al. Ann Stat 2021.
doi:10.1214/20-AOS1965
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import clone

from hybridx.cohort.columns import feature_columns, to_frame
from hybridx.cohort.outcome import Outcome, as_outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.evaluate.folds import seeded
from hybridx.models.folds import canonical_order, inner_folds, patient_keys

__all__ = ["check_settings", "conformal_quantile", "held_out", "known_rows"]


def conformal_quantile(strange: npt.NDArray[np.float64], level: float) -> float:
    """Return the ceil((n + 1) level)-th smallest of n scores; infinity where n is too small for the level."""
    rank = int(np.ceil((len(strange) + 1) * level - 1e-9))
    return float(np.sort(strange)[rank - 1]) if 0 < rank <= len(strange) else np.inf


def check_settings(name: str, level: float, folds: int) -> None:
    """Refuse an impossible level or number of folds."""
    if not 0.5 <= level < 1:
        msg = f"{name}(level={level!r}): wanted a coverage in [0.5, 1), for example 0.9."
        raise SettingsError(msg)
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        msg = f"{name}(folds={folds!r}): wanted a whole number >= 2."
        raise SettingsError(msg)


def known_rows(X: Any, y: Any, kind: str, name: str, fewest: dict[str, int]) -> tuple[pl.DataFrame, Outcome]:
    """Return table and outcome of those whose outcome is known, in an order that rows of the table do not decide."""
    frame, outcome = to_frame(X), as_outcome(y)
    if outcome.kind != kind:
        msg = f"{name} takes a {kind} outcome; {outcome.endpoint!r} is a {outcome.kind} outcome."
        raise InputError(msg)
    if frame.height != len(outcome):
        msg = f"{name}.fit: the table has {frame.height} rows while the outcome has {len(outcome)}."
        raise InputError(msg)
    frame, outcome = frame.filter(pl.Series(outcome.known)), outcome[outcome.known]
    counts = {
        "events" if kind == "survival" else "responders": outcome.n_events,
        "non-responders": len(outcome) - outcome.n_events,
    }
    for what, least in fewest.items():
        if counts[what] < least:
            msg = f"{name} needs {least} {what} or more to learn from, got {counts[what]}."
            raise NotEnoughDataError(msg)
    order = canonical_order(outcome, patient_keys(frame, feature_columns(frame)))
    return frame[order], outcome[order]


def held_out(
    model: Any, X: pl.DataFrame, y: Outcome, folds: int, random_state: int
) -> Iterator[tuple[Any, npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield (model fitted on the rest, training rows, held-out rows) for each fold."""
    fold = inner_folds(y, patient_keys(X, feature_columns(X)), folds, random_state)
    for k in range(folds):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        yield seeded(clone(model), (random_state, k)).fit(X[train], y[train]), train, test
