"""HX003: something measured after baseline, by its day or by its name."""

from __future__ import annotations

import re

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding
from hybridx.terms.text import listing

__all__ = ["AFTER_BASELINE", "sounds_late"]

# Words of a column's name, split at everything that is no letter or digit, that speak of what happens after baseline.
LATE_WORDS = frozenset(
    {
        "recist", "percist", "irecist", "response", "responder", "nonresponder", "bor", "relapse",
        "relapsed", "recurrence", "recurred", "progression", "progressed", "progressive", "death", "dead",
        "died", "deceased", "survival", "followup", "salvage", "toxicity", "autopsy", "maintenance",
    }
)  # fmt: skip
LATE_PHRASES = re.compile(
    r"follow_up|(^|_)(post|during|after|end)_?(treatment|therapy|chemo|chemotherapy|radiotherapy|surgery|op|rt)(_|$)"
    r"|best_(overall_)?response|(cycles|doses|fractions)_(given|received|completed)|second_line|next_line"
    r"|time_to_|days_to_|cause_of_death|last_(contact|visit|seen|fu)|(^|_)(os|pfs|dfs|efs|lrc|dmfs)(_|$)"
    r"|completed_(treatment|therapy)|vital_status|(chemo|chemotherapy|therapy|treatment)_(given|stopped|later)"
)
EARLIER = frozenset(
    ["prior", "previous", "pre", "before", "family", "history", "baseline", "planned", "intended"]
)


def sounds_late(column: str) -> bool:
    """Say whether a column's name speaks of something that is known after baseline only.

    Examples
    --------
    >>> [sounds_late(c) for c in ("clinical.best_response", "clinical.prior_progression", "pet.mtv_41pct")]
    [True, False, False]
    """
    name = column.partition(".")[2]
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)  # not after a digit: FANCD2OS is a gene
    spaced = spaced.lower()
    words = re.sub(r"[^a-z0-9]+", "_", spaced).strip("_")
    parts = set(words.split("_"))
    if parts & EARLIER:
        return False
    return bool(parts & LATE_WORDS or LATE_PHRASES.search(words))


def _look(facts: Facts) -> list[Finding]:
    found = []
    late = facts.analysis.provenance.get("given", {}).get("measured_after", {})
    if late:
        which = listing((f"{name} ({n} patients)" for name, n in late.items()), 6)
        sentence = (
            f"Measured after day {facts.analysis.cohort.landmark_day:g}, from which times count, and left out by the "
            f"evaluation: {which}."
        )
        found.append(AFTER_BASELINE.finding("info", sentence, list(late)))
    # at a landmark, what happened before it is known
    names = [c for c in facts.columns if sounds_late(c)] if facts.analysis.cohort.landmark_day <= 0 else []
    if names:
        sentence = (
            f"{len(names)} {'column sounds' if len(names) == 1 else 'columns sound'} like something known only after "
            f"baseline: {listing(names)}. If so, the model is told the future."
        )
        found.append(AFTER_BASELINE.finding("warning", sentence, names))
    return found


AFTER_BASELINE = Check(
    code="HX003",
    title="Post-baseline predictor",
    severities=("warning", "info"),
    trigger=(
        "- **info**: a modality was measured after the day from which times count. By its day it is no "
        "predictor, and the "
        "evaluation left those measurements out.\n"
        "- **warning**: the name of a column speaks of what comes after baseline (response, recist, "
        "progression, relapse, "
        "death, follow_up, post_treatment, cycles_given, time_to_, ...) and the analysis starts at baseline. "
        "Names with "
        "prior, previous, pre, before, history, planned or intended are spared."
    ),
    cure=(
        "Leave the column out, or give its modality the day on which it was known and evaluate at a landmark: "
        "`hx.evaluate(cohort=cohort.at(day), ...)`, where everyone has survived until that day and times "
        "count from there."
    ),
    limits=(
        "A late value under an innocent name and without a day. Immortal time is the same mistake: a "
        "treatment that only "
        "survivors could receive predicts survival."
    ),
    look=_look,
    source="Suissa S. Am J Epidemiol 2008. doi:10.1093/aje/kwm324",
)
