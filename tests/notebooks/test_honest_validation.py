"""The notebook on honest validation: the leak is told, and the honest way finds nothing."""

from __future__ import annotations

import pytest

from .executed import MARKS, run

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = MARKS


def test_honest_validation(tmp_path):
    given = {"patients": 80, "features": 1500, "chosen": 20, "draws": 10, "folder": str(tmp_path / "home")}
    plain = run("06_honest_validation", given, tmp_path).as_kind("text/plain")
    assert "look selected on all patients" in plain
    assert "screened inside is not shown to be better than chance" in plain
