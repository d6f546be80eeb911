"""The notebook on own data: from tables and DICOM to a validated model, with the mistakes people make."""

from __future__ import annotations

import pytest

from .executed import MARKS, run

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = MARKS


def test_your_own_data(tmp_path):
    text = run("10_your_own_data", {"patients": 24, "folder": str(tmp_path / "home")}, tmp_path).text
    for answer in (
        "'1957.0' is out of range",
        "Did you mean 'mg/L'?",
        "'hospital_id' is not a column of this table",
        "The data folder is refused",
        "the very patients that the model was trained on",
    ):
        assert answer in text, answer
