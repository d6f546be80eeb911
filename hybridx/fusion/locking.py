"""Binding a fitted model to a description of its training patients."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Cohort, Outcome
from hybridx.cohort.columns import measured_mask, to_frame, to_matrix
from hybridx.fusion.base import FusionModel
from hybridx.fusion.drift import fingerprint, moments_of
from hybridx.fusion.lockable import check_lockable, input_measured, input_modalities
from hybridx.fusion.locked import SCHEMA_VERSION, LockedModel
from hybridx.fusion.newcomers import extraction
from hybridx.fusion.support import support_detectors
from hybridx.fusion.training_rows import marks_of
from hybridx.prepare import PreparedModel
from hybridx.prepare.limits import range_limits

__all__ = ["lock"]

FloatArray = npt.NDArray[np.float64]
PACKAGES = ("hybridx", "numpy", "polars", "scikit-learn", "scikit-survival", "xgboost", "skops")


def lock(
    model: FusionModel | PreparedModel, X: Any, y: Outcome, *, cohort: Cohort | None = None
) -> LockedModel:
    """Bind a fitted model to a description of its training patients: counts and ranges, and nobody's values.

    Short keyed hashes of rare rows go along, by which training patients are recognised (`training_rows`).

    Parameters
    ----------
    model : FusionModel, or PreparedModel that ends in one
        Fitted on `X` and `y`.
    X, y : table and Outcome
        What it was fitted on.
    cohort : Cohort, optional
        Gives units and provenance.
    """
    check_lockable(model)
    frame = to_frame(X)[np.flatnonzero(y.known)]
    measured, names = input_measured(model, frame), input_modalities(model)
    patterns, counts = np.unique(measured, axis=0, return_counts=True)
    ranges: dict[str, dict[str, tuple[float, float]]] = {}
    limits: dict[str, dict[str, tuple[float, float]]] = {}
    for name in names:
        rows = np.flatnonzero(measured_mask(frame, name))
        values = to_matrix(frame[rows], model.columns_[name])
        some = np.flatnonzero(~np.isnan(values).all(axis=0))
        columns, values = [model.columns_[name][i] for i in some], values[:, some]
        ranges[name] = _by_column(columns, *range_limits(values, 0.0))
        limits[name] = _by_column(columns, *range_limits(values))
    units: dict[str, str] = {}
    made = {} if cohort is None else extraction(cohort)
    if cohort is not None:
        units = dict(cohort.features.select("column", pl.col("unit").fill_null("")).iter_rows())
    whole = fingerprint(frame, model.columns_)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "model": type(model).__name__,
        "kind": model.endpoint,
        "endpoint": y.endpoint,
        "origin": y.origin,
        "responder": y.responder,
        "levels": list(y.levels),
        "unit": y.unit,
        "modalities": list(names),
        "columns": {m: {c: units.get(c, "") for c in model.columns_[m]} for m in names},
        "extraction": {m: {c: made[c] for c in model.columns_[m] if c in made} for m in names},
        "last_day": float(y.time_days[y.known].max()) if y.kind == "survival" else None,
        "n_patients": int(y.known.sum()),
        "n_events": y.n_events,
        "patterns": [
            {"measured": [n for n, flag in zip(names, row, strict=True) if flag], "patients": int(count)}
            for row, count in zip(patterns, counts, strict=True)
        ],
        "ranges": ranges,
        "limits": limits,
        "moments": moments_of(frame, model.columns_),
        "fingerprint": whole,
        "marks": marks_of(frame, model.columns_, whole),
        "notes": list(model.notes_),
        "training": dict(cohort.provenance) if cohort is not None else {},
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "notice": "Research software, not a medical device.",
    }
    used = [c for name in names for c in (f"{name}.measured", *model.columns_[name])]
    seen = frame.select(c for c in frame.columns if "." not in c or c in set(used))
    support, _ = support_detectors(seen, [name for name in names if model.columns_[name]])
    return LockedModel(model, manifest, support)


def _by_column(columns: list[str], low: FloatArray, high: FloatArray) -> dict[str, tuple[float, float]]:
    return dict(zip(columns, zip(low.tolist(), high.tolist(), strict=True), strict=True))
