"""`score_locked`: a finished model on patients it has never seen, scored as it is, with the doubts it deserves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import HybridxError, InputError, NotEnoughDataError
from hybridx.evaluate.baselines import Model
from hybridx.evaluate.curves import curves_frame
from hybridx.evaluate.designs import Locked, design_to_dict
from hybridx.evaluate.designs_split import counts_of
from hybridx.evaluate.folds import FoldResult, Prediction, predict_rows
from hybridx.evaluate.found import planned_predictions, result_of
from hybridx.evaluate.horizon import times_of
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.notes import outcome_notes
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.plan import Plan
from hybridx.evaluate.provenance import provenance_of
from hybridx.evaluate.result import Result
from hybridx.fusion.drift import drift_notes, fingerprint
from hybridx.fusion.image_need import wants_images
from hybridx.fusion.locked import LockedModel
from hybridx.fusion.newcomers import check_units, frame_for
from hybridx.fusion.training_rows import met_in_training

__all__ = ["score_locked"]

LEAST_EVENTS = 2  # a score is undefined below; the interval says what it is worth above


def score_locked(
    model: LockedModel | str | os.PathLike[str] | Any,
    cohort: Cohort,
    endpoint: str,
    *,
    name: str = "locked",
    horizon_days: float | None = None,
    resamples: int = 1000,
    level: float = 0.95,
) -> Result:
    """Score a finished model on an external cohort; nothing is fitted, tuned or recalibrated.

    Parameters
    ----------
    model : LockedModel, path, or fitted estimator
        A path is a folder written by `hybridx fit`. A bare estimator carries no description of its training
        patients, so neither drift nor rare patterns can be told.
    cohort : Cohort
        Patients that the model has not seen. What was measured after the day from which its times count is left out.
    endpoint : str
        One of ``cohort.endpoints``, of the kind the model predicts.
    name : str
        Of the model in the result.
    horizon_days : float, optional
        As in `hybridx.evaluate`; not beyond the last follow-up of the training patients.
    resamples, level : int, float
        Of the intervals.

    Returns
    -------
    Result
        Design `Locked`; every metric, calibration and figure as of any evaluation. `doubts` has what is to be held
        against single predictions, the notes how many that are and how the cohort differs from the training patients.

    Raises
    ------
    InputError
        Another kind of endpoint or unit, no known outcome, or the cohort is the training cohort itself: a score on
        training patients is no score.
    NotEnoughDataError
        Too few events to score anything.

    Examples
    --------
    >>> result = hx.evaluate.score_locked("model/", hx.Cohort.load("external/"), "OS")  # doctest: +SKIP
    """
    locked = LockedModel.load(Path(model)) if isinstance(model, (str, os.PathLike)) else model
    manifest = locked.manifest if isinstance(locked, LockedModel) else None
    estimator = locked.model if isinstance(locked, LockedModel) else locked
    y = cohort.outcomes(endpoint)
    Resamples(len(y), resamples, 0, level)
    _refuse(estimator, manifest, y)
    cohort, met = _strangers(estimator, manifest, cohort, y)
    y = cohort.outcomes(endpoint)
    _refuse(estimator, manifest, y)
    frame, doubts, notes = _seen(locked, manifest, estimator, cohort, y)
    notes += met
    last_day = float((manifest or {}).get("last_day") or np.inf)
    moment, times, said = times_of(_followed_until(y[y.known], last_day), horizon_days)
    design = Locked(
        f"{type(estimator).__name__} for {(manifest or {}).get('endpoint', endpoint)}",
        int((manifest or {}).get("n_patients", 0)),
        str((manifest or {}).get("sha256", "")),
    )
    predicted = _predict(estimator, frame, y.kind, times)
    entry = Model(name, estimator)
    splits = design.splits(cohort, y)
    plan = Plan(
        cohort,
        y,
        design,
        splits,
        (entry,),
        name,
        moment,
        times,
        explain=None,
        bands=0,
        workers=1,
        progress=False,
    )
    rows = np.concatenate([splits[0].test, plan.open_rows])
    survival = None if predicted.survival is None else predicted.survival[rows]
    results = [FoldResult(0, 0, {name: Prediction(predicted.score[rows], survival)})]
    predictions = planned_predictions(plan, results, [name])
    curves, _, _ = curves_frame(plan, results, predictions)
    return result_of(
        plan,
        resamples=resamples,
        level=level,
        notes=(*_whose(cohort, y), *design.notes(cohort, y), *said, *notes),
        provenance={
            **provenance_of(cohort, design_to_dict(design)),
            "model": dict((manifest or {}).get("training", {})),
        },
        predictions=predictions,
        curves=curves,
        doubts=doubts,
    )


def _refuse(estimator: Any, manifest: Any, y: Outcome) -> None:
    kind = (
        (manifest or {}).get("kind")
        or getattr(estimator, "endpoint", None)
        or getattr(estimator, "takes", y.kind)
    )
    if kind != y.kind:
        msg = f"The model predicts a {kind} outcome, while {y.endpoint!r} is a {y.kind} outcome."
        raise InputError(msg)
    known = np.flatnonzero(y.known)
    counts = counts_of(y, known)
    if len(known) < LEAST_EVENTS or (y.kind != "ordinal" and min(counts.values()) < LEAST_EVENTS):
        found = ", ".join(f"{count} {what}" for what, count in counts.items())
        msg = (
            f"{y.endpoint}: {len(known)} patients with a known outcome, {found}: nothing can be scored below "
            f"{LEAST_EVENTS}. Predictions alone: `hybridx predict` without --endpoint."
        )
        raise NotEnoughDataError(msg)


_MEMORY = (
    "These are the very patients that the model was trained on: a score on them would be its memory, not its worth. "
    "For an honest score of this procedure on this cohort use hybridx.evaluate(...)."
)


def _strangers(estimator: Any, manifest: Any, cohort: Cohort, y: Outcome) -> tuple[Cohort, list[str]]:
    """Return the cohort without those who have the values of a training patient, and a note that says how many."""
    if not (manifest or {}).get("marks"):
        return cohort, []
    met = met_in_training(manifest, frame_for(estimator, manifest, cohort)[0])
    if not met.any():
        return cohort, []
    if met[y.known].all():
        raise InputError(_MEMORY)
    n = int(met.sum())
    who = "1 patient was" if n == 1 else f"{n} patients were"
    note = (
        f"{who} among the training patients of the model, by their values, and left out: scored are the other "
        f"{len(met) - n}. Who was measured anew in between is not recognised."
    )
    return cohort.select(p for p, seen in zip(cohort.patients, met, strict=True) if not seen), [note]


def _seen(
    locked: Any, manifest: Any, estimator: Any, cohort: Cohort, y: Outcome
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return the table as the model may see it, doubts about single patients, and notes about the cohort."""
    if manifest is None:
        late = cohort.measured_after(cohort.landmark_day)
        seen = cohort.at(cohort.landmark_day) if late else cohort
        if seen.patients != cohort.patients:  # a landmark also drops patients; the table keeps everyone
            seen = cohort
        frame = seen.frame(images=wants_images(estimator))
        told = "The model came without a description of its training patients: drift and rare patterns are not told."
        return frame, pl.DataFrame(), [told]
    check_units(manifest, cohort)
    frame, _ = frame_for(estimator, manifest, cohort)
    if manifest.get("fingerprint") and manifest["fingerprint"] == fingerprint(
        frame.filter(pl.Series(y.known)), manifest["columns"]
    ):
        raise InputError(_MEMORY)
    said = locked.predict(cohort).select("patient_id", doubt="warnings").filter(pl.col("doubt") != "")
    notes = _mismatch(manifest, cohort, y) + drift_notes(manifest, frame)
    if said.height:
        n = len(cohort.patients)
        notes.append(f"{said.height} of {n} predictions come with a doubt (`result.doubts`).")
    return frame, said, notes


