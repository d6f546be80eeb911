"""HX012: a score without an interval."""

from __future__ import annotations

import math

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding
from hybridx.terms.text import listing

__all__ = ["NO_INTERVAL"]


def _look(facts: Facts) -> list[Finding]:
    analysis, metric = facts.analysis, facts.headline()
    bare: dict[str, str] = {}
    for name in analysis.models:
        if analysis.roles.get(name) == "reference":
            continue
        found = analysis.estimate(name, metric)
        if math.isnan(found.value):
            bare[name] = f"no value: {found.method or 'no reason given'}"
        elif math.isnan(found.low) or math.isnan(found.high):
            bare[name] = f"{found.value:.3f}, {found.method or 'no interval'}"
        elif found.high - found.low < 1e-12:
            bare[name] = f"{found.value:.3f} in every resample"
    if not bare:
        return []
    which = listing((f"{name} ({why})" for name, why in bare.items()), 3)
    sentence = f"{metric} without an interval: {which}. Such a number cannot be compared with anything."
    return [NO_INTERVAL.finding("warning", sentence, list(bare))]


NO_INTERVAL = Check(
    code="HX012",
    title="Metric without interval",
    severities=("warning",),
    trigger=(
        "The headline metric of a model (Harrell C, ROC AUC, ...) is undefined, has no interval, or one of "
        "no width, as a "
        "model has that says the same of everyone."
    ),
    cure=(
        "The reason stands in `method` of `result.estimate(model, metric)`: as a rule too few events for "
        "resampling, a "
        "model that failed in folds, or one that shrank everything away. Do not report the bare number."
    ),
    limits="Whether an interval is wide enough: those here do not contain what another training cohort would change.",
    look=_look,
)
