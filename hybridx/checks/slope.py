"""HX015: predicted probabilities are too extreme or too timid."""

from __future__ import annotations

import math

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable

__all__ = ["SLOPE"]

LOWEST, HIGHEST = 0.8, 1.25
METRIC = "calibration_slope"


def _look(facts: Facts) -> list[Finding]:
    analysis = facts.analysis
    if METRIC not in analysis.metrics or facts.y.kind not in ("survival", "response"):
        msg = f"a {facts.y.kind} outcome has no probability with a calibration slope"
        raise NotApplicable(msg)
    if not facts.ranks_patients():
        msg = "the primary model is not shown to rank patients: the slope of a useless prediction says nothing more"
        raise NotApplicable(msg)
    slope = analysis.estimate(analysis.primary, METRIC)
    if math.isnan(slope.value) or math.isnan(slope.low):
        msg = f"the slope of {analysis.primary} is not known: {slope.method}"
        raise NotApplicable(msg)
    if slope.high >= LOWEST and slope.low <= HIGHEST:
        return []
    how = "too extreme" if slope.value < 1 else "too timid"
    sentence = (
        f"Probabilities of {analysis.primary} are {how}: calibration slope {slope.value:.2f} ({slope.low:.2f} to "
        f"{slope.high:.2f}), all of the interval outside {LOWEST:g} to {HIGHEST:g}."
    )
    return [SLOPE.finding("warning", sentence, [analysis.primary])]


SLOPE = Check(
    code="HX015",
    title="Calibration slope outside the band",
    severities=("warning",),
    trigger=(
        "The whole interval of the primary model's calibration slope at the horizon lies outside 0.8 to "
        "1.25, for a model "
        "that is shown to rank patients."
    ),
    cure=(
        "Below: the model is overfitted; use a stronger penalty, fewer columns, or recalibrate inside the "
        "fold. Above: it "
        "shrinks too much. Until then show ranks or groups, not probabilities: `result.calibration()` draws "
        "what was told "
        "against what was found."
    ),
    limits="Probabilities that are wrong on average (`observed_expected`), or bent where no slope shows it (`ici`).",
    look=_look,
    source="Van Calster B, et al. BMC Med 2019. doi:10.1186/s12916-019-1466-7",
)
