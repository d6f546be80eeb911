"""Has the world moved: how a new cohort differs from the training patients of a locked model, column by column.

A shift of the patients is no error of the model, and no proof against it; but a score on such a cohort answers another
question, and a single column that moved alone is often another unit, scanner or laboratory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.columns import measured_mask, to_matrix
from hybridx.terms.text import listing

__all__ = ["drift_notes", "fingerprint", "moments_of"]

SHIFTED = (
    0.5  # training standard deviations between means: half of one is hard to get by chance with 40 patients
)
LEAST_PATIENTS = 20
LEAST_STANDARD_ERRORS = 4.0  # and this far beyond chance, for a thousand columns are looked at
SHARE_MOVED = 0.2  # difference in the share of patients who have a modality


def moments_of(
    frame: pl.DataFrame, columns: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Return mean, standard deviation and number of values of each column among those who have its modality.

    Parameters
    ----------
    frame : polars.DataFrame
        Training patients.
    columns : mapping of str to sequence of str
        Columns of each modality.
    """
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for modality, names in columns.items():
        rows = np.flatnonzero(measured_mask(frame, modality))
        values = to_matrix(frame[rows], list(names))
        found[modality] = {}
        for name, column in zip(names, values.T, strict=True):
            there = column[~np.isnan(column)]
            if len(there) > 1:
                found[modality][name] = (float(there.mean()), float(there.std(ddof=1)), len(there))
    return found


def fingerprint(frame: pl.DataFrame, columns: Mapping[str, Sequence[str]]) -> str:
    """Return one hash of all patients' values, whatever their order and names: two equal ones are the same patients."""
    names = sorted(name for part in columns.values() for name in part)
    if any(name not in frame.columns for name in names):
        return ""
    matrix = np.ascontiguousarray(to_matrix(frame, names), dtype=np.float64) + 0.0  # -0.0 is 0.0
    matrix[np.isnan(matrix)] = np.nan  # one bit pattern
    rows = sorted(hashlib.sha256(row.tobytes()).digest() for row in matrix)
    return hashlib.sha256(b"".join([repr(names).encode(), *rows])).hexdigest()


def drift_notes(manifest: Mapping[str, Any], frame: pl.DataFrame) -> list[str]:
    """Say which modalities are there more or less often than in training, and which columns have shifted.

    Parameters
    ----------
    manifest : mapping
        Of a locked model; one from before drift was looked at says nothing of columns.
    frame : polars.DataFrame
        New patients, as the model sees them.
    """
    notes = []
    trained = sum(p["patients"] for p in manifest["patterns"])
    for modality in manifest["modalities"]:
        before = sum(p["patients"] for p in manifest["patterns"] if modality in p["measured"]) / max(
            trained, 1
        )
        there = f"{modality}.measured" in frame.columns
        now = float(measured_mask(frame, modality).mean()) if there and frame.height else 0.0
        if abs(now - before) > SHARE_MOVED:
            notes.append(
                f"{100 * now:.0f} % of these patients have {modality}, in training {100 * before:.0f} % had it."
            )
    for modality, columns in manifest.get("moments", {}).items():
        shifts = _shifts(frame, modality, columns)
        if shifts:
            which = listing((f"{name} ({shift:+.1f} SD)" for name, shift in shifts), 5)
            verb = "has" if len(shifts) == 1 else "have"
            notes.append(
                f"{len(shifts)} of {len(columns)} {modality} columns {verb} shifted by more than {SHIFTED:g} training "
                f"standard deviations: {which}."
            )
    return notes


def _shifts(
    frame: pl.DataFrame, modality: str, columns: Mapping[str, Sequence[float]]
) -> list[tuple[str, float]]:
    """Return the columns whose mean moved beyond chance, farthest first, in training standard deviations."""
    names = [name for name in columns if name in frame.columns]
    if not names or f"{modality}.measured" not in frame.columns:
        return []
    values = to_matrix(frame[np.flatnonzero(measured_mask(frame, modality))], names)
    found = []
    for name, column in zip(names, values.T, strict=True):
        mean, sd, n = columns[name]
        there = column[~np.isnan(column)]
        if len(there) < LEAST_PATIENTS or sd <= 0:
            continue
        shift = (float(there.mean()) - mean) / sd
        chance = np.sqrt(1.0 / n + max((float(there.std(ddof=1)) / sd) ** 2, 1e-12) / len(there))
        if abs(shift) > SHIFTED and abs(shift) > LEAST_STANDARD_ERRORS * chance:
            found.append((name, shift))
    return sorted(found, key=lambda pair: (-abs(pair[1]), pair[0]))
