"""What a block-penalised model says of its columns: coefficients by name, and the share of each modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.prepare import Preparation

__all__ = ["coefficient_table", "variance_shares"]

FloatArray = npt.NDArray[np.float64]


def coefficient_table(
    preparations: Mapping[str, Preparation | None], coefs: Mapping[str, FloatArray], slope: float
) -> pl.DataFrame:
    """Return `modality`, `column` and `coefficient` per standard deviation of the column, one row per kept column.

    Parameters
    ----------
    preparations : mapping of modality to fitted Preparation or None
        None: no column is usable.
    coefs : mapping of modality to array of float, shape (q_b,)
        Before recalibration.
    slope : float
        Of the recalibration.
    """
    schema = {"modality": pl.String, "column": pl.String, "coefficient": pl.Float64}
    tables = []
    for modality, step in preparations.items():
        names = [] if step is None else [str(name) for name in step.get_feature_names_out()]
        values = {
            "modality": [modality] * len(names),
            "column": names,
            "coefficient": slope * coefs[modality],
        }
        tables.append(pl.DataFrame(values, schema=schema))
    return pl.concat(tables)


def variance_shares(blocks: Sequence[FloatArray], coefs: Sequence[FloatArray]) -> list[float]:
    """Return each block's covariance with the whole predictor, as a share of the predictor's variance.

    The shares sum to 1; one is negative where a block works against the others; all are 0 for a constant predictor.
    """
    scores = np.column_stack([z @ b for z, b in zip(blocks, coefs, strict=True)])
    centred = scores - scores.mean(axis=0)
    total = centred.sum(axis=1)
    variance = float(total @ total)
    return ((total @ centred) / variance).tolist() if variance > 0 else [0.0] * len(blocks)
