"""What a warm kernel remembers of the moment before its first notebook, and how it goes back there.

Runs inside the kernel. A notebook must find what a fresh kernel would give it: no names, no figures, no settings, no
environment of the one before. What cannot be undone (threads and processes that go on, memory that stays) is told, and
the kernel is replaced.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import io
import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

__all__ = ["LIBRARY", "prepare"]

# What a notebook of this library is likely to load: six to fifteen seconds of imports in a cold kernel.
LIBRARY = (
    "numpy", "pandas", "polars", "matplotlib.pyplot", "plotly.io", "plotly.graph_objects", "sklearn", "sksurv.metrics",
    "torch", "hybridx", "hybridx.cohort", "hybridx.evaluate.result", "hybridx.evaluate.figures",
    "hybridx.evaluate.run", "hybridx.explain.explainer", "hybridx.fusion.locked", "hybridx.report.tumour_board",
    "hybridx.report.cohort_page", "hybridx.checks.running", "hybridx.evaluate.store", "hybridx.evaluate.km_kernels",
)  # fmt: skip
LARGEST_GROWTH = 2**30  # bytes kept after a notebook's names are gone; more is a leak
_MODULES_BY_NAME = "hybridx"  # whose functions a notebook may have replaced
_HARMLESS_THREADS = ("asyncio_", "tqdm", "IPython", "Thread-hb")

Undo = Callable[[], object]
_undo: list[Undo] = []
_threads: set[int] = set()
_children: set[int] = set()
_bytes = 0


def prepare(modules: Iterable[str] = ()) -> str:
    """Bring the kernel to the state before its first notebook, with these modules loaded.

    Parameters
    ----------
    modules : iterable of str
        Loaded if they can be; a notebook that needs one which cannot says so itself.

    Returns
    -------
    str
        Why this kernel must not run another notebook; empty when it may.
    """
    reason = ""
    if _undo:
        reason = _forget()
    wanted = [name for name in (*LIBRARY, *modules) if name not in sys.modules]
    if wanted or not _undo:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            for name in wanted:
                # a notebook that asks for it gets the true error; the library's own are all optional here
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
        _remember()
        _forget()  # a rehearsal: what wiping itself loads belongs to the warm state
        _remember()
    return reason


def _remember() -> None:
    global _bytes  # noqa: PLW0603 - one process, one state
    _undo[:] = [step for take in _KEPT if (step := take()) is not None]
    _threads.update(id(t) for t in threading.enumerate())
    gc.collect()
    gc.freeze()  # what is loaded now stays: collections between notebooks need not look through it (1 s becomes 10 ms)
    process = _process()
    if process is not None:
        _children.update(child.pid for child in process.children())
        _bytes = process.memory_info().rss


def _forget() -> str:
    for step in _undo:
        step()
    gc.collect()
    gc.freeze()  # as in `_remember`: what one notebook left in caches is not looked through after each of the others
    going = [
        t.name
        for t in threading.enumerate()
        if id(t) not in _threads and not t.daemon and not t.name.startswith(_HARMLESS_THREADS)
    ]
    if going:
        return f"threads go on: {', '.join(sorted(going)[:5])}"
    process = _process()
    if process is None:
        return ""
    if any(child.pid not in _children for child in process.children()):
        return "processes go on"
    grown = process.memory_info().rss - _bytes
    return f"{grown / 2**20:.0f} MB stayed behind" if grown > LARGEST_GROWTH else ""


def _process() -> Any:
    try:
        return importlib.import_module("psutil").Process()
    except ImportError:  # ipykernel brings it; without, nothing is known of memory and children
        return None


def _loaded(name: str) -> Any:
    return sys.modules.get(name)


def _mapping(place: MutableMapping[Any, Any]) -> Undo:
    before = dict(place)

    def back() -> None:
        if dict(place) != before:
            for key in [key for key in place if key not in before]:
                del place[key]
            place.update(before)

    return back


def _namespace() -> Undo | None:
    ipython = _loaded("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return None
    hooks = {name: list(calls) for name, calls in shell.events.callbacks.items()}

    def back() -> None:
        for name, calls in hooks.items():
            shell.events.callbacks[name][:] = calls
        shell.reset(new_session=True)
        shell.execution_count = 1

    return back


def _place() -> Undo:
    here = os.getcwd()  # noqa: PTH109 - as text, restored as text
    return lambda: os.chdir(here)


def _environment() -> Undo:
    return _mapping(os.environ)


def _python() -> Undo:
    path, argv, limit = list(sys.path), list(sys.argv), sys.getrecursionlimit()
    streams = sys.stdin, sys.stdout, sys.stderr, sys.displayhook, sys.excepthook
    own = dict(vars(builtins))
    filters, show, form = list(warnings.filters), warnings.showwarning, warnings.formatwarning
    root, disabled = logging.getLogger(), logging.root.manager.disable
    handlers, level = list(root.handlers), root.level

    def back() -> None:
        sys.path[:], sys.argv[:] = path, argv
        sys.setrecursionlimit(limit)
        sys.settrace(None)
        sys.stdin, sys.stdout, sys.stderr, sys.displayhook, sys.excepthook = streams
        for name in set(vars(builtins)) - set(own) - {"_"}:
            delattr(builtins, name)
        vars(builtins).update(own)
        warnings.resetwarnings()  # tells every module's memory of what it has warned of that it is out of date
        warnings.filters[:] = filters  # type: ignore[index]
        warnings.showwarning, warnings.formatwarning = show, form
        logging.disable(disabled)
        root.handlers[:], root.level = handlers, level

    return back


def _chance() -> Undo:
    def back() -> None:
        # a fresh kernel draws its seeds from the system: so does this one, whatever the last notebook set
        random.seed()
        if (numpy := _loaded("numpy")) is not None:
            numpy.random.seed(None)
        if (torch := _loaded("torch")) is not None:
            torch.seed()

    return back


def _tables() -> Undo:
    numpy, polars, pandas, sklearn = (_loaded(n) for n in ("numpy", "polars", "pandas", "sklearn"))
    errors = numpy.geterr() if numpy else {}
    printed = numpy.get_printoptions() if numpy else {}
    shown = polars.Config.save() if polars else ""
    config = sklearn.get_config() if sklearn else {}

    def back() -> None:
        if numpy:
            numpy.seterr(**errors)
            numpy.set_printoptions(**printed)
        if polars:
            polars.Config.restore_defaults()
            polars.Config.load(shown)
        if pandas:
            pandas.reset_option("^(display|mode|styler)", silent=True)
        if sklearn:
            sklearn.set_config(**config)

    return back


def _torch() -> Undo | None:
    torch = _loaded("torch")
    if torch is None:
        return None
    kind, strict, threads = (
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
    )

    def back() -> None:
        torch.set_default_dtype(kind)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(True)
        if torch.are_deterministic_algorithms_enabled() != strict:  # setting it loads a compiler
            torch.use_deterministic_algorithms(strict)

    return back


def _drawing() -> Undo:
    pyplot, matplotlib, plotly = _loaded("matplotlib.pyplot"), _loaded("matplotlib"), _loaded("plotly.io")
    settings = dict(matplotlib.rcParams) if matplotlib else {}
    renderer = plotly.renderers.default if plotly else None
    template = plotly.templates.default if plotly else None

    def back() -> None:
        if pyplot:
            pyplot.close("all")
        if matplotlib:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of settings that matplotlib itself has retired
                matplotlib.rcParams.update(settings)
        if plotly:
            plotly.renderers.default = renderer
            if plotly.templates.default != template:
                plotly.templates.default = template

    return back


def _functions() -> Undo:
    """Keep what the library's modules hold, so that a function that a notebook replaced comes back."""
    kept = {name: dict(vars(module)) for name, module in _own_modules()}

    def back() -> None:
        for name, module in _own_modules():
            before = kept.get(name, {})
            for attribute, value in before.items():
                if vars(module).get(attribute) is not value and not attribute.startswith("__"):
                    setattr(module, attribute, value)

    return back


def _own_modules() -> Iterator[tuple[str, Any]]:
    for name, module in list(sys.modules.items()):
        ours = name == _MODULES_BY_NAME or name.startswith(f"{_MODULES_BY_NAME}.")
        if ours and name != __name__ and module is not None:
            yield name, module


def _imports() -> Undo:
    """Unload what was imported from beside a notebook: the next may have a file of the same name."""
    before = set(sys.modules)
    places = (sys.prefix, sys.base_prefix, Path(__file__).parents[1])
    installed = tuple(
        {f"{form(place)}{os.sep}" for place in places for form in (os.fspath, os.path.realpath)}
    )

    def back() -> None:
        for name in [name for name in sys.modules if name not in before]:
            file = getattr(sys.modules[name], "__file__", None)
            if file and not file.startswith(installed):
                del sys.modules[name]

    return back


# Python first: a notebook may have made warnings errors. Then its names: destructors may do anything. The environment
# after the tables: polars keeps settings there.
_KEPT: tuple[Callable[[], Undo | None], ...] = (
    _python, _namespace, _drawing, _tables, _torch, _imports, _functions, _environment, _place, _chance,
)  # fmt: skip
