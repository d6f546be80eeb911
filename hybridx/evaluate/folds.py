"""One fold: fit every model on its training part, predict its test part. Nothing else ever sees a fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import clone

from hybridx.cohort.columns import modalities_in, without_modality
from hybridx.cohort.outcome import Outcome
from hybridx.compute.sharing import sharing
from hybridx.errors import HybridxError, InputError
from hybridx.evaluate.baselines import Model
from hybridx.evaluate.kinds import KINDS, predict_levels, predict_values
from hybridx.evaluate.panel import FloatArray
from hybridx.fusion.support import support_detectors
from hybridx.models.base import frozen

__all__ = ["FoldResult", "FoldTask", "Prediction", "predict_rows", "run_fold", "seeded"]

Explain = Callable[[Any, pl.DataFrame, pl.DataFrame], Any]


@dataclass(frozen=True, eq=False)
class FoldTask:
    """What a worker needs for one fold; test outcomes are not among it.

    Parameters
    ----------
    repeat, fold : int
    X_train, y_train : polars.DataFrame, Outcome
    X_test : polars.DataFrame
        The fold's test patients, then those whose outcome is unknown (anyone's model may predict them).
    models : tuple of Model
    kind : {"survival", "response", "ordinal", "continuous"}
    times : array of float
        Days at which survival is predicted; ranks of the levels of an ordered outcome.
    primary : str
        Model that is explained and handed back for refits.
    explain : callable or None
        ``(model, X_test, X_train) -> explanation``; None in all repeats but the first.
    explained : int
        How many of the test rows, from the first, are explained.
    keep_frozen : bool
        Hand back the primary model with its tuned settings fixed.
    without : tuple of str
        Modalities that are taken away, one at a time, from all test patients before the primary model predicts again.
    support : bool
        Say how far out each test patient lies among the training patients, modality by modality.
    """

    repeat: int
    fold: int
    X_train: pl.DataFrame
    y_train: Outcome
    X_test: pl.DataFrame
    models: tuple[Model, ...]
    kind: str
    times: FloatArray
    primary: str
    explain: Explain | None = None
    explained: int = 0
    keep_frozen: bool = False
    without: tuple[str, ...] = ()
    support: bool = False


@dataclass(frozen=True, eq=False)
class Prediction:
    """Scores (m,) and survival (m, T) of one model for the test rows; NaN where it says nothing."""

    score: FloatArray
    survival: FloatArray | None
    failure: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What comes back from a fold.

    `without` has the primary model's predictions with a modality taken away, `support` the percentile of each test
    row among the training patients, by modality.
    """

    repeat: int
    fold: int
    predictions: dict[str, Prediction]
    explanation: Any = None
    explanation_failure: str = ""
    frozen: Any = None
    without: dict[str, Prediction] = field(default_factory=dict)
    support: dict[str, FloatArray] = field(default_factory=dict)


def run_fold(task: FoldTask) -> FoldResult:
    """Fit and predict every model of a fold; a model that fails gives NaN and its reason."""
    predictions: dict[str, Prediction] = {}
    fitted: Any = None
    with sharing():  # strategies fit the same model of a modality on the same training patients
        for model in task.models:
            estimator, predictions[model.name] = _fit_predict(model, task)
            if model.name == task.primary:
                fitted = estimator
    explanation, failure, unfitted = None, "", None
    if fitted is not None and task.explain is not None:
        try:
            explanation = task.explain(fitted, task.X_test.head(task.explained), task.X_train)
        except (HybridxError, ValueError, ArithmeticError) as error:
            failure = f"{type(error).__name__}: {error}"
    if fitted is not None and task.keep_frozen:
        unfitted = frozen(fitted)
    without = {} if fitted is None else {m: _predict_without(fitted, task, m) for m in task.without}
    support = _support_of(task) if task.support else {}
    return FoldResult(
        task.repeat, task.fold, predictions, explanation, failure, unfitted, without=without, support=support
    )