def _mismatch(manifest: Any, cohort: Cohort, y: Outcome) -> list[str]:
    notes = []
    if manifest["endpoint"] != y.endpoint:
        notes.append(f"The model was trained for {manifest['endpoint']} and is scored on {y.endpoint}.")
    if y.kind == "survival" and manifest.get("origin") and manifest["origin"] != y.origin:
        notes.append(
            f"Its times count from {manifest['origin']}, here from {y.origin}: probabilities may not fit."
        )
    if y.kind == "response" and manifest.get("responder") and manifest["responder"] != y.responder:
        notes.append(f"A responder was {manifest['responder']!r} in training and is {y.responder!r} here.")
    same = manifest.get("training", {}).get("inputs_hash")
    if same and same == cohort.provenance.get("inputs_hash"):
        notes.append(
            "The model was trained on patients of the same data folder: make sure that nobody is in both."
        )
    return notes


def _predict(estimator: Any, frame: pl.DataFrame, kind: str, times: FloatArray) -> Prediction:
    try:
        score, survival = predict_rows(estimator, frame, kind, times)
    except HybridxError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        msg = f"{type(estimator).__name__} could not predict these patients: {type(error).__name__}: {error}"
        raise InputError(msg) from error
    return Prediction(score, survival)


def _followed_until(y: Outcome, day: float) -> Outcome:
    """Return the outcome with follow-up cut at a day: a model says nothing after the last follow-up it learnt from."""
    if not np.isfinite(day):
        return y
    time = np.minimum(y.time_days, day)
    if y.entry_days is not None:
        time = np.where(y.entry_days >= day, np.nan, time)  # came too late to be seen within it
    return replace(y, time_days=time, event=y.event & (y.time_days <= day))


def _whose(cohort: Cohort, y: Outcome) -> list[str]:
    """Return the notes about the data without those about training, of which there was none."""
    return [note for note in outcome_notes(cohort, y) if "took no part in training" not in note]
