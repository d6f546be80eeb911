"""The notebook on fusion strategies: when fusion helps, and when it hurts."""

from __future__ import annotations

import pytest

from .executed import MARKS, run

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = MARKS


def test_fusion_strategies(tmp_path):
    given = {"patients": 90, "folds": 2, "noise": 60, "folder": str(tmp_path / "home")}
    shown = run("05_fusion_strategies", given, tmp_path)
    assert "with noise minus without" in shown.text
    assert "of 10 pairs of strategies are told apart" in shown.text
