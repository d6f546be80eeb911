"""Lazy re-exports (PEP 562): a package names what it offers and imports it on first use.

``import hybridx`` must stay cheap (no torch, SimpleITK, shap, scikit-learn, plotly), so every room's ``__init__``
attaches its names here instead of importing its modules.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["attach"]


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
        return getattr(module, name, module)

    def dir_() -> list[str]:
        return public

    return getattr_, dir_, public
