"""What every fusion model offers, for survival and for response, whatever is missing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.metrics import roc_auc_score
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort import as_outcome
from hybridx.cohort.columns import feature_columns, measured_mask, modalities_in, to_frame
from hybridx.cohort.outcome import OutcomeKind
from hybridx.errors import InputError
from hybridx.fusion.display import fitted_html, fitted_text
from hybridx.fusion.patterns import support_of
from hybridx.models import frozen
from hybridx.models.baseline import check_times
from hybridx.models.concordance import harrell_c
from hybridx.models.data import Endpoint
from hybridx.terms.text import check_name, listing

__all__ = ["FusionModel", "choose_modalities", "frozen"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def _for(endpoint: str) -> Any:
    return available_if(lambda self: self.endpoint == endpoint)


class FusionModel(BaseEstimator, ABC):
    """Base of the fusion models.

    `predict` is the risk (survival: log-hazard, higher is worse) or the predicted class (response); a patient with
    none of the model's modalities gets NaN, never a number.

    Attributes
    ----------
    modalities_ : list of str
        Modalities that the model uses, in the order of the table.
    columns_ : dict of str to list of str
        Their feature columns.
    notes_ : list of str
        What was left out and why, in sentences.
    tuned_ : dict
        Settings chosen inside `fit`; `frozen(model)` gives an unfitted copy with these fixed, for quick refits.
    patterns_ : polars.DataFrame
        Each pattern of measured modalities seen in training: patients and events (responders) behind it.
    """

    endpoint: OutcomeKind
    modalities_: list[str]
    columns_: dict[str, list[str]]
    notes_: list[str]
    patterns_: pl.DataFrame

    @abstractmethod
    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        """Return the linear predictor of rows that have at least one modality; `measured` is (n, m)."""

    @abstractmethod
    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:
        """Return the survival curves of rows that have at least one modality, shape (n, n_times)."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.endpoint in ("response", "ordinal"):
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_class=self.endpoint == "ordinal")
        return tags

    def _check_endpoint(self) -> None:
        check_name(self.endpoint, get_args(Endpoint), "endpoint")
        if self.endpoint == "response":
            self.classes_ = np.array([0.0, 1.0])

    def measured(self, X: Any) -> BoolArray:
        """Return which of the model's modalities each patient has, shape (n, m).

        A modality of which the table has no column at all counts as not measured.
        """
        check_is_fitted(self, "modalities_")
        frame = to_frame(X)
        there, names = set(modalities_in(frame)), set(frame.columns)
        result = np.zeros((frame.height, len(self.modalities_)), dtype=bool)
        for i, modality in enumerate(self.modalities_):
            if modality in there:
                result[:, i] = measured_mask(frame, modality)
                absent = [c for c in self.columns_[modality] if c not in names] if result[:, i].any() else []
                if absent:
                    msg = f"{len(absent)} {modality} columns that the model needs are absent: {listing(absent)}."
                    raise InputError(msg)
        return result

    def linear_predictor(self, X: Any) -> FloatArray:
        """Return log-hazard or log-odds, shape (n,); NaN for a patient with none of the model's modalities."""
        frame, measured = to_frame(X), self.measured(X)
        result = np.full(frame.height, np.nan)
        rows = np.flatnonzero(measured.any(axis=1))
        if len(rows):
            result[rows] = self._linear_predictor(frame[rows], measured[rows])
        return result

    def predict(self, X: Any) -> FloatArray:
        """Return the risk (log-hazard, higher is worse) or, for response, 1.0 / 0.0, shape (n,).

        NaN for a patient with none of the model's modalities.
        """
        predictor = self.linear_predictor(X)
        if self.endpoint == "survival":
            return predictor
        return np.where(np.isnan(predictor), np.nan, (predictor > 0).astype(np.float64))

    @_for("survival")
    def predict_survival(self, X: Any, times: npt.ArrayLike) -> FloatArray:
        """Return the probability of being free of the event at `times` (days), shape (n, n_times).

        It starts at 1, falls, and stays flat after the last follow-up seen in training; NaN where nothing is measured.
        """
        days, frame, measured = check_times(times), to_frame(X), self.measured(X)
        result = np.full((frame.height, len(days)), np.nan)
        rows = np.flatnonzero(measured.any(axis=1))
        if len(rows):
            result[rows] = self._survival(frame[rows], measured[rows], days)
        return result

    @_for("response")
    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of response, shape (n,); NaN where nothing is measured."""
        return self.linear_predictor(X)

    @_for("response")
    def predict_proba(self, X: Any) -> FloatArray:
        """Return probabilities, shape (n, 2), column 1 = responder; NaN where nothing is measured."""
        responder = expit(self.linear_predictor(X))
        return np.column_stack([1.0 - responder, responder])

    def score(self, X: Any, y: Any) -> float:
        """Return Harrell's C (survival) or ROC AUC (response) of the patients with a prediction, for searches."""
        outcome, predictor = as_outcome(y), self.linear_predictor(X)
        rows = outcome.known & ~np.isnan(predictor)
        if self.endpoint == "survival":
            return harrell_c(outcome.time_days[rows], outcome.event[rows], predictor[rows])
        return float(roc_auc_score(outcome.value[rows], predictor[rows]))

    def support(self, X: Any) -> pl.Series:
        """Return how many training patients had the same pattern of modalities as each patient, shape (n,)."""
        return support_of(self.patterns_, self.modalities_, self.measured(X))

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        text = super().__repr__(N_CHAR_MAX)
        return f"{text}\n{fitted_text(self.patterns_, self.notes_)}" if hasattr(self, "patterns_") else text

    def _repr_html_(self) -> str:
        text = super().__repr__()
        if not hasattr(self, "patterns_"):
            return fitted_html(text)
        return fitted_html(text, self.patterns_, self.notes_)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def choose_modalities(frame: pl.DataFrame, modalities: Sequence[str] | None) -> list[str]:
    """Return the modalities to use, in the order of the table.

    Raises
    ------
    InputError
        One is asked for that the table does not have, or the table has none.
    """
    there = modalities_in(frame)
    if not there:
        msg = "The table has no feature column: features are numeric columns named '<modality>.<name>'."
        raise InputError(msg)
    if modalities is None:
        return there
    asked = [modalities] if isinstance(modalities, str) else list(modalities)
    feature_columns(frame, asked)
    return [modality for modality in there if modality in asked]
