"""What is missing and what that costs: how wide bands are with and without each modality, in words and as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from hybridx.evaluate.coalitions import coalition_of
from hybridx.evaluate.kinds import KINDS
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.reasons import unit_text
from hybridx.report.rendering import number, percent
from hybridx.report.value_words import with_unit
from hybridx.report.words import modality_words

__all__ = ["FEWEST", "missing_costs"]

FEWEST = 5  # patients behind a median that is shown
Hidden = Mapping[tuple[str, str], tuple[float, float]]


def missing_costs(background: Background, patient: str) -> dict[str, Any]:
    """Return what a modality does to the width of this patient's band, and of bands in the cohort.

    A patient's own band without a modality comes from the same bootstrap refits, shown the patient without it. What it
    would be *with* one that was never measured cannot be computed; there the patients who have it stand in, each with
    it and with it hidden. The widths of patients who have a modality beside those of patients who do not compare
    different people.
    """
    widths = background.once("band widths", lambda: _widths(background))
    hidden = background.once("hidden bands", lambda: _hidden(background))
    own, unit = widths.get(patient), _unit(background)
    rows, sentences, without_each = [], [], []
    i = background.index_of(patient)
    for name in background.cohort.modalities:
        there = bool(background.cohort.measured[name][i])
        lost = hidden.get((patient, name))
        if lost is not None:
            without_each.append(f"{modality_words(name)} {_width(lost[1])}")
        elif not there and patient in background.predicted:
            sentences.append(_missing(background, name, widths, hidden))
        rows.append(_row(background, patient, name, widths, lost, there=there))
    if without_each:
        text = say(
            "With one of these hidden from the same refits it is: {list} {unit}.",
            list=", ".join(without_each),
            unit=unit,
        )
        sentences.insert(0, text)
    if own is not None:
        sentences.insert(0, say("The band of this patient is {own} {unit} wide.", own=_width(own), unit=unit))
    return {
        "rows": rows if widths else [],
        "columns": [
            say("Modality"),
            say("This patient"),
            say("Own band with it, {unit}", unit=unit),
            say("Own band without it, {unit}", unit=unit),
            say("Prediction without it"),
            say("Patients who have it, {unit}", unit=unit),
            say("Patients without it, {unit}", unit=unit),
        ],
        "sentences": sentences if widths else [],
        "note": _note(hidden),
    }


def _note(hidden: Hidden) -> str:
    others = say(
        "Patients with and without a modality may differ in more than that; the widths are medians over this cohort."
    )
    if not hidden:
        return others
    same = say(
        "Hidden: the same refits, shown a patient without it. A narrower band is no gain where the model then tells "
        "patients apart less."
    )
    return f"{same} {others}"


def _row(
    background: Background,
    patient: str,
    name: str,
    widths: Mapping[str, float],
    lost: tuple[float, float] | None,
    *,
    there: bool,
) -> tuple[str, ...]:
    flags = dict(zip(background.cohort.patients, background.cohort.measured[name], strict=True))
    dropped = _without(background, patient, name) if there else None
    if dropped is None and lost is not None:
        dropped = lost[0]
    own = widths.get(patient)
    return (
        modality_words(name),
        say("measured") if there else say("not measured"),
        _width(own) if there and own is not None else "–",
        _width(lost[1]) if lost is not None else _width(own) if not there and own is not None else "–",
        "–" if dropped is None else _headline(background, dropped),
        _median([w for p, w in widths.items() if flags[p]]),
        _median([w for p, w in widths.items() if not flags[p]]),
    )


def _missing(background: Background, name: str, widths: Mapping[str, float], hidden: Hidden) -> str:
    """Say what a modality that this patient lacks does to bands: of the same patients where refits tell it."""
    title, unit = modality_words(name), _unit(background)
    pairs = [(widths[p], lost[1]) for (p, other), lost in hidden.items() if other == name and p in widths]
    if len(pairs) >= FEWEST:
        return say(
            "{modality} is missing: where it is there, hiding it takes bands from {with_it} to {without} {unit} "
            "(medians of the same {n} patients).",
            modality=title,
            with_it=_width(float(np.median([a for a, _ in pairs]))),
            without=_width(float(np.median([b for _, b in pairs]))),
            unit=unit,
            n=len(pairs),
        )
    flags = dict(zip(background.cohort.patients, background.cohort.measured[name], strict=True))
    with_it = [w for p, w in widths.items() if flags[p]]
    without = [w for p, w in widths.items() if not flags[p]]
    if min(len(with_it), len(without)) < FEWEST:
        return say(
            "{modality} is missing; too few patients of this cohort are without it to say what that costs.",
            modality=title,
        )
    return say(
        "{modality} is missing: bands of patients without it are {without} {unit} wide (median of {n_without}), with "
        "it {with_it} (of {n_with}).",
        modality=title,
        without=_width(float(np.median(without))),
        unit=unit,
        n_without=len(without),
        with_it=_width(float(np.median(with_it))),
        n_with=len(with_it),
    )


def _unit(background: Background) -> str:
    kind = background.result.kind
    if kind == "continuous":
        unit = unit_text(background.outcome.unit)
        return say("points") if unit == "%" else unit
    return say("levels") if kind == "ordinal" else say("points")


def _headline(background: Background, value: float) -> str:
    kind = background.result.kind
    if kind == "continuous":
        return with_unit(value, background.outcome.unit)
    return say("level {n}", n=number(1 + value)) if kind == "ordinal" else percent(value)


def _width(width: float) -> str:
    return f"{width:.0f}" if width >= 10 else number(width, 2)


def _median(widths: list[float]) -> str:
    if len(widths) < FEWEST:
        return say("fewer than {n}", n=FEWEST)
    return f"{_width(float(np.median(widths)))} (n = {len(widths)})"


def _scale(background: Background) -> float:
    """Return by what a width is multiplied: shares are shown as percentage points."""
    return 100.0 if background.result.kind in ("survival", "response") else 1.0


def _widths(background: Background) -> dict[str, float]:
    """Width of each patient's band: at the main horizon, of the probability, of the expected level or value."""
    found = {}
    for patient in background.predicted:
        if background.is_survival:
            _, low, high = background.curves[patient].at(background.main_horizon)
        else:
            estimate = background.estimates[patient]
            low, high = estimate.low, estimate.high
        if math.isfinite(high - low):
            found[patient] = _scale(background) * (high - low)
    return found


def _hidden(background: Background) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (patient, modality) to the prediction without it and the width of its band."""
    table = background.result.bands_without
    if not table.height:
        return {}
    return {
        (row["patient_id"], row["without"]): (row["value"], _scale(background) * (row["high"] - row["low"]))
        for row in table.iter_rows(named=True)
        if row["patient_id"] in background.predicted
    }


def _without(background: Background, patient: str, modality: str) -> float | None:
    """Return the number of the headline as predicted without a modality; None where nobody asked for that."""
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
    column = "survival" if background.is_survival else KINDS[result.kind].score
    if not rows.height or column not in rows.columns:
        return None
    if not background.is_survival:
        value = rows[column].mean()
        return float(value) if isinstance(value, float) and math.isfinite(value) else None
    times = np.asarray(result.times_days, dtype=float)
    at = int(np.searchsorted(times, float(result.horizon_days) + 1e-9, side="right")) - 1
    curves = np.array([list(curve) for curve in rows["survival"].drop_nulls()], dtype=float)
    if at < 0 or not curves.size:
        return None
    value = float(np.nanmean(curves[:, at]))
    return value if math.isfinite(value) else None
