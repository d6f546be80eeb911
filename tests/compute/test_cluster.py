"""The same tasks on Dask."""

from __future__ import annotations

import os

import numpy as np
import polars as pl
import pytest

from hybridx.compute import map_tasks
from hybridx.errors import SettingsError

distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
import psutil  # noqa: E402 - comes with it


def fragile(x):
    if x == 1:
        msg = "no"
        raise ValueError(msg)
    return x * 10


@pytest.mark.slow
def test_dask_gives_what_the_local_engine_gives(tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        local = map_tasks(fragile, range(4), workers=1, progress=False)
        for given in (client, cluster.scheduler_address, None):
            found = map_tasks(fragile, range(4), engine="dask", client=given, progress=False)
            assert [result.value for result in found] == [result.value for result in local]
            assert str(found[1].error) == str(local[1].error) == "ValueError: no"
        kept = [
            map_tasks(fragile, range(4), engine="dask", client=client, checkpoint=tmp_path, progress=False)
            for _ in range(2)
        ][1]
        assert [result.cached for result in kept] == [True, False, True, True]


def test_no_cluster_is_said():
    with pytest.raises(SettingsError, match="tcp://"):
        map_tasks(fragile, [0], engine="dask")


def first_row(item):
    table, array, row = item
    return float(array[0]) + table["x"][row]


@pytest.mark.slow
def test_what_tasks_share_travels_once_and_small_things_with_their_task():
    from hybridx.compute import cluster as room

    table = pl.DataFrame({"x": np.arange(200_000.0)})
    items = [(table, np.full(3, 0.5), row) for row in range(20)]
    named = {}
    parcels = [room._packed(item, named) for item in items]
    assert len({name for _, large in parcels for name in large}) == 1
    assert all(len(parcel) < 2_000 for parcel, _ in parcels)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = map_tasks(first_row, items, engine="dask", client=client, progress=False)
    assert [result.value for result in found] == [0.5 + row for row in range(20)]


class Forgetful:
    """A client whose scheduler forgets the first tasks it is given: their results never come."""

    def __init__(self, client, forgets=1):
        self.client, self.sent, self.forgets = client, 0, forgets

    def __getattr__(self, name):
        return getattr(self.client, name)

    def submit(self, *args, **kwargs):
        self.sent += 1
        if self.sent <= self.forgets:
            return distributed.Future(f"forgotten-{self.sent}", self.client)
        return self.client.submit(*args, **kwargs)


@pytest.mark.slow
def test_tasks_that_wait_beside_idle_workers_are_sent_again(monkeypatch):
    from hybridx.compute import cluster as room

    monkeypatch.setattr(room, "PAUSE", 0.1)
    table = pl.DataFrame({"x": np.arange(20_000.0)})
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        for items in (
            [0, 2],
            [(table, np.zeros(3), 1), (table, np.zeros(3), 2)],
        ):  # a task, and what tasks share
            forgetful = Forgetful(client)
            work = fragile if items[0] == 0 else first_row
            found = map_tasks(work, items, engine="dask", client=forgetful, progress=False)
            assert [result.value for result in found] == [work(item) for item in items]
            assert forgetful.sent > len(items)
        (found,) = map_tasks(fragile, [0], engine="dask", client=Forgetful(client, 99), progress=False)
        assert (
            str(found.error)
            == "StalledError: sent 4 times: the scheduler left it waiting beside idle workers"
        )


@pytest.mark.slow
def test_workers_of_a_local_cluster_give_memory_back():
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", memory_limit="1GiB"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        (threshold,) = client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_").values()
        assert int(threshold) <= 65_536
        found = map_tasks(memory_after, [20_000_000] * 15, engine="dask", client=client, progress=False)
        before, *after = [result.value for result in found]
        assert max(after) < before + 50_000_000, "fifteen arrays of 160 MB leave nothing behind"


def memory_after(size):
    return int(np.ones(size).sum()) and psutil.Process().memory_info().rss
