"""One thread while it matters, at no cost per fit: the libraries are searched for once, and again after an import."""

from __future__ import annotations

import sys
import types

import pytest
from threadpoolctl import ThreadpoolController, threadpool_info

from hybridx.compute import one_thread, threads


def numbers():
    return [pool["num_threads"] for pool in threadpool_info()]


def test_libraries_are_searched_for_again_only_after_an_import(monkeypatch):
    searches = []

    def search():
        searches.append(len(sys.modules))
        return ThreadpoolController()

    monkeypatch.setattr(threads, "ThreadpoolController", search)
    monkeypatch.setattr(threads, "_found", None)
    for _ in range(3):
        with one_thread():
            pass
    assert len(searches) == 1
    monkeypatch.setitem(sys.modules, "a_library_that_came_later", types.ModuleType("a_library"))
    with one_thread():
        pass
    assert len(searches) == 2


def test_the_inner_of_two_blocks_gives_back_one_thread_and_the_outer_what_was():
    with ThreadpoolController().limit(limits=2):
        before = numbers()
        if 2 not in before:
            pytest.skip("no library here takes two threads")
        with one_thread():
            with one_thread():
                assert set(numbers()) == {1}
            assert set(numbers()) == {1}
        assert numbers() == before
