"""Which way a model's predictions are taken apart: exactly where its form allows it, by Shapley values elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import measured_mask, modalities_in, modality_of, to_matrix
from hybridx.errors import ExplanationError
from hybridx.explain.asked_only import sampled_table
from hybridx.explain.coalitions import shapley_parts
from hybridx.explain.contributions import Contributions, table_contributions
from hybridx.explain.explanation import TOLERANCE
from hybridx.explain.parts import Parts
from hybridx.fusion import EarlyFusion, FusionModel, LateFusion, LinearForm, WeightedMembers
from hybridx.fusion.protocols import HasLinearForm, HasWeightedMembers
from hybridx.models import TableModel
from hybridx.terms.text import listing

__all__ = ["decompose"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def decompose(model: Any, frame: pl.DataFrame, reference: pl.DataFrame) -> Parts:
    """Return base and contributions of each patient of `frame`, with `reference` as the average.

    Raises
    ------
    ExplanationError
        The model is none of the library's, or the form that it offers does not give its prediction.
    """
    if isinstance(model, FusionModel):
        return _fusion(model, frame, reference)
    if isinstance(model, TableModel):
        return _table(model, frame, reference)
    msg = f"explain takes a fitted model of hybridx.models or hybridx.fusion, got {type(model).__name__}."
    raise ExplanationError(msg)


def _fusion(model: FusionModel, frame: pl.DataFrame, reference: pl.DataFrame) -> Parts:
    if not frame.height:
        columns = [c for m in model.modalities_ for c in model.columns_[m]]
        return Parts(columns, np.zeros((0, len(columns))), np.zeros(0), "none", list(model.modalities_))
    found = _own_form(model, frame, reference)
    if found is None and isinstance(model, LateFusion):
        found = _late(model, frame, reference)
    if found is None and isinstance(model, EarlyFusion):
        found = _table(model.model_, model.wide(frame), model.wide(reference))
    if found is None:
        found = shapley_parts(model, frame, reference)
    columns = [c for m in model.modalities_ for c in model.columns_[m]]
    return found.arranged(columns, model.modalities_).without_absent(model.measured(frame), model.modalities_)


def _own_form(model: FusionModel, frame: pl.DataFrame, reference: pl.DataFrame) -> Parts | None:
    """Return the explanation by the form that the model offers; None where it offers none."""
    if isinstance(model, HasLinearForm):
        form = model.linear_form(frame)
        if form is not None:
            total = form.offset + np.where(form.coefficients != 0, form.coefficients * form.values, 0.0).sum(
                axis=1
            )
            _check(model, "linear_form", total, frame)
            return _linear(model, form, frame, reference)
    if isinstance(model, HasWeightedMembers):
        sum_of = model.weighted_members(frame)
        if sum_of is not None:
            return _members(model, sum_of, frame, reference)
    return None


def _check(model: FusionModel, form: str, total: FloatArray, frame: pl.DataFrame) -> None:
    wanted = model.linear_predictor(frame)
    gap = np.abs(total - wanted) / (1.0 + np.abs(wanted))
    bad = np.flatnonzero((gap > TOLERANCE) | (np.isnan(total) != np.isnan(wanted)))
    if len(bad):
        rows = listing(f"row {i}: {total[i]:.6g} for {wanted[i]:.6g}" for i in bad)
        msg = f"{type(model).__name__}.{form} does not give its linear_predictor: {rows}."
        raise ExplanationError(msg)


def _linear(model: FusionModel, form: LinearForm, frame: pl.DataFrame, reference: pl.DataFrame) -> Parts:
    others = model.linear_form(reference) if isinstance(model, HasLinearForm) else None
    if others is None or list(others.columns) != list(form.columns):
        msg = (
            f"{type(model).__name__}.linear_form has other columns for the background than for the patients."
        )
        raise ExplanationError(msg)
    here, there = _by_column(model, form, frame), _by_column(model, others, reference)
    lent = ~there.any(axis=0)  # what nobody in the background has is compared among the patients themselves
    counted = np.where(there, others.values, 0.0).sum(axis=0) + lent * np.where(here, form.values, 0.0).sum(
        axis=0
    )
    mean = counted / np.maximum(there.sum(axis=0) + lent * here.sum(axis=0), 1)
    coefficients = np.where(here, form.coefficients, 0.0)
    features = np.where(here, coefficients * (form.values - mean), 0.0)
    base = form.offset + coefficients @ mean
    features[np.isnan(base)] = np.nan
    names = list(dict.fromkeys(modality_of(c) for c in form.columns))
    return Parts(list(form.columns), features, base, "linear given what is measured, exact", names)


def _by_column(model: FusionModel, form: LinearForm, frame: pl.DataFrame) -> BoolArray:
    """Return for each patient and column whether the column's modality is measured, shape (n, p)."""
    measured = dict(zip(model.modalities_, model.measured(frame).T, strict=True))
    some = ~np.isnan(form.offset)
    return np.column_stack(
        [np.zeros((frame.height, 0), dtype=bool), *(measured.get(modality_of(c), some) for c in form.columns)]
    )


