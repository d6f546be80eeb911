"""Figures' library of five megabytes: a warm kernel only names it, and whoever writes the notebook puts it in.

Between them it would be turned into JSON and back, signed, checked against a schema, copied and searched, in each
notebook again: half the time that a warm one takes.
"""

from __future__ import annotations

import functools
import json
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["fill", "fill_outputs", "new_mark", "remember", "stand_in"]

_places: dict[str, str] = {}  # what each kernel writes in place of the library, and where that lies


def new_mark() -> str:
    """Draw a word that no data can hold."""
    return f"hybridx-figures-{secrets.token_hex(16)}"


def stand_in(mark: str) -> str:
    """Let plotly's notebook renderer write `mark` for its library; runs in the kernel.

    Returns
    -------
    str
        The library's file; empty where this plotly is not as expected, and then everything stays as it is.
    """
    renderers, plotly = sys.modules.get("plotly.io._base_renderers"), sys.modules.get("plotly")
    if not hasattr(renderers, "get_plotlyjs") or plotly is None or plotly.__file__ is None:
        return ""
    file = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    if not file.is_file() or file.read_text(encoding="utf-8") != renderers.get_plotlyjs():
        return ""
    renderers.get_plotlyjs = lambda: mark
    return str(file)


def remember(mark: str, file: str) -> None:
    """Keep what a kernel's mark stands for."""
    if file:
        _places[mark] = file


def fill(text: str, *, quoted: bool = False) -> str:
    """Put the library where a kernel named it; `quoted` for text that is JSON."""
    for mark, file in _places.items():
        if mark in text:
            text = text.replace(mark, _code(file, quoted))
    return text


def fill_outputs(cells: Iterable[Any]) -> None:
    """Put the library into the outputs of cells."""
    for cell in cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            for kind, value in data.items():
                if isinstance(value, str):
                    data[kind] = fill(value)


@functools.lru_cache(maxsize=4)
def _code(file: str, quoted: bool) -> str:  # noqa: FBT001 - a key of the cache
    code = Path(file).read_text(encoding="utf-8")
    return json.dumps(code, ensure_ascii=False)[1:-1] if quoted else code
