"""The model card: what a model is for, what it was trained on, what it needs, how good it is, and where it ends.

Written from a result, from a locked model, or from a locked model with the result of its validation. Nobody is named,
and nothing is said that is not on record: what a record lacks is listed as unknown.

Source
------
Mitchell et al. 2019, Model Cards for Model Reporting, doi:10.1145/3287560.3287596 (what a card holds).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridx.compute import atomic_write
from hybridx.errors import InputError
from hybridx.evaluate.result import Result
from hybridx.fusion.locked import LockedModel
from hybridx.report.background import Background
from hybridx.report.card_facts import facts_of_locked, facts_of_result
from hybridx.report.card_words import card_markdown
from hybridx.report.language import speaking

__all__ = ["ModelCard", "model_card"]


@dataclass(frozen=True, repr=False)
class ModelCard:
    """A model card as plain data.

    Parameters
    ----------
    facts : mapping
        `title`, `use`, `trained`, `inputs`, `output`, `performance`, `subgroups`, `limits`, `checks`, `unknown`,
        `versions`, `hashes`, `language`.
    """

    facts: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The model and its endpoint."""
        return str(self.facts["title"])

    def markdown(self) -> str:
        """Return the card as Markdown, with every text from data made inert."""
        return card_markdown(self.facts)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``model_card.json`` and ``model_card.md``, each whole or not at all, and return the folder."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        written = json.dumps(self.facts, indent=1, ensure_ascii=False, allow_nan=False)
        for name, text in (("model_card.json", written), ("model_card.md", self.markdown())):
            with atomic_write(target / name) as temporary:
                Path(temporary).write_text(text, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        scores, found = len(self.facts["performance"]), len(self.facts["checks"])
        return f"ModelCard({self.title!r}: {scores} scores, {found} findings)"

    def _repr_markdown_(self) -> str:
        return self.markdown()


def model_card(subject: Any, validation: Any = None, *, language: str = "en") -> ModelCard:
    """Return the card of a model.

    Parameters
    ----------
    subject : Result or LockedModel
        A result gives the card of its primary model.
    validation : Result, optional
        For a locked model: the result of `hybridx.evaluate.score_locked` or of the evaluation before it was locked,
        whose figures the card then carries.
    language : {"en", "de"}
        Of the card. Names of its fields, notes of the evaluation and findings of the checks are in English.

    Raises
    ------
    InputError
        `subject` is neither, or `validation` is of another endpoint.
    """
    with speaking(language):
        return _card(subject, validation)


def _card(subject: Any, validation: Any) -> ModelCard:
    if isinstance(subject, Result):
        return ModelCard(facts_of_result(Background(subject)))
    if not isinstance(subject, LockedModel):
        msg = (
            f"A model card is of a Result or a LockedModel, got {type(subject).__name__}. "
            "Lock a fitted model with `hybridx.fusion.lock`, or evaluate it first."
        )
        raise InputError(msg)
    if validation is None:
        return ModelCard(facts_of_locked(subject))
    if validation.endpoint != subject.manifest["endpoint"]:
        msg = (
            f"The validation is of {validation.endpoint!r}, the model of {subject.manifest['endpoint']!r}. "
            "Give the result of scoring this model."
        )
        raise InputError(msg)
    return ModelCard(facts_of_locked(subject, Background(validation)))
