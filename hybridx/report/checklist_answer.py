"""Answers to checklist items and the table of the rules that find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hybridx.report.background import Background
from hybridx.report.language import say

__all__ = [
    "ABSENT",
    "NOT_OBSERVED",
    "OBSERVED",
    "PERSON",
    "RULES",
    "STATUSES",
    "Answer",
    "absent",
    "for_person",
    "not_seen",
    "place_words",
    "rule",
    "seen",
]

OBSERVED, NOT_OBSERVED, ABSENT, PERSON = "observed", "not observed", "not applicable", "for a person"
STATUSES = (OBSERVED, NOT_OBSERVED, ABSENT, PERSON)


@dataclass(frozen=True)
class Answer:
    """What the run's record says to one item.

    Parameters
    ----------
    status : {"observed", "not observed", "not applicable", "for a person"}
    where : str
        Place of the evidence: a section of the page, a file beside it, or a setting. Empty without evidence.
    said : str
        What was found, or why not, or what is known already for the person who answers.
    points : float or None
        For a score that grades an item; None gives the full weight when observed, and nothing when not.
    """

    status: str
    where: str = ""
    said: str = ""
    points: float | None = None


def place_words(where: str) -> str:
    """Write a place of evidence in the page's language.

    Examples
    --------
    >>> place_words("page: The patients; tables/missingness.csv")
    'page: The patients; tables/missingness.csv'
    """
    return "; ".join(_one_place(place) for place in where.split("; ")) if where else ""


def _one_place(place: str) -> str:
    kind, colon, rest = place.partition(": ")
    if not colon:
        return place
    return f"{say(kind)}: {', '.join(say(part) for part in rest.split(', '))}"


def seen(where: str, said: str = "", points: float | None = None) -> Answer:
    """Return that the record holds what is asked for."""
    return Answer(OBSERVED, where, say(said), points)


def not_seen(said: str, where: str = "", points: float | None = None) -> Answer:
    """Return that the record would hold it, had it been done, and does not."""
    return Answer(NOT_OBSERVED, where, say(said), points)


def absent(said: str) -> Answer:
    """Return that the item does not apply, and why."""
    return Answer(ABSENT, "", say(said))


def for_person(said: str = "", where: str = "") -> Answer:
    """Return that only a person can answer, with what the run knows already."""
    return Answer(PERSON, where, say(said))


Rule = Callable[[Background], Answer]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    """Register a rule under its name."""
    RULES[function.__name__] = function
    return function
