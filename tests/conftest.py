"""Settings of all tests."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import settings

# A machine with neighbours is slow at times; what takes long is shown by --durations.
settings.register_profile("hybridx", deadline=None)
settings.load_profile("hybridx")

# Whoever asks for no number of workers gets this process: to start others costs more than a test computes, and the
# suite itself runs on all cores. Tests of workers say how many they want. Kernels and programs inherit it.
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On several processes, begin with the files of slow tests and end with the smallest: none finishes alone."""
    if not hasattr(config, "workerinput"):
        return
    slow, tests = Counter[str](), Counter[str]()
    for item in items:
        slow[_file(item)] += item.get_closest_marker("slow") is not None
        tests[_file(item)] += 1
    items.sort(key=lambda item: (slow[_file(item)] == 0, -tests[_file(item)]))


def _file(item: pytest.Item) -> str:
    return item.nodeid.split("::", 1)[0]
