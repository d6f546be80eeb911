"""The notebook on radiomics: features on pictures, and volume in disguise."""

from __future__ import annotations

import pytest

from .executed import MARKS, run

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = MARKS


def test_radiomics(tmp_path):
    shown = run("08_radiomics", {"patients": 6, "repeats": 3, "balls": 24}, tmp_path)
    assert "although the texture is the same everywhere" in shown.text
    assert "of the hottest lesion" in shown.as_kind("text/plain")
