"""Which way a prediction on a bent scale (risk, survival, RMST, probability) is taken apart.

In this order, and `Parts.method` says which it was:

1. Forests whose leaves hold curves: exact path-dependent tree SHAP of the curve (`hybridx.explain.leaf_curves`).
2. An S-curve of a linear predictor that is a sum over columns (linear models, stumps): exact
   (`hybridx.explain.additive`).
3. Anything else: Shapley values from calls of the model, exact over modalities and sampled within them; a model of one
   table with eight used columns or fewer is exact over its columns.

2 and 3 compare with the same 30 background patients at most, so they give the same values of modalities.

Columns of boosted trees of more than one split on a bent scale are therefore sampled, and their standard errors stated
one by one (`Explanation.error`). There is no short cut: tree SHAP is exact on the margin because a sum of trees is the
sum of their values, which a curve through the sum undoes; an exact value would need every coalition of the columns that
the trees look at. Values of modalities are exact all the same, over all their coalitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import modality_of, to_matrix
from hybridx.errors import ExplanationError
from hybridx.explain.additive import Game, additive_values
from hybridx.explain.asked_only import Asked, sampled_table
from hybridx.explain.coalitions import shapley_parts
from hybridx.explain.decompose import decompose
from hybridx.explain.leaf_curves import forest_contributions
from hybridx.explain.parts import Parts
from hybridx.explain.scales import Scale
from hybridx.explain.synthetic import Substitution
from hybridx.fusion import EarlyFusion, FusionModel
from hybridx.models import SurvivalForest, TableModel

__all__ = ["decompose_on"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]
Link = Callable[[FloatArray], FloatArray]

_SAME = 1e-9
_SINGLE = 1e-5  # xgboost's float32, whose rounding stands in the base
_EXACT = "Shapley values of an S-curve of a sum, exact"


def decompose_on(model: Any, frame: pl.DataFrame, reference: pl.DataFrame, scale: Scale) -> Parts:
    """Return base (n, n_times) and contributions (n, p, n_times) of each patient of `frame` on a scale.

    Raises
    ------
    ExplanationError
        The model is none of the library's.
    """
    if not isinstance(model, FusionModel | TableModel):
        msg = f"explain takes a fitted model of hybridx.models or hybridx.fusion, got {type(model).__name__}."
        raise ExplanationError(msg)
    if not frame.height:
        empty, width = decompose(model, frame, reference), len(scale.names)
        return replace(empty, features=np.zeros((*empty.features.shape, width)), base=np.zeros((0, width)))
    found = _forest(model, frame, scale) or _additive(model, frame, reference, scale)
    if isinstance(model, FusionModel):
        parts = found or shapley_parts(cast("FusionModel", Asked(model, scale)), frame, reference)
        columns = [c for m in model.modalities_ for c in model.columns_[m]]
        arranged = parts.arranged(columns, model.modalities_)
        return arranged.without_absent(model.measured(frame), model.modalities_)
    return found or sampled_table(model, frame, reference, scale)


def _forest(model: Any, frame: pl.DataFrame, scale: Scale) -> Parts | None:
    inner = model.model_ if isinstance(model, EarlyFusion) else model
    if not isinstance(inner, SurvivalForest):
        return None
    table = model.wide(frame) if isinstance(model, EarlyFusion) else frame
    columns = list(inner.columns_)
    values, base = forest_contributions(inner, to_matrix(table, columns), scale)
    names = list(dict.fromkeys(modality_of(c) for c in columns))
    method = "tree SHAP of the curves in the leaves (path-dependent), exact"
    return Parts(columns, values, np.tile(base, (frame.height, 1)), method, names)


def _additive(model: Any, frame: pl.DataFrame, reference: pl.DataFrame, scale: Scale) -> Parts | None:
    """Return the exact values where the scale bends a sum over columns; None elsewhere."""
    link = scale.link(model)
    if link is None:
        return None
    linear = decompose(model, frame, reference)
    rows = np.flatnonzero(~np.isnan(linear.base))
    if not _is_sum(linear.method) or not _holds(link, model, frame[rows], scale):
        return None
    shape = (frame.height, len(scale.names))
    features = np.full((frame.height, len(linear.columns), shape[1]), np.nan)
    base = np.full(shape, np.nan)
    for part, others in _opponents(model, frame, reference):
        found = _play(
            linear, part, decompose(model, others, reference), link, fused=isinstance(model, FusionModel)
        )
        if found is None:
            return None
        features[part], base[part] = found
    return Parts(linear.columns, features, base, _EXACT, linear.modalities)


def _is_sum(method: str) -> bool:
    """Return whether what a column adds to the linear predictor depends on no other column."""
    kinds = [one.rsplit(": ", 1)[-1] for one in method.split("; ")]
    return all(kind.startswith(("linear", "tree SHAP of stumps")) for kind in kinds)


def _holds(link: Link, model: Any, frame: pl.DataFrame, scale: Scale) -> bool:
    """Return whether the model's own numbers are this function of its linear predictor."""
    if not frame.height:
        return True
    wanted, found = scale.read(model, frame), link(model.linear_predictor(frame))
    return bool((np.abs(found - wanted) <= _SAME * (1.0 + np.abs(wanted))).all())


def _opponents(
    model: Any, frame: pl.DataFrame, reference: pl.DataFrame
) -> list[tuple[IntArray, pl.DataFrame]]:
    """Return rows of patients with one pattern, and the background patients they are compared with."""
    if not isinstance(model, FusionModel):
        chosen = np.linspace(0, reference.height - 1, min(reference.height, 30)).round().astype(int)
        return [(np.arange(frame.height), reference[chosen])]
    made, measured = Substitution(model, frame, reference), model.measured(frame)
    found = []
    for pattern in np.unique(measured[measured.any(axis=1)], axis=0):
        rows = np.flatnonzero((measured == pattern).all(axis=1))
        chosen = made.background(pattern, rows)
        found.append((rows, made.table(chosen, chosen[:, 0], pattern)))
    return found


def _play(
    linear: Parts, rows: IntArray, others: Parts, link: Link, *, fused: bool
) -> tuple[FloatArray, FloatArray] | None:
    start = linear.base[rows]
    # one starting point for all: else the two decompositions do not speak of the same sum
    same = list(others.columns) == list(linear.columns)
    if not same or not np.allclose(np.append(start, others.base), start[0], rtol=_SINGLE, atol=_SINGLE):
        return None
    names = linear.modalities if fused else []
    group = np.array([names.index(modality_of(c)) if fused else 0 for c in linear.columns], dtype=np.intp)
    return additive_values(Game(linear.features[rows], others.features, float(start[0]), group), link)
