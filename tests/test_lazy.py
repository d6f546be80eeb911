"""The top level is lazy, complete, and what it names is what one gets."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import subprocess
import sys
import types

import pytest

import hybridx

ROOMS = [
    module.name
    for module in pkgutil.iter_modules(hybridx.__path__, "hybridx.")
    if module.ispkg and module.name != "hybridx.cli"
]
HEAVY = [
    "torch",
    "SimpleITK",
    "shap",
    "sklearn",
    "matplotlib",
    "plotly",
    "sksurv",
    "lifelines",
    "xgboost",
    "radiomics",
    "pandas",
]


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after `statement`."""
    code = f"import sys; {statement}; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_is_cheap():
    assert not loaded_by("import hybridx") & {*HEAVY, "numpy", "polars"}


def test_importing_every_room_is_cheap():
    statement = "import " + ", ".join(ROOMS)
    assert not loaded_by(statement) & set(HEAVY)


@pytest.mark.parametrize("name", ["hybridx", *ROOMS])
def test_every_public_name_resolves(name):
    package = importlib.import_module(name)
    assert package.__all__ == sorted(package.__all__)
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        assert getattr(package, public) is not None


@pytest.mark.parametrize("name", ROOMS)
def test_no_module_shadows_a_public_name(name):
    """Importing a module binds it to its package: a function of the same name would vanish behind it."""
    package = importlib.import_module(name)
    modules = {m.name for m in pkgutil.iter_modules(package.__path__)}
    shadowed = [
        public
        for public in package.__all__
        if public in modules and not hasattr(importlib.import_module(f"{name}.{public}"), "__all__")
    ]
    clashes = [
        public
        for public in package.__all__
        if public in modules and public in importlib.import_module(f"{name}.{public}").__all__
    ]
    assert not shadowed + clashes


def test_every_module_says_what_is_public():
    silent = []
    for module in pkgutil.walk_packages(hybridx.__path__, "hybridx."):
        loaded = importlib.import_module(module.name)
        if not hasattr(loaded, "__all__"):
            silent.append(module.name)
            continue
        assert all(hasattr(loaded, public) for public in loaded.__all__), module.name
    assert not silent


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        hybridx.frobnicate  # noqa: B018


@pytest.mark.parametrize("name", ["evaluate", "explain"])
def test_rooms_named_like_their_function_can_be_called(name):
    room = getattr(hybridx, name)
    assert isinstance(room, types.ModuleType)
    assert callable(room)
    assert pickle.loads(pickle.dumps(room)) is room, "a room given to worker processes travels by name"
    with pytest.raises(TypeError):
        room(nonsense=1)
