"""Run kept machine code with LLVM's linker alone: no compiler is loaded, numba's neither.

The code is called with one word (8 bytes) for each argument: a number, or where numpy's own record of an array lies,
whose place, shape and strides it reads there. It answers in words too. `hybridx.compute.machine_export` makes such
code and says in its *form* what the words mean.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import itertools
import os
import pickletools
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

__all__ = ["Form", "Run", "compilers", "kind_of", "link", "possible", "processor"]

Run = Callable[..., Any]
_SCALARS: dict[type, str] = {bool: "bool", int: "int64", float: "float64", np.bool_: "bool"} | {
    np.dtype(letter).type: np.dtype(letter).name for letter in "bhilqBHILQfd"
}
_HARMLESS = {"NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR"}
_NUMBERS = itertools.count()
_WHOLE = (-(2**63), 2**63 - 1)


def possible() -> bool:
    """Whether this machine is of the kind on which kept machine code was tried: Linux on x86-64.

    Anywhere else, and with numba told to do something special by the environment, numba does all of it.
    """
    usual = sys.platform == "linux" and os.uname().machine == "x86_64" and object.__basicsize__ == 16
    return usual and all(name in _HARMLESS for name in os.environ if name.startswith("NUMBA_"))


@functools.cache
def processor() -> str:
    """Name what this machine's code may use."""
    import llvmlite.binding as llvm  # noqa: PLC0415 - 40 MB that load where kernels run

    return repr((llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()))


@functools.cache
def compilers() -> str:
    """Name the versions of what compiles: a kernel made by others is made again."""
    from importlib.machinery import PathFinder  # noqa: PLC0415 - of use here only

    import llvmlite  # noqa: PLC0415 - loads where kernels run

    numba = PathFinder.find_spec("numba")
    where = None if numba is None or numba.origin is None else Path(numba.origin).with_name("_version.py")
    about = None if where is None else where.stat()  # its metadata would take forty milliseconds to read
    return repr((llvmlite.__version__, about and (about.st_mtime_ns, about.st_size), sys.version_info[:2]))


