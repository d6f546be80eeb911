"""A matrix of contributions as a table: who, and what by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["named"]


def named(ids: Sequence[str], matrix: npt.NDArray[np.float64], columns: Sequence[str]) -> pl.DataFrame:
    """Return a matrix (n, p) as a table led by `patient_id`; NaN becomes null."""
    table = pl.DataFrame(matrix, schema=dict.fromkeys(columns, pl.Float64), orient="row").fill_nan(None)
    return table.insert_column(0, pl.Series("patient_id", list(ids), dtype=pl.String))
