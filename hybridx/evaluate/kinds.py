"""What differs between kinds of outcome: what a model is asked for, where its answer is kept, what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.evaluate.panel import FloatArray

__all__ = ["KINDS", "Kind", "counted", "predict_levels", "predict_values", "truth_columns"]


@dataclass(frozen=True)
class Kind:
    """How an evaluation treats one kind of outcome.

    Parameters
    ----------
    method : str
        What a model must offer beside `fit`.
    score : str
        Column of the one number per patient: `Panel.score`.
    curve : str
        Column of what is predicted at the points of the grid: survival at times, the probability of each level; empty
        where there is one number only.
    counted : str
        What is counted: events, responders, patients.
    reference : str
        Name of the model that knows nothing but the outcome's distribution in training.
    proper : str
        Metric by which a model's probabilities are held against that reference.
    """

    method: str
    score: str
    curve: str
    counted: str
    reference: str
    proper: str


KINDS: dict[str, Kind] = {
    "survival": Kind("predict", "risk", "survival", "events", "kaplan_meier", "ibs"),
    "response": Kind("predict_proba", "probability", "", "responders", "prevalence", "brier"),
    "ordinal": Kind("predict_proba", "expected_rank", "levels", "patients", "level_shares", "rps"),
    "continuous": Kind("predict", "predicted", "", "patients", "mean_value", "rmse"),
}


def counted(y: Outcome) -> str:
    """Say what a cohort has of an outcome: ``24 events``, ``CR 5, PR 12, SD 9, PD 20``, ``-30 to 12 %``."""
    if y.kind == "ordinal":
        return ", ".join(f"{level} {int(np.sum(y.value == k))}" for k, level in enumerate(y.levels))
    if y.kind == "continuous":
        known = y.value[y.known]
        return f"{known.min():.3g} to {known.max():.3g} {y.unit}".rstrip() if len(known) else "no value"
    return f"{y.n_events} {KINDS[y.kind].counted}"


def truth_columns(y: Outcome, rows: Any) -> dict[str, pl.Series]:
    """Return what happened to some patients as columns of the table of predictions, null where it is unknown."""
    value = pl.Series(y.value[rows]).fill_nan(None)
    if y.kind == "survival":
        known = pl.Series(y.known[rows])
        return {
            "time_days": pl.Series(y.time_days[rows]).fill_nan(None),
            "event": pl.Series(y.event[rows]).set(~known, None),
        }
    if y.kind == "response":
        return {"response": value.cast(pl.Boolean)}
    if y.kind == "ordinal":
        names = [None if np.isnan(rank) else y.levels[int(rank)] for rank in y.value[rows]]
        return {"level": pl.Series(names, dtype=pl.String)}
    return {"value": value}


def predict_levels(estimator: Any, X: pl.DataFrame, n_levels: int) -> tuple[FloatArray, FloatArray]:
    """Return the expected rank (n,) and the probability of each level (n, K) of a fitted model.

    Raises
    ------
    InputError
        `predict_proba` has another shape, or gives no probabilities that sum to 1.
    """
    name = type(estimator).__name__
    levels = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    if levels.shape != (X.height, n_levels):
        msg = f"{name}.predict_proba gave shape {levels.shape} while it should be ({X.height}, {n_levels})."
        raise InputError(msg)
    there = ~np.isnan(levels).any(axis=1)
    wrong = (np.abs(levels[there].sum(axis=1) - 1.0) > 1e-6) | (levels[there] < -1e-9).any(axis=1)
    if wrong.any():
        msg = f"{name}.predict_proba: {int(wrong.sum())} rows hold no probabilities of levels that sum to 1."
        raise InputError(msg)
    return levels @ np.arange(n_levels, dtype=np.float64), np.clip(levels, 0.0, 1.0)


def predict_values(estimator: Any, X: pl.DataFrame) -> FloatArray:
    """Return the predicted value of each patient, (n,).

    Raises
    ------
    InputError
        `predict` has another shape or gives something infinite.
    """
    value = np.asarray(estimator.predict(X), dtype=np.float64)
    if value.shape != (X.height,) or np.isinf(value).any():
        name = type(estimator).__name__
        msg = f"{name}.predict gave shape {value.shape} (infinite: {np.isinf(value).sum()}); wanted ({X.height},)."
        raise InputError(msg)
    return value