def _predict_without(fitted: Any, task: FoldTask, modality: str) -> Prediction:
    """Predict the test patients as if none of them had a modality."""
    try:
        score, survival = predict_rows(fitted, without_modality(task.X_test, modality), task.kind, task.times)
    except Exception as error:  # noqa: BLE001 - as for a fit: a reason, not a stop
        return Prediction(
            np.full(task.X_test.height, np.nan), None, failure=f"{type(error).__name__}: {error}"
        )
    return Prediction(score, survival)


def _support_of(task: FoldTask) -> dict[str, FloatArray]:
    """Return each test row's percentile among the training patients, by modality with enough of them."""
    detectors, _ = support_detectors(task.X_train, modalities_in(task.X_train))
    return {name: detector.percentile(task.X_test) for name, detector in detectors.items()}


def _fit_predict(model: Model, task: FoldTask) -> tuple[Any, Prediction]:
    m = task.X_test.height
    nothing = Prediction(np.full(m, np.nan), None)
    train, test = model.applies_to(task.X_train), model.applies_to(task.X_test)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator = seeded(clone(model.estimator), (task.repeat, task.fold))
            estimator.fit(model.sees(task.X_train).filter(train), task.y_train[train])
            X_test = model.sees(task.X_test).filter(test)
            score, survival = predict_rows(estimator, X_test, task.kind, task.times)
        except Exception as error:  # noqa: BLE001 - any model's error becomes that fold's reason
            return None, Prediction(nothing.score, None, failure=f"{type(error).__name__}: {error}")
    nothing.score[test] = score
    whole = None
    if survival is not None:
        whole = np.full((m, len(task.times)), np.nan)
        whole[test] = survival
    said = tuple(getattr(estimator, "notes_", ()))
    said += tuple(
        dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, (UserWarning, RuntimeWarning)))
    )
    return estimator, Prediction(nothing.score, whole, warnings=said)


def predict_rows(
    estimator: Any, X: pl.DataFrame, kind: str, times: FloatArray
) -> tuple[FloatArray, FloatArray | None]:
    """Return score (n,) and curve (n, T) or None of a fitted model (see `Kind`), checked for shape and range.

    Raises
    ------
    InputError
        The model returned something else than its contract says.
    """
    name = type(estimator).__name__
    if X.height == 0:
        return np.empty(0), (np.empty((0, len(times))) if KINDS[kind].curve else None)
    if kind == "ordinal":
        return predict_levels(estimator, X, len(times))
    if kind == "continuous":
        return predict_values(estimator, X), None
    if kind == "response":
        probability = np.asarray(estimator.predict_proba(X), dtype=np.float64)
        if probability.shape != (X.height, 2):
            msg = f"{name}.predict_proba gave shape {probability.shape} while it should be ({X.height}, 2)."
            raise InputError(msg)
        _refuse_outside(probability, f"{name}.predict_proba")
        return probability[:, 1], None
    risk = np.asarray(estimator.predict(X), dtype=np.float64)
    if risk.shape != (X.height,) or np.isinf(risk).any():
        msg = f"{name}.predict gave shape {risk.shape} (infinite: {np.isinf(risk).sum()}); wanted ({X.height},)."
        raise InputError(msg)
    if not hasattr(estimator, "predict_survival"):
        return risk, None
    survival = np.asarray(estimator.predict_survival(X, times), dtype=np.float64)
    if survival.shape != (X.height, len(times)):
        msg = f"{name}.predict_survival gave shape {survival.shape} while it should be ({X.height}, {len(times)})."
        raise InputError(msg)
    _refuse_outside(survival, f"{name}.predict_survival")
    return risk, np.clip(survival, 0.0, 1.0)


def seeded(estimator: Any, seed: tuple[int, ...]) -> Any:
    """Give every unset `random_state` of an estimator a number made from the place of its fold."""
    if not hasattr(estimator, "get_params"):
        return estimator
    unset = [
        name
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    ]
    number = int(np.random.SeedSequence(seed).generate_state(1)[0] % 2**31)
    return estimator.set_params(**dict.fromkeys(unset, number)) if unset else estimator


def _refuse_outside(probability: FloatArray, what: str) -> None:
    outside = (probability < -1e-9) | (probability > 1 + 1e-9)
    if outside.any():
        msg = f"{what} gave {int(outside.sum())} values outside [0, 1], for example {probability[outside][0]:.3g}."
        raise InputError(msg)
