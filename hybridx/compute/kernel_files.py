"""Where machine code is kept, and whether what lies there still belongs to its source and to this machine."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import types
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from hybridx.compute.machine_code import Form, Run, compilers, link, possible, processor

__all__ = ["KernelFiles", "Unkept"]

HEAD = b"hybridx machine code 1\n"
MAKERS = ("machine_code.py", "machine_export.py", "machine_runtime.py")


class Unkept(Exception):  # noqa: N818 - not a failure: numba runs the function then
    """No machine code is kept of such a function, or on such a machine."""


class KernelFiles:
    """The machine code of one function, a file for each kind of arguments.

    Parameters
    ----------
    function : callable
        Whose.
    options : str
        How it is compiled.
    """

    def __init__(self, function: Callable[..., Any], options: str = "") -> None:
        self.function, self.options = function, options

    def find(self, kinds: tuple[Any, ...]) -> Run | None:
        """Return what runs for arguments of these kinds, or None where nothing fitting lies.

        Raises
        ------
        Unkept
            There can be none: not on this machine, or not of this function, as was found out before.
        """
        for path in self._paths(kinds):
            try:
                head, said, code = path.read_bytes().split(b"\n", 2)
                about = json.loads(said)
                whole = head + b"\n" == HEAD and about["content"] == sha256(code).hexdigest()
                if whole and about["mark"] == self._mark:
                    if about["why"]:
                        raise Unkept(about["why"])
                    return link(code, Form(about["answer"]), kinds, self.function.__name__)
            except (OSError, ValueError, KeyError, TypeError, RuntimeError):  # none, or damaged: made again
                continue
        return None

    def keep(self, kinds: tuple[Any, ...], code: bytes, form: Form) -> Run:
        """Write machine code where a folder can be written, and return what runs it.

        Raises
        ------
        Unkept
            It cannot be linked here; this is kept, too.
        """
        try:
            run = link(code, form, kinds, self.function.__name__)
        except RuntimeError as error:
            self.refuse(kinds, str(error))
            raise Unkept(str(error)) from error
        self._put(kinds, code, form.answer, "")
        return run

    def refuse(self, kinds: tuple[Any, ...], why: str) -> None:
        """Write that this function stays with numba, so that nobody tries again."""
        self._put(kinds, b"", [], why or "unknown")

    def _put(self, kinds: tuple[Any, ...], code: bytes, answer: list[Any], why: str) -> None:
        about = {"mark": self._mark, "content": sha256(code).hexdigest(), "answer": answer, "why": why}
        content = HEAD + json.dumps(about).encode() + b"\n" + code
        for path in self._paths(kinds):
            with contextlib.suppress(OSError):
                _write(path, content)
                return

    def _paths(self, kinds: tuple[Any, ...]) -> list[Path]:
        if not possible():
            msg = "machine code is not kept on this machine"
            raise Unkept(msg)
        source = Path(self.function.__code__.co_filename)
        # a folder may be shared by machines; what is out of date on one of them is replaced
        named = (self.function.__module__, self.options, kinds, processor(), sys.version_info[:2])
        which = sha256(repr(named).encode()).hexdigest()[:16]
        name = f"{source.stem}.{self.function.__name__}-{which}.kernel"
        return [folder / name for folder in _folders(source)]

    @functools.cached_property
    def _mark(self) -> str:
        seen: dict[str, str] = {}
        _collect(self.function, seen)
        seen |= {name: _file(str(Path(__file__).with_name(name))) for name in MAKERS}
        return sha256(repr((sorted(seen.items()), self.options, compilers())).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all; a machine that loses power may lose it: it is made again then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _folders(source: Path) -> Iterator[Path]:
    """Name the folders in which machine code may lie, the first choice first, as numba has them for its cache."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen) / "hybridx"
        return
    yield source.parent / "__pycache__"
    with contextlib.suppress(RuntimeError):  # nobody's home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hybridx" / "kernels"


def _collect(function: Callable[..., Any], seen: dict[str, str]) -> None:
    """Name the content of a function: its file, and the kernels, functions and numbers that it takes from others."""
    name = f"{function.__module__}.{function.__qualname__}"
    if name in seen:
        return
    seen[name] = _file(function.__code__.co_filename)
    if function.__closure__:
        msg = f"{name} is made where it is used"
        raise Unkept(msg)
    package = function.__module__.partition(".")[0]
    for word in _words_of(function.__code__):
        value = function.__globals__.get(word)
        value = getattr(value, "py_func", value)
        if isinstance(value, types.FunctionType):
            if value.__module__.partition(".")[0] == package:
                _collect(value, seen)
        elif isinstance(value, np.ndarray):
            what = repr((value.dtype, value.shape)).encode()
            seen[f"{name}.{word}"] = sha256(what + value.tobytes()).hexdigest()
        elif isinstance(value, bool | int | float | complex | str | tuple):
            seen[f"{name}.{word}"] = repr(value)


def _words_of(code: types.CodeType) -> set[str]:
    words = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            words |= _words_of(part)
    return words


@functools.cache
def _file(path: str) -> str:
    try:
        return sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:  # a cell of a notebook, an archive
        raise Unkept(str(error)) from error
