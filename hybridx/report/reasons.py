"""Why this prediction: contributions by modality, and the strongest features with value, unit and percentile."""

from __future__ import annotations

import math
import re
from typing import Any

import polars as pl

from hybridx.cohort import modality_of
from hybridx.report.background import Background
from hybridx.report.bars import Bar, contribution_figure, percentile_cell, value_cell
from hybridx.report.language import say
from hybridx.report.rendering import number, signed
from hybridx.report.who import failures_of
from hybridx.report.words import contribution_ends, modality_words, scale_words

__all__ = ["contributions", "reasons", "unit_text"]

STRONGEST = 8
_UNITS = {
    "1": "", "{score}": "", "g/mL{SUVbw}": "SUVbw", "[hnsf'U]": "HU", "a": "years", "d": "days",
    "mm2": "mm²", "mm3": "mm³", "cm3": "cm³", "kg/m2": "kg/m²",
}  # fmt: skip


def unit_text(unit: Any) -> str:
    """Write a UCUM unit for people: nothing for a pure number, ``HU`` for ``[hnsf'U]``."""
    text = "" if unit is None else str(unit)
    if text in _UNITS:
        return _UNITS[text]
    text = re.sub(r"\bu(?=(mol|g|L|kat)\b)", "µ", text)
    return (
        text.replace("10*9", "10⁹")
        .replace("10*6", "10⁶")
        .replace("10*3", "10³")
        .replace("{", "")
        .replace("}", "")
    )


def _row(frame: pl.DataFrame, patient: str) -> dict[str, Any] | None:
    rows = frame.filter(pl.col("patient_id") == patient)
    return rows.row(0, named=True) if rows.height else None


def contributions(background: Background, patient: str) -> list[Bar] | None:
    """Return what each modality adds to a patient's prediction; None where it was not explained."""
    why = background.explanation
    modalities = None if why is None else _row(why.modalities, patient)
    if modalities is None or patient not in background.predicted:
        return None
    if all(v is None for c, v in modalities.items() if c != "patient_id"):
        return None
    i = background.index_of(patient)
    measured = background.cohort.measured
    failed = {f["modality"] for f in failures_of(background, patient)}
    bars = []
    for name, value in modalities.items():
        if name == "patient_id":
            continue
        there = name not in measured.columns or bool(measured[name][i])
        known = value is not None and math.isfinite(value) and (there or value != 0)
        note = "" if there else say("failed") if name in failed else say("not measured")
        label = modality_words(name)
        bars.append(
            Bar(
                label if there or not known else say("{label} (absent)", label=label),
                value if known else math.nan,
                note,
            )
        )
    return bars


def reasons(background: Background, patient: str) -> dict[str, Any]:
    """Return the content of the section; `reason` when the prediction was not explained."""
    why = background.explanation
    if why is None:
        return {"reason": say("The run was made without explanations.")}
    bars, features = contributions(background, patient), _row(why.features, patient)
    if bars is None or features is None:
        return {"reason": say("There is no prediction to explain for this patient.")}
    # measured, yet no model of this run learnt from it: to say nothing would read as if it had been weighed
    i, measured = background.index_of(patient), background.cohort.measured
    explained = set(why.modalities.columns)
    unused = [n for n in background.cohort.modalities if n not in explained and bool(measured[n][i])]
    bars += [Bar(modality_words(n), math.nan, say("not used by the model")) for n in unused]
    bars.sort(key=lambda b: -abs(b.value) if math.isfinite(b.value) else 1.0)
    rows = _feature_rows(background, patient, features)
    scale = scale_words(str(why.scale))
    return {
        "reason": None,
        "figure": contribution_figure(
            bars,
            title=say("Contribution of each modality"),
            unit=scale,
            ends=contribution_ends(str(why.scale)),
            good=_rises_with_good(why),
        ),
        "method": str(why.method),
        "modalities": [(b.label, signed(b.value) if math.isfinite(b.value) else b.note) for b in bars],
        "scale": scale,
        "unused": [modality_words(n) for n in unused],
        **rows,
    }


def _rises_with_good(why: Any) -> bool:
    return bool(why.scale == "log-odds")  # response more likely; on the other scales positive is worse


def _feature_rows(background: Background, patient: str, features: dict[str, Any]) -> dict[str, Any]:
    why = background.explanation
    seen = _row(why.values, patient) or {}
    known = {
        c: v
        for c, v in features.items()
        if c != "patient_id" and v is not None and math.isfinite(v) and v != 0
    }
    strongest = sorted(known, key=lambda c: -abs(known[c]))[:STRONGEST]
    reach = max((abs(known[c]) for c in strongest), default=1.0)
    rows = []
    for column in strongest:
        meta = background.feature_rows.get(column, {})
        value = seen.get(column)
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        flag = background.is_flag(column)
        percentile = None if missing or flag else background.percentile(column, float(value))
        rows.append(
            {
                "title": meta.get("title") or column,
                "column": column,
                "modality": modality_words(modality_of(column)),
                "value": say("missing, filled in")
                if missing
                else (say("yes") if value else say("no"))
                if flag
                else f"{number(value)} {unit_text(meta.get('unit'))}".strip(),
                "percentile": "–" if percentile is None else f"{percentile:.0f}",
                "place": "" if percentile is None else percentile_cell(percentile),
                "contribution": signed(known[column]),
                "bar": value_cell(known[column], reach, good=_rises_with_good(why)),
            }
        )
    rest = [known[c] for c in known if c not in set(strongest)]
    return {"features": rows, "rest": signed(math.fsum(rest)) if rest else None, "n_rest": len(rest)}
