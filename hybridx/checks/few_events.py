"""HX011: too few events, in all and per candidate feature."""

from __future__ import annotations

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding

__all__ = ["FEW_EVENTS"]

HARDLY_ANY = 20
FEW = 50
PER_FEATURE = 10.0


def _look(facts: Facts) -> list[Finding]:
    happened = int(facts.happened.sum())
    word, n = "events", happened
    if facts.y.kind == "response":
        others = len(facts.y) - happened
        word, n = ("responders", happened) if happened <= others else ("non-responders", others)
    per = n / max(len(facts.columns), 1)
    found = []
    if n < HARDLY_ANY:
        sentence = (
            f"{n} {word}: no score of this analysis can be told from luck, and no model can be chosen by it."
        )
        found.append(FEW_EVENTS.finding("error", sentence))
    elif n < FEW:
        sentence = f"{n} {word}: intervals are wide, and small differences between models cannot be seen."
        found.append(FEW_EVENTS.finding("warning", sentence))
    trained_elsewhere = hasattr(
        facts.analysis.design, "trained_on"
    )  # a locked model asks nothing of these events
    if per < PER_FEATURE and not trained_elsewhere:
        sentence = (
            f"{n} {word} for {len(facts.columns)} candidate features, {per:.2g} per feature (without shrinkage "
            f"{PER_FEATURE:g} are asked for): only models that shrink or reduce can be used."
        )
        found.append(FEW_EVENTS.finding("info", sentence))
    return found


FEW_EVENTS = Check(
    code="HX011",
    title="Too few events",
    severities=("error", "warning", "info"),
    trigger=(
        "- **error**: fewer than 20 events (for a response: of the rarer answer);\n"
        "- **warning**: fewer than 50;\n"
        "- **info**: fewer than 10 per candidate feature, the old rule for models without shrinkage."
    ),
    cure=(
        "More patients or longer follow-up; fewer candidates, chosen without looking at the outcome (by "
        "reliability, by "
        "correlation, by prior knowledge); models with a strong penalty. `hx.evaluate.enough_data` gives the "
        "number that "
        "the intended model needs, `hx.evaluate.learning_curve` whether more would help."
    ),
    limits="Whether the events are spread over centres and folds, and how strong the signal is: both decide.",
    look=_look,
    source="Riley RD, et al. BMJ 2020. doi:10.1136/bmj.m441",
)
