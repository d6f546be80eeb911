"""The local engines: this process, or a pool of spawned processes that survives the death of a worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import joblib
from joblib.externals.loky import ProcessPoolExecutor

from hybridx.compute.results import TaskError, TaskResult
from hybridx.compute.threads import ONE_THREAD_ENVIRONMENT
from hybridx.errors import SettingsError

__all__ = ["run_here", "run_pool", "worker_count"]

Job = tuple[int, str, Any]
UNREADABLE = "un-serialize"  # loky's words for a worker that cannot import what the task needs
KILLED = TaskError(
    type="WorkerKilled",
    message="The worker process died, twice, while it ran this task alone: most likely out of memory, or a crash "
    "in native code.",
    notes=("Try again on a machine with more memory, or with smaller images.",),
)
Work = Callable[[str, Any], TaskResult]


def worker_count(workers: int | None, tasks: int) -> int:
    """Settle how many processes to use: never more than tasks; by default the cores this process may use."""
    if workers is None:
        workers = int(joblib.cpu_count())
    elif isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        msg = f"workers={workers!r} is not a whole number of at least 1."
        raise SettingsError(msg)
    return max(1, min(workers, tasks))


def run_here(work: Work, jobs: list[Job]) -> Iterator[tuple[int, TaskResult]]:
    """Run one after the other in this process (debuggers and profilers work)."""
    for index, key, item in jobs:
        yield index, work(key, item)


def run_pool(work: Work, jobs: list[Job], workers: int) -> Iterator[tuple[int, TaskResult]]:
    """Run in spawned processes.

    A worker that is killed (out of memory, a crash in C code) takes the whole pool with it and nobody says which
    task did it. Only as many tasks as workers are in flight, so the suspects are few: each is run again alone,
    which also cures two that were merely too large together. Whoever kills its worker again is the culprit.
    """
    waiting = deque(jobs)
    while waiting:
        suspects = yield from _until_broken(work, waiting, workers)
        for job in suspects:
            alone = deque([job])
            if (yield from _until_broken(work, alone, 1)):
                yield job[0], TaskResult(job[1], error=KILLED)


def _until_broken(
    work: Work, waiting: deque[Job], workers: int
) -> Generator[tuple[int, TaskResult], None, list[Job]]:
    """Run jobs until none waits or the pool breaks; return those that were in flight when it broke."""
    pool = ProcessPoolExecutor(max_workers=workers, env=ONE_THREAD_ENVIRONMENT)
    flying: dict[Future[TaskResult], Job] = {}
    try:
        while waiting or flying:
            while waiting and len(flying) < workers:
                job = waiting[0]  # taken off only once the pool has it: a broken pool refuses
                flying[pool.submit(work, job[1], job[2])] = job
                waiting.popleft()
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                result = _outcome(future, flying[future][1])
                if result is None:
                    return list(flying.values())
                yield flying.pop(future)[0], result
    except BrokenProcessPool:
        return list(flying.values())
    finally:
        pool.shutdown(wait=True, kill_workers=bool(flying))
    return []


def _outcome(future: Future[TaskResult], key: str) -> TaskResult | None:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool) and UNREADABLE not in str(error):
        return None
    # the task could not be sent, read in the worker, or its value could not be sent back
    return TaskResult(key, error=TaskError.of(error.__cause__ or error))
