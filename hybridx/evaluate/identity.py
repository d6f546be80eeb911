"""Names by content, of tables, outcomes, models and code: a kept fold is used only where it is the same fold."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

import hybridx
from hybridx.compute.hashing import content_hash
from hybridx.errors import SettingsError

__all__ = ["code_version", "digest", "identity"]

LIBRARIES = (
    "numpy",
    "scipy",
    "polars",
    "scikit-learn",
    "scikit-survival",
    "xgboost",
    "lifelines",
    "torch",
    "shap",
)
PLAIN = (bool, int, float, complex, str, bytes, np.generic, type(None))


def digest(*parts: Any) -> str:
    """Name a sequence of things by the SHA-256 of what they are.

    Raises
    ------
    SettingsError
        One of them cannot be named by content.
    """
    return content_hash(json.dumps([identity(part) for part in parts], sort_keys=True).encode())


def identity(thing: Any) -> Any:
    """Return plain values that are equal for equal things, in any process.

    Raises
    ------
    SettingsError
        The thing is of a kind whose content cannot be told, for example an open file.
    """
    if isinstance(thing, PLAIN):
        return [type(thing).__name__, repr(thing)]
    for kinds, named in _KINDS:
        if isinstance(thing, kinds):
            return named(thing)
    if dataclasses.is_dataclass(thing):
        fields = {f.name: identity(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
        return [_code(type(thing)), fields]
    if inspect.isroutine(thing):
        return _routine(thing)
    if hasattr(thing, "get_params"):
        return [_code(type(thing)), identity(thing.get_params(deep=False))]
    msg = (
        f"checkpoint: {type(thing).__module__}.{type(thing).__qualname__} cannot be named by its content, so a kept "
        "fold could be another one. Give it `get_params` (as scikit-learn's estimators have), or evaluate without "
        "`checkpoint`."
    )
    raise SettingsError(msg)


def _array(values: npt.NDArray[Any]) -> Any:
    return ["array", identity(values.tolist()) if values.dtype == object else content_hash(values)]


@lru_cache(maxsize=1)
def code_version() -> str:
    """Digest the source of this library and the versions it stands on: a changed line makes every kept fold stale."""
    base = Path(hybridx.__file__).parent
    found = hashlib.sha256()
    for file in sorted(base.rglob("*.py")):
        if file.relative_to(base).parts[0] not in ("cli", "report", "demo"):  # these fit nothing
            found.update(f"{file.relative_to(base).as_posix()}\0{content_hash(file)}\0".encode())
    for name in LIBRARIES:
        try:
            found.update(f"{name} {metadata.version(name)}\0".encode())
        except metadata.PackageNotFoundError:
            continue
    return found.hexdigest()[:32]


def _routine(function: Any) -> Any:
    if inspect.ismethod(function):
        return ["method", identity(function.__self__), function.__name__]
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    defaults = [getattr(function, "__defaults__", None), getattr(function, "__kwdefaults__", None)]
    return ["function", _code(function), identity(cells), identity(defaults)]


def _code(thing: Any) -> list[str]:
    """Name a class or function, with the version of its package or, for one's own code, its source."""
    module = str(getattr(thing, "__module__", "") or "")
    name = str(getattr(thing, "__qualname__", thing))
    if module.partition(".")[0] in ("hybridx", "builtins"):
        return [module, name]  # the library's own code stands in `code_version`
    version = _version(module)
    if version:
        return [module, name, version]
    try:  # one's own code: of the file that it stands in, for it may call its neighbours; in a notebook, its own lines
        file = inspect.getsourcefile(thing)
        text = Path(file).read_text("utf-8") if file and Path(file).is_file() else inspect.getsource(thing)
    except (OSError, TypeError):
        text = ""
    return [module, name, content_hash(text.encode())]


@lru_cache(maxsize=256)
def _version(module: str) -> str:
    top = module.partition(".")[0]
    for package in _packages().get(top, ()):
        return metadata.version(package)
    return ""


@lru_cache(maxsize=1)
def _packages() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _table(frame: pl.DataFrame) -> str:
    """Digest a table: names, types, values and what is missing."""
    found = hashlib.sha256(json.dumps([[c, str(t)] for c, t in frame.schema.items()]).encode())
    numbers = [c for c, t in frame.schema.items() if t.is_numeric() or t == pl.Boolean]
    if numbers:
        part = frame.select(numbers)
        nulls = part.null_count().row(0)
        found.update(content_hash(part.select(pl.all().cast(pl.Float64)).to_numpy()).encode())
        for column, count in zip(numbers, nulls, strict=True):
            if count:
                found.update(part[column].is_null().to_numpy().tobytes())
    for column in (c for c in frame.columns if c not in numbers):
        found.update(json.dumps(frame[column].to_list(), default=str).encode())
    return found.hexdigest()


_KINDS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (np.ndarray, _array),
    (pl.DataFrame, lambda thing: ["table", _table(thing)]),
    (pl.Series, lambda thing: ["table", _table(thing.to_frame())]),
    (
        Mapping,
        lambda thing: ["mapping", sorted(([identity(k), identity(v)] for k, v in thing.items()), key=repr)],
    ),
    ((list, tuple), lambda thing: ["sequence", [identity(item) for item in thing]]),
    ((set, frozenset), lambda thing: ["set", sorted((identity(item) for item in thing), key=repr)]),
    (functools.partial, lambda thing: ["partial", *map(identity, (thing.func, thing.args, thing.keywords))]),
    (types.ModuleType, lambda thing: ["module", thing.__name__, _version(thing.__name__)]),
    (type, _code),
)
