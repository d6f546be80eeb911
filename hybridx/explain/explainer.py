"""One call for every model of the library: what each feature and each modality adds to each patient's prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

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
from hybridx.explain.named import named
from hybridx.explain.on_scale import decompose_on
from hybridx.explain.over_time import TimeExplanation
from hybridx.explain.parts import Parts
from hybridx.explain.scales import chosen_scale, own_scale
from hybridx.fusion import FusionModel
from hybridx.fusion.image_need import wants_images
from hybridx.models import TableModel

__all__ = ["explain"]

FloatArray = npt.NDArray[np.float64]


@overload
def explain(
    model: Any,
    X_new: Any,
    background: Any = ...,
    *,
    scale: str | None = ...,
    times: float | None = ...,
    tau: float | None = ...,
    units: Mapping[str, str] | None = ...,
    features: pl.DataFrame | None = ...,
    knowing: bool | None = ...,
) -> Explanation: ...


@overload
def explain(
    model: Any,
    X_new: Any,
    background: Any = ...,
    *,
    scale: str,
    times: Sequence[float] | FloatArray,
    units: Mapping[str, str] | None = ...,
    features: pl.DataFrame | None = ...,
    knowing: bool | None = ...,
) -> TimeExplanation: ...


def explain(
    model: Any,
    X_new: Any,
    background: Any = None,
    *,
    scale: str | None = None,
    times: float | Sequence[float] | FloatArray | None = None,
    tau: float | None = None,
    units: Mapping[str, str] | None = None,
    features: pl.DataFrame | None = None,
    knowing: bool | None = None,
) -> Explanation | TimeExplanation:
    """Explain a model's predictions: base plus modalities, each the sum of its features, exactly.

    Parameters
    ----------
    model : fitted estimator of `hybridx.models` or `hybridx.fusion`, or a `PreparedModel` around one
        Fitted.
    X_new : polars or pandas table, n rows
        Patients to explain.
    background : polars or pandas table or None
        Patients that "average" refers to, as a rule the training patients; None takes `X_new`. Where all coalitions are
        formed, and on bent scales, at most 30 of them are compared with, evenly chosen; trees refer to their training.
    scale : str or None
        What the prediction is read as. None: the model's `linear_predictor` (log-hazard, log-odds, value; also by its
        name). Survival: "risk" (1 - S(t), higher is worse) and "survival" (S(t), higher is better) at `times`, "rmst"
        (expected event-free days up to `tau`, higher is better). Response: "probability". Ordinal: "mean level" (0 the
        best).
    times : float or sequence of float, optional
        Days since origin. One gives an `Explanation`, a sequence a `TimeExplanation`.
    tau : float, optional
        Horizon of "rmst" in days.
    units : mapping of column to unit, optional
        UCUM units for tables and figures.
    features : polars.DataFrame, optional
        Provenance of the columns (``cohort.features``): units, families, IBSI ids.
    knowing : bool or None
        Whether to say as well what knowing each modality does (see `Explanation.knowing`), from the model's predictions
        for every coalition of what a patient has. None: yes, unless the model reads pictures, which takes long.

    Returns
    -------
    Explanation or TimeExplanation
        A modality that a patient lacks contributes exactly 0, and so do its features; what its absence shifts stands
        in the patient's `base`: the prediction for an average patient with the same modalities measured. A missing
        value within a measured modality is what the model imputed, and counts for that feature. A patient with nothing
        measured has NaN throughout. `method` says how contributions were found.

    Raises
    ------
    SettingsError
        No such scale for the model's kind of outcome, or times or tau that it does not take.
    ExplanationError
        Contributions do not add up to the prediction, the form that a model offers is not what it predicts, or the
        estimator is none of the library's.

    Notes
    -----
    Exact for linear models, trees, late and early fusion of these, and every fusion model that offers a linear form or
    weighted members (`hybridx.fusion.protocols`). For all others modalities get Shapley values over all coalitions of
    what the patient has, and columns a sampled share of them; see
    `hybridx.explain.coalitions`. Other scales than the model's own: see `hybridx.explain.on_scale`. What was sampled
    carries its standard error, contribution by contribution (`Explanation.error`).

    Exact means exact for the model. With more and more patients, modality shares of `KernelFusion` and of a ridge over
    all columns approach the best possible ones; those of `LateFusion` do not, because each of its models knows one
    modality and counts again what another has said (`benchmarks/faithfulness.py`).
    """
    if isinstance(model, TableModel | FusionModel):
        check_is_fitted(model, "tuned_")
    frame = to_frame(X_new)
    reference = frame if background is None else to_frame(background)
    if not reference.height:
        msg = "The background has no rows: pass the training patients."
        raise InputError(msg)
    inner, table = as_the_model_sees(model, frame)
    others = as_the_model_sees(model, reference)[1]
    chosen = None
    if scale is not None or times is not None or tau is not None:
        chosen = chosen_scale(inner, scale, times, tau)
    if chosen is None:
        parts, prediction = decompose(inner, table, others), model.linear_predictor(frame)
        name, predict = own_scale(inner), model.linear_predictor
    else:
        parts, prediction = decompose_on(inner, table, others, chosen), chosen.read(inner, table)
        name = chosen.names[0]

        def predict(table: pl.DataFrame) -> FloatArray:
            return chosen.read(*as_the_model_sees(model, table))[:, 0]

    ids = frame["patient_id"].cast(pl.String).to_list() if "patient_id" in frame.columns else None
    ids = [f"row {i}" for i in range(frame.height)] if ids is None else ids
    values = named(ids, _values(frame, table, parts.columns), parts.columns)
    units = {c: u for c, u in ({**_units(features), **(units or {})}).items() if c in parts.columns}
    if chosen is not None and times is not None and np.ndim(times):
        return TimeExplanation(
            days=chosen.days,
            contributions=parts.features,
            base=parts.base,
            prediction=prediction,
            values=values,
            modality_names=parts.modalities,
            scales=chosen.names,
            method=parts.method,
            units=units,
            error=parts.error,
        )
    if chosen is not None:
        parts, prediction = _at_the_first_time(parts), prediction[:, 0]
        knowing = bool(knowing)  # a second round of predictions, on request
    return Explanation(
        features=named(ids, parts.features, parts.columns),
        modalities=named(ids, parts.modality_sums(), parts.modalities),
        base=parts.base,
        prediction=prediction,
        values=values,
        scale=name,
        # further questions are asked of the linear predictor
        source=Source(model, frame, reference) if chosen is None else None,
        method=parts.method,
        units=units,
        details=_details(
            model, predict, frame, reference, parts, ids=ids, features=features, knowing=knowing
        ),
    )


def _at_the_first_time(parts: Parts) -> Parts:
    """Return contributions without their axis of times: a scale that was asked for at one time has just one."""
    error = None if parts.error is None else parts.error[..., 0]
    return replace(parts, features=parts.features[..., 0], base=parts.base[:, 0], error=error)


def _units(features: pl.DataFrame | None) -> dict[str, str]:
    return {} if features is None else dict(features.select("column", "unit").drop_nulls().iter_rows())


def _details(
    model: Any,
    predict: Callable[[pl.DataFrame], FloatArray],
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
        values = values_of_knowing(predict, frame, reference, names, model.measured(frame))
        known = None if values is None else named(ids, values, names)
    filled = filled_in(model, frame, parts.columns)
    if filled is not None:
        filled = filled.insert_column(0, pl.Series("patient_id", ids, dtype=pl.String))
    about = None if features is None else features.filter(pl.col("column").is_in(parts.columns))
    error = None if parts.error is None else named(ids, parts.error, parts.columns)
    return Details(known, filled, stands_for(model), about=about, error=error)


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
