"""Compile a numeric function on first use, and keep its machine code where a folder can be written.

numba compiles, and takes half a second and seventy megabytes to load. What it made is therefore kept as plain machine
code, which `hybridx.compute.machine_code` runs without it: only a function, or kinds of arguments, that this machine
has not met load numba. Where that cannot be done, numba runs the function and keeps it in its own cache.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from hybridx.compute.kernel_files import KernelFiles, Unkept
from hybridx.compute.machine_code import Run, kind_of, possible

__all__ = ["Kernel", "compiled", "compiled_sums"]

_LOCK = threading.RLock()
_LAYOUT = 0x1 | 0x2 | 0x100 | 0x400  # numpy's bits of an array: C order, Fortran order, aligned, writeable


class Kernel:
    """A function that runs as machine code; numba sees in it what its own decorator would have made.

    Parameters
    ----------
    function : callable
        Written in what numba compiles.
    **options : set of str
        For numba.

    Attributes
    ----------
    py_func : callable
        The function itself.
    """

    def __init__(self, function: Callable[..., Any], **options: set[str]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._options = options
        self._files = KernelFiles(
            function, repr(sorted((name, sorted(value)) for name, value in options.items()))
        )
        self._ready: dict[
            tuple[Any, ...], Run
        ] = {}  # by numpy's own marks: quick to look up, several for a kind
        self._runs: dict[tuple[Any, ...], Run] = {}

    def __call__(self, *given: Any) -> Any:
        """Run it; the first call with arguments of a new kind finds or makes the machine code."""
        key = tuple(
            [
                (one.dtype, one.ndim, one.flags.num & _LAYOUT) if type(one) is np.ndarray else _sort(one)
                for one in given
            ]
        )
        run = self._ready.get(key)
        if run is None:
            run = self._prepare(key, given)
        return run(*given)

    @functools.cached_property
    def dispatcher(self) -> Any:
        """What numba makes of the function, with numba's own cache: runs where no machine code is kept."""
        from numba import njit  # noqa: PLC0415 - half a second that kept machine code does not need

        try:
            return njit(cache=True, **self._options)(self.py_func)
        except RuntimeError:  # "cannot cache function": neither its folder nor the user's can be written
            return njit(**self._options)(self.py_func)

    @functools.cached_property
    def _maker(self) -> Any:
        """What machine code is made with: numba's cache does not see that a kernel of another file has changed."""
        from numba import njit  # noqa: PLC0415 - see above

        return njit(**self._options)(self.py_func) if possible() else self.dispatcher

    @property
    def signatures(self) -> list[tuple[Any, ...]]:
        """The kinds of arguments that it has been made ready for in this process."""
        return [*self._runs, *getattr(self.__dict__.get("dispatcher"), "signatures", [])]

    @property
    def _numba_type_(self) -> Any:
        """Be called from other kernels (numba asks every value for this name)."""
        return self._maker._numba_type_

    def __reduce__(self) -> str:
        """Travel by name, as functions do."""
        return str(self.__qualname__)  # type: ignore[attr-defined]

    def _prepare(self, key: tuple[Any, ...], given: tuple[Any, ...]) -> Run:
        with _LOCK:
            if key in self._ready:
                return self._ready[key]
            self._ready[key] = self._found_or_made(given)
            return self._ready[key]

    def _found_or_made(self, given: tuple[Any, ...]) -> Run:
        kinds = kind_of(given)
        if kinds is None:  # arguments that only numba knows how to hand over
            return self._by_numba
        if kinds in self._runs:
            return self._runs[kinds]
        try:
            found = self._files.find(kinds)
            self._runs[kinds] = self._made(kinds, given) if found is None else found
        except Unkept:
            return self._by_numba
        return self._runs[kinds]

    def _by_numba(self, *given: Any) -> Any:
        return self.dispatcher(*given)

    def _made(self, kinds: tuple[Any, ...], given: tuple[Any, ...]) -> Run:
        from hybridx.compute.machine_export import export  # noqa: PLC0415 - loads numba

        try:
            code, form = export(self._maker, given)
        except Unkept as why:
            self._files.refuse(kinds, str(why))
            raise
        return self._files.keep(kinds, code, form)


def _sort(one: Any) -> Any:
    return (type(one), *[_sort(each) for each in one]) if isinstance(one, tuple) else _one_sort(one)


def _one_sort(one: Any) -> Any:
    if isinstance(one, np.ndarray):
        return type(one), one.dtype, one.ndim, one.flags.num & _LAYOUT
    # numba takes a whole number beyond 63 bits for another type
    return (int, -(2**63) <= one < 2**63) if type(one) is int else type(one)


def compiled(function: Callable[..., Any]) -> Kernel:
    """Compile on first use, and keep the machine code if the folder of its file or the user's cache can be written."""
    return Kernel(function)


def compiled_sums(function: Callable[..., Any]) -> Kernel:
    """Do the same with leave to add in any order, so that sums of many numbers run in vector registers.

    One sum after the other waits for the one before it; the last bits differ, and which are nearer is open.
    """
    return Kernel(function, fastmath={"reassoc", "nsz"})
