"""Columns that are worked out from others: a counterfactual moves the others, and these follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.measure.lab_ratios import RATIOS

__all__ = ["Derived", "derived_from", "follow", "made_from"]

# Of what an image's columns are: none of them can change alone.
_IMAGES = ("pet", "ct", "mr", "deep")
_SAME = 1e-3  # of a ratio that was rounded, or written by another program
_PET: Mapping[str, tuple[tuple[str, ...], Callable[..., pl.Expr]]] = {
    # total lesion glycolysis is the volume times its mean uptake
    "tlg": (("mtv", "suv_mean"), lambda volume, mean: volume * mean),
}


@dataclass(frozen=True)
class Derived:
    """A column, the columns it is worked out from, and how.

    Parameters
    ----------
    column : str
    sources : tuple of str
    formula : polars expression
        Of the sources.
    """

    column: str
    sources: tuple[str, ...]
    formula: pl.Expr


def made_from(column: str) -> Derived | None:
    """Return how a column is worked out from others of its modality; None where it is a measurement of its own.

    Examples
    --------
    >>> made_from("lab.nlr").sources
    ('lab.neutrophils', 'lab.lymphocytes')
    >>> made_from("lab.ldh") is None
    True
    """
    modality, _, name = column.partition(".")
    kind = modality.partition("@")[0]
    if kind == "lab" and name in RATIOS:
        parts, formula = RATIOS[name].parts, RATIOS[name].formula
    elif kind == "pet" and name in _PET:
        parts, formula = _PET[name]
    else:
        return None
    sources = tuple(f"{modality}.{part}" for part in parts)
    return Derived(column, sources, formula(*(pl.col(c) for c in sources)))


def follow(patient: pl.DataFrame, columns: Sequence[str]) -> list[Derived]:
    """Return the columns that have to follow when `columns` change, because the patient's values say so.

    Parameters
    ----------
    patient : polars.DataFrame
        One row.
    columns : sequence of str
        What may change. A column whose sources may not is left to change by itself.

    Returns
    -------
    list of Derived
        Where all sources have values and give the patient's value to a thousandth: values of another day do not.
    """
    found = []
    for column in patient.columns:
        how = made_from(column) if "." in column else None
        if how is None or not set(how.sources) & set(columns) or not set(how.sources) <= set(patient.columns):
            continue
        own = patient[column].cast(pl.Float64)[0]
        value = patient.select(how.formula.cast(pl.Float64)).to_series()[0]
        if own is None or value is None or not np.isfinite([own, value]).all():
            continue
        if abs(value - own) <= _SAME * abs(own) + 1e-12:
            found.append(how)
    return found


def derived_from(column: str) -> str:
    """Return in words what a column hangs on: other columns, the whole image, or nothing ("")."""
    how = made_from(column)
    if how is not None:
        return ", ".join(how.sources)
    kind = modality_of(column).partition("@")[0]
    return "the same image as the others of its modality" if kind in _IMAGES else ""
