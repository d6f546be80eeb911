"""The therapy response beside a survival risk: a second result of the same patients, in one strip of the page."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from hybridx.errors import InputError
from hybridx.report.background import Background
from hybridx.report.check_lines import alarm
from hybridx.report.language import say
from hybridx.report.outlook import outlook
from hybridx.report.reasons import contributions
from hybridx.report.rendering import signed
from hybridx.report.words import contribution_ends, endpoint_words, model_title, scale_words, spoken_design
from hybridx.terms import listing
from hybridx.terms.endpoints import canonical_endpoint

__all__ = ["response_background", "response_outlook", "validated"]

CHANCE = 0.5  # the area under the curve of a model that knows nothing
STRONGEST = 3
YEARS_APART = 1.0  # two tables of the same patient round an age differently, no more


def response_background(background: Background, response: Any) -> Background | None:
    """Return the second result seen from the pages of the first; None where none was given.

    Raises
    ------
    InputError
        It is not a result of a response, it is the endpoint that the page shows anyway, it has no patient in common, or
        it knows the patients of the same name as others (another sex, another age).
    """
    if response is None:
        return None
    other = Background(response)
    kind, endpoint = response.kind, response.endpoint
    if kind != "response":
        msg = (
            f"response= takes a result whose endpoint is a response (responder or not), got {endpoint!r} ({kind}). "
            "Evaluate the same cohort with endpoint='response' and give that result."
        )
        raise InputError(msg)
    if endpoint == background.result.endpoint:
        msg = (
            f"The page is of {endpoint!r} already: response= adds a response to the page of another endpoint."
        )
        raise InputError(msg)
    shared = sorted(set(background.cohort.patients) & set(other.cohort.patients))
    if not shared:
        msg = (
            f"The result of {endpoint!r} is of another cohort: none of its {len(other.cohort)} patients is among the "
            f"{len(background.cohort)} of this one. Evaluate the response on the same cohort."
        )
        raise InputError(msg)
    _refuse_strangers(background, other, shared)
    return other


def _refuse_strangers(background: Background, other: Background, shared: list[str]) -> None:
    """Refuse a cohort that uses the same names for other people: P001 is a name that every hospital gives."""
    unlike = [p for p in shared if _unlike(background, other, p)]
    if unlike:
        msg = (
            f"The result of {other.result.endpoint!r} is of another cohort: {len(unlike)} of {len(shared)} patients of "
            f"the same name differ in sex or age: {listing(map(repr, unlike))}. Evaluate it on the same cohort."
        )
        raise InputError(msg)


def _unlike(background: Background, other: Background, patient: str) -> bool:
    sex, age = ([b.fact(patient, name) for b in (background, other)] for name in ("sex", "age_years"))
    if None not in sex and sex[0] != sex[1]:
        return True
    return None not in age and abs(float(age[0]) - float(age[1])) > YEARS_APART


def response_outlook(other: Background | None, patient: str) -> dict[str, Any] | None:
    """Return the content of the strip, `reason` instead of a number where there is no prediction."""
    if other is None:
        return None
    words = endpoint_words(other.result.endpoint)
    known = canonical_endpoint(other.result.endpoint) == "response"
    title = words[:1].upper() + words[1:] if known else f"{say('Therapy response')}: {words}"
    shared = {
        "title": title,
        "model": model_title(other.result.primary),
        "validated": validated(other),
    }
    if patient not in set(other.cohort.patients):
        return {
            **shared,
            "reason": say("This patient is not in the result of this endpoint."),
            "observed": "",
            "alarm": None,
        }
    found = outlook(other, patient)
    return {
        **found,
        **shared,
        "why": _why(other, patient),
        "doubts": other.result.patient(patient).doubts,
        "alarm": alarm(other),
    }


def validated(other: Background) -> str:
    """Say how well the model ranked responders before non-responders, and whether that is more than chance."""
    said: str = other.once("auc", lambda: _validated(other))
    return said


def _validated(other: Background) -> str:
    result = other.result
    design = spoken_design(str(getattr(result.design, "words", "") or result.design))
    rows = result.table().filter((pl.col("model") == result.primary) & (pl.col("metric") == "roc_auc"))
    row = rows.row(0, named=True) if rows.height else {}
    value, low, high = (math.nan if row.get(k) is None else float(row[k]) for k in ("value", "low", "high"))
    if not math.isfinite(value):
        return say("Its AUC could not be computed ({design}).", design=design)
    said = say(
        "AUC {value:.2f} in {n} patients, {events} of them responders ({design})",
        value=value,
        n=row["n"],
        events=row["n_events"],
        design=design,
    )
    if not math.isfinite(low):
        return f"{said}. " + say("It has no interval, so nothing is shown of it.")
    level = 100 * float(row["level"])
    said = f"{said}, " + say("{level:g} % interval {low:.2f} to {high:.2f}", level=level, low=low, high=high)
    if low > CHANCE:
        return f"{said}: " + say("better than chance (0.50).")
    if high < CHANCE:
        return f"{said}: " + say("worse than chance (0.50); do not use it.")
    return f"{said}: " + say("not shown to be better than chance (0.50).")


def _why(other: Background, patient: str) -> str:
    """Name the modalities that moved this prediction most, in one line."""
    bars = [b for b in contributions(other, patient) or () if math.isfinite(b.value)]
    if not bars:
        return ""
    strongest = sorted(bars, key=lambda b: -abs(b.value))[:STRONGEST]
    scale = str(other.explanation.scale)
    return say(
        "Moved most by {names}; {scale}, positive: {meaning}.",
        names=", ".join(f"{b.label} {signed(b.value)}" for b in strongest),
        scale=scale_words(scale),
        meaning=contribution_ends(scale)[1],
    )
