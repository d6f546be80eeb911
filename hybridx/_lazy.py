"""Lazy re-exports (PEP 562): a package names what it offers and imports it on first use.

``import hybridx`` must stay cheap (no torch, SimpleITK, shap, scikit-learn, plotly), so every room's ``__init__``
attaches its names here instead of importing its modules.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["attach", "make_callable"]


def attach(
    package: str, names: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make ``__getattr__``, ``__dir__`` and ``__all__`` of a package from a table ``{public name: module}``.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    names : mapping of str to str
        Public name to the module below the package that defines it; an entry ``"designs": "designs"`` whose module
        has no attribute of that name gives the module itself.

    Returns
    -------
    tuple
        ``(__getattr__, __dir__, __all__)``.

    Examples
    --------
    >>> __getattr__, __dir__, __all__ = attach("hybridx.cohort", {"Cohort": "cohort"})
    >>> __all__
    ['Cohort']
    """
    public = sorted(names)

    def getattr_(name: str) -> Any:
        if name not in names:
            # `from package import submodule` asks here first: only a name that is no module is an error.
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        module = importlib.import_module(f"{package}.{names[name]}")
        if hasattr(module, "__path__") and names[name] == name:
            return module  # a room: what importing it binds, whichever of the two came first
        return getattr(module, name, module)

    def dir_() -> list[str]:
        return public

    return getattr_, dir_, public


def make_callable(package: str, function: str) -> None:
    """Let a package be called like its main function: ``hx.evaluate(...)`` and ``hx.evaluate.designs`` both work.

    Importing a subpackage binds its module to the parent's name, so ``hx.evaluate`` is the room whatever the lazy
    table says; a room that shares its name with its main function therefore answers the call itself.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    function : str
        Public name to call in it.
    """

    class CallablePackage(types.ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return getattr(self, function)(*args, **kwargs)

        def __reduce__(self) -> tuple[Any, ...]:  # a room given to worker processes travels by name
            return importlib.import_module, (package,)

    sys.modules[package].__class__ = CallablePackage
