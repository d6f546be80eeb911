"""Written whole or not at all, and never over somebody else's files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from hybridx.compute import atomic_folder, atomic_write, content_hash, ensure_writable
from hybridx.compute.atomic import _neighbour
from hybridx.errors import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_and_keeps_its_ending(tmp_path):
    target = tmp_path / "deep" / "image.nii.gz"
    with atomic_write(target) as temporary:
        assert temporary.name.endswith(".nii.gz")
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(target.parent) == ["image.nii.gz"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def write_half():
        with atomic_write(target) as temporary:
            temporary.write_text("ne")
            msg = "half way"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "cohort"
    with atomic_folder(target) as new:
        (new / "cohort.json").write_text("1")

    def write_half():
        with atomic_folder(target, replace_if="cohort.json") as new:
            (new / "cohort.json").write_text("2")
            msg = "half way"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert (target / "cohort.json").read_text() == "1"
    with atomic_folder(target, replace_if="cohort.json") as new:
        (new / "cohort.json").write_text("3")
    assert (target / "cohort.json").read_text() == "3"
    assert names(tmp_path) == ["cohort"]


def test_somebody_elses_folder_is_left_alone(tmp_path):
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    with (
        pytest.raises(InputError, match=r"not empty and holds no 'cohort.json'"),
        atomic_folder(tmp_path, replace_if="cohort.json"),
    ):
        pytest.fail("the block must not run")
    with pytest.raises(InputError, match="is a file"), atomic_folder(thesis):
        pytest.fail("the block must not run")
    with pytest.raises(InputError, match="holds no"):
        ensure_writable(tmp_path, replace_if="cohort.json")
    assert thesis.read_text() == "years of work"


def test_what_a_killed_process_left_is_cleared_by_the_next_write(tmp_path):
    target = tmp_path / "values[1].json"
    code = f"""
        import os, signal
        from hybridx.compute import atomic_write
        with atomic_write({str(target)!r}) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1 and ".partial" in names(tmp_path)[0]
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
    assert names(tmp_path) == ["values[1].json"]


def test_a_living_writer_is_not_disturbed(tmp_path):
    target = tmp_path / "a.json"
    with atomic_write(target) as first:
        first.write_text("first")
        with atomic_write(target) as second:
            second.write_text("second")
        assert first.exists()
    assert target.read_text() == "first"


def test_read_only_places_are_refused_before_the_work(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    try:
        with pytest.raises(InputError, match="read-only"):
            ensure_writable(locked / "new" / "cohort")
        with pytest.raises(InputError, match="read-only"):
            ensure_writable(locked)
    finally:
        locked.chmod(0o755)
    ensure_writable(locked / "new" / "cohort")
    assert names(locked) == []


def test_content_hash_is_about_content(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "a.txt").write_text("a")
    assert content_hash(one) == content_hash(two)
    assert content_hash(one / "sub" / "a.txt") == content_hash(b"a")
    (two / "sub" / "a.txt").rename(two / "sub" / "b.txt")
    assert content_hash(one) != content_hash(two)
    array = np.arange(6.0)
    assert content_hash(array) == content_hash(array.copy())
    assert content_hash(array) != content_hash(array.reshape(2, 3))
    assert content_hash(array) != content_hash(array.astype(np.float32))
    assert content_hash(array[::2]) == content_hash(np.array([0.0, 2.0, 4.0]))


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_what_a_process_left_that_nobody_waited_for_is_cleared(tmp_path):
    ended = subprocess.Popen(
        [sys.executable, "-c", ""]
    )  # it ends, and stays in the list until it is waited for
    while Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    left = tmp_path / _neighbour(tmp_path / "page.html").name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")
    left.write_text("half a page")
    with atomic_write(tmp_path / "page.html") as temporary:
        temporary.write_text("a page")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    ended.wait()
