"""What is missing and what that costs: how wide bands are with and without each modality, in words and as a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from hybridx.evaluate.coalitions import coalition_of
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import percent
from hybridx.report.words import modality_words

__all__ = ["FEWEST", "missing_costs"]

FEWEST = 5  # patients behind a median that is shown


def missing_costs(background: Background, patient: str) -> dict[str, Any]:
    """Return per modality the median width of bands with and without it, and this patient's prediction without it.

    Widths compare patients who have a modality with those who do not: they may differ in more than that, which the page
    says. Predictions without a modality come from models fitted without it, or from the same models with it taken
    away, where the evaluation made them; else their column stays empty.
    """
    widths = background.once("band widths", lambda: _widths(background))
    own = widths.get(patient)
    rows, sentences = [], []
    measured = background.cohort.measured
    i = background.index_of(patient)
    for name in background.cohort.modalities:
        flags = dict(zip(background.cohort.patients, measured[name], strict=True))
        with_it = [w for p, w in widths.items() if flags[p]]
        without = [w for p, w in widths.items() if not flags[p]]
        there = bool(measured[name][i])
        dropped = _without(background, patient, name) if there else None
        rows.append(
            (
                modality_words(name),
                say("measured") if there else say("not measured"),
                _median(with_it),
                _median(without),
                "–" if dropped is None else percent(dropped),
            )
        )
        enough = len(with_it) >= FEWEST and len(without) >= FEWEST
        if not there and enough and patient in background.predicted:
            sentences.append(
                say(
                    "{modality} is missing: bands of patients without it are {without:.0f} points wide (median of "
                    "{n_without}), with it {with_it:.0f} (of {n_with}).",
                    modality=modality_words(name),
                    without=np.median(without),
                    n_without=len(without),
                    with_it=np.median(with_it),
                    n_with=len(with_it),
                )
            )
        elif not there and patient in background.predicted:
            sentences.append(
                say(
                    "{modality} is missing; too few patients of this cohort are without it to say what that costs.",
                    modality=modality_words(name),
                )
            )
    if own is not None:
        sentences.insert(0, say("The band of this patient is {own:.0f} points wide.", own=own))
    return {
        "rows": rows if widths else [],
        "columns": [
            say("Modality"),
            say("This patient"),
            say("Band with it, points"),
            say("Band without it, points"),
            say("Prediction without it"),
        ],
        "sentences": sentences if widths else [],
    }


def _median(widths: list[float]) -> str:
    return (
        f"{np.median(widths):.0f} (n = {len(widths)})"
        if len(widths) >= FEWEST
        else say("fewer than {n}", n=FEWEST)
    )


def _widths(background: Background) -> dict[str, float]:
    """Width of each patient's band at the main horizon, or of the probability, in percentage points."""
    found = {}
    for patient in background.predicted:
        if background.is_survival:
            _, low, high = background.curves[patient].at(background.main_horizon)
        else:
            estimate = background.probabilities[patient]
            low, high = estimate.low, estimate.high
        if math.isfinite(high - low):
            found[patient] = 100 * (high - low)
    return found


def _without(background: Background, patient: str, modality: str) -> float | None:
    """Return the share of the headline as predicted without a modality; None where nobody asked for that."""
    result = background.result
    rows = pl.DataFrame()
    # a model fitted on all other modalities says more than the same model with one taken away
    whole = max((coalition_of(name) for name in result.coalitions), key=len, default=())
    name = next((n for n in result.coalitions if set(coalition_of(n)) == set(whole) - {modality}), None)
    if name is not None and modality in whole:
        rows = result.predictions.filter((pl.col("model") == name) & (pl.col("patient_id") == patient))
    if not rows.height and result.predictions_without.height:
        rows = result.predictions_without.filter(
            (pl.col("without") == modality) & (pl.col("patient_id") == patient)
        )
    column = "survival" if background.is_survival else "probability"
    if not rows.height or column not in rows.columns:
        return None
    if not background.is_survival:
        value = rows["probability"].mean()
        return float(value) if isinstance(value, float) and math.isfinite(value) else None
    times = np.asarray(result.times_days, dtype=float)
    at = int(np.searchsorted(times, float(result.horizon_days) + 1e-9, side="right")) - 1
    curves = np.array([list(curve) for curve in rows["survival"].drop_nulls()], dtype=float)
    if at < 0 or not curves.size:
        return None
    value = float(np.nanmean(curves[:, at]))
    return value if math.isfinite(value) else None
