"""What stands on a model card, as plain data, from the records of a result or of a locked model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from hybridx.cohort import Cohort
from hybridx.evaluate.horizon import median_follow_up
from hybridx.evaluate.registry import metric_named
from hybridx.fusion.locked import LockedModel
from hybridx.report.background import Background
from hybridx.report.checklist_cohort import centres_of
from hybridx.report.language import language, say
from hybridx.report.part_lines import parts_of_cohort
from hybridx.report.words import INTENDED_USE, endpoint_words, modality_words, model_title, spoken_note
from hybridx.terms import DAYS_PER_MONTH

__all__ = ["facts_of_locked", "facts_of_result"]

_NOT_FOR = [
    "decisions about a patient's care on its own",
    "comparing treatments: who got which was not decided by chance",
    "patients unlike those it was trained on, and endpoints other than its own",
]
_ALWAYS_UNKNOWN = [
    "who the patients were and how they were chosen: eligibility, calendar years, country, care",
    "whether the outcome was judged blind, and by whom",
    "what acting on the prediction does to patients",
]
_GIVES = {
    "survival": "a risk (higher is worse) and survival probabilities over time",
    "response": "the probability of response",
    "ordinal": "the probability of each level",
    "continuous": "a value",
}


def facts_of_result(background: Background) -> dict[str, Any]:
    """Return the card of a result's primary model."""
    result, cohort = background.result, background.cohort
    y = background.outcome
    trained = {
        "patients": int(y.known.sum()),
        "events": y.n_events,
        "design": str(result.design),
        **_people(cohort),
    }
    if background.is_survival and y.known.any():
        trained["median_follow_up_months"] = _number(median_follow_up(result.outcome) / DAYS_PER_MONTH, 1)
    if background.is_external:
        trained = {"patients": result.design.trained_on or None, "validated_on": trained}
    return {
        "made_by": "hybridx",
        "language": language(),
        "title": say(
            "{model} for {endpoint}",
            model=model_title(result.primary),
            endpoint=endpoint_words(result.endpoint),
        ),
        "use": _use(result.kind, result.endpoint, result.origin),
        "trained": trained,
        "inputs": _inputs_of_cohort(cohort),
        "output": _output(background),
        **_found(background),
        "unknown": [
            *map(say, _ALWAYS_UNKNOWN),
            *([] if background.is_external else [say("one final model: each fold had its own")]),
        ],
        "versions": {str(k): str(v) for k, v in dict(result.provenance.get("versions", {})).items()},
        "hashes": _hashes(cohort.provenance)
        | ({"model": result.design.fingerprint} if background.is_external else {}),
    }


def facts_of_locked(locked: LockedModel, validation: Background | None = None) -> dict[str, Any]:
    """Return the card of a locked model, with the figures of its validation where there is one."""
    m = locked.manifest
    training = dict(m.get("training", {}))
    inputs = [
        {
            "modality": name,
            "title": modality_words(name),
            "features": [{"column": c, "unit": unit} for c, unit in columns.items()],
        }
        for name, columns in m["columns"].items()
    ]
    trained: dict[str, Any] = {
        "patients": m["n_patients"],
        "events": m["n_events"],
        "synthetic": bool(training.get("synthetic")),
        "patterns": [{"measured": list(p["measured"]), "patients": p["patients"]} for p in m["patterns"]],
    }
    if m.get("last_day"):
        trained["last_follow_up_months"] = _number(m["last_day"] / DAYS_PER_MONTH, 1)
    found = {"performance": [], "comparisons": [], "subgroups": [], "limits": [], "checks": []}
    unknown = [say(what) for what in _ALWAYS_UNKNOWN]
    if validation is None:
        unknown.insert(0, say("how good it is: no validation was given with it"))
    else:
        found = _found(validation)
    found["limits"] = [*map(str, m.get("notes", ())), *found["limits"]]
    known = {k: m[k] for k in ("sha256", "support_sha256", "fingerprint") if isinstance(m.get(k), str)}
    hashes = _hashes(training) | known
    return {
        "made_by": "hybridx",
        "language": language(),
        "title": say("{model} for {endpoint}", model=m["model"], endpoint=endpoint_words(m["endpoint"])),
        "use": _use(m["kind"], m["endpoint"], m.get("origin", "")),
        "trained": trained,
        "inputs": inputs,
        "output": {"gives": say(_GIVES.get(m["kind"], m["kind"])), "responder": m.get("responder", "")},
        **found,
        "unknown": unknown,
        "versions": {str(k): str(v) for k, v in m.get("versions", {}).items()},
        "hashes": hashes,
    }


