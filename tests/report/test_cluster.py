"""Folds and pages on Dask: the same to the last bit with four workers, and with one that is killed in the middle."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings

import pytest

import hybridx as hx
from hybridx.compute import content_hash
from hybridx.errors import SettingsError
from hybridx.evaluate import NestedCV
from hybridx.fusion import LateFusion
from hybridx.report import write_reports

distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of workers that are killed on purpose


@pytest.fixture(scope="module", params=[1, 4])
def client(request):
    options = {"n_workers": request.param, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as session:
        yield session


def evaluated(cohort, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hx.evaluate(
            {"late": LateFusion(endpoint="survival")},
            cohort,
            "PFS",
            NestedCV(folds=3, repeats=2, seed=0),
            bands=10,
            resamples=100,
            progress=False,
            **settings,
        )


CHOSEN = [f"P{i:03d}" for i in range(9, 25)]


@pytest.fixture(scope="module")
def here(cohort):
    return evaluated(cohort, workers=1)


@pytest.fixture(scope="module")
def pages_here(saved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    write_reports(saved, folder, patients=CHOSEN, workers=1, progress=False)
    return content_hash(folder)


class Killer(threading.Thread):
    """Kills a worker that is at work, once the first finished piece lies in a folder."""

    def __init__(self, client, folder):
        super().__init__(daemon=True)
        self.pids = client.run(os.getpid)
        self.client, self.folder, self.done = client, folder, threading.Event()
        self.killed = None

    def run(self):
        while not self.done.is_set():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                busy = [worker for worker, tasks in self.client.processing().items() if tasks]
                if busy:
                    self.killed = busy[0]
                    os.kill(self.pids[busy[0]], signal.SIGKILL)
                    return
            time.sleep(0.01)


def test_folds_are_the_same_wherever_they_run(client, cohort, here, tmp_path):
    killer = Killer(client, tmp_path / "kept" / "folds")
    killer.start()
    there = evaluated(cohort, engine="dask", client=client, checkpoint=tmp_path / "kept")
    killer.done.set()
    assert killer.killed, "a worker was killed in the middle"
    assert there.predictions.equals(here.predictions)
    assert there.curves.equals(here.curves)
    assert there.table().equals(here.table())
    assert there.notes == here.notes


def test_pages_are_the_same_wherever_they_are_written(client, saved, pages_here, tmp_path):
    killer = Killer(client, tmp_path / "there" / "pages")
    killer.start()
    index = write_reports(
        saved, tmp_path / "there", patients=CHOSEN, engine="dask", client=client, progress=False
    )
    killer.done.set()
    assert killer.killed, "a worker was killed in the middle"
    assert index.written == CHOSEN
    assert content_hash(tmp_path / "there") == pages_here


def test_no_scheduler_is_said(saved, tmp_path):
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(
            SettingsError, match=r"No Dask scheduler answers at 'tcp://127\.0\.0\.1:1'.*dask scheduler"
        ),
    ):
        write_reports(
            saved, tmp_path, patients=["P000"], engine="dask", client="tcp://127.0.0.1:1", progress=False
        )
