"""Modalities of which no column can be used, and why: what a fit leaves out, it says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import feature_columns, to_matrix
from hybridx.prepare import VarianceFilter
from hybridx.terms.text import listing

__all__ = ["no_usable_column", "unused_modalities"]


def no_usable_column(
    frame: pl.DataFrame, modality: str, measured: npt.NDArray[np.bool_], max_missing: float
) -> str | None:
    """Return why none of a modality's columns can be used, or None where one can.

    Parameters
    ----------
    measured : array of bool, shape (n,)
        Who has the modality; at least one.
    max_missing : float
        See `hybridx.prepare.VarianceFilter`; the share is taken of those who have the modality.
    """
    columns = feature_columns(frame, [modality])
    matrix = to_matrix(frame[np.flatnonzero(measured)], columns)
    step = VarianceFilter(max_missing).fit_matrix(matrix, columns)
    return None if len(step.kept_) else f"none of its columns is usable: {_reasons(columns, step.dropped_)}."


def unused_modalities(columns: Mapping[str, list[str]], dropped: Mapping[str, str]) -> list[str]:
    """Return a sentence for each modality of which a preparation dropped every column.

    Parameters
    ----------
    columns : mapping of modality to its columns
    dropped : mapping of column to reason
    """
    return [
        f"{modality} has no part in the model: {_reasons(names, dropped)}."
        for modality, names in columns.items()
        if all(name in dropped for name in names)
    ]


def _reasons(columns: list[str], dropped: Mapping[str, str]) -> str:
    return listing(f"{name} ({dropped[name]})" for name in columns)
