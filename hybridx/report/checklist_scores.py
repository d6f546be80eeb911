"""What a filled checklist is worth: over what a run can know, and between which ends the whole score then lies."""

from __future__ import annotations

from collections.abc import Sequence

from hybridx.report.checklist_answer import ABSENT, NOT_OBSERVED, OBSERVED, PERSON, Answer
from hybridx.report.language import say

__all__ = ["score_bounds", "score_said"]


def score_bounds(weights: Sequence[float], answers: Sequence[Answer]) -> tuple[float, float, float, float]:
    """Return reached and reachable weight over answered items, and the weight open to a person and of all items.

    Items that do not apply count nowhere.
    """
    pairs = [(w, a) for w, a in zip(weights, answers, strict=True) if a.status != ABSENT]
    reached = sum(_worth(w, a) for w, a in pairs if a.status != PERSON)
    known = sum(w for w, a in pairs if a.status != PERSON)
    return reached, known, sum(w for w, a in pairs if a.status == PERSON), sum(w for w, _ in pairs)


def _worth(weight: float, answer: Answer) -> float:
    if answer.points is not None:
        return answer.points
    return weight if answer.status == OBSERVED else 0.0


def score_said(kind: str, weights: Sequence[float], answers: Sequence[Answer]) -> str:
    """Write a score of METRICS (``percent``) or RQS (``points``); empty for a checklist that has none.

    No single score is given: the run cannot know it before a person has answered.
    """
    reached, known, still_open, whole = score_bounds(weights, answers)
    people = sum(a.status == PERSON for a in answers)
    items = sum(a.status in (OBSERVED, NOT_OBSERVED) for a in answers)
    if not kind or whole <= 0:
        return ""
    after = say(
        "{n} items are for a person; the full score cannot be told before they are answered", n=people
    )
    if kind == "percent" and known > 0:
        so_far = say(
            "{n:.0f} % of the weight of the {items} items that this run can know",
            n=100 * reached / known,
            items=items,
        )
        ends = say(
            "and lies between {low:.0f} and {high:.0f} %",
            low=100 * reached / whole,
            high=100 * (reached + still_open) / whole,
        )
        return f"{so_far}. {after}, {ends}."
    if kind == "percent":
        return f"{after}."
    so_far = say(
        "{reached:g} of {known:g} points on the {items} items that this run can know (of {whole:g} in all)",
        reached=reached,
        known=known,
        items=items,
        whole=whole,
    )
    return f"{so_far}. {after}."
