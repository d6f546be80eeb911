"""The same tasks on Dask."""

from __future__ import annotations

import pytest

from hybridx.compute import map_tasks
from hybridx.errors import SettingsError

distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")


def fragile(x):
    if x == 1:
        msg = "no"
        raise ValueError(msg)
    return x * 10


@pytest.mark.slow
def test_dask_gives_what_the_local_engine_gives(tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
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
