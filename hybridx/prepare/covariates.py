"""Covariates as columns of a regression, learnt on the training fold: numbers as they are, words as 0/1 columns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import HybridxWarning
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import listing

__all__ = ["design_of", "learn_covariates"]

FloatArray = npt.NDArray[np.float64]


def learn_covariates(table: FeatureTable, names: Sequence[str], who: str) -> dict[str, dict[str, Any]]:
    """Return how each covariate is coded: mean and SD of numbers, levels and their shares of words.

    A covariate that is the same in all training patients is left out: it explains nothing.
    """
    coded: dict[str, dict[str, Any]] = {}
    for name in names:
        column = _known(table, name, who)
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            values = column.cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy()
            if len(values) and values.std() > 1e-10 * max(float(np.abs(values).max()), 1e-290):
                coded[name] = {"mean": float(values.mean()), "sd": float(values.std())}
            continue
        words = column.cast(pl.String).drop_nulls().to_numpy().astype(np.str_)
        levels, counts = np.unique(words, return_counts=True)
        if len(levels) > 1:
            coded[name] = {"levels": [str(level) for level in levels], "share": counts / counts.sum()}
    return coded


def design_of(table: FeatureTable, coded: dict[str, dict[str, Any]], who: str) -> FloatArray:
    """Return the covariates of a table as columns, shape (n, c); a missing one counts as the training average.

    Warns
    -----
    HybridxWarning
        A level that training did not know; it counts as missing.
    """
    columns: list[FloatArray] = []
    for name, code in coded.items():
        column = _known(table, name, who)
        if "levels" not in code:
            values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            columns.append(np.nan_to_num((values - code["mean"]) / code["sd"], nan=0.0)[:, None])
            continue
        words, levels = column.cast(pl.String).to_list(), code["levels"]
        strange = sorted({w for w in words if w is not None and w not in levels})
        if strange:
            text = f"{who}: {name} has levels that training did not know ({listing(strange)}); they count as missing."
            warnings.warn(text, HybridxWarning, stacklevel=2)
        hot = np.array([[float(w == level) for level in levels[1:]] for w in words]).reshape(len(words), -1)
        unknown = np.array([w not in levels for w in words], dtype=bool)
        hot[unknown] = np.asarray(code["share"])[1:]
        columns.append(hot)
    return np.column_stack(columns) if columns else np.empty((len(table), 0))


def _known(table: FeatureTable, name: str, who: str) -> pl.Series:
    """Return a covariate, null where its modality is not measured."""
    column = table.column(name, who)
    modality, dot, _ = name.partition(".")
    flag = f"{modality}.measured"
    if dot and table.frame is not None and flag in table.frame.columns:
        measured = table.frame[flag].fill_null(value=False).cast(pl.Boolean)
        return pl.select(pl.when(measured).then(column).otherwise(None)).to_series()
    return column
