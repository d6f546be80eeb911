"""The language of a page: English sentences are the keys, one catalogue file holds the others."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import resources
from typing import Any

import yaml

from hybridx.errors import SettingsError

__all__ = ["LANGUAGES", "catalogue", "language", "say", "speaking"]

LANGUAGES = ("en", "de")
_spoken: ContextVar[str] = ContextVar("language", default="en")


@functools.cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return English sentence to {language: sentence}; names in braces are filled in."""
    text = resources.files("hybridx.report").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)
    return found


def language() -> str:
    """Return the language that pages are written in at the moment."""
    return _spoken.get()


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Write what is written inside in a language.

    Raises
    ------
    SettingsError
        There is no catalogue for it.
    """
    if name not in LANGUAGES:
        msg = f"language={name!r}: wanted one of {', '.join(map(repr, LANGUAGES))}."
        raise SettingsError(msg)
    token = _spoken.set(name)
    try:
        yield
    finally:
        _spoken.reset(token)


def say(sentence: str, /, **values: Any) -> str:
    """Return a sentence in the page's language with its values filled in; English where the catalogue has none.

    Examples
    --------
    >>> with speaking("de"):
    ...     say("Images")
    'Bilder'
    """
    spoken = sentence if language() == "en" else catalogue().get(sentence, {}).get(language(), sentence)
    return spoken.format(**values) if values else spoken
