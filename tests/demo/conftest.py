"""One small demo folder for all tests of the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridx.demo import DemoTruth, make_cohort


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoTruth]:
    """Nine patients: one of them with an umlaut in the name, some who lack something."""
    folder = tmp_path_factory.mktemp("demo") / "folder"
    return folder, make_cohort(folder, patients=9, seed=3, workers=1, progress=False)
