"""What a missing modality costs a patient: their own band when the same refits are shown them without it."""

from __future__ import annotations

import numpy as np
import polars as pl

from hybridx.cohort.columns import measured_mask
from hybridx.evaluate.bands import band_around, shifted
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.plan import Plan

__all__ = ["hidden_bands"]

_SCHEMA = {
    "patient_id": pl.String,
    "without": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def hidden_bands(plan: Plan, patients: list[str], centre: FloatArray, drawn: FloatArray) -> pl.DataFrame:
    """Return `Result.bands_without`: a row for each modality that a patient has and that the model uses.

    Parameters
    ----------
    plan : Plan
    patients : list of str, length n
        The order of the arrays.
    centre : array, shape (n, T)
        Predictions with everything that was measured.
    drawn : array, shape (B, n, (1 + hidden) * width)
        Of the refits; see `hybridx.evaluate.bands.refit_predictions`.
    """
    if not plan.hidden:
        return pl.DataFrame(schema=_SCHEMA)
    at, width = 0, drawn.shape[2] // (1 + len(plan.hidden))
    if plan.outcome.kind == "survival":
        horizon = plan.moment.horizon_days or float(plan.times[-1])
        at = max(int(np.searchsorted(plan.times, horizon * (1 + 1e-12), side="right")) - 1, 0)
    probability = plan.outcome.kind in ("survival", "response")
    place = {p: i for i, p in enumerate(plan.cohort.patients)}
    rows = np.array([place[p] for p in patients], dtype=np.intp)
    parts = []
    for k, name in enumerate(plan.hidden, start=1):
        other = drawn[:, :, k * width + at]
        value = shifted(centre[:, at], drawn[:, :, at], other, probability=probability)
        low, high = band_around(value, other, probability=probability)
        there = np.asarray(measured_mask(plan.frame, name))[rows] & ~np.isnan(value) & ~np.isnan(low)
        columns = {"value": value[there], "low": low[there], "high": high[there]}
        who = [p for p, keep in zip(patients, there.tolist(), strict=True) if keep]
        parts.append(
            pl.DataFrame({"patient_id": who, "without": [name] * len(who), **columns}, schema=_SCHEMA)
        )
    return pl.concat(parts)
