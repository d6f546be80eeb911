"""The Dask engine: the same tasks on a cluster that the user brings.

What many tasks hold in common (the wide table, above all) travels once: it becomes a task of its own, named by its
content, and workers hand it on to each other. Unlike data that are scattered, such a task is done again when the worker
that held its value is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl

from hybridx.compute.results import TaskError, TaskResult
from hybridx.errors import SettingsError

try:
    import distributed
    from cloudpickle import Pickler  # comes with Dask: sends functions of a notebook, too
except ImportError:  # the extra "cluster" is not installed; run_dask says so when it is asked for
    distributed, Pickler = None, pickle.Pickler

__all__ = ["run_dask"]

Job = tuple[int, str, Any]
Work = Callable[[str, Any], TaskResult]
LARGE = 65_536  # bytes; what is smaller may as well travel with its task


def run_dask(work: Work, jobs: list[Job], client: Any) -> Iterator[tuple[int, TaskResult]]:
    """Run on a Dask cluster; a task whose worker is lost runs again elsewhere.

    Raises
    ------
    SettingsError
        Dask is not installed, there is no client, or no scheduler answers.
    """
    if distributed is None:
        msg = "engine='dask' needs the extra 'cluster': pip install 'hybridx[cluster]'."
        raise SettingsError(msg)
    with contextlib.ExitStack() as stack:
        session = _client(client, stack)
        held: dict[str, Any] = {}
        named: dict[int, tuple[Any, str]] = {}
        futures = {}
        for index, key, item in jobs:
            parcel, large = _packed((work, key, item), named)
            for name, thing in large.items():
                if name not in held:
                    held[name] = _sent(session, name, thing)
            inputs = {name: held[name] for name in large}
            futures[session.submit(_unpacked, parcel, inputs, pure=False, retries=1)] = (index, key)
        for future in distributed.as_completed(futures, raise_errors=False):
            index, key = futures[future]
            yield index, _outcome(future, key)
            future.release()


class _Packer(Pickler):  # type: ignore[misc,valid-type]
    """Pickles a task without its large tables and arrays, each of which stays behind under its content's name."""

    def __init__(self, file: io.BytesIO, named: dict[int, tuple[Any, str]]) -> None:
        super().__init__(file, protocol=5)
        self.large: dict[str, Any] = {}
        self._named = named  # with the thing itself: while it is held here, nothing else can have its `id`

    def persistent_id(self, obj: Any) -> str | None:
        large = (isinstance(obj, np.ndarray) and obj.dtype != object and obj.nbytes >= LARGE) or (
            isinstance(obj, pl.DataFrame) and obj.estimated_size() >= LARGE
        )
        if not large:
            return None
        if id(obj) not in self._named:
            self._named[id(obj)] = obj, hashlib.sha256(pickle.dumps(obj, protocol=5)).hexdigest()
        name = f"hybridx-{self._named[id(obj)][1]}"
        self.large[name] = obj
        return name


def _packed(thing: Any, named: dict[int, tuple[Any, str]]) -> tuple[bytes, dict[str, Any]]:
    buffer = io.BytesIO()
    packer = _Packer(buffer, named)
    packer.dump(thing)
    return buffer.getvalue(), packer.large


def _unpacked(parcel: bytes, large: dict[str, Any]) -> TaskResult:
    """Put a task together again, in the worker, and run it."""
    unpickler = pickle.Unpickler(io.BytesIO(parcel))  # noqa: S301 - made by this process's own client a moment ago
    unpickler.persistent_load = large.__getitem__  # type: ignore[method-assign]
    work, key, item = unpickler.load()
    found: TaskResult = work(key, item)
    return found


def _sent(session: Any, name: str, thing: Any) -> Any:
    with warnings.catch_warnings():
        # that a large thing travels is known here; the warning asks for scattering, which a lost worker undoes
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
        return session.submit(_held, pickle.dumps(thing, protocol=5), key=name, retries=1)


def _held(content: bytes) -> Any:
    return pickle.loads(content)  # noqa: S301 - see `_unpacked`


def _client(client: Any, stack: contextlib.ExitStack) -> Any:
    if isinstance(client, str):
        try:
            return stack.enter_context(distributed.Client(client, set_as_default=False))
        except (OSError, ValueError) as error:
            msg = f"No Dask scheduler answers at {client!r}: {error}. Start one (`dask scheduler`), or work locally."
            raise SettingsError(msg) from error
    if client is not None:
        return client
    try:
        return distributed.get_client()
    except ValueError:
        msg = (
            "engine='dask' needs a cluster: give client=distributed.Client(...) or a scheduler's address "
            "such as client='tcp://host:8786'."
        )
        raise SettingsError(msg) from None


def _outcome(future: Any, key: str) -> TaskResult:
    # Asked for the value and not for the state: when a worker dies with finished values in its memory, their tasks are
    # run again, and `result` waits for that.
    try:
        result = future.result()
    except Exception as error:  # noqa: BLE001 - a task whose worker died too often is that task's failure
        return TaskResult(key, error=TaskError.of(error))
    return result if isinstance(result, TaskResult) else TaskResult(key, result)
