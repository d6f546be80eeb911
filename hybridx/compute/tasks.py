"""`map_tasks`: one function over many items, wherever there are cores, with failures as values."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hybridx.compute.bars import progress as progress_bar
from hybridx.compute.bundles import run_bundled
from hybridx.compute.checkpoint import Checkpoint, Load, Save
from hybridx.compute.local import run_here, run_pool, worker_count
from hybridx.compute.results import TaskError, TaskResult
from hybridx.compute.threads import one_thread
from hybridx.errors import InputError
from hybridx.terms import check_name

__all__ = ["map_tasks"]

ENGINES = ("local", "dask")


def map_tasks(
    fn: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    engine: str = "local",
    workers: int | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    keys: Sequence[str] | None = None,
    sizes: Sequence[float] | None = None,
    save: Save | None = None,
    load: Load | None = None,
    suffix: str = ".json",
    description: str = "Working",
    progress: bool = True,
) -> list[TaskResult]:
    """Run one function over many items; a failing item becomes a reason, never a stop and never a number.

    Parameters
    ----------
    fn : callable
        ``fn(item) -> value``. It runs in fresh processes (never forked: ITK and OpenMP deadlock in forks), with
        one thread per worker. Give paths rather than arrays as items.
    items : iterable
        What to work on.
    engine : {"local", "dask"}
        A pool on this machine, or a Dask cluster; there, more than two thousand items are sent several to a task.
    workers : int, optional
        Local processes; by default one per usable core. 1 runs in this process.
    client : distributed.Client or str, optional
        For ``engine="dask"``: a client or a scheduler's address; by default the session's current client.
    checkpoint : path or Checkpoint, optional
        Folder with one file per finished task, written by the worker. A second run reads it; a killed run resumes.
    keys : sequence of str, optional
        One per item: what identifies it (content, settings and code), for the checkpoint. Default: position.
    sizes : sequence of float, optional
        One per item: how long it will take, roughly and in any unit. Processes of this machine begin with the longest,
        so that none works on alone at the end.
    save, load, suffix : optional
        How a value is written and read in the checkpoint folder; JSON by default.
    description : str
        Words of the progress bar; no patient identifiers.
    progress : bool
        Whether to show one.

    Returns
    -------
    list of TaskResult
        In the order of `items`.

    Raises
    ------
    SettingsError
        Unknown engine, impossible number of workers, no Dask client.

    Examples
    --------
    >>> [result.value for result in map_tasks(abs, [-1, -2], workers=1)]
    [1, 2]
    >>> str(map_tasks(int, ["one"], workers=1)[0].error)
    "ValueError: invalid literal for int() with base 10: 'one'"
    """
    check_name(engine, ENGINES, "engine")
    tasks = list(items)
    names = [str(index) for index in range(len(tasks))] if keys is None else list(keys)
    if len(names) != len(tasks):
        msg = f"keys: got {len(names)} for {len(tasks)} items; one per item is wanted."
        raise InputError(msg)
    if sizes is not None and len(sizes) != len(tasks):
        msg = f"sizes: got {len(sizes)} for {len(tasks)} items; one per item is wanted."
        raise InputError(msg)
    store = _store(checkpoint, save, load, suffix)
    results: list[TaskResult | None] = [_earlier(store, name) for name in names]
    open_ = [index for index, result in enumerate(results) if result is None]
    work = _Work(fn, store)
    count = worker_count(workers, len(open_))
    with progress_bar(description, len(tasks), done=len(tasks) - len(open_), enabled=progress) as bar:
        jobs = [(index, names[index], tasks[index]) for index in open_]
        if engine == "dask":
            # an extra that need not be installed, and takes a second to load
            from hybridx.compute.cluster import run_dask  # noqa: PLC0415

            stream = run_bundled(lambda fn, some: run_dask(fn, some, client), work, jobs)
        elif count == 1:
            stream = run_here(work, jobs)
        else:
            if sizes is not None:
                jobs.sort(key=lambda job: -sizes[job[0]])
            stream = run_pool(work, jobs, count)
        for index, result in stream:
            results[index] = result
            bar.advance(failed=not result.ok)
    return [result for result in results if result is not None]


@dataclass(frozen=True)
class _Work:
    """What is sent to a worker: the function, and where to put its value."""

    fn: Callable[[Any], Any]
    store: Checkpoint | None

    def __call__(self, key: str, item: Any) -> TaskResult:
        start = time.perf_counter()
        try:
            with one_thread():
                value = self.fn(item)
                if self.store is not None:
                    self.store.write(key, value)
        except Exception as error:  # noqa: BLE001 - a failure is a result here: the other patients go on
            return TaskResult(key, error=TaskError.of(error), seconds=time.perf_counter() - start)
        return TaskResult(key, value, seconds=time.perf_counter() - start)


def _store(
    checkpoint: str | os.PathLike[str] | Checkpoint | None,
    save: Save | None,
    load: Load | None,
    suffix: str,
) -> Checkpoint | None:
    if checkpoint is None or isinstance(checkpoint, Checkpoint):
        return checkpoint
    if (save is None) != (load is None):
        msg = "save and load belong together: got one without the other."
        raise InputError(msg)
    if save is None or load is None:
        return Checkpoint(checkpoint, suffix=suffix)
    return Checkpoint(checkpoint, save, load, suffix)


def _earlier(store: Checkpoint | None, key: str) -> TaskResult | None:
    if store is None:
        return None
    found, value = store.read(key)
    return TaskResult(key, value, cached=True) if found else None
