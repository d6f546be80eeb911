"""The estimate does not flatter, and nothing is said about short work."""

from __future__ import annotations

import time

import pytest

from hybridx.compute import bars, duration, progress


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_what_an_earlier_run_did_is_no_speed_of_this_one(clock):
    with progress("Measuring", total=100, done=90, enabled=False) as bar:
        assert bar.remaining() is None
        clock[0] += 30
        bar.advance()
        assert bar.remaining() == pytest.approx(30 * 9)
        clock[0] += 10
        bar.advance(failed=True)
        assert bar.remaining() == pytest.approx(40 / 2 * 8)
    assert (bar.completed, bar.failed) == (92, 1)


def test_short_work_is_silent(capsys):
    with progress("Measuring", total=2) as bar:
        bar.advance()
    assert capsys.readouterr() == ("", "")


def test_long_work_outside_a_terminal_leaves_two_lines(capsys, monkeypatch):
    monkeypatch.setattr(bars, "SHOW_AFTER_SECONDS", 0.01)
    with progress("Measuring", total=3, done=1) as bar:
        time.sleep(0.1)
        bar.advance()
        bar.advance(failed=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Measuring: 3 to do, 1 of them already done"
    assert lines[1].startswith("Measuring: 3 of 3 done, 1 failed, ")
    assert len(lines) == 2


def test_disabled_says_nothing(capsys, monkeypatch):
    monkeypatch.setattr(bars, "SHOW_AFTER_SECONDS", 0.01)
    with progress("Measuring", total=1, enabled=False) as bar:
        time.sleep(0.05)
        bar.advance()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (120, "2 min"), (5400, "1.5 h")])
def test_lengths_of_time(seconds, words):
    assert duration(seconds) == words
