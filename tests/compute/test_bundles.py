"""Bundles: few tasks, each item with an outcome of its own, and a lost bundle taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridx.compute import map_tasks
from hybridx.compute.bundles import MOST_TASKS, run_bundled
from hybridx.compute.local import run_here
from hybridx.compute.results import TaskError, TaskResult

distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


def jobs_of(n):
    return [(7 * i, f"key {i}", i) for i in range(n)]


def half(item):
    if item % 5 == 3:
        msg = f"no half of {item}"
        raise ValueError(msg)
    return item / 2


def work(key, item):
    try:
        return TaskResult(key, half(item))
    except ValueError as error:
        return TaskResult(key, error=TaskError.of(error))


@given(n=st.integers(0, 60), most=st.integers(1, 20))
def test_every_item_has_the_outcome_it_has_alone(n, most):
    seen = []

    def run(work, jobs):
        seen.append(len(jobs))
        return run_here(work, jobs)

    alone, found = (
        {i: (r.key, r.value, str(r.error)) for i, r in stream}
        for stream in (run_here(work, jobs_of(n)), run_bundled(run, work, jobs_of(n), most))
    )
    assert found == alone
    assert seen == [-(-n // max(1, -(-n // most)))]
    assert seen[0] <= most


def test_ten_thousand_are_thousands_of_tasks():
    counts = []

    def run(work, jobs):
        counts.append(len(jobs))
        return run_here(work, jobs)

    found = dict(run_bundled(run, work, jobs_of(10_000)))
    assert counts == [MOST_TASKS]
    assert [found[7 * i].value for i in range(0, 10_000, 5)] == [i / 2 for i in range(0, 10_000, 5)]


def test_only_the_item_that_kills_its_worker_fails():
    died = TaskError("KilledWorker", "its worker died", ())

    def run(work, jobs):
        for index, key, item in jobs:
            things = [i for _, _, i in item] if isinstance(item, list) else [item]
            yield index, TaskResult(key, error=died) if 4 in things else work(key, item)

    found = dict(run_bundled(run, work, jobs_of(12), 4))
    assert [i // 7 for i, r in found.items() if r.error == died] == [4]
    assert sorted(found) == [7 * i for i in range(12)]
    assert [found[7 * i].value for i in (5, 6)] == [2.5, 3.0]


def test_a_cluster_gives_what_this_process_gives(monkeypatch):
    monkeypatch.setattr("hybridx.compute.bundles.run_bundled.__defaults__", (3,))
    here = map_tasks(half, range(20), workers=1, progress=False)
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as client:
        there = map_tasks(half, range(20), engine="dask", client=client, progress=False)
    assert [(r.key, r.value, str(r.error)) for r in there] == [(r.key, r.value, str(r.error)) for r in here]
