"""Models of which only predictions are known: asked on any scale, a model of one table column by column."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.explain.coalitions import shapley_parts
from hybridx.explain.parts import Parts
from hybridx.explain.scales import Scale
from hybridx.fusion import FusionModel
from hybridx.models import TableModel

__all__ = ["Asked", "sampled_table"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_FEW = 8  # columns: 256 coalitions
_ALL = "every column"  # the one player's name of a model of one table


class Asked:
    """A model as `shapley_parts` asks it, answering on a scale; None: its own.

    Parameters
    ----------
    model : fitted estimator of `hybridx.models` or `hybridx.fusion`
    scale : Scale or None
    columns : dict of str to list of str, optional
        Players and their columns, of a model of one table.
    """

    def __init__(self, model: Any, scale: Scale | None, columns: dict[str, list[str]] | None = None) -> None:
        self.model, self.scale = model, scale
        self.needs_images = getattr(model, "needs_images", False)
        self.columns_ = dict(model.columns_) if columns is None else columns
        self.modalities_ = list(model.modalities_) if columns is None else list(columns)
        self.modality_terms = None if columns is not None else getattr(model, "modality_terms", None)
        self.link = None if self.modality_terms is None or scale is None else scale.link(model)
        self.unscaled = model.linear_predictor

    def measured(self, frame: pl.DataFrame) -> BoolArray:
        """Return which players each patient has, shape (n, m)."""
        if isinstance(self.model, FusionModel):
            return np.asarray(self.model.measured(frame))
        return np.ones((frame.height, len(self.modalities_)), dtype=bool)

    def linear_predictor(self, frame: pl.DataFrame) -> FloatArray:
        """Return the prediction on the scale, (n,) or (n, n_times)."""
        if not isinstance(self.model, FusionModel):
            # columns that the preparation dropped are no players, and are asked for all the same
            gone = [c for c in self.model.columns_ if c not in frame.columns]
            frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(c) for c in gone)
        return (
            self.model.linear_predictor(frame) if self.scale is None else self.scale.read(self.model, frame)
        )


def sampled_table(
    model: TableModel, frame: pl.DataFrame, reference: pl.DataFrame, scale: Scale | None = None
) -> Parts:
    """Return Shapley values over the columns of a model of one table: exact over few, sampled over many."""
    columns = list(model.columns_)
    preparation = getattr(model, "preparation_", None)
    kept = columns if preparation is None else np.array(columns)[preparation.kept_].tolist()
    few = len(kept) <= _FEW
    players = {c: [c] for c in kept} if few else {_ALL: kept}
    found = shapley_parts(cast("FusionModel", Asked(model, scale, players)), frame, reference)
    method = (
        "Shapley values, exact over columns" if few else found.method.replace("exact over modalities, ", "")
    )
    names = list(dict.fromkeys(modality_of(c) for c in columns))
    found = replace(found, error=None) if few else found
    return replace(found, modalities=names, method=method).arranged(columns, names)