def kind_of(given: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Describe arguments: plain arrays, numbers, and tuples of these; None if there is anything else."""
    kinds = []
    for one in given:
        kind: Any
        if isinstance(one, tuple):
            kind = kind_of(one)
            kind = (
                None if kind is None else ("tuple", kind, f"{type(one).__module__}.{type(one).__qualname__}")
            )
        elif type(one) is np.ndarray:
            plain = one.dtype.isnative and one.dtype.kind in "biufc" and one.flags.aligned
            flags = one.flags
            layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
            kind = ("array", one.dtype.str, one.ndim, layout, flags.writeable) if plain else None
        else:
            kind = _SCALARS.get(type(one))
            if kind == "int64" and not _WHOLE[0] <= one <= _WHOLE[1]:
                kind = None
        if kind is None:
            return None
        kinds.append(kind)
    return tuple(kinds)


@dataclass(frozen=True)
class Form:
    """What a piece of machine code answers.

    Parameters
    ----------
    answer : list
        ``["none"]``, ``["int"]``, ``["uint"]``, ``["bool"]``, ``["float"]``, ``["array", dtype, dimensions]`` or
        ``["tuple", [...]]``.
    """

    answer: list[Any]

    @property
    def words(self) -> int:
        """How many words the answer takes; a failure takes two."""
        return max(2, _words(self.answer))


def link(machine_code: bytes, form: Form, kinds: tuple[Any, ...], name: str) -> Run:
    """Make machine code callable.

    Parameters
    ----------
    machine_code : bytes
        An object file with the functions ``enter`` and ``release``.
    form : Form
        What it answers.
    kinds : tuple
        What it is given, by `kind_of`.
    name : str
        For the message of a failure.

    Raises
    ------
    RuntimeError
        The code needs something that this process does not have, or is damaged.
    """
    import llvmlite.binding as llvm  # noqa: PLC0415 - 40 MB that load where kernels run

    library = llvm.JITLibraryBuilder().add_object_img(machine_code).add_current_process()
    library = library.export_symbol("enter").export_symbol("release")
    linked = _for_ever(library.link(_linker(), f"{name}.{next(_NUMBERS)}"))
    # the lock of the interpreter is held, as numba holds it
    enter = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_char_p, ctypes.c_void_p)(linked["enter"])
    release = ctypes.PYFUNCTYPE(None, ctypes.c_int64)(linked["release"])
    return _runner(enter, release, form, kinds, name)


@functools.cache
def _linker() -> Any:
    import llvmlite.binding as llvm  # noqa: PLC0415 - loads where kernels run

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return _for_ever(llvm.create_lljit_compiler(suppress_errors=True))


def _for_ever(thing: Any) -> Any:
    """Keep an object as long as the process: code must not vanish below its callers when this module is loaded anew."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing


def _runner(
    enter: Callable[[bytes, Any], int],
    release: Callable[[int], None],
    form: Form,
    kinds: tuple[Any, ...],
    name: str,
) -> Run:
    pack = struct.Struct("=" + _letters(kinds)).pack
    answer = ctypes.c_int64 * form.words
    arrays = all(kind[0] == "array" for kind in kinds)

    def call(given: tuple[Any, ...]) -> Any:
        words = answer()
        if enter(pack(*(map(id, given) if arrays else _flat(given))), words) != 0:
            _fail(words, name)
        return words

    def run(*given: Any) -> Any:
        return _read(form.answer, iter(call(given)), release, given)

    def run_silently(*given: Any) -> None:
        call(given)

    return run_silently if form.answer == ["none"] else run


def _letters(kinds: tuple[Any, ...]) -> str:
    return "".join(_letters(kind[1]) if kind[0] == "tuple" else _letter(kind) for kind in kinds)


def _letter(kind: Any) -> str:
    return "d" if kind in ("float32", "float64") else "Q" if kind == "uint64" else "q"


def _flat(given: tuple[Any, ...]) -> list[Any]:
    found: list[Any] = []
    for one in given:
        if type(one) is np.ndarray:
            found.append(id(one))
        elif isinstance(one, tuple):
            found.extend(_flat(one))
        else:
            found.append(one.item() if isinstance(one, np.generic) else one)
    return found


def _words(answer: list[Any]) -> int:
    if answer[0] == "tuple":
        return sum(_words(part) for part in answer[1])
    return {"none": 0, "array": 2 + 2 * (answer[2] if answer[0] == "array" else 0)}.get(answer[0], 1)


def _read(answer: list[Any], words: Any, release: Callable[[int], None], given: tuple[Any, ...]) -> Any:
    kind = answer[0]
    if kind == "tuple":
        return tuple([_read(part, words, release, given) for part in answer[1]])
    if kind == "array":
        memory, address = next(words), next(words)
        shape = tuple([next(words) for _ in range(answer[2])])
        strides = tuple([next(words) for _ in range(answer[2])])
        return np.asarray(_Memory(memory, release, given, (address, shape, strides, answer[1])))
    if kind == "float":
        return struct.unpack("=d", struct.pack("=q", next(words)))[0]
    word = next(words)
    return bool(word) if kind == "bool" else word % 2**64 if kind == "uint" else word


class _Memory:
    """What an array lives in that a kernel has made; given back with the last array on it."""

    def __init__(
        self,
        memory: int,
        release: Callable[[int], None],
        given: tuple[Any, ...],
        what: tuple[int, tuple[int, ...], tuple[int, ...], str],
    ) -> None:
        address, shape, strides, typestr = what
        self.memory = memory
        self.release = release
        self.given = given if not memory else ()  # without memory of its own it lies in an argument
        self.__array_interface__ = {
            "version": 3,
            "data": (address, False),
            "shape": shape,
            "strides": strides,
            "typestr": typestr,
        }

    def __del__(self) -> None:
        if self.memory:
            self.release(self.memory)


def _fail(words: Any, name: str) -> NoReturn:
    """Raise what the kernel raised: numba keeps kind and message in a pickle, which is looked at and not opened."""
    pickled = ctypes.string_at(words[0], words[1]) if words[0] else b""
    said = [text for _, text, _ in pickletools.genops(pickled) if isinstance(text, str)]
    kinds = [getattr(builtins, text, None) for text in said]
    for number, kind in enumerate(kinds):
        if isinstance(kind, type) and issubclass(kind, Exception):
            raise kind(*said[number + 1 : number + 2])
    msg = f"The kernel {name} failed."
    raise RuntimeError(msg)
