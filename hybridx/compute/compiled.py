"""Compile a numeric function on first use, and keep its machine code where a folder can be written.

Imported only by files of kernels, which are imported only where they run: numba takes half a second to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["compiled", "compiled_sums"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use, and keep the machine code if the folder of its file or the user's cache can be written."""
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # "cannot cache function": neither can be written
        return njit(function)


def compiled_sums(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do the same with leave to add in any order, so that sums of many numbers run in vector registers.

    One sum after the other waits for the one before it; the last bits differ, and which are nearer is open.
    """
    order = {"reassoc", "nsz"}
    try:
        return njit(cache=True, fastmath=order)(function)
    except RuntimeError:
        return njit(fastmath=order)(function)
