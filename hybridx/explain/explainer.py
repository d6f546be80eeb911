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
from hybridx.explain.asking import Source
from hybridx.explain.decompose import decompose
from hybridx.explain.details import Details
from hybridx.explain.explanation import Explanation
from hybridx.explain.fillings import as_the_model_sees, filled_in, stands_for
from hybridx.explain.knowing import knowing as values_of_knowing
from hybridx.explain.parts import Parts
from hybridx.fusion import EarlyFusion, FusionModel
from hybridx.fusion.image_need import wants_images
from hybridx.models import SurvivalForest, TableModel, XGBoostAFT

__all__ = ["explain"]

FloatArray = npt.NDArray[np.float64]

# What a risk means depends on how event times are distributed.
_TIMES = {"weibull": "log-hazard", "loglogistic": "event log-odds", "lognormal": "SD of log-time"}


def explain(
    model: Any,
    X_new: Any,
    background: Any = None,
    *,
    units: Mapping[str, str] | None = None,
    features: pl.DataFrame | None = None,
    knowing: bool | None = None,
) -> Explanation:
    """Explain a model's predictions: base plus modalities, each the sum of its features, exactly.

    Parameters
    ----------
    model : fitted estimator of `hybridx.models` or `hybridx.fusion`, or a `PreparedModel` around one
        Explained on the scale of its `linear_predictor`.
    X_new : polars or pandas table, n rows
        Patients to explain.
    background : polars or pandas table or None
        Patients that "average" refers to, as a rule the training patients; None takes `X_new`.
    units : mapping of column to unit, optional
        UCUM units for tables and figures.
    features : polars.DataFrame, optional
        Provenance of the columns (``cohort.features``): units, families, IBSI ids.
    knowing : bool or None
        Whether to say as well what knowing each modality does (see `Explanation.knowing`), from the model's predictions
        for every coalition of what a patient has. None: yes, unless the model reads pictures, which takes long.

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
    inner, table = as_the_model_sees(model, frame)
    parts = decompose(inner, table, as_the_model_sees(model, reference)[1])
    ids = frame["patient_id"].cast(pl.String).to_list() if "patient_id" in frame.columns else None
    ids = [f"row {i}" for i in range(frame.height)] if ids is None else ids
    return Explanation(
        features=_named(ids, parts.features, parts.columns),
        modalities=_named(ids, parts.modality_sums(), parts.modalities),
        base=parts.base,
        prediction=model.linear_predictor(frame),
        values=_named(ids, _values(frame, table, parts.columns), parts.columns),
        scale=_scale(inner),
        source=Source(model, frame, reference),
        method=parts.method,
        units={c: u for c, u in ({**_units(features), **(units or {})}).items() if c in parts.columns},
        details=_details(model, frame, reference, parts, ids=ids, features=features, knowing=knowing),
    )


def _units(features: pl.DataFrame | None) -> dict[str, str]:
    return {} if features is None else dict(features.select("column", "unit").drop_nulls().iter_rows())


def _details(
    model: Any,
    frame: pl.DataFrame,
    reference: pl.DataFrame,
    parts: Parts,
    *,
    ids: list[str],
    features: pl.DataFrame | None,
    knowing: bool | None,
) -> Details:
    wanted = not wants_images(model) if knowing is None else knowing
    known = None
    if wanted and frame.height and hasattr(model, "measured") and len(parts.modalities) > 1:
        inner = as_the_model_sees(model, frame.head(0))[0]
        names = list(inner.modalities_)
        values = values_of_knowing(model.linear_predictor, frame, reference, names, model.measured(frame))
        known = None if values is None else _named(ids, values, names)
    filled = filled_in(model, frame, parts.columns)
    if filled is not None:
        filled = filled.insert_column(0, pl.Series("patient_id", ids, dtype=pl.String))
    about = None if features is None else features.filter(pl.col("column").is_in(parts.columns))
    return Details(known, filled, stands_for(model), about=about)


def _scale(model: Any) -> str:
    endpoint = model.endpoint if isinstance(model, FusionModel) else model.takes
    if endpoint != "survival":
        return {"response": "log-odds", "ordinal": "ordinal log-odds", "continuous": "value"}[endpoint]
    inner = model.model_ if isinstance(model, EarlyFusion) else model
    if isinstance(inner, XGBoostAFT):
        return _TIMES[inner.baseline_.distribution]
    return "log-mortality" if isinstance(inner, SurvivalForest) else "log-hazard"


def _values(frame: pl.DataFrame, made: pl.DataFrame, columns: list[str]) -> FloatArray:
    """Return values as the caller has them, and where a preparation step made the column, as it made them."""
    values = np.full((frame.height, len(columns)), np.nan)
    left = [
        i for i, c in enumerate(columns) if not c.endswith(".image")
    ]  # a picture's reference is no number
    for table in (frame, made):
        there = [i for i in left if columns[i] in table.columns]
        values[:, there] = to_matrix(table, [columns[i] for i in there])
        left = [i for i in left if i not in there]
    return values


def _named(ids: list[str], matrix: FloatArray, columns: list[str]) -> pl.DataFrame:
    table = pl.DataFrame(matrix, schema=dict.fromkeys(columns, pl.Float64), orient="row").fill_nan(None)
    return table.insert_column(0, pl.Series("patient_id", ids, dtype=pl.String))
