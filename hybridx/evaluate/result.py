"""`Result`: every out-of-fold prediction of an evaluation, and what can be asked of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.checks.findings import Findings
from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.evaluate import notes as sentences
from hybridx.evaluate.by_modality import ByModality
from hybridx.evaluate.deciding import Deciding
from hybridx.evaluate.designs import Design
from hybridx.evaluate.dividing import Dividing
from hybridx.evaluate.drawing import Drawing
from hybridx.evaluate.frames import panel_from_frame
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.kinds import counted
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.patient import summary_of
from hybridx.evaluate.registry import Moment, metrics_of
from hybridx.evaluate.scoring import Scoring
from hybridx.evaluate.summary import PatientSummary
from hybridx.evaluate.tables import group_table
from hybridx.terms.text import check_name, listing, nearest

__all__ = ["Result"]


@dataclass(frozen=True, eq=False, repr=False)
class Result(Scoring, Drawing, Deciding, ByModality, Dividing):
    """What an evaluation found. Build it with `hybridx.evaluate`, or read it with `Result.load`.

    Parameters
    ----------
    endpoint, kind, origin, criterion, responder : str
        Of the outcome.
    primary : str
        The model that patients' pages speak of.
    models : tuple of str
        All models, the primary ones first, then baselines and the reference.
    roles : mapping of str to str
        ``model``, ``baseline``, ``reference``, or ``coalition``: the primary model on some modalities only. Coalitions
        are not among `models`; by name they can be asked for like any other.
    design : Design
    cohort : Cohort
    predictions : polars.DataFrame
        `patient_id`, `model`, `repeat`, `fold`, `risk` (higher is worse) or `probability`, `time_days` and `event` or
        `response`, and for survival `survival`: probabilities at `times_days`. `fold` is null for patients whose
        outcome is unknown; they were in no training part.
    curves : polars.DataFrame
        The primary model, mean over repeats: `patient_id`, `model`, `time_days`, `survival`, `low`, `high`; for a
        response `patient_id`, `model`, `probability`, `low`, `high`; ordered: `expected_rank`, and lists with an entry
        per level, best to worst: `levels`, `levels_low`, `levels_high`; continuous: `predicted`. The bands come from
        bootstrap refits.
    times_days : tuple of float
        Grid of `survival`.
    moment : Moment
        Horizon, tau and grid of the metrics.
    resamples, level, seed : int, float, int
        Of intervals.
    bands : int
        Refits behind each band.
    run_notes : tuple of str
        What was decided or went wrong on the way.
    provenance : mapping
        Versions, design, and the cohort's provenance.
    explanation : object or None
        What the `explain` callable returned for the primary model, first repeat.
    apparent : polars.DataFrame
        Predictions of training patients, where a design asks for them to measure optimism; apart from `predictions`, so
        that no score of `table` ever sees them. See `optimism`.
    doubts : polars.DataFrame
        `patient_id`, `doubt`: what to hold against single predictions of a locked model.
    predictions_without : polars.DataFrame
        As `predictions`, of the primary model, with `without` (a modality that was taken away) in place of `model`.
    bands_without : polars.DataFrame
        `patient_id`, `without`, `value`, `low`, `high`: the prediction (survival at the horizon, probability, expected
        rank or value) and its band, had a modality of the patient not been measured. The refits behind the band
        predict once with it and once without.
    support : polars.DataFrame
        `patient_id`, `modality`, `percentile`: how far out a patient's values lie, as share of the patients like those
        in the training part who lie less far out; first repeat. See `hybridx.fusion.SupportDetector`.
    """

    endpoint: str
    kind: str
    origin: str
    criterion: str
    responder: str
    primary: str
    models: tuple[str, ...]
    roles: Mapping[str, str]
    design: Design
    cohort: Cohort
    predictions: pl.DataFrame
    curves: pl.DataFrame
    times_days: tuple[float, ...]
    moment: Moment
    resamples: int
    level: float
    seed: int
    bands: int
    run_notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    explanation: Any = None
    apparent: pl.DataFrame = field(default_factory=pl.DataFrame)
    doubts: pl.DataFrame = field(default_factory=pl.DataFrame)
    predictions_without: pl.DataFrame = field(default_factory=pl.DataFrame)
    support: pl.DataFrame = field(default_factory=pl.DataFrame)
    bands_without: pl.DataFrame = field(default_factory=pl.DataFrame)
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)  # estimates computed so far

    # -- what it speaks of -------------------------------------------------------------------------------------

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the baselines (without the reference)."""
        return tuple(name for name in self.models if self.roles[name] == "baseline")

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics of this kind of endpoint, the headline first."""
        return tuple(metric.name for metric in metrics_of(self.kind))

    @property
    def horizon_days(self) -> float | None:
        """Time of AUC(t), Brier(t) and calibration; None for a response."""
        return self.moment.horizon_days

    @property
    def notes(self) -> list[str]:
        """What a reader must know: data, decisions, failures, how wide the intervals are, what is not shown."""
        if ("notes",) not in self._known:
            self._known[("notes",)] = [*self.run_notes, *sentences.score_notes(self)]
        return list(self._known[("notes",)])

    # -- patients ----------------------------------------------------------------------------------------------

    def patient(self, patient_id: str) -> PatientSummary:
        """Return what the primary model, never trained on this patient, predicts for them.

        Raises
        ------
        InputError
            The cohort has no such patient; the nearest identifier is given.
        """
        if patient_id not in self.cohort.patients:
            guess = nearest(patient_id, self.cohort.patients)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"No patient {patient_id!r} in the cohort.{hint} It has: {listing(self.cohort.patients)}."
            raise InputError(msg)
        return summary_of(self, patient_id)

    def risk_groups(self, model: str | None = None, groups: int | None = None) -> pl.DataFrame:
        """Return each patient's out-of-fold risk, its percentile and group.

        Parameters
        ----------
        model : str, optional
            Default the primary.
        groups : {2, 3}, optional
            Halves or thirds; by default thirds with 30 events or more, else halves.

        Returns
        -------
        polars.DataFrame
            `patient_id`, `value` (probability of the event by the horizon, or of response), `percentile`, `group`,
            of patients with a known outcome. See `hybridx.evaluate.groups` for what the cut points are.
        """
        name = self.primary if model is None else check_name(model, self.models, "model")
        return group_table(self, name, groups)

    # -- arrays ------------------------------------------------------------------------------------------------

    def panel(self, model: str) -> Panel:
        """Return a model's out-of-fold predictions as arrays, patients with a known outcome, by identifier."""
        key = ("panel", check_name(model, self.roles, "model"))
        if key not in self._known:
            times = np.asarray(self.times_days, dtype=np.float64)
            self._known[key] = panel_from_frame(
                self.predictions, model, self.outcome, self.scored_patients, times
            )
        found: Panel = self._known[key]
        return found

    @cached_property
    def outcome(self) -> Outcome:
        """Known outcomes, in the order of patient identifiers (that of `panel`)."""
        y = self.cohort.outcomes(self.endpoint)
        return y[self._rows]

    @cached_property
    def _rows(self) -> npt.NDArray[np.intp]:
        y = self.cohort.outcomes(self.endpoint)
        order = np.argsort(np.asarray(self.cohort.patients, dtype=object), kind="stable")
        return np.asarray(order[y.known[order]])

    @cached_property
    def scored_patients(self) -> tuple[str, ...]:
        """Patients with a known outcome, by identifier: the order of `panel` and `outcome`."""
        return tuple(self.cohort.patients[i] for i in self._rows)

    @cached_property
    def _resamples(self) -> Resamples:
        return Resamples(len(self._rows), self.resamples, self.seed, self.level)

    # -- checks ------------------------------------------------------------------------------------------------

    def checks(self, *, silence: Mapping[str, str] | None = None, other: Cohort | None = None) -> Findings:
        """Return what the methodology checks HX0xx found; they ran at the end of `evaluate`, and are remembered.

        Parameters
        ----------
        silence : mapping of code to str, optional
            Checks whose findings you have judged, with the reason; it is kept with the result and shown beside them.
        other : Cohort, optional
            A second cohort, in which no patient of this one may appear.

        Raises
        ------
        SettingsError
            Unknown code, or no reason.
        """
        from hybridx.checks.running import check_silence, run  # noqa: PLC0415 - brings scipy and scikit-learn along

        reasons = {**self._known.get(("silenced",), {}), **check_silence(silence)}
        self._known[("silenced",)] = reasons
        if other is not None or ("checks",) not in self._known:
            self._known[("checks",)] = run(self, other=other)
        known: Findings = self._known[("checks",)]
        return known.silence(reasons)

    # -- store and show ----------------------------------------------------------------------------------------

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the result to a folder, whole or not at all; an older result there is replaced."""
        from hybridx.evaluate import store  # noqa: PLC0415 - the store builds results

        store.save_result(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Result:
        """Read a result that `save` wrote.

        Raises
        ------
        InputError
            The folder holds no result, or one of a newer format.
        """
        from hybridx.evaluate import store  # noqa: PLC0415 - the store builds results

        return store.load_result(folder)

    def __repr__(self) -> str:
        headline = metrics_of(self.kind)[0]
        lines = [
            f"Result({self.endpoint}: {counted(self.outcome)} in {len(self._rows)} patients; {self.design})",
            f"  {headline.title}",
        ]
        for row in self.table(headline.name).iter_rows(named=True):
            mark = "*" if row["model"] == self.primary else " "
            lines.append(f"  {mark} {row['model']:<16} {_interval_text(row)}  n = {row['n']}")
        checks = self.checks()
        lines += [f"  {checks.brief}", *(f"    {finding}" for finding in checks.at("error"))]
        return "\n".join([*lines, *(f"  - {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        from hybridx.evaluate.display import result_html  # noqa: PLC0415 - shows results

        return result_html(self)


def _interval_text(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "undefined"
    if row["low"] is None:
        return f"{row['value']:.3f} (no interval)"
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
