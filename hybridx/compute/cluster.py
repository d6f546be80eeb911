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
import queue
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
PAUSE = 5.0  # s without a finished task, until somebody looks whether any worker is at work
PATIENCE = 4  # looks in a row at idle workers, until open tasks are sent again
ROUNDS = 3  # times that open tasks are sent again
FETCH = 60.0  # s for one value to arrive


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
        sender = _Sender(_client(client, stack), work)
        for job in jobs:
            sender.send(job)
        quiet = 0
        while sender.pending:
            try:
                future = sender.finished.get(timeout=PAUSE)
            except queue.Empty:
                quiet = quiet + 1 if _idle(sender.session) else 0
                if quiet >= PATIENCE:
                    quiet = 0
                    yield from sender.send_again("the scheduler left it waiting beside idle workers")
                continue
            quiet = 0
            yield from sender.received(future)


class _Sender:
    """Sends tasks and keeps what is open; what tasks hold in common goes once, as a task of its own.

    Now and then, when a worker dies while others wait for what it held, a scheduler is left with tasks that wait for
    ever beside idle workers, or gives tasks up. Such tasks are sent again under new names, with all they need.
    """

    def __init__(self, session: Any, work: Work) -> None:
        self.session, self.work = session, work
        self.pending: dict[str, tuple[Any, Job]] = {}  # key at the scheduler: (future, job)
        self.finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._named: dict[int, tuple[Any, str]] = {}
        self._held: dict[str, Any] = {}
        self._round = 0

    def send(self, job: Job) -> None:
        _, key, item = job
        parcel, large = _packed((self.work, key, item), self._named)
        for name, thing in large.items():
            if name not in self._held:
                self._held[name] = _sent(self.session, f"{name}-{self._round}", thing)
        inputs = {name: self._held[name] for name in large}
        future = self.session.submit(_unpacked, parcel, inputs, pure=False, retries=1)
        self.pending[future.key] = future, job
        future.add_done_callback(self.finished.put)

    def send_again(self, why: str) -> Iterator[tuple[int, TaskResult]]:
        """Give up what is open, and send it anew; what was sent too often comes back as failed."""
        earlier, self.pending = self.pending, {}
        self._held, self._round = {}, self._round + 1
        for _, job in earlier.values():
            if self._round <= ROUNDS:
                self.send(job)
            else:
                yield (
                    job[0],
                    TaskResult(job[1], error=TaskError("StalledError", f"sent {ROUNDS + 1} times: {why}")),
                )
        self.session.cancel([future for future, _ in earlier.values()], force=True)

    def received(self, future: Any) -> Iterator[tuple[int, TaskResult]]:
        """Return what a finished task gave; nothing for one of an earlier round, or whose value is made again."""
        if self.pending.get(future.key, (None,))[0] is not future:
            return
        index, key, _ = self.pending[future.key][1]
        try:
            found = _outcome(future, key)
        except distributed.TimeoutError:
            future.add_done_callback(self.finished.put)
        except distributed.CancelledError as error:
            yield from self.send_again(str(error))
        else:
            del self.pending[future.key]
            future.release()
            yield index, found


def _idle(session: Any) -> bool:
    """Say that there are workers, and that none of them is at work."""
    at_work = session.run(_executing, on_error="ignore")
    return bool(at_work) and not any(at_work.values())


def _executing(dask_worker: Any) -> int:
    return int(dask_worker.state.executing_count)


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
    # run again, and `result` waits for that; not for ever, since the caller looks whether anything is at work.
    try:
        result = future.result(timeout=FETCH)
    except (distributed.TimeoutError, distributed.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - a task whose worker died too often is that task's failure
        return TaskResult(key, error=TaskError.of(error))
    return result if isinstance(result, TaskResult) else TaskResult(key, result)
