"""Who and what a gated network is fitted on: known outcomes, usable modalities, possible settings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Outcome, as_outcome
from hybridx.cohort.columns import feature_columns, measured_mask, to_frame, to_matrix
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError, SettingsError
from hybridx.fusion.base import choose_modalities
from hybridx.models.data import Endpoint, check_enough, known_rows
from hybridx.models.folds import canonical_order, patient_keys
from hybridx.prepare import Preparation
from hybridx.terms.text import check_name

__all__ = ["MIN_EVENTS", "Patients", "check_settings", "gather", "usable_modalities"]

BoolArray = npt.NDArray[np.bool_]

# Two for each of five inner folds: with one or none, the held-out loss says nothing about when to stop.
MIN_EVENTS = 10
_ROW = "row of the given table"  # no dot: no feature


@dataclass(frozen=True)
class Patients:
    """Patients of a fit in canonical order, those with a known main outcome first.

    Attributes
    ----------
    frame : table of n patients
    y : Outcome
        Of the first ``len(y)``.
    other : Outcome or None
        Second outcome of all n.
    """

    frame: pl.DataFrame
    y: Outcome
    other: Outcome | None

    def measured(self, modalities: Sequence[str]) -> BoolArray:
        """Return who has which of the modalities, shape (n, m)."""
        return np.column_stack([measured_mask(self.frame, m) for m in modalities])

    def having(self, modalities: Sequence[str], notes: list[str]) -> Self:
        """Return the patients with at least one of the modalities; a note counts the others."""
        some = self.measured(modalities).any(axis=1)
        if some.all():
            return self
        notes.append(f"{int((~some).sum())} patients with nothing measured were left out.")
        rows, main = np.flatnonzero(some), np.flatnonzero(some[: len(self.y)])
        other = None if self.other is None else self.other[rows]
        kept = replace(self, frame=self.frame[rows], y=self.y[main], other=other)
        check_enough(kept.y, "GatedFusion", MIN_EVENTS)
        return kept


def gather(X: Any, y: Any, auxiliary: Any, endpoint: Endpoint) -> Patients:
    """Return the patients with a known outcome and, behind them, those of whom only `auxiliary` is known."""
    if auxiliary is None:
        frame, main = known_rows(X, y, endpoint, late_entry=True)
        check_enough(main, "GatedFusion", MIN_EVENTS)
        return Patients(frame, main, None)
    frame, main, other = to_frame(X), as_outcome(y), as_outcome(auxiliary)
    wanted = "response" if endpoint == "survival" else "survival"
    if other.kind != wanted:
        msg = f"`auxiliary` beside {endpoint} is a {wanted} outcome; {other.endpoint!r} is a {other.kind} outcome."
        raise InputError(msg)
    if not frame.height == len(main) == len(other):
        msg = f"The table has {frame.height} rows, the outcome {len(main)}, `auxiliary` {len(other)}."
        raise InputError(msg)
    frame = frame.with_columns(pl.Series(_ROW, np.arange(frame.height)))
    neither = int((~main.known & ~other.known).sum())
    if neither:
        text = f"{neither} of {frame.height} patients have neither outcome known and are left out."
        warnings.warn(text, HybridxWarning, stacklevel=3)
    rows = np.flatnonzero(main.known)
    first, main = known_rows(frame[rows], main[rows], endpoint, late_entry=True)
    check_enough(main, "GatedFusion", MIN_EVENTS)
    rest = np.flatnonzero(~as_outcome(y).known & other.known)
    keys = patient_keys(frame, feature_columns(frame))
    rest = rest[canonical_order(other[rest], keys[rest])]
    order = np.concatenate([first[_ROW].to_numpy(), rest])
    check_enough(other[np.flatnonzero(other.known)], "The second head of GatedFusion", MIN_EVENTS)
    return Patients(frame[order].drop(_ROW), main, other[order])


def usable_modalities(
    patients: Patients, asked: Sequence[str] | None, notes: list[str]
) -> dict[str, list[str]]:
    """Return the feature columns of each modality that can carry an encoder; notes say why others cannot.

    Raises
    ------
    NotEnoughDataError
        There is none.
    """
    frame, y = patients.frame, patients.y
    result: dict[str, list[str]] = {}
    for modality in choose_modalities(frame, asked):
        columns = feature_columns(frame, [modality])
        rows = np.flatnonzero(measured_mask(frame, modality)[: len(y)])
        try:
            check_enough(y[rows], f"The modality {modality!r}", MIN_EVENTS)
        except NotEnoughDataError as error:
            notes.append(f"{modality} was left out: {error}")
            continue
        if not len(Preparation().fit_matrix(to_matrix(frame[rows], columns), columns).kept_):
            notes.append(f"{modality} was left out: none of its columns is usable.")
            continue
        result[modality] = columns
    if not result:
        msg = "GatedFusion has no modality with enough patients:"
        raise NotEnoughDataError("\n  ".join([msg, *notes]))
    return result


# setting: (smallest, largest, whole number, None allowed)
_RANGES: dict[str, tuple[float, float, bool, bool]] = {
    "width": (1, 512, True, False),
    "components": (1, 100_000, True, True),
    "dropout": (0.0, 0.95, False, False),
    "modality_dropout": (0.0, 1.0, False, False),
    "weight_decay": (0.0, np.inf, False, True),
    "epochs": (1, 100_000, True, True),
    "learning_rate": (1e-8, 10.0, False, False),
    "anchor_prior_sd": (1e-6, 100.0, False, True),
    "n_intervals": (1, 1000, True, False),
    "horizon": (1e-6, np.inf, False, True),
    "auxiliary_weight": (0.0, np.inf, False, False),
    "n_members": (1, 1000, True, False),
    "n_folds": (2, 100, True, False),
}


def check_settings(model: Any) -> None:
    """Refuse impossible settings of a `GatedFusion`.

    Raises
    ------
    SettingsError
        Names the setting, what it got and what it takes.
    """
    check_name(model.head, ("cox", "hazard"), "head")
    check_name(model.interactions, ("auto", "attention", "pairs", "hidden"), "interactions")
    for name, (low, high, whole, optional) in _RANGES.items():
        value = getattr(model, name)
        if value is None and optional:
            continue
        kind = Integral if whole else Real
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            number = "a whole number" if whole else "a number"
            none = ", or None" if optional else ""
            msg = f"{name} is {number} from {low:g} to {high:g}{none}, got {value!r}."
            raise SettingsError(msg)
