"""What a fitted model puts in the place of missing values, and which columns stand for their copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator

from hybridx.cohort.columns import measured_mask, modalities_in, modality_of
from hybridx.fusion.image_context import TableContext
from hybridx.prepare import MedianImputer, Preparation, PreparedModel

__all__ = ["as_the_model_sees", "filled_in", "stands_for"]

FloatArray = npt.NDArray[np.float64]


def as_the_model_sees(model: Any, frame: pl.DataFrame) -> tuple[Any, pl.DataFrame]:
    """Return the model behind its preparation steps, and the table as those steps hand it over."""
    while isinstance(model, PreparedModel):
        frame, model = model.prepared(frame), model.model_
    return model, frame


def stands_for(model: Any) -> dict[str, list[str]]:
    """Return the columns that were left out as copies, by the column that was kept for them."""
    found: dict[str, list[str]] = {}
    for one in _parts(model):
        for kept, copies in getattr(one, "stands_for_", {}).items():
            found[kept] = sorted({*found.get(kept, ()), *copies})
    # a copy may itself stand for others that an earlier step left out
    for copies in found.values():
        later = list(copies)
        while later:
            new = [c for c in found.get(later.pop(), ()) if c not in copies]
            copies += new  # noqa: PLW2901 - grows in place
            later += new
    return {kept: sorted(copies) for kept, copies in sorted(found.items())}


def filled_in(model: Any, frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame | None:
    """Return what the model put where a value is missing in a modality that is measured; None where nothing is.

    Parameters
    ----------
    model : fitted estimator
    frame : polars.DataFrame
        Patients, as the caller has them.
    columns : list of str
        Columns of the explanation.

    Returns
    -------
    polars.DataFrame or None
        Columns with missing values only; null where nothing was filled in, NaN where the number is not in the column's
        own unit (a step before had scaled it). A model that takes missing values as they are fills nothing in.
    """
    there = set(modalities_in(frame))
    numeric = [
        c
        for c in columns
        if c in frame.columns and frame[c].dtype.is_numeric() and modality_of(c) in there and _some(frame, c)
    ]
    if not numeric:
        return None
    found = {c: np.full(frame.height, np.nan) for c in numeric}
    put = {c: np.zeros(frame.height, dtype=bool) for c in numeric}
    own = dict.fromkeys(numeric, True)  # whether the column is still in its own unit
    table = frame
    while isinstance(model, PreparedModel):
        for _, step in model.steps[:-1]:
            after = step.transform(table)
            for c in [c for c in numeric if c in table.columns and c in after.columns]:
                before, now = _array(table[c]), _array(after[c])
                same = np.array_equal(before[~np.isnan(before)], now[~np.isnan(before)])
                new = np.isnan(before) & ~np.isnan(now) & ~put[c]
                own[c] = own[c] and same
                found[c][new], put[c] = now[new] if own[c] else np.nan, put[c] | new
            table = after
        model = model.model_
    medians = _medians(model)
    for c in numeric:
        left = np.isnan(_array(table[c])) if c in table.columns else np.zeros(frame.height, dtype=bool)
        if c in medians:
            found[c][left], put[c] = medians[c] if own[c] else np.nan, put[c] | left
    series = []
    for c in numeric:
        put[c] &= measured_mask(frame, modality_of(c)) & np.isnan(_array(frame[c]))
        if put[c].any():
            filled = pl.Series(c, found[c])
            series.append(pl.select(pl.when(pl.Series(put[c])).then(filled).alias(c)).to_series())
    return pl.DataFrame(series) if series else None


def _some(frame: pl.DataFrame, column: str) -> bool:
    return bool(np.isnan(_array(frame[column])).any())


def _array(series: pl.Series) -> FloatArray:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _medians(model: Any) -> dict[str, float]:
    """Return what missing values count as, by column; NaN where parts of the model disagree."""
    found: dict[str, float] = {}
    for preparation in _parts(model):
        if isinstance(preparation, Preparation):
            for step in preparation.steps_:
                if isinstance(step, MedianImputer):
                    names = [str(name) for name in step.get_feature_names_out()]
                    for name, median in zip(names, step.medians_.tolist(), strict=True):
                        same = name not in found or abs(found[name] - median) <= 1e-9 * (1.0 + abs(median))
                        found[name] = median if same else float("nan")
    return found


def _parts(model: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Walk through everything of the library's that a fitted model is made of, the picture's context excepted."""
    seen = set() if seen is None else seen
    if id(model) in seen or isinstance(model, TableContext):
        return
    seen.add(id(model))
    if isinstance(model, Mapping):
        inner: list[Any] = list(model.values())
    elif isinstance(model, list | tuple):
        inner = list(model)
    elif type(model).__module__.startswith("hybridx."):
        yield model
        # of an estimator only what was learnt: a template among its settings has learnt nothing
        all_of = not isinstance(model, BaseEstimator) or isinstance(model, PreparedModel)
        inner = [value for name, value in vars(model).items() if all_of or name.endswith("_")]
    else:
        return
    for one in inner:
        yield from _parts(one, seen)
