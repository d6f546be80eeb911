"""The risk section: what the model expects for patients with this prediction, with its band and the words for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hybridx.report.background import Background
from hybridx.report.bars import dots_of_hundred, spread_figure
from hybridx.report.curves import Curve, survival_figure
from hybridx.report.language import say
from hybridx.report.outlook_kinds import continuous_outlook, found_words, ordinal_outlook
from hybridx.report.outlook_words import band_words, no_band, why_not
from hybridx.report.promise import promise
from hybridx.report.rendering import months, number, percent
from hybridx.report.words import survivors
from hybridx.terms.endpoints import endpoint_title

__all__ = ["outlook"]


def outlook(background: Background, patient: str) -> dict[str, Any]:
    """Return the content of the risk section; `reason` instead of a number when there is no prediction."""
    found = _FOUND[background.result.kind](background, patient)
    group = background.groups.get(patient)
    return {
        "reason": None,
        "group": None if group is None else background.group_title(group),
        "group_class": None if group is None else background.group_class(group),
        "group_note": _group_note(background),
        "title": say("Risk") if background.is_survival else say("Prediction"),
        "figure": None,
        "columns": (),
        "rows": [],
        "dots": None,
        "levels": [],
        "filled": say(
            "filled: {who}",
            who=survivors(background.result.endpoint) if background.is_survival else say("responders"),
        ),
        "table": [],
        "remarks": [],
        "promise": promise(background, patient),
        "observed": _observed(background, patient),
        **found,
    }


def _group_note(background: Background) -> str:
    n = len(background.predicted)
    if background.is_survival:
        return say("by predicted risk among {n} patients of this cohort; not a clinical category", n=n)
    if background.result.kind == "response":
        return say("by predicted probability among {n} patients of this cohort; not a clinical category", n=n)
    return say("by predicted value among {n} patients of this cohort; not a clinical category", n=n)


def _survival(background: Background, patient: str) -> dict[str, Any]:
    endpoint = background.result.endpoint
    label = f"% {survivors(endpoint)}"
    until = max(background.until, 6.0)
    curve = background.curves.get(patient)
    if curve is None or patient not in background.predicted:
        figure = survival_figure(
            None,
            background.group_curves,
            title=say("{endpoint}: the cohort", endpoint=endpoint),
            y_label=label,
            until=until,
            origin=background.result.origin,
        )
        return {"reason": why_not(background, patient), "figure": figure, **_alternative(background, None)}
    shown = [m for m in background.horizons if m <= background.until and math.isfinite(curve.at(m)[0])]
    main = background.main_horizon
    value, low, high = curve.at(main)
    figure = survival_figure(
        curve, background.group_curves,
        title=say("{endpoint}: this patient's prediction and the cohort", endpoint=endpoint),
        y_label=label, until=until, marks=shown, origin=background.result.origin,
    )  # fmt: skip
    table = []
    for month in background.horizons:
        v, lo, hi = curve.at(month) if month in shown else (math.nan,) * 3
        table.append(
            {
                "month": number(month),
                "value": percent(v),
                "band": say("{low:.0f} to {high:.0f} %", low=100 * lo, high=100 * hi)
                if math.isfinite(lo)
                else say("no band"),
                "event": percent(1 - v),
                "supported": math.isfinite(v),
            }
        )
    remarks = []
    if any(not row["supported"] for row in table):
        remarks.append(
            say(
                "Beyond {n:.0f} months too few patients of the cohort were followed to say anything.",
                n=background.until,
            )
        )
    if curve.low is not None:
        remarks.append(
            say(
                "Band: 95 % of {n} refits on resampled training patients: how sure the model is, not when the event "
                "will come.",
                n=background.result.bands,
            )
        )
    if curve.low is None:
        remarks.append(no_band(background))
    sentence = say(
        "Of 100 patients with this prediction the model expects about {n:.0f} to be {who} at {month} months",
        n=100 * value,
        who=survivors(endpoint),
        month=number(main),
    )
    banded = math.isfinite(low)
    sentence += (
        " " + say("(95 % band {low:.0f} to {high:.0f})", low=100 * low, high=100 * high) if banded else ""
    ) + "."
    return {
        "headline": percent(value),
        "headline_unit": say("{who} at {month} months", who=survivors(endpoint), month=number(main)),
        "band": band_words(low, high),
        "sentence": sentence,
        "dots": dots_of_hundred(value, title=sentence),
        "figure": figure,
        **_alternative(background, curve),
        "table": table,
        "remarks": remarks,
    }


def _alternative(background: Background, curve: Curve | None) -> dict[str, Any]:
    """Return the figure of curves as a table: every six months, the patient first."""
    shown = ([] if curve is None else [(say("this patient"), curve)]) + [
        (g.label, g) for g in background.group_curves
    ]
    times = range(0, int(background.until) + 1, 6 if background.until <= 72 else 12)
    rows = [(f"{month}", *(percent(c.at(month)[0]) for _, c in shown)) for month in times]
    return {"columns": (say("Months"), *(name for name, _ in shown)), "rows": rows}


def _response(background: Background, patient: str) -> dict[str, Any]:
    if patient not in background.predicted:
        return {"reason": why_not(background, patient)}
    found = background.estimates[patient]
    value = found.value
    banded = math.isfinite(found.low)
    responders = background.outcome.value[background.outcome.known]
    sentence = say(
        "Of 100 patients with this prediction the model expects about {n:.0f} to respond", n=100 * value
    )
    if banded:
        sentence += " " + say(
            "(95 % band {low:.0f} to {high:.0f})", low=100 * found.low, high=100 * found.high
        )
    if len(responders):
        sentence += say(
            "; in the cohort {n} of {of} did ({share})",
            n=int(np.sum(responders)),
            of=len(responders),
            share=percent(np.mean(responders)),
        )
    sentence += "."
    remarks = [] if banded else [no_band(background)]
    y = background.outcome
    if y.criterion:
        means = (
            "; " + say("responder: {who}", who=y.responder) if y.responder not in {"", "responder"} else ""
        )
        remarks.append(say("Response by {criterion}{means}.", criterion=y.criterion, means=means))
    places = [background.predicted.get(p, math.nan) for p in background.cohort.patients]
    lanes = [
        (name, [v for v, own in zip(places, y.value, strict=True) if own == value and math.isfinite(v)])
        for name, value in ((say("responders"), 1.0), (say("non-responders"), 0.0))
    ]
    return {
        "headline": percent(value),
        "headline_unit": say(
            "probability of {endpoint}", endpoint=say(endpoint_title(background.result.endpoint).lower())
        ),
        "band": band_words(found.low, found.high),
        "sentence": sentence,
        "dots": dots_of_hundred(value, title=sentence),
        "figure": spread_figure(
            lanes, found, title=say("Predicted probability of response: this patient among the cohort")
        ),
        "columns": (say("Observed"), say("Patients"), say("Median prediction")),
        "rows": [(n, str(len(v)), percent(float(np.median(v)) if v else math.nan)) for n, v in lanes],
        "remarks": remarks,
    }


def _observed(background: Background, patient: str) -> str:
    """Say what happened to the patient, for the section on trust: the prediction did not see it."""
    i = background.index_of(patient)
    y = background.outcome
    if not y.known[i]:
        return say("{endpoint}: outcome not recorded.", endpoint=y.endpoint)
    if y.kind in ("ordinal", "continuous"):
        return f"{y.endpoint}: {found_words(y, i)}."
    if y.kind == "response":
        return f"{y.endpoint}: {say('responder') if y.value[i] == 1 else say('non-responder')}."
    month = months(float(y.time_days[i]))
    origin = say(y.origin.replace("_", " "))
    if y.event[i]:
        return say(
            "{endpoint}: event after {n} months from {origin}.", endpoint=y.endpoint, n=month, origin=origin
        )
    return say(
        "{endpoint}: no event so far, followed for {n} months from {origin}.",
        endpoint=y.endpoint,
        n=month,
        origin=origin,
    )


_FOUND: dict[str, Callable[[Background, str], dict[str, Any]]] = {
    "survival": _survival,
    "response": _response,
    "ordinal": ordinal_outlook,
    "continuous": continuous_outlook,
}
