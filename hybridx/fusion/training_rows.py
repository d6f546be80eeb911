"""Marks of training patients that travel with a locked model, so that none of them is scored as a stranger.

A score on patients whom the model has met is its memory, not its worth, and a cohort collected later often holds some
of them again, under other names. A mark is a short keyed hash of the values that one patient has in one modality. It
holds no value and no name. Who has the very same values in hand can ask whether they were in training, which is the
purpose; nobody can list the patients: only rows too rare to be guessed are marked, and so few bits fit countless
made-up rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import measured_mask, to_matrix

__all__ = ["MET", "marks_of", "met_in_training"]

FloatArray = npt.NDArray[np.float64]

MET = "was among the training patients, by its values: this prediction is memory"
MOST_COLUMNS = 50
LEAST_VALUES = 3  # that are rare, in a marked row
COMMON = 0.05  # a value that more patients than this have (zero, a detection limit) says nothing about who they are
LATER = 10_000  # new patients with whom a mark is to be compared
CHANCE = 1e-3  # expected number of strangers among them who share a marked row
BYTES = 4
DIGITS = 6  # files round: values equal to six significant digits are equal


def marks_of(
    frame: pl.DataFrame, columns: Mapping[str, Sequence[str]], key: str
) -> dict[str, dict[str, list[str]]]:
    """Return per modality the columns looked at and the sorted marks of its training patients.

    Parameters
    ----------
    frame : polars.DataFrame
        Training patients.
    columns : mapping of str to sequence of str
        Columns of each modality.
    key : str
        Hexadecimal; marks of two models cannot be compared with one another.
    """
    found = {}
    for modality, names in columns.items():
        there = [name for name in names if name in frame.columns]
        rows = np.flatnonzero(measured_mask(frame, modality))
        if not there or len(rows) < 2:
            continue
        values = _rounded(to_matrix(frame[rows], there))
        rarity = np.column_stack([_rarity(column) for column in values.T])
        best = np.sort(np.argsort(-rarity.sum(axis=0), kind="stable")[:MOST_COLUMNS])
        told = (rarity[:, best] > 0).sum(axis=1)
        rare = (told >= LEAST_VALUES) & (rarity[:, best].sum(axis=1) > np.log(len(rows) * LATER / CHANCE))
        if rare.any():
            marks = _marks(values[rare][:, best], modality, key)
            found[modality] = {"columns": [there[i] for i in best], "marks": sorted(set(marks))}
    return found


def met_in_training(manifest: Mapping[str, Any], frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return who has, in some modality, the values of a training patient, shape (n,).

    Whoever was measured anew, or lacks a column now, is not recognised. A manifest from before marks recognises nobody.
    """
    met = np.zeros(frame.height, dtype=bool)
    for modality, known in manifest.get("marks", {}).items():
        if f"{modality}.measured" not in frame.columns or not set(known["columns"]) <= set(frame.columns):
            continue
        rows = np.flatnonzero(measured_mask(frame, modality))
        if len(rows):
            values = _rounded(to_matrix(frame[rows], known["columns"]))
            met[rows] |= np.isin(_marks(values, modality, manifest["fingerprint"]), known["marks"])
    return met


def _marks(values: FloatArray, modality: str, key: str) -> list[str]:
    """Return one short hash per row."""
    values = np.ascontiguousarray(values, dtype=np.float64) + 0.0  # -0.0 is 0.0
    values[np.isnan(values)] = np.nan  # one bit pattern
    secret, person = bytes.fromhex(key)[:64], hashlib.sha256(modality.encode()).digest()[:16]
    return [
        hashlib.blake2b(r.tobytes(), digest_size=BYTES, key=secret, person=person).hexdigest() for r in values
    ]


def _rarity(column: FloatArray) -> FloatArray:
    """Return how surprising it is for a stranger to have each patient's value: -log of the chance of a tie, or 0."""
    rare = np.zeros(len(column))
    there = np.flatnonzero(~np.isnan(column))
    if len(there) < 2:
        return rare
    _, which, counts = np.unique(column[there], return_inverse=True, return_counts=True)
    # a tie among strangers, as often as it was seen; one more pair stands for what so few patients cannot show
    chance = (float(np.sum(counts * (counts - 1))) / 2 + 1) / (len(there) * (len(there) - 1) / 2)
    surprise = max(0.0, -np.log(chance))
    rare[there] = np.where(counts[which] <= max(2, COMMON * len(there)), surprise, 0.0)
    return rare


def _rounded(matrix: FloatArray) -> FloatArray:
    """Round to `DIGITS` significant digits; the smallest shift keeps values at a rounding edge together."""
    size = np.where((matrix == 0) | ~np.isfinite(matrix), 1.0, np.abs(matrix))
    power = np.floor(np.log10(size)) - DIGITS + 1
    return np.asarray(np.round(matrix / 10.0**power + 1e-3)) * 10.0**power
