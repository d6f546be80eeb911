"""Several items in one task of a cluster, so that ten thousand patients are thousands of tasks, not tens of thousands.

A Dask scheduler spends about a millisecond on each task and keeps what it knows of it; its dashboard and its memory
suffer long before the workers do. Inside a bundle, items are run, kept in the checkpoint and reported one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hybridx.compute.results import TaskResult

__all__ = ["MOST_TASKS", "run_bundled"]

MOST_TASKS = (
    2000  # fewer bundles than this would leave the last workers of a large cluster waiting for each other
)

Job = tuple[int, str, Any]
Work = Callable[[str, Any], TaskResult]
Run = Callable[[Work, list[Job]], Iterable[tuple[int, TaskResult]]]


@dataclass(frozen=True)
class _Bundle:
    """Runs the items of a bundle one after the other; each has its own outcome."""

    work: Work

    def __call__(self, key: str, item: list[Job]) -> TaskResult:
        return TaskResult(key, [(index, self.work(own, thing)) for index, own, thing in item])


def run_bundled(
    run: Run, work: Work, jobs: list[Job], most: int = MOST_TASKS
) -> Iterator[tuple[int, TaskResult]]:
    """Run jobs through an engine in at most `most` tasks.

    Parameters
    ----------
    run : callable
        The engine: ``run(work, jobs)`` yields ``(index, result)`` in any order.
    work, jobs
        What it would be given without bundles.
    most : int
        With so many jobs or fewer, each is a task of its own.

    Yields
    ------
    tuple of int and TaskResult
        Of each job. A bundle that is lost with its worker is taken apart, so that only the item that kills workers
        fails, and none that was merely beside it.
    """
    size = -(-len(jobs) // most)
    if size <= 1:
        yield from run(work, jobs)
        return
    bundles = [(start, jobs[start][1], jobs[start : start + size]) for start in range(0, len(jobs), size)]
    lost: list[Job] = []
    for start, result in run(_Bundle(work), bundles):
        if result.ok:
            yield from result.value
        else:
            lost += jobs[start : start + size]
    if lost:
        yield from run(work, lost)
