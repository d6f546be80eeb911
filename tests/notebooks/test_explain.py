"""The notebook on explanations: one patient from the risk down to the voxels."""

from __future__ import annotations

import pytest

from .executed import MARKS, run

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = MARKS


def test_explain(tmp_path):
    given = {"patients": 20, "more": 80, "folds": 3, "folder": str(tmp_path / "home")}
    shown = run("07_explain", given, tmp_path)
    assert "not what a treatment would do" in shown.text
    assert "the explanation" in shown.text
    assert "inside the lesion" in shown.as_kind("text/plain")
