"""Response criteria: their categories, from best to worst, and which of them count as response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hybridx.terms.text import nearest

__all__ = ["CRITERIA", "ResponseCriterion", "find_response", "nearest_response"]


@dataclass(frozen=True, slots=True)
class ResponseCriterion:
    """A response criterion.

    Parameters
    ----------
    name : str
        As written in the `criterion` column.
    title : str
        In words.
    categories : mapping of str to str
        Category to its name in words, from best to worst.
    responders : tuple of str
        Categories that count as response unless an analysis says otherwise.
    """

    name: str
    title: str
    categories: Mapping[str, str]
    responders: tuple[str, ...]

    def is_responder(self, category: str) -> bool:
        """Return whether a category counts as response."""
        return category in self.responders


CRITERIA: Mapping[str, ResponseCriterion] = {
    c.name: c
    for c in (
        ResponseCriterion(
            "RECIST",
            "RECIST 1.1",
            {
                "CR": "complete response",
                "PR": "partial response",
                "SD": "stable disease",
                "PD": "progressive disease",
            },
            ("CR", "PR"),
        ),
        ResponseCriterion(
            "PERCIST",
            "PERCIST 1.0",
            {
                "CMR": "complete metabolic response",
                "PMR": "partial metabolic response",
                "SMD": "stable metabolic disease",
                "PMD": "progressive metabolic disease",
            },
            ("CMR", "PMR"),
        ),
        ResponseCriterion(
            "binary",
            "Responder or not, as defined by the data's owner",
            {"responder": "responder", "non-responder": "non-responder"},
            ("responder",),
        ),
    )
}

_CATEGORIES = {
    category.casefold(): (criterion.name, category)
    for criterion in CRITERIA.values()
    for category in criterion.categories
} | {"nonresponder": ("binary", "non-responder"), "non_responder": ("binary", "non-responder")}


def find_response(text: str) -> tuple[str, str] | None:
    """Return (criterion, category) of a response category, or None when it is none.

    Examples
    --------
    >>> find_response("cr"), find_response("SMD"), find_response("maybe")
    (('RECIST', 'CR'), ('PERCIST', 'SMD'), None)
    """
    return _CATEGORIES.get(text.strip().casefold())


def nearest_response(text: str) -> str | None:
    """Return the response category spelt most like `text`, or None when nothing is close."""
    guess = nearest(text.casefold(), _CATEGORIES)
    return None if guess is None else _CATEGORIES[guess][1]
