"""One patient's explanation, as a table and as figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.errors import InputError
from hybridx.explain import figures
from hybridx.explain.tabled import TabledFigure
from hybridx.terms.text import nearest

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["PatientExplanation", "one_patient"]

_COPIES = 5  # that a row names; the rest are counted


@dataclass(frozen=True, eq=False)
class PatientExplanation:
    """What drove one patient's prediction.

    Parameters
    ----------
    patient_id : str
        Who.
    features : polars.DataFrame
        `feature`, `modality`, `value` (own unit, null where missing), `unit`, `contribution` (on `scale`), `state`
        ("measured"; "imputed": the model filled it in; "missing": the model takes it as missing; "not measured": the
        modality is absent; "24 features": a group), `filled` (what the model put there, in the same unit; null where
        that cannot be told) and `stands_for` (columns that were left out as its copies).
    modalities : polars.DataFrame
        `modality`, `contribution` (0 where it was not measured), `knowing` (what knowing it at all does, see
        `Explanation.knowing`; null where not computed).
    base, prediction : float
        Average patient with the same modalities, and this patient.
    scale : str
        As in `Explanation`: "log-hazard", "log-odds" and so on.
    """

    patient_id: str
    features: pl.DataFrame
    modalities: pl.DataFrame
    base: float
    prediction: float
    scale: str

    def table(self, top: int | None = None) -> pl.DataFrame:
        """Return the features by size of contribution, largest first.

        Parameters
        ----------
        top : int or None
            How many rows; the rest is summed in a last row, so that the column still adds up. None gives all.
        """
        size = pl.col("contribution").abs()
        ordered = self.features.sort(size, pl.col("feature"), descending=[True, False], nulls_last=True)
        if top is None or ordered.height <= top + 1:
            return ordered
        rest = ordered.slice(top)
        last = {
            "feature": f"{rest.height} other features",
            "modality": "",
            "value": None,
            "unit": "",
            "contribution": rest["contribution"].sum(),
            "state": "",
            "filled": None,
            "stands_for": "",
        }
        return pl.concat([ordered.head(top), pl.DataFrame([last], schema=ordered.schema)])

    def modality_table(self) -> pl.DataFrame:
        """Return the modalities by size of contribution, largest first."""
        return self.modalities.sort(pl.col("contribution").abs(), descending=True, nulls_last=True)

    def plot(self, top: int = 10) -> TabledFigure:
        """Return a waterfall from the average patient to this one, over the `top` features and the rest."""
        return figures.waterfall(self.table(top), self.base, self.prediction, self.scale)

    def plot_modalities(self) -> TabledFigure:
        """Return one bar per modality, and a mark for what knowing the modality at all does."""
        return figures.modality_bars(self.modality_table(), self.scale)

    def __repr__(self) -> str:
        sums = self.modality_table().drop_nulls("contribution").select("modality", "contribution")
        parts = ", ".join(f"{name} {value:+.2f}" for name, value in sums.iter_rows())
        base, total = round(self.base, 2) + 0.0, round(self.prediction, 2) + 0.0  # + 0.0: never "-0.00"
        return f"PatientExplanation({self.patient_id!r}: {base:.2f} {parts} = {total:.2f}, {self.scale})"


def one_patient(why: Explanation, patient_id: str) -> PatientExplanation:
    """Return one patient of an explanation.

    Raises
    ------
    InputError
        No such patient, with the nearest identifier.
    """
    patients = why.patients
    if patient_id not in patients:
        guess = nearest(str(patient_id), patients)
        hint = f" Did you mean {guess!r}?" if guess else ""
        msg = f"The explanation has no patient {patient_id!r}.{hint} It has {len(why)} patients."
        raise InputError(msg)
    row = patients.index(patient_id)
    names, values = why.feature_names, list(why.values.row(row)[1:])
    known = dict(zip(why.modality_names, why.modalities.row(row)[1:], strict=True))
    filled = [why.details.filled(row, c) for c in names]
    features = pl.DataFrame(
        {
            "feature": names,
            "modality": [modality_of(c) for c in names],
            "value": values,
            "unit": [why.units.get(c, "") for c in names],
            "contribution": list(why.features.row(row)[1:]),
            "state": [
                _state(why, c, value, put, known.get(modality_of(c)))
                for c, value, put in zip(names, values, filled, strict=True)
            ],
            "filled": [None if put is None or math.isnan(put) else put for put in filled],
            "stands_for": [_copies(why.details.stands_for.get(c, ())) for c in names],
        },
        schema_overrides=dict.fromkeys(("value", "contribution", "filled"), pl.Float64),
    )
    told = why.knowing
    modalities = pl.DataFrame(
        {
            "modality": list(known),
            "contribution": list(known.values()),
            "knowing": [told[m][row] if told is not None and m in told.columns else None for m in known],
        },
        schema_overrides={"contribution": pl.Float64, "knowing": pl.Float64},
    )
    base, prediction = float(why.base[row]), float(why.prediction[row])
    return PatientExplanation(patient_id, features, modalities, base, prediction, why.scale)


def _state(
    why: Explanation, column: str, value: float | None, filled: float | None, modality: float | None
) -> str:
    if column in why.details.groups:
        return f"{len(why.details.groups[column])} features"
    if value is not None:
        return "measured"
    if filled is not None:
        return "imputed"
    return "missing" if modality else "not measured"


def _copies(names: object) -> str:
    given = [str(name) for name in names] if isinstance(names, list | tuple) else []
    more = f" and {len(given) - _COPIES} more" if len(given) > _COPIES else ""
    return ", ".join(given[:_COPIES]) + more
