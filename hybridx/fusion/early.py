"""Early fusion: all modalities side by side in one table, one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, cast, get_args

import numpy as np
import polars as pl
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

from hybridx.cohort.columns import feature_columns, measured_mask, to_frame
from hybridx.cohort.outcome import OutcomeKind
from hybridx.errors import InputError, SettingsError
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel, choose_modalities
from hybridx.fusion.patterns import pattern_table
from hybridx.fusion.usable import unused_modalities
from hybridx.models import (
    ContinuousModel,
    CoxRidge,
    LogisticModel,
    OrdinalModel,
    SurvivalModel,
    TableModel,
    frozen,
)
from hybridx.models.data import check_enough, known_rows
from hybridx.terms.text import check_name

__all__ = ["EarlyFusion"]

_DEFAULTS: dict[str, type[TableModel]] = {
    "survival": CoxRidge,
    "response": LogisticModel,
    "ordinal": OrdinalModel,
    "continuous": ContinuousModel,
}
_OF_ONE_TABLE = ("ordinal", "continuous")  # kinds whose prediction is the inner model's own


class EarlyFusion(FusionModel):
    """Put all modalities side by side and fit one model on them.

    The simplest fusion, and the one to beat: with hundreds of imaging features beside a few strong clinical ones it is
    often worse than the clinical ones alone. A modality that a patient lacks is filled with the training medians.

    Parameters
    ----------
    model : estimator of `hybridx.models` or None
        None takes `CoxRidge` for survival, `LogisticModel` for response, `OrdinalModel` and `ContinuousModel` for the
        other kinds.
    modalities : list of str or None
        Which modalities to use, by name; None takes all of the table.
    endpoint : {"survival", "response", "ordinal", "continuous"}
        What the outcome is. Ordinal: `predict_proba` has a column per level, best to worst, and `predict` is the rank
        of the most probable one. Continuous: `predict` is the expected value.
    scale_blocks : bool or {"variance", "leading"}, default False
        Let the penalty weigh modalities rather than columns, so that a thousand radiomics features do not drown five
        clinical facts; True means "variance". See `hybridx.prepare.BlockScaler`. For models with a ridge penalty; a
        tree does not look at scales.

    Attributes
    ----------
    model_ : estimator
        The fitted model of the wide table.

    Examples
    --------
    >>> from hybridx.models import XGBoostCox
    >>> EarlyFusion(XGBoostCox(max_depth=1), modalities=["clinical", "pet"])
    EarlyFusion(modalities=['clinical', 'pet'], model=XGBoostCox(max_depth=1))
    """

    model_: TableModel

    def __init__(
        self,
        model: TableModel | None = None,
        modalities: Sequence[str] | None = None,
        endpoint: OutcomeKind = "survival",
        *,
        scale_blocks: bool | str = False,
    ) -> None:
        self.model = model
        self.modalities = modalities
        self.endpoint = endpoint
        self.scale_blocks = scale_blocks

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table of modalities and its outcome.

        Raises
        ------
        NotEnoughDataError
            Too few events, or none of the columns is usable.
        """
        self._check_endpoint()
        frame, outcome = known_rows(X, y, self.endpoint, late_entry=True)
        check_enough(outcome, "EarlyFusion")
        self.modalities_ = choose_modalities(frame, self.modalities)
        self.columns_ = {m: feature_columns(frame, [m]) for m in self.modalities_}
        measured = np.column_stack([measured_mask(frame, m) for m in self.modalities_])
        some = measured.any(axis=1)
        self.patterns_ = pattern_table(self.modalities_, measured, outcome)
        self.notes_ = (
            [] if some.all() else [f"{int((~some).sum())} patients with nothing measured were left out."]
        )
        self.model_ = clone(_DEFAULTS[self.endpoint]() if self.model is None else self.model)
        if not isinstance(self.model_, TableModel) or self.model_.takes != self.endpoint:
            msg = f"`model` for {self.endpoint!r} takes its estimators of hybridx.models, got {self.model!r}."
            raise InputError(msg)
        if self.scale_blocks:
            if "scale_blocks" not in self.model_.get_params(deep=False):
                msg = f"scale_blocks={self.scale_blocks!r} is for models with a ridge penalty, got {self.model_!r}."
                raise SettingsError(msg)
            self.model_.set_params(scale_blocks=self.scale_blocks)
        rows = np.flatnonzero(some)
        self.model_.fit(self.wide(frame)[rows], outcome[rows])
        self.notes_ += self.model_.notes_
        preparation = getattr(self.model_, "preparation_", None)  # an estimator from elsewhere may have none
        if preparation is not None:
            self.notes_ += unused_modalities(self.columns_, preparation.dropped_)
        self.tuned_ = {"model": frozen(self.model_)}
        return self

    def _check_endpoint(self) -> None:
        check_name(self.endpoint, get_args(OutcomeKind), "endpoint")
        if self.endpoint in _OF_ONE_TABLE:
            return
        super()._check_endpoint()

    def predict(self, X: Any) -> FloatArray:
        """Return the risk (survival), 1.0 / 0.0 (response), the rank of a level or the expected value, shape (n,).

        NaN for a patient with none of the model's modalities.
        """
        if self.endpoint not in _OF_ONE_TABLE:
            return super().predict(X)
        return self._rows_with_something(X, self.model_.predict)

    @available_if(lambda self: self.endpoint in ("response", "ordinal"))
    def predict_proba(self, X: Any) -> FloatArray:
        """Return probabilities, (n, 2) with responder in column 1, or (n, n_levels), best to worst."""
        if self.endpoint == "response":
            return super().predict_proba(X)
        return self._rows_with_something(X, cast("OrdinalModel", self.model_).predict_proba)

    def score(self, X: Any, y: Any) -> float:
        """Return Harrell's C, ROC AUC, concordance of levels or R^2 of the patients with a prediction, for searches."""
        if self.endpoint not in _OF_ONE_TABLE:
            return super().score(X, y)
        frame, measured = to_frame(X), self.measured(X)
        rows = np.flatnonzero(measured.any(axis=1))
        return float(self.model_.score(self.wide(frame[rows]), y[rows]))

    def _rows_with_something(self, X: Any, of_wide: Callable[[pl.DataFrame], FloatArray]) -> FloatArray:
        frame, measured = to_frame(X), self.measured(X)
        rows = np.flatnonzero(measured.any(axis=1))
        found = of_wide(self.wide(frame[rows])) if len(rows) else np.empty(0)
        result = np.full((frame.height, *found.shape[1:]), np.nan)
        result[rows] = found
        return result

    def wide(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the columns that the inner model eats, empty where a modality is not measured or not there."""
        names = [c for m in self.modalities_ for c in self.columns_[m]]
        carried = [c for c in ("patient_id",) if c in frame.columns]
        there = set(frame.columns)
        empty = [pl.lit(None, dtype=pl.Float64).alias(c) for c in names if c not in there]
        # the flag decides, also in a table that holds 0 or old values where a modality is not measured
        unknown = [
            pl.when(pl.col(f"{m}.measured").fill_null(value=False).cast(pl.Boolean)).then(pl.col(c)).alias(c)
            for m in self.modalities_
            if f"{m}.measured" in there
            for c in self.columns_[m]
            if c in there
        ]
        return frame.with_columns(empty + unknown).select(carried + names)

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:  # noqa: ARG002
        return self.model_.linear_predictor(self.wide(frame))

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:  # noqa: ARG002
        return cast("SurvivalModel", self.model_).predict_survival(self.wide(frame), days)
