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
from hybridx.evaluate.calibration_table import calibration_of
from hybridx.evaluate.compare import Difference, paired_difference
from hybridx.evaluate.deciding import Deciding
from hybridx.evaluate.designs import Design
from hybridx.evaluate.dividing import Dividing
from hybridx.evaluate.drawing import Drawing
from hybridx.evaluate.frames import panel_from_frame
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.kinds import counted
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.patient import summary_of
from hybridx.evaluate.registry import Moment, measure, metric_named, metrics_of
from hybridx.evaluate.summary import Calibration, PatientSummary
from hybridx.evaluate.tables import OF_REFERENCES, comparison_table, group_table, score_table
from hybridx.terms.estimate import Estimate
from hybridx.terms.text import check_name, listing, nearest

__all__ = ["Result"]


@dataclass(frozen=True, eq=False, repr=False)
class Result(Drawing, Deciding, ByModality, Dividing):
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

    # -- scores ------------------------------------------------------------------------------------------------

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

    def estimate(self, model: str, metric: str) -> Estimate:
        """Return one metric of one model with its interval.

        Raises
        ------
        SettingsError
            Unknown model or metric; the nearest name is given.
        """
        check_name(model, self.roles, "model")
        asked = metric_named(metric, self.kind)
        key = (model, metric)
        if key not in self._known:
            if self.roles[model] == "reference" and metric not in OF_REFERENCES:
                reason = "a constant prediction ranks nobody: it serves as reference of Brier scores only"
                panel = self.panel(model)
                self._known[key] = Estimate(
                    np.nan, level=self.level, n=panel.n, n_events=panel.n_events, method=reason
                )
            else:
                self._known[key] = measure(asked, self.panel(model), self.moment, self._resamples)
        found: Estimate = self._known[key]
        return found

    def table(self, metric: str | None = None, *, model: str | None = None) -> pl.DataFrame:
        """Return one row per model and metric.

        Parameters
        ----------
        metric, model : str, optional
            Only this one.

        Returns
        -------
        polars.DataFrame
            `model`, `metric`, `value`, `low`, `high`, `level`, `n`, `n_events`, `time_days` (the horizon or tau the
            value belongs to), `method`, `baseline`. Undefined values are null, with the reason in `method`.
        """
        names = self.models if model is None else (check_name(model, self.models, "model"),)
        asked = metrics_of(self.kind) if metric is None else [metric_named(metric, self.kind)]
        return score_table(self, names, asked)

    def compare(self, a: str, b: str, metric: str | None = None) -> Difference:
        """Return metric(a) - metric(b) on the patients that both predict, with a paired interval.

        Both models are scored in the same resamples of patients, so what they share cancels out.

        Raises
        ------
        SettingsError
            Unknown model or metric; the nearest name is given.
        """
        for name in (a, b):
            check_name(name, self.roles, "model")
        asked = metric_named(self.metrics[0] if metric is None else metric, self.kind)
        key = ("compare", a, b, asked.name)
        if key not in self._known:
            panels = (self.panel(a), self.panel(b))
            self._known[key] = paired_difference(asked, panels, (a, b), self.moment, self._resamples)
        found: Difference = self._known[key]
        return found

    def comparisons(self, metric: str | None = None, *, model: str | None = None) -> pl.DataFrame:
        """Return one row per other model: the paired difference of `model` (default the primary) to it.

        Returns
        -------
        polars.DataFrame
            `model`, `other`, `metric`, `value_model`, `value_other` (both on the common patients), `difference`,
            `low`, `high` (of this difference alone), `p_value` (two-sided, below 1 - level exactly where that interval
            excludes 0), `p_adjusted` (Holm; the family is the rows of this table: one model against each other, in one
            metric), `n`, `n_events`, `verdict` (``better`` or ``worse`` where `p_adjusted` is below 1 - level, else
            ``not separated``), `method`.
        """
        name = self.primary if model is None else check_name(model, self.models, "model")
        return comparison_table(self, name, self.metrics[0] if metric is None else metric)

    def calibration(self, model: str | None = None) -> Calibration:
        """Return calibration of a model (default the primary) at the horizon: O:E, slope, ICI, curve and groups."""
        name = self.primary if model is None else check_name(model, self.models, "model")
        if self.kind not in ("survival", "response"):
            msg = (
                f"{self.endpoint!r} is a {self.kind} endpoint: there is no one probability to calibrate. `table` has "
                + (
                    "the ranked probability score."
                    if self.kind == "ordinal"
                    else "calibration slope and mean error."
                )
            )
            raise InputError(msg)
        key = ("calibration", name)
        if key not in self._known:
            three = [self.estimate(name, m) for m in ("observed_expected", "calibration_slope", "ici")]
            self._known[key] = calibration_of(
                name, self.panel(name), self.horizon_days, three, self._resamples
            )
        found: Calibration = self._known[key]
        return found

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
