"""Compile a numeric function on first use, and keep its machine code where a folder can be written.

Imported only by files of kernels, which are imported only where they run: numba takes half a second to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use, and keep the machine code if the folder of its file or the user's cache can be written."""
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # "cannot cache function": neither can be written
        return njit(function)
