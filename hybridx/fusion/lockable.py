"""What a locked model eats and what of it stays at home: fusion models, and chains of preparation in front of one."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import measured_mask, modalities_in
from hybridx.errors import InputError
from hybridx.fusion.base import FusionModel
from hybridx.prepare import BlockImputer, PreparedModel

__all__ = ["check_lockable", "input_measured", "input_modalities", "without_patients"]


def check_lockable(model: Any) -> None:
    """Refuse what cannot be locked.

    Raises
    ------
    InputError
        Neither a fusion model nor a `PreparedModel` that ends in one, or a step that keeps training patients.
    """
    last = model.steps[-1][1] if isinstance(model, PreparedModel) else model
    if not isinstance(last, FusionModel):
        msg = (
            f"Only a fusion model, alone or behind the steps of a PreparedModel, can be locked, got {model!r}; put a "
            "model of one table into EarlyFusion(model)."
        )
        raise InputError(msg)
    for name, step in model.steps if isinstance(model, PreparedModel) else ():
        if isinstance(step, BlockImputer) and step.method == "knn":
            msg = (
                f"The step {name!r} keeps the values of training patients (BlockImputer(method='knn')), which a locked "
                "model must not hold: take method='median' or 'ridge'."
            )
            raise InputError(msg)


def input_modalities(model: Any) -> list[str]:
    """Return the modalities that a fitted model wants to see."""
    return list(model.modalities_ if isinstance(model, FusionModel) else model.columns_)


def input_measured(model: Any, frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which of `input_modalities` each patient has, shape (n, m)."""
    if isinstance(model, FusionModel):
        return model.measured(frame)
    there = set(modalities_in(frame))
    flags = [
        measured_mask(frame, m) if m in there else np.zeros(frame.height, dtype=bool) for m in model.columns_
    ]
    return np.column_stack(flags)


def without_patients(model: Any) -> Any:
    """Return a copy of a fitted model without the held-out scores of its training patients, inner models included."""
    slim = copy.copy(model)
    if hasattr(slim, "held_out_"):
        del slim.held_out_
    if hasattr(slim, "members_"):
        slim.members_ = {name: without_patients(member) for name, member in slim.members_.items()}
    if isinstance(slim, PreparedModel):
        *steps, (name, last) = slim.steps
        slim.steps = [*steps, (name, without_patients(last))]
    return slim
