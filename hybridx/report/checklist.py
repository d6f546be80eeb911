"""Reporting checklists filled from what a run knows: seen, not seen, not applicable, or for a person to answer.

Nothing that only a person knows is ever ticked: an item without a rule is for a person, and a rule that finds no record
of what its item asks for says so. "Observed" means that the run's own record holds it, in the place that is named.

Source
------
TRIPOD+AI, doi:10.1136/bmj-2023-078378; CLAIM 2024, doi:10.1148/ryai.240300; METRICS (items and weights),
doi:10.1186/s13244-023-01572-w; RQS (points), doi:10.1038/nrclinonc.2017.141. Items are paraphrased here: answer them
with the original open.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from hybridx.cohort import Cohort
from hybridx.report import checklist_cohort, checklist_images, checklist_model, checklist_results
from hybridx.report.background import Background
from hybridx.report.checklist_answer import RULES, STATUSES, Answer, absent, for_person, place_words
from hybridx.report.checklist_scores import score_said
from hybridx.report.language import language, say, speaking
from hybridx.terms import check_name
from hybridx.terms.modalities import IMAGING

__all__ = ["CHECKLISTS", "Checklist", "Item", "checklists", "fill_checklist", "filled", "items_of"]

_RULES_FROM = (
    checklist_cohort,
    checklist_images,
    checklist_model,
    checklist_results,
)  # their import fills RULES


@dataclass(frozen=True)
class Guideline:
    """A checklist: its name, where it stands, whether it is about images, and what its score counts."""

    title: str
    doi: str
    of_images: bool = False
    scored: str = ""


CHECKLISTS: Mapping[str, Guideline] = MappingProxyType(
    {
        "tripod_ai": Guideline("TRIPOD+AI", "10.1136/bmj-2023-078378"),
        "claim_2024": Guideline("CLAIM 2024", "10.1148/ryai.240300", of_images=True),
        "metrics": Guideline("METRICS", "10.1186/s13244-023-01572-w", of_images=True, scored="percent"),
        "rqs": Guideline("RQS", "10.1038/nrclinonc.2017.141", of_images=True, scored="points"),
    }
)


@dataclass(frozen=True)
class Item:
    """One item: its number, where it belongs, what it asks (our words), the rule that looks, and its weight.

    `told` holds section, topic and what it asks in other languages.
    """

    number: str
    section: str
    topic: str
    asks: str
    rule: str = ""
    weight: float = 0.0
    told: Mapping[str, tuple[str, str, str]] = field(default_factory=dict, compare=False)

    def words(self) -> tuple[str, str, str]:
        """Return section, topic and what it asks, in the page's language."""
        return self.told.get(language(), (self.section, self.topic, self.asks))


@dataclass(frozen=True, repr=False)
class Checklist:
    """A filled checklist.

    Parameters
    ----------
    name : str
        ``tripod_ai``, ``claim_2024``, ``metrics`` or ``rqs``.
    items : tuple of Item
    answers : tuple of Answer
        One for each item.
    """

    name: str
    items: tuple[Item, ...]
    answers: tuple[Answer, ...]

    @property
    def title(self) -> str:
        """The guideline's name."""
        return CHECKLISTS[self.name].title

    @property
    def counts(self) -> dict[str, int]:
        """How many items have which status."""
        return {s: sum(a.status == s for a in self.answers) for s in STATUSES}

    @property
    def score(self) -> str:
        """The score in words, over the items that a run can know; empty for a checklist without one."""
        weights = [i.weight for i in self.items]
        return score_said(CHECKLISTS[self.name].scored, weights, self.answers)

    def table(self) -> pl.DataFrame:
        """Return one row per item: `item`, `section`, `topic`, `asks`, `status`, `evidence`, `said`, `weight`."""
        return pl.DataFrame(
            [
                (i.number, *i.words(), say(a.status), place_words(a.where), a.said, i.weight or None)
                for i, a in zip(self.items, self.answers, strict=True)
            ],
            schema={
                **dict.fromkeys(
                    ("item", "section", "topic", "asks", "status", "evidence", "said"), pl.String
                ),
                "weight": pl.Float64,
            },
            orient="row",
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {status}" for status, n in self.counts.items() if n)
        return f"Checklist({self.title}, {len(self.items)} items: {counts})"


@functools.cache
def items_of(name: str) -> tuple[Item, ...]:
    """Return the items of a checklist.

    Examples
    --------
    >>> len(items_of("tripod_ai")), len(items_of("claim_2024")), len(items_of("metrics")), len(items_of("rqs"))
    (52, 44, 30, 16)
    """
    path = Path(__file__).parent / "guidelines" / f"{check_name(name, CHECKLISTS, 'checklist')}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Item(
                r["item"],
                r["section"],
                r["topic"],
                r["asks"],
                r["rule"],
                float(r["weight"] or 0),
                {"de": (r["section_de"], r["topic_de"], r["asks_de"])},
            )
            for r in csv.DictReader(file)
        )


def fill_checklist(name: str, background: Background) -> Checklist:
    """Return a checklist answered from the record of a run."""
    items = items_of(name)
    if CHECKLISTS[name].of_images and not set(_bare(background.cohort)) & {*IMAGING, "deep"}:
        nothing = absent("the cohort holds no images")
        return Checklist(name, items, tuple(nothing for _ in items))
    answers = tuple(RULES[i.rule](background) if i.rule else for_person() for i in items)
    return Checklist(name, items, answers)


def filled(background: Background) -> dict[str, Checklist]:
    """Return the four checklists of a run, filled once."""
    return background.once("checklists", lambda: {c: fill_checklist(c, background) for c in CHECKLISTS})


def _bare(cohort: Cohort) -> list[str]:
    return [m.partition("@")[0] for m in cohort.modalities]


def checklists(
    result: Any, why: Any = None, *, cohort: Cohort | None = None, language: str = "en"
) -> dict[str, Checklist]:
    """Return TRIPOD+AI, CLAIM 2024, METRICS and RQS, filled from what a run knows.

    Parameters
    ----------
    result : hybridx.evaluate.Result
    why : hybridx.explain.Explanation, optional
        Default: the one stored in `result`.
    cohort : Cohort, optional
        In place of the result's own.
    language : {"en", "de"}
        Of what was found.

    Returns
    -------
    dict of str to Checklist
        What a run cannot know is ``"for a person"``, never a guess.
    """
    with speaking(language):
        return filled(Background(result, why, cohort))