def _members(
    model: FusionModel, sum_of: WeightedMembers, frame: pl.DataFrame, reference: pl.DataFrame
) -> Parts:
    """Add the members' explanations up; a member is asked only about patients for whom it counts."""
    columns = [c for m in model.modalities_ for c in model.columns_[m]]
    place = {c: i for i, c in enumerate(columns)}
    features, base = np.zeros((frame.height, len(columns))), sum_of.offset.astype(np.float64)
    modalities, methods, error = list(model.modalities_), [], np.zeros(features.shape)
    for k, member in enumerate(sum_of.members):
        rows = np.flatnonzero(sum_of.weights[:, k] != 0)
        if not len(rows):
            continue
        weight = sum_of.weights[rows, k]
        found = decompose(member, frame[rows], _background_of(member, reference, frame[rows]))
        new = [c for c in found.columns if c not in place]
        place |= {c: len(place) + i for i, c in enumerate(new)}
        wider = np.zeros((frame.height, len(new)))
        features, error = np.hstack([features, wider]), np.hstack([error, wider])
        at = np.ix_(rows, np.array([place[c] for c in found.columns], dtype=np.intp))
        features[at] += weight[:, None] * found.features
        # members that are sampled alike err alike: errors are added, not their squares
        error[at] += 0.0 if found.error is None else np.abs(weight[:, None]) * found.error
        base[rows] += weight * found.base
        modalities = list(dict.fromkeys([*modalities, *found.modalities]))
        methods.append(found.method)
    method = "weighted sum of: " + "; ".join(dict.fromkeys(methods or ["nothing"]))
    parts = Parts(list(place), features, base, method, modalities, error if error.any() else None)
    _check(model, "weighted_members", base + features.sum(axis=1), frame)
    return parts


def _background_of(member: Any, reference: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """Return the background patients that a model of one table can be compared with: those who have what it reads."""
    if not isinstance(member, TableModel):
        return reference
    if any(c not in reference.columns for c in member.columns_):
        return own
    there = modalities_in(reference)
    names = [m for m in dict.fromkeys(modality_of(c) for c in member.columns_) if m in there]
    some = np.column_stack([measured_mask(reference, m) for m in names]).any(axis=1)
    return reference[np.flatnonzero(some)] if some.any() else own


def _table(model: TableModel, frame: pl.DataFrame, reference: pl.DataFrame) -> Parts:
    columns = list(model.columns_)
    found = _of_columns(model, frame, reference)
    names = list(dict.fromkeys(modality_of(c) for c in columns))
    return Parts(columns, found.values, found.base, found.method, names, found.error)


def _of_columns(model: TableModel, frame: pl.DataFrame, reference: pl.DataFrame) -> Contributions:
    columns = list(model.columns_)
    found = table_contributions(model, to_matrix(frame, columns), to_matrix(reference, columns))
    if found is not None:
        return found
    parts = sampled_table(model, frame, reference)
    return Contributions(parts.features, parts.base, parts.method, parts.error)


def _late(model: LateFusion, frame: pl.DataFrame, reference: pl.DataFrame) -> Parts:
    measured, known = model.measured(frame), model.measured(reference)
    weights = model.effective_weights(measured) / model.sd_
    base = np.full(frame.height, model.intercept_)
    blocks: list[FloatArray] = []
    columns: list[str] = []
    methods: list[str] = []
    unsure = np.zeros((frame.height, sum(len(m.columns_) for m in model.models_.values())))
    for i, modality in enumerate(model.modalities_):
        part_model, rows = model.models_[modality], np.flatnonzero(measured[:, i])
        names = list(part_model.columns_)
        block = np.zeros((frame.height, len(names)))
        if len(rows):
            others = reference[np.flatnonzero(known[:, i])] if known[:, i].any() else frame[rows]
            found = _of_columns(part_model, frame[rows], others)
            block[rows] = found.values * weights[rows, i, None]
            if found.error is not None:
                unsure[np.ix_(rows, len(columns) + np.arange(len(names)))] = found.error * np.abs(
                    weights[rows, i, None]
                )
            base[rows] += (found.base - model.center_[modality]) * weights[rows, i]
            methods.append(found.method)
        blocks.append(block)
        columns += names
    method = "late fusion of: " + "; ".join(dict.fromkeys(methods))
    error = unsure if unsure.any() else None
    return Parts(columns, np.hstack(blocks), base, method, list(model.modalities_), error)
