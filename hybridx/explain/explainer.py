"""One call for every model of the library: what each feature and each modality adds to each patient's prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import modality_of, to_frame, to_matrix
from hybridx.errors import ExplanationError, InputError
from hybridx.explain.contributions import table_contributions
from hybridx.explain.explanation import Explanation
from hybridx.fusion import EarlyFusion, FusionModel, LateFusion
from hybridx.models import SurvivalForest, TableModel

__all__ = ["explain"]

FloatArray = npt.NDArray[np.float64]


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
        measured has NaN throughout.

    Raises
    ------
    ExplanationError
        Contributions do not add up to the prediction, or the estimator is none of the library's.
    """
    if isinstance(model, TableModel | FusionModel):
        check_is_fitted(model, "tuned_")
    frame = to_frame(X_new)
    reference = frame if background is None else to_frame(background)
    if not reference.height:
        msg = "The background has no rows: pass the training patients."
        raise InputError(msg)
    parts = _parts(model, frame, reference)
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


@dataclass(frozen=True)
class _Parts:
    """Contributions of columns (n, p), NaN rows where nothing is measured, and the base (n,) they start from."""

    columns: list[str]
    features: FloatArray
    base: FloatArray
    method: str
    modalities: list[str]

    def modality_sums(self) -> FloatArray:
        of = np.array([modality_of(c) for c in self.columns], dtype=np.str_)
        return np.column_stack([self.features[:, of == m].sum(axis=1) for m in self.modalities])


def _table(model: TableModel, frame: pl.DataFrame, reference: pl.DataFrame) -> _Parts:
    columns = list(model.columns_)
    found = table_contributions(model, to_matrix(frame, columns), to_matrix(reference, columns))
    names = list(dict.fromkeys(modality_of(c) for c in columns))
    return _Parts(columns, found.values, found.base, found.method, names)


def _early(model: EarlyFusion, frame: pl.DataFrame, reference: pl.DataFrame) -> _Parts:
    parts = _table(model.model_, model.wide(frame), model.wide(reference))
    measured = model.measured(frame)
    features, base = parts.features.copy(), parts.base.copy()
    for i, modality in enumerate(model.modalities_):
        columns = np.array([modality_of(c) == modality for c in parts.columns])
        absent = np.ix_(~measured[:, i], columns)
        # the model sees medians there: what they shift belongs to nobody's measurement
        base[~measured[:, i]] += features[absent].sum(axis=1)
        features[absent] = 0.0
    nothing = ~measured.any(axis=1)
    features[nothing], base[nothing] = np.nan, np.nan
    return replace(parts, features=features, base=base)


def _late(model: LateFusion, frame: pl.DataFrame, reference: pl.DataFrame) -> _Parts:
    measured, known = model.measured(frame), model.measured(reference)
    weights = model.effective_weights(measured) / model.sd_
    base = np.full(frame.height, model.intercept_)
    blocks, columns, methods = [], [], []
    for i, modality in enumerate(model.modalities_):
        part_model, rows = model.models_[modality], np.flatnonzero(measured[:, i])
        names = list(part_model.columns_)
        block = np.zeros((frame.height, len(names)))
        if len(rows):
            table = to_matrix(frame[rows], names)
            others = to_matrix(reference[np.flatnonzero(known[:, i])], names) if known[:, i].any() else table
            found = table_contributions(part_model, table, others)
            block[rows] = found.values * weights[rows, i, None]
            base[rows] += (found.base - model.center_[modality]) * weights[rows, i]
            methods.append(found.method)
        blocks.append(block)
        columns += names
    features, nothing = np.hstack(blocks), ~measured.any(axis=1)
    features[nothing], base[nothing] = np.nan, np.nan
    method = "late fusion of: " + "; ".join(dict.fromkeys(methods))
    return _Parts(columns, features, base, method, list(model.modalities_))


def _parts(model: Any, frame: pl.DataFrame, reference: pl.DataFrame) -> _Parts:
    if isinstance(model, LateFusion):
        return _late(model, frame, reference)
    if isinstance(model, EarlyFusion):
        return _early(model, frame, reference)
    if isinstance(model, TableModel):
        return _table(model, frame, reference)
    msg = f"explain takes a fitted model of hybridx.models or hybridx.fusion, got {type(model).__name__}."
    raise ExplanationError(msg)


def _scale(model: Any) -> str:
    endpoint = model.endpoint if isinstance(model, FusionModel) else model.takes
    if endpoint != "survival":
        return {"response": "log-odds", "ordinal": "ordinal log-odds", "continuous": "value"}[endpoint]
    inner = model.model_ if isinstance(model, EarlyFusion) else model
    return "log-mortality" if isinstance(inner, SurvivalForest) else "log-hazard"


def _values(frame: pl.DataFrame, columns: list[str]) -> FloatArray:
    there = [i for i, c in enumerate(columns) if c in frame.columns]
    values = np.full((frame.height, len(columns)), np.nan)
    values[:, there] = to_matrix(frame, [columns[i] for i in there])
    return values


def _named(ids: list[str], matrix: FloatArray, columns: list[str]) -> pl.DataFrame:
    table = pl.DataFrame(matrix, schema=dict.fromkeys(columns, pl.Float64), orient="row").fill_nan(None)
    return table.insert_column(0, pl.Series("patient_id", ids, dtype=pl.String))
