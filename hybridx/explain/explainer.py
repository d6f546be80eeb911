"""One call for every model of the library: what each feature and each modality adds to each patient's prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import to_frame, to_matrix
from hybridx.errors import InputError
from hybridx.explain.decompose import decompose
from hybridx.explain.explanation import Explanation
from hybridx.fusion import EarlyFusion, FusionModel
from hybridx.models import SurvivalForest, TableModel, XGBoostAFT

__all__ = ["explain"]

FloatArray = npt.NDArray[np.float64]

# What a risk means depends on how event times are distributed.
_TIMES = {"weibull": "log-hazard", "loglogistic": "event log-odds", "lognormal": "SD of log-time"}


def explain(
    model: Any, X_new: Any, background: Any = None, *, units: Mapping[str, str] | None = None
) -> Explanation:
    """Explain a model's predictions: base plus modalities, each the sum of its features, exactly.

    Parameters
    ----------
    model : fitted estimator of `hybridx.models` or `hybridx.fusion`
        Explained on the scale of its `linear_predictor`.
    X_new : polars or pandas table, n rows
        Patients to explain.
    background : polars or pandas table or None
        Patients that "average" refers to, as a rule the training patients; None takes `X_new`.
    units : mapping of column to unit, optional
        UCUM units for tables and figures.

    Returns
    -------
    Explanation
        A modality that a patient lacks contributes exactly 0, and so do its features; what its absence shifts stands
        in the patient's `base`: the prediction for an average patient with the same modalities measured. A missing
        value within a measured modality is what the model imputed, and counts for that feature. A patient with nothing
        measured has NaN throughout. `method` says how contributions were found.

    Raises
    ------
    ExplanationError
        Contributions do not add up to the prediction, the form that a model offers is not what it predicts, or the
        estimator is none of the library's.

    Notes
    -----
    Exact for linear models, trees, late and early fusion of these, and every fusion model that offers a linear form or
    weighted members (`hybridx.fusion.protocols`). For all others modalities get Shapley values over all coalitions of
    what the patient has, and columns a sampled share of them; see `hybridx.explain.coalitions`.
    """
    if isinstance(model, TableModel | FusionModel):
        check_is_fitted(model, "tuned_")
    frame = to_frame(X_new)
    reference = frame if background is None else to_frame(background)
    if not reference.height:
        msg = "The background has no rows: pass the training patients."
        raise InputError(msg)
    parts = decompose(model, frame, reference)
    ids = frame["patient_id"].cast(pl.String).to_list() if "patient_id" in frame.columns else None
    ids = [f"row {i}" for i in range(frame.height)] if ids is None else ids
    return Explanation(
        features=_named(ids, parts.features, parts.columns),
        modalities=_named(ids, parts.modality_sums(), parts.modalities),
        base=parts.base,
        prediction=model.linear_predictor(frame),
        values=_named(ids, _values(frame, parts.columns), parts.columns),
        scale=_scale(model),
        method=parts.method,
        units={c: u for c, u in (units or {}).items() if c in parts.columns},
    )


def _scale(model: Any) -> str:
    endpoint = model.endpoint if isinstance(model, FusionModel) else model.takes
    if endpoint != "survival":
        return {"response": "log-odds", "ordinal": "ordinal log-odds", "continuous": "value"}[endpoint]
    inner = model.model_ if isinstance(model, EarlyFusion) else model
    if isinstance(inner, XGBoostAFT):
        return _TIMES[inner.baseline_.distribution]
    return "log-mortality" if isinstance(inner, SurvivalForest) else "log-hazard"


def _values(frame: pl.DataFrame, columns: list[str]) -> FloatArray:
    # a picture's reference is no number: its value stays empty
    there = [i for i, c in enumerate(columns) if c in frame.columns and not c.endswith(".image")]
    values = np.full((frame.height, len(columns)), np.nan)
    values[:, there] = to_matrix(frame, [columns[i] for i in there])
    return values


def _named(ids: list[str], matrix: FloatArray, columns: list[str]) -> pl.DataFrame:
    table = pl.DataFrame(matrix, schema=dict.fromkeys(columns, pl.Float64), orient="row").fill_nan(None)
    return table.insert_column(0, pl.Series("patient_id", ids, dtype=pl.String))