def _use(kind: str, endpoint: str, origin: str) -> dict[str, Any]:
    what = endpoint_words(endpoint)
    if kind == "survival" and origin:
        what = say("{endpoint}, from {origin}", endpoint=what, origin=say(origin.replace("_", " ")))
    return {
        "for": say("research on {what}", what=what),
        "not_for": [say(one) for one in _NOT_FOR],
        "notice": say(INTENDED_USE),
    }


def _people(cohort: Cohort) -> dict[str, Any]:
    centres, patients = centres_of(cohort), cohort.tables.get("patients")
    found: dict[str, Any] = {
        "synthetic": bool(cohort.provenance.get("synthetic")),
        "centres": None if centres is None else len(centres),
        "measured": {m: int(cohort.measured[m].sum()) for m in cohort.modalities},
    }
    if patients is not None and "age_years" in patients.columns and patients["age_years"].drop_nulls().len():
        found["age_quartiles"] = [
            _number(patients["age_years"].quantile(q, "linear"), 1) for q in (0.25, 0.5, 0.75)
        ]
    if patients is not None and "sex" in patients.columns:
        counts = patients["sex"].drop_nulls().cast(pl.String).value_counts().sort("sex")
        found["sex"] = {str(sex): int(n) for sex, n in counts.iter_rows()}
    return found


def _inputs_of_cohort(cohort: Cohort) -> list[dict[str, Any]]:
    features = cohort.features
    return [
        {
            "modality": name,
            "title": modality_words(name),
            "features": [
                {"column": r["column"], "title": r["title"] or "", "unit": r["unit"] or ""}
                for r in features.filter(pl.col("modality") == name).iter_rows(named=True)
            ],
        }
        for name in cohort.modalities
    ]


def _output(background: Background) -> dict[str, Any]:
    result = background.result
    gives = {"gives": say(_GIVES.get(result.kind, result.kind)), "responder": result.responder}
    if background.is_survival and math.isfinite(background.main_horizon):
        gives |= {"horizon_months": background.main_horizon, "until_months": _number(background.until, 1)}
    return gives


def _found(background: Background) -> dict[str, Any]:
    """Return scores, comparisons, subgroups, limits and findings of a result's primary model."""
    result = background.result
    scores = result.table(model=result.primary)
    return {
        "performance": [
            {
                "metric": say(metric_named(r["metric"], result.kind).title),
                "value": _number(r["value"]), "low": _number(r["low"]), "high": _number(r["high"]),
                "level": r["level"], "patients": r["n"], "events": r["n_events"],
            }
            for r in scores.iter_rows(named=True)
        ],
        "comparisons": [
            {
                "against": model_title(r["other"]), "difference": _number(r["difference"]), "low": _number(r["low"]),
                "high": _number(r["high"]), "verdict": r["verdict"],
            }
            for r in result.comparisons().iter_rows(named=True)
            if r["difference"] is not None
        ],
        "subgroups": [
            {"columns": list(part["columns"]), "rows": [list(row) for row in part["rows"]],
             "note": " ".join([part["note"], *part["told"]])}
            for part in background.once("parts", lambda: parts_of_cohort(background))
        ],
        "limits": [spoken_note(str(note), result.models) for note in result.notes],
        "checks": [
            {"code": f.code, "severity": f.severity, "said": f.sentence, "silenced": f.silenced}
            for f in result.checks()
        ],
    }  # fmt: skip


def _hashes(provenance: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in provenance.items() if k.endswith("_hash") and isinstance(v, str)}


def _number(value: Any, digits: int = 6) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
