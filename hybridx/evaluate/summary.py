"""What a result says about one patient, and about calibration: small objects that show themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from hybridx.terms.estimate import Estimate
from hybridx.terms.text import DAYS_PER_MONTH

__all__ = ["Calibration", "PatientSummary"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far told and found probabilities agree.

    Parameters
    ----------
    model : str
    time_days : float or None
        Horizon; None for a response.
    observed_expected, slope, ici : Estimate
        Best at 1, 1 and 0.
    curve : polars.DataFrame
        `predicted`, `observed`, `low`, `high`: the flexible curve between the 2.5th and 97.5th percentile of what was
        predicted.
    groups : polars.DataFrame
        `group`, `n`, `n_events`, `predicted`, `observed`, `low`, `high`: fifths (or fewer groups) of the patients by
        predicted probability; observed by Kaplan-Meier or as a share.
    """

    model: str
    time_days: float | None
    observed_expected: Estimate
    slope: Estimate
    ici: Estimate
    curve: pl.DataFrame
    groups: pl.DataFrame

    def __repr__(self) -> str:
        when = "" if self.time_days is None else f" at {self.time_days / DAYS_PER_MONTH:.1f} months"
        lines = [f"Calibration of {self.model!r}{when}"]
        for name, estimate in (("O:E", self.observed_expected), ("slope", self.slope), ("ICI", self.ici)):
            lines.append(f"  {name:<6} {estimate}")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class PatientSummary:
    """One patient's out-of-fold prediction by the primary model.

    Parameters
    ----------
    patient_id : str
    model : str
    predicted : bool
        False when the model says nothing about this patient (nothing measured that it uses).
    percentile : float or None
        Rank of the predicted risk (or probability of response) among all predicted patients, 0 lowest to 100 highest.
    group : str
        Risk group (see `Result.risk_groups`); ``""`` without a prediction.
    survival : Mapping of float to Estimate
        Survival: months to the probability of being event-free, with its band, at 12, 24, 60 months and the horizon,
        within follow-up only.
    probability : Estimate or None
        Response: its probability, with its band.
    time_days, event, response : float, bool, bool, or None
        What happened; None where unknown.
    out_of_fold : int
        Number of models, none of which was trained on this patient, behind the prediction.
    value : Estimate or None
        Ordinal: the expected rank of the level, 0 the best. Continuous: the expected value. With its band.
    found : str
        Ordinal, continuous: the level or value that was found; empty where unknown.
    doubts : tuple of str
        What to hold against this prediction of a locked model; see `Result.doubts`.
    """

    patient_id: str
    model: str
    predicted: bool
    percentile: float | None
    group: str
    survival: Mapping[float, Estimate]
    probability: Estimate | None
    time_days: float | None
    event: bool | None
    response: bool | None
    out_of_fold: int
    value: Estimate | None = None
    found: str = ""
    doubts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if not self.predicted:
            nothing = f"{self.patient_id}: {self.model} gives no prediction (nothing it uses was measured)"
            return "\n".join([nothing, *(f"  doubt: {doubt}" for doubt in self.doubts)])
        lines = [
            f"{self.patient_id}: {self.group} risk group, percentile {self.percentile:.0f} ({self.model})"
        ]
        lines += [f"  event-free at {month:g} months: {_percent(e)}" for month, e in self.survival.items()]
        if self.probability is not None:
            lines = [f"{self.patient_id}: percentile {self.percentile:.0f} ({self.model})"]
            lines.append(f"  probability of response: {_percent(self.probability)}")
        if self.value is not None:
            band = "" if math.isnan(self.value.low) else f" ({self.value.low:.3g} to {self.value.high:.3g})"
            lines = [f"{self.patient_id}: percentile {self.percentile:.0f} ({self.model})"]
            lines.append(
                f"  predicted: {self.value.value:.3g}{band}" + (f"; found: {self.found}" * bool(self.found))
            )
        return "\n".join([*lines, *(f"  doubt: {doubt}" for doubt in self.doubts)])


def _percent(estimate: Estimate) -> str:
    band = (
        "" if estimate.low != estimate.low else f" ({100 * estimate.low:.0f} to {100 * estimate.high:.0f} %)"
    )
    return f"{100 * estimate.value:.0f} %{band}"
