"""Templates to HTML: every text from data is escaped, an unknown name is an error, numbers are written one way."""

from __future__ import annotations

import functools
import math
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hybridx.report.language import language, say
from hybridx.terms import DAYS_PER_MONTH

__all__ = ["months", "number", "percent", "render", "shorten", "signed"]

LONGEST_TEXT = 160  # a 10,000-character free text must not push the numbers off the page


def number(value: Any, digits: int = 3) -> str:
    """Write a number with `digits` significant digits, or an en dash for one that is not there.

    Examples
    --------
    >>> number(0.012345), number(1234567.0).split(), number(float("nan")), number(40)
    ('0.0123', ['1', '234', '567'], '–', '40')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    size = abs(float(value))
    if size >= 10**digits or float(value).is_integer():
        return (
            f"{float(value):,.0f}".replace(",", "\u202f") if size < 1e9 else f"{float(value):.{digits - 1}e}"
        )
    if size < 1e-3:
        return f"{float(value):.{digits - 1}e}"
    return f"{float(value):.{max(digits - 1 - math.floor(math.log10(size)), 0)}f}"


def signed(value: Any, digits: int = 2) -> str:
    """Write a contribution with its sign, a true minus and a fixed number of decimals."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):.{digits}f}"
    return ("±" if float(text) == 0 else "+" if value > 0 else "−") + text


def percent(value: Any, digits: int = 0) -> str:
    """Write a share as a percentage; an en dash when it is not there."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{100 * value:.{digits}f} %"


def months(days: Any) -> str:
    """Write days as months of 30.4375 days, with one decimal: nobody follows up to the hour."""
    return "–" if days is None or not math.isfinite(days) else f"{float(days) / DAYS_PER_MONTH:.1f}"


def shorten(text: Any, limit: int = LONGEST_TEXT) -> str:
    """Cut a text that would break the layout, and say so with an ellipsis."""
    words = str(text)
    return words if len(words) <= limit else words[: limit - 1] + "…"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hybridx.report", "templates"),
        autoescape=True,  # for every template, whatever its name
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(say=say, language=language)
    environment.filters.update(number=number, signed=signed, percent=percent, months=months, shorten=shorten)
    return environment


def render(template: str, **content: Any) -> str:
    """Fill a template of ``hybridx/report/templates``."""
    return _environment().get_template(template).render(**content)
