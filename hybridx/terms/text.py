"""Words in messages and file names: nearest spelling, short lists, safe names, hashes of settings."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from hybridx.errors import SettingsError

__all__ = ["DAYS_PER_MONTH", "check_name", "listing", "nearest", "safe_name", "settings_hash"]

DAYS_PER_MONTH = 30.4375  # 365.25 / 12: the one conversion used in every figure and table

_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
# Windows refuses these as file names whatever the extension.
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10))}


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Return the option spelt most like `name`, or None when nothing is close.

    Examples
    --------
    >>> nearest("stat_meen", ["stat_mean", "stat_max"])
    'stat_mean'
    """
    table = {option.casefold(): option for option in options}
    found = difflib.get_close_matches(name.casefold(), list(table), n=1, cutoff=0.6)
    return table[found[0]] if found else None


def check_name(name: str, options: Iterable[str], what: str) -> str:
    """Return `name` when it is one of `options`, else raise with the nearest right one.

    Raises
    ------
    SettingsError
        Names `what` was asked for, the nearest spelling and the options.
    """
    known = list(options)
    if name in known:
        return name
    guess = nearest(name, known)
    hint = f" Did you mean {guess!r}?" if guess else ""
    msg = f"Unknown {what} {name!r}.{hint} Known: {listing(known, limit=20)}."
    raise SettingsError(msg)


def listing(items: Iterable[object], limit: int = 5) -> str:
    """Name at most `limit` items, then count the rest.

    Examples
    --------
    >>> listing(["P001", "P002", "P003"], limit=2)
    'P001, P002 and 1 more'
    """
    all_items = [str(item) for item in items]
    if not all_items:
        return "none"
    shown, rest = all_items[:limit], len(all_items) - limit
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def safe_name(identifier: str) -> str:
    """Return a file name for a patient: the id itself when harmless, else a slug with a short hash.

    The result holds only ASCII letters, digits, ``_`` and ``-``; two ids never share one.

    Examples
    --------
    >>> safe_name("P012")
    'P012'
    >>> safe_name("../x")
    'x-d6b96a97'
    """
    text = str(identifier)
    if _HARMLESS.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    slug = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:24] or "id"
    return f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def settings_hash(settings: Any) -> str:
    """Return 16 hexadecimal digits that change whenever any setting does.

    Parameters
    ----------
    settings : dataclass instance or JSON-serialisable object
        Values must have a stable JSON form; key order does not matter.
    """
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        settings = {"__type__": type(settings).__name__, **dataclasses.asdict(settings)}
    text = json.dumps(settings, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
