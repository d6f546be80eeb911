"""The prediction section of ordered outcomes (CR > PR > SD > PD, grades) and of values (% change of PSA, dose)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hybridx.cohort import Outcome
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.level_figures import levels_figure, values_figure
from hybridx.report.outlook_words import band_words, no_band, why_not
from hybridx.report.rendering import percent
from hybridx.report.value_words import possible, signed_number, with_unit
from hybridx.terms.endpoints import endpoint_title
from hybridx.terms.response import CRITERIA

__all__ = ["continuous_outlook", "found_words", "level_title", "ordinal_outlook"]

_SHARES = (
    (5, "5th percentile"),
    (25, "lower quartile"),
    (50, "median"),
    (75, "upper quartile"),
    (95, "95th percentile"),
)


def level_title(level: str, criterion: str) -> str:
    """Write a level with its name in words where the criterion has one: ``PR, partial response``."""
    known = next((c for c in CRITERIA.values() if criterion in (c.name, c.title)), None)
    title = known.categories.get(level, "") if known else ""
    return f"{level}, {say(title)}" if title and title != level else level


def found_words(y: Outcome, i: int) -> str:
    """Say the level or value that was found in one patient."""
    return y.levels[int(y.value[i])] if y.kind == "ordinal" else with_unit(float(y.value[i]), y.unit)


def ordinal_outlook(background: Background, patient: str) -> dict[str, Any]:
    """Return the probability of each level with its band, beside the cohort's shares."""
    if patient not in background.predicted or patient not in background.levels:
        return {"reason": why_not(background, patient)}
    y, found = background.outcome, background.levels[patient]
    known = y.value[y.known]
    shares = [float(np.mean(known == k)) if len(known) else math.nan for k in range(len(y.levels))]
    likeliest = int(np.argmax([e.value for e in found]))
    best = found[likeliest]
    counts = _whole([e.value for e in found])
    sentence = say(
        "Of 100 patients with this prediction the model expects about {what}.",
        what=", ".join(f"{n} {level}" for n, level in zip(counts, y.levels, strict=True)),
    )
    titles = [level_title(level, y.criterion) for level in y.levels]
    rows = [
        (title, percent(e.value), _ends(e.low, e.high), percent(share))
        for title, e, share in zip(titles, found, shares, strict=True)
    ]
    remarks = [say("Levels from best to worst: {levels}.", levels=" > ".join(y.levels))]
    remarks += [] if math.isfinite(best.low) else [no_band(background)]
    return {
        "headline": y.levels[likeliest],
        "headline_unit": say("the likeliest level, with probability {p}", p=percent(best.value)),
        "band": band_words(best.low, best.high),
        "sentence": sentence,
        "figure": levels_figure(
            list(y.levels), found, shares, title=say("Probability of each level: this patient and the cohort")
        ),
        "columns": (say("Level"), say("Probability"), say("95 % band"), say("Share of the cohort")),
        "rows": rows,
        "levels": rows,
        "remarks": remarks,
    }


def _ends(low: float, high: float) -> str:
    if not math.isfinite(low):
        return say("no band")
    return say("{low:.0f} to {high:.0f} %", low=100 * low, high=100 * high)


def _whole(shares: list[float]) -> list[int]:
    """Round shares to whole patients of 100, the largest remainders first, so that they add up to 100."""
    exact = [100 * share for share in shares]
    counts = [math.floor(v) for v in exact]
    order = sorted(range(len(exact)), key=lambda k: counts[k] - exact[k])
    for k in order[: 100 - sum(counts)]:
        counts[k] += 1
    return counts


def continuous_outlook(background: Background, patient: str) -> dict[str, Any]:
    """Return the expected value with its band, among the values found in the cohort."""
    if patient not in background.predicted:
        return {"reason": why_not(background, patient)}
    y, found = background.outcome, background.estimates[patient]
    known = y.value[y.known]
    own = background.conformal.of(patient) if not background.conformal.reason else None
    interval = (math.nan, math.nan) if own is None else (possible(float(own["low"]), y), float(own["high"]))
    band = (
        say("95 % band {low} to {high}", low=signed_number(found.low), high=with_unit(found.high, y.unit))
        if math.isfinite(found.low)
        else say("no band computed")
    )
    title = say(endpoint_title(y.endpoint))
    sentence = say(
        "The model expects {value} for patients with this prediction.", value=with_unit(found.value, y.unit)
    )
    quartiles = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else [math.nan] * 3
    sentence += " " + say(
        "In the cohort the median was {median}, half of the patients lay between {low} and {high}.",
        median=with_unit(quartiles[1], y.unit),
        low=signed_number(quartiles[0]),
        high=with_unit(quartiles[2], y.unit),
    )
    there = set(background.cohort.patients)
    told = [v for p, v in background.predicted.items() if p in there]
    lanes = [(say("found"), known.tolist()), (say("predicted"), told)]
    rows = [
        (say(name), *(signed_number(float(np.percentile(v, share))) if v else "–" for _, v in lanes))
        for share, name in _SHARES
    ]
    remarks = [] if math.isfinite(found.low) else [no_band(background)]
    if math.isfinite(found.low):
        remarks.append(
            say("Band: how sure the model is of its mean. Interval: where this patient's own value may lie.")
        )
    return {
        "headline": with_unit(found.value, y.unit),
        "headline_unit": say("predicted: {what}", what=title),
        "band": band,
        "sentence": sentence,
        "figure": values_figure(
            lanes, found, interval, title=say("Predicted value: this patient among the cohort"), unit=y.unit
        ),
        "columns": (say("In the cohort"), *(name for name, _ in lanes)),
        "rows": rows,
        "remarks": remarks,
    }
