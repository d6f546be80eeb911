"""What a column of the wide frame is: ``<modality>.<name>`` is a feature, everything else is carried along.

`patient_id`, `centre` and `scanner` have no dot and are therefore never features, whatever model eats the frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError
from hybridx.terms.text import listing, nearest

__all__ = [
    "MODALITY_NAME",
    "feature_columns",
    "measured_mask",
    "modalities_in",
    "modality_of",
    "only_modalities",
    "to_frame",
    "to_matrix",
    "without_modality",
]

MODALITY_NAME = re.compile(r"[a-z][a-z0-9_]*(@[0-9]+)?")  # `pet`, `deep`, `pet@2` (second timepoint)
_NOT_FEATURES = (".measured", ".image")


def to_frame(X: Any) -> pl.DataFrame:
    """Return `X` as a polars frame; polars passes through, pandas is converted.

    Raises
    ------
    InputError
        `X` has no column names (an array): features are found by name, never by position.
    """
    if isinstance(X, pl.DataFrame):
        return X
    if isinstance(X, pl.LazyFrame):
        return X.collect()
    if type(X).__module__.startswith("pandas") and hasattr(X, "columns"):
        frame: pl.DataFrame = pl.from_pandas(X)
        return frame
    msg = (
        f"Expected a polars or pandas table with columns named '<modality>.<name>', got {type(X).__name__}. "
        "Features are found by name, never by position: pass `cohort.frame()`."
    )
    raise InputError(msg)


def modality_of(column: str) -> str:
    """Return the modality of a feature column: the text before its first dot."""
    modality, dot, _ = column.partition(".")
    if not dot:
        msg = f"{column!r} is not a feature column: it has no '<modality>.' in front."
        raise InputError(msg)
    return modality


def _is_feature(name: str, dtype: pl.DataType) -> bool:
    return "." in name and not name.endswith(_NOT_FEATURES) and (dtype.is_numeric() or dtype == pl.Boolean)


def feature_columns(X: Any, modalities: Sequence[str] | None = None) -> list[str]:
    """Return the feature columns of a frame, in its order, of all or of some modalities.

    Raises
    ------
    InputError
        A modality is asked for that the frame does not have.
    """
    frame = to_frame(X)
    columns = [name for name, dtype in frame.schema.items() if _is_feature(name, dtype)]
    if modalities is None:
        return columns
    if isinstance(modalities, str):
        modalities = [modalities]
    known = modalities_in(frame)
    for modality in modalities:
        if modality not in known:
            guess = nearest(modality, known)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"The table has no modality {modality!r}.{hint} It has: {listing(known, limit=12)}."
            raise InputError(msg)
    wanted = set(modalities)
    return [name for name in columns if modality_of(name) in wanted]


def modalities_in(X: Any) -> list[str]:
    """Return the modalities of a frame in the order in which their columns first appear."""
    frame = to_frame(X)
    return list(dict.fromkeys(modality_of(c) for c, t in frame.schema.items() if _is_feature(c, t)))


def measured_mask(X: Any, modality: str) -> npt.NDArray[np.bool_]:
    """Return which rows have `modality`, shape (n,).

    The flag column ``<modality>.measured`` decides. A frame without it (a user's own table) falls back on "any
    value of the modality is there".
    """
    frame = to_frame(X)
    flag = f"{modality}.measured"
    if flag in frame.columns:
        return frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy()
    values = to_matrix(frame, feature_columns(frame, [modality]))
    return np.asarray(~np.isnan(values).all(axis=1))


def to_matrix(X: Any, columns: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return columns as a float64 matrix, shape (n, len(columns)), NaN where a value is missing.

    Raises
    ------
    InputError
        A column is absent (with the nearest one that is there), or a value is infinite.
    """
    frame = to_frame(X)
    there = set(frame.columns)  # asked for once: polars builds the list anew each time
    absent = [c for c in columns if c not in there]
    if absent:
        guess = nearest(absent[0], frame.columns)
        hint = f" Nearest to the first: {guess!r}." if guess else ""
        msg = f"{len(absent)} columns are not in the table: {listing(absent)}.{hint}"
        raise InputError(msg)
    if not columns:
        return np.empty((frame.height, 0))
    # by series, not by a thousand expressions to plan: null becomes NaN on the way
    matrix = pl.DataFrame([frame[c].cast(pl.Float64) for c in columns]).to_numpy()
    infinite = np.isinf(matrix).any(axis=0)
    if infinite.any():
        bad = [c for c, is_bad in zip(columns, infinite, strict=True) if is_bad]
        msg = (
            f"Infinite values in {len(bad)} columns: {listing(bad)}. Use null for what could not be computed."
        )
        raise InputError(msg)
    return np.ascontiguousarray(matrix, dtype=np.float64)


def only_modalities(X: Any, modalities: Sequence[str]) -> pl.DataFrame:
    """Return the table with the columns of some modalities only, flags and pictures too, beside what is no feature.

    Examples
    --------
    >>> table = pl.DataFrame({"patient_id": ["A"], "pet.x": [1.0], "ct.x": [2.0]})
    >>> only_modalities(table, ["pet"]).columns
    ['patient_id', 'pet.x']
    """
    frame, wanted = to_frame(X), set(modalities)
    return frame.select(c for c in frame.columns if "." not in c or modality_of(c) in wanted)


def without_modality(X: Any, modality: str, rows: npt.NDArray[np.bool_] | None = None) -> pl.DataFrame:
    """Return the table as if some patients (default all) had never had a modality measured.

    Parameters
    ----------
    X : table
    modality : str
    rows : array of bool, shape (n,), optional
        Patients who lose it.

    Examples
    --------
    >>> table = pl.DataFrame({"pet.measured": [True, True], "pet.x": [1.0, 2.0]})
    >>> without_modality(table, "pet", np.array([True, False])).rows()
    [(False, None), (True, 2.0)]
    """
    frame = to_frame(X)
    lost = pl.Series(np.ones(frame.height, dtype=bool) if rows is None else rows)
    flag = f"{modality}.measured"
    own = [c for c in frame.columns if "." in c and modality_of(c) == modality and c != flag]
    emptied = frame.with_columns(pl.when(lost).then(None).otherwise(pl.col(c)).alias(c) for c in own)
    return emptied.with_columns(pl.col(flag) & ~lost) if flag in frame.columns else emptied
