"""One computation for many who ask for the same: within one piece of work, equal inputs are worked out once.

Strategies of fusion fit the same model of the same modality on the same patients. Inside ``with sharing():`` a
computation that is a function of its inputs alone is named by the *content* of all of them, settings and training rows
alike, and done once; whoever asks again gets a copy. What was learnt from other rows has another name, so nothing can
pass from one training part to another, and results are the same to the last bit with or without it. The store lives as
long as the piece of work.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

__all__ = ["Sharing", "shared", "sharing"]

T = TypeVar("T")
PLAIN = (bool, int, float, complex, str, bytes, np.generic, type(None))


@dataclass
class Sharing:
    """What was worked out so far.

    Attributes
    ----------
    made, reused : int
        How many computations were done, and how many answers were copies of these.
    """

    made: int = 0
    reused: int = 0
    _kept: dict[str, tuple[Any, list[warnings.WarningMessage]]] = field(default_factory=dict, repr=False)


_ACTIVE: ContextVar[Sharing | None] = ContextVar("hybridx_sharing", default=None)


@contextmanager
def sharing() -> Iterator[Sharing]:
    """Share equal computations until the block ends; blocks may be nested, each with a store of its own.

    Examples
    --------
    >>> with sharing() as store:
    ...     first, second = shared(lambda: 6 * 7, "product", 6, 7), shared(lambda: 0, "product", 6, 7)
    >>> first, second, store.made, store.reused
    (42, 42, 1, 1)
    """
    store = Sharing()
    token = _ACTIVE.set(store)
    try:
        yield store
    finally:
        _ACTIVE.reset(token)


def shared(make: Callable[[], T], *inputs: Any) -> T:
    """Return what `make` returns, or a copy of what it returned for equal inputs in this piece of work.

    Parameters
    ----------
    make : callable
        A function of `inputs` alone. What it warns of is warned of again with each copy; a failure is not kept.
    inputs : numbers, text, arrays, and lists, tuples or mappings of these
        All that decides the answer. With anything else among them nothing is shared, because it cannot be named.
    """
    store = _ACTIVE.get()
    name = None if store is None else _name(inputs)
    if store is None or name is None:
        return make()
    if name in store._kept:  # noqa: SLF001 - its own
        store.reused += 1
        value, said = store._kept[name]  # noqa: SLF001
        _say(said)
        return deepcopy(value)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = make()
        finally:
            heard = list(caught)
    _say(heard)
    store.made += 1
    store._kept[name] = deepcopy(value), heard  # noqa: SLF001
    return value


def _say(heard: list[warnings.WarningMessage]) -> None:
    for each in heard:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno, source=each.source)


def _name(inputs: Any) -> str | None:
    digest = hashlib.sha256()
    return digest.hexdigest() if _feed(digest, inputs) else None


def _feed(digest: Any, thing: Any) -> bool:
    """Digest a thing by content; False if its content cannot be told."""
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        digest.update(f"array {thing.dtype.str} {thing.shape}\0".encode())
        digest.update(np.ascontiguousarray(thing).tobytes())
        return True
    if isinstance(thing, np.ndarray):
        digest.update(b"object array\0")
        return _feed(digest, thing.tolist())
    if isinstance(thing, PLAIN):
        digest.update(f"{type(thing).__name__} {thing!r}\0".encode())
        return True
    if isinstance(thing, Mapping):
        thing = ["mapping", *thing.items()]
    if isinstance(thing, (list, tuple)):
        digest.update(f"{type(thing).__name__} {len(thing)}\0".encode())
        return all(_feed(digest, item) for item in thing)
    return False
