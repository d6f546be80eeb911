"""The interactive notebook: controls for JupyterLab, figures for everyone else."""

from __future__ import annotations

import pytest

from .executed import MARKS, run

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = MARKS


def test_interactive_cohort(tmp_path):
    kinds = run("09_interactive_cohort", {"patients": 24, "folder": str(tmp_path / "home")}, tmp_path).kinds
    assert "application/vnd.jupyter.widget-view+json" in kinds
    assert kinds.count("application/vnd.plotly.v1+json") >= 2
