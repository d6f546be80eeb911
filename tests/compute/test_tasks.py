"""Many tasks: failures are values, workers may die, a second run reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import SimpleITK as sitk
from threadpoolctl import threadpool_info

from hybridx.compute import Checkpoint, map_tasks
from hybridx.errors import ExtractionError, InputError, SettingsError


def square(x):
    return x * x


def fragile(x):
    if x == 3:
        error = ExtractionError("the mask is empty")
        error.add_note("patient P003")
        raise error
    return x


def deadly(x):
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return x


def threads(_):
    np.dot(np.ones((4, 4)), np.ones((4, 4)))
    return max(
        [pool["num_threads"] for pool in threadpool_info()]
        + [sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()]
    )


def unsendable(x):
    return threading.Lock() if x == 1 else x


def count_calls(item):
    folder, x = item
    (folder / f"{x}-{time.monotonic_ns()}").touch()
    if x == 2:
        msg = "not this time"
        raise ValueError(msg)
    return {"x": x, "nan": float("nan")}


@pytest.mark.parametrize("workers", [1, 2])
def test_values_come_back_in_order(workers):
    results = map_tasks(square, range(7), workers=workers, progress=False)
    assert [result.value for result in results] == [x * x for x in range(7)]
    assert [result.key for result in results] == [str(x) for x in range(7)]
    assert all(result.ok and not result.cached and result.seconds >= 0 for result in results)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_a_value_with_its_context(workers):
    results = map_tasks(fragile, range(5), workers=workers, progress=False)
    assert [result.value for result in results] == [0, 1, 2, None, 4]
    error = results[3].error
    assert (error.type, error.message, error.notes) == (
        "ExtractionError",
        "the mask is empty",
        ("patient P003",),
    )
    assert str(error) == "ExtractionError: the mask is empty; patient P003"
    assert "fragile" in error.traceback


def test_a_killed_worker_costs_its_own_task_only():
    results = map_tasks(deadly, range(8), workers=2, progress=False)
    assert [result.value for result in results] == [0, 1, 2, None, 4, 5, 6, 7]
    assert results[3].error.type == "WorkerKilled"
    assert "out of memory" in results[3].error.message


def test_a_value_that_cannot_be_sent_back_is_that_tasks_failure():
    results = map_tasks(unsendable, range(4), workers=2, progress=False)
    assert [result.value for result in results] == [0, None, 2, 3]
    assert "lock" in results[1].error.message


@pytest.mark.parametrize("workers", [1, 2])
def test_one_thread_per_worker(workers):
    assert [result.value for result in map_tasks(threads, range(2), workers=workers, progress=False)] == [
        1,
        1,
    ]


def test_threads_are_given_back_afterwards():
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    map_tasks(threads, range(1), workers=1, progress=False)
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_run_reads_what_is_done_and_repeats_what_failed(tmp_path, workers):
    calls, store = tmp_path / "calls", tmp_path / "store"
    calls.mkdir()
    items = [(calls, x) for x in range(4)]
    keys = [f"patient {x}" for x in range(4)]
    first = map_tasks(count_calls, items, workers=workers, checkpoint=store, keys=keys, progress=False)
    second = map_tasks(count_calls, items, workers=workers, checkpoint=store, keys=keys, progress=False)
    assert [result.ok for result in first] == [result.ok for result in second] == [True, True, False, True]
    assert [result.cached for result in second] == [True, True, False, True]
    assert second[3].value["x"] == 3 and np.isnan(second[3].value["nan"])
    assert len(list(calls.iterdir())) == 5, "only the failed one ran again"
    assert not [path for path in store.iterdir() if "patient" in path.name], "keys stay out of file names"


def test_a_damaged_checkpoint_is_made_anew(tmp_path):
    store = Checkpoint(tmp_path)
    map_tasks(square, [5], workers=1, checkpoint=store, progress=False)
    store.path("0").write_text('{"half')
    result = map_tasks(square, [5], workers=1, checkpoint=store, progress=False)[0]
    assert (result.value, result.cached) == (25, False)
    assert json.loads(store.path("0").read_text()) == 25


def test_other_formats_and_values_that_are_not_final(tmp_path):
    def save(value, path):
        np.save(path, value)

    store = Checkpoint(tmp_path, save, np.load, ".npy", keep=lambda value: value != 4)
    map_tasks(square, [2, 3], workers=1, checkpoint=store, progress=False)
    again = map_tasks(square, [2, 3], workers=1, checkpoint=store, progress=False)
    assert [(float(result.value), result.cached) for result in again] == [(4.0, False), (9.0, True)]
    with pytest.raises(InputError, match="belong together"):
        map_tasks(square, [2], checkpoint=tmp_path, save=save)


def test_a_killed_run_resumes(tmp_path):
    code = textwrap.dedent(
        f"""
        import os, pathlib, signal, time
        from hybridx.compute import map_tasks
        def slow(x):
            pathlib.Path({str(tmp_path)!r}, f"call-{{x}}").touch()
            time.sleep(0.05)
            if x == 4 and not os.environ.get("SECOND"):
                os.kill(os.getpid(), signal.SIGKILL)
            return x * 10
        done = map_tasks(slow, range(6), workers=1, checkpoint={str(tmp_path / "store")!r}, progress=False)
        print([result.value for result in done], [result.cached for result in done])
        """
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -signal.SIGKILL
    again = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "SECOND": "1"},
    )
    assert again.stdout.strip() == "[0, 10, 20, 30, 40, 50] [True, True, True, True, False, False]"


def test_processes_begin_with_the_longest_and_results_keep_their_order(monkeypatch):
    begun = []

    def pool(work, jobs, _):
        for index, key, item in jobs:
            begun.append(item)
            yield index, work(key, item)

    monkeypatch.setattr("hybridx.compute.tasks.run_pool", pool)
    results = map_tasks(square, [1, 2, 3, 4], workers=2, sizes=[5, 9, 1, 9], progress=False)
    assert begun == [2, 4, 1, 3]
    assert [r.value for r in results] == [1, 4, 9, 16]
    with pytest.raises(InputError, match="sizes: got 1 for 4 items"):
        map_tasks(square, [1, 2, 3, 4], sizes=[1.0])


def test_errors_name_the_cure():
    with pytest.raises(SettingsError, match="Did you mean 'dask'"):
        map_tasks(square, [1], engine="dsk")
    with pytest.raises(SettingsError, match="at least 1"):
        map_tasks(square, [1], workers=0)
    with pytest.raises(InputError, match="got 1 for 2 items"):
        map_tasks(square, [1, 2], keys=["a"])
    assert map_tasks(square, []) == []
