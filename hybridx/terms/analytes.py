"""Laboratory analytes: one name, one canonical unit, one plausible range each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from hybridx.errors import InputError
from hybridx.terms.analyte import Analyte
from hybridx.terms.analyte_table import ANALYTES
from hybridx.terms.text import nearest

__all__ = ["Analyte", "analyte", "analytes", "find_analyte", "likely_unit", "nearest_analyte"]


def _key(text: str) -> str:
    return re.sub(r"[\s_\-./()]", "", text).casefold()


@lru_cache(maxsize=1)
def analytes() -> Mapping[str, Analyte]:
    """Return all known analytes by name, in the order of a laboratory sheet."""
    return {a.name: a for a in ANALYTES}


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    table: dict[str, str] = {}
    for known in analytes().values():
        for spelling in (known.name, known.title, *known.aliases):
            table.setdefault(_key(spelling), known.name)
    return table


def find_analyte(text: str) -> Analyte | None:
    """Return the analyte of that name or alias, or None.

    Examples
    --------
    >>> find_analyte("Hb").name
    'hemoglobin'
    """
    name = _spellings().get(_key(text))
    return None if name is None else analytes()[name]


def nearest_analyte(text: str) -> str | None:
    """Return the name of the analyte whose name or alias is spelt most like `text`, or None."""
    guess = nearest(_key(text), _spellings())
    return None if guess is None else _spellings()[guess]


def analyte(text: str) -> Analyte:
    """Return the analyte of that name or alias.

    Raises
    ------
    InputError
        Unknown; the nearest name is offered.

    Examples
    --------
    >>> analyte("Kreatinin").unit
    'umol/L'
    """
    found = find_analyte(text)
    if found is None:
        guess = nearest_analyte(text)
        hint = f" Did you mean {guess!r}?" if guess else ""
        msg = f"Unknown analyte {text!r}.{hint} Declare other analytes in columns.yaml, under `analytes`."
        raise InputError(msg)
    return found


def likely_unit(known: Analyte, value: float, unit: str) -> str | None:
    """Return a usual unit in which `value` would be plausible though it is not in `unit`, or None.

    Examples
    --------
    >>> likely_unit(analyte("hemoglobin"), 13.2, "g/L")
    'g/dL'
    """
    low, high = known.plausible
    for other in (known.unit, *known.other_units):
        if other != unit and low <= value * known.factor(other) <= high:
            return other
    return None
