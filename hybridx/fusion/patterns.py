"""Which patterns of modalities a fusion model saw in training, and how many patients stand behind each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Outcome

__all__ = ["pattern_table", "support_of"]

BoolArray = npt.NDArray[np.bool_]


def pattern_table(modalities: Sequence[str], measured: BoolArray, y: Outcome) -> pl.DataFrame:
    """Return each pattern of measured modalities with its patients and events (responders), most frequent first.

    Of ordered and continuous outcomes there are no events to count: patients only.

    Parameters
    ----------
    modalities : sequence of str
        Names of the m modalities.
    measured : array of bool, shape (n, m)
        Of the training patients.
    y : Outcome
        Their known outcomes.
    """
    patterns, which = np.unique(measured, axis=0, return_inverse=True)
    happened = y.event if y.kind == "survival" else y.value == 1.0
    table = {m: patterns[:, i] for i, m in enumerate(modalities)}
    table["patients"] = np.bincount(which.ravel(), minlength=len(patterns))
    if y.kind in ("survival", "response"):
        word = "events" if y.kind == "survival" else "responders"
        table[word] = np.bincount(which.ravel(), weights=happened, minlength=len(patterns)).astype(int)
    return pl.DataFrame(table).sort("patients", *modalities, descending=True)


def support_of(patterns: pl.DataFrame, modalities: Sequence[str], measured: BoolArray) -> pl.Series:
    """Return how many training patients had the same pattern as each row of `measured` (n, m), shape (n,)."""
    names = list(modalities)
    asked = pl.DataFrame(measured, schema=dict.fromkeys(names, pl.Boolean), orient="row")
    found = asked.join(patterns.select([*names, "patients"]), on=names, how="left", maintain_order="left")
    return found["patients"].fill_null(0)
