"""The first notebook, and those that build on what it leaves."""

from __future__ import annotations

import pytest

from hybridx.report import run_notebooks

from .executed import FOLDER, MARKS, kernel_kept, outputs

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = MARKS


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The first notebook, run in a folder of its own; the others read what it leaves."""
    home = tmp_path_factory.mktemp("quickstart")
    given = {"patients": 28, "folds": 2, "bands": 10, "folder": str(home)}
    with kernel_kept():
        runs = run_notebooks(
            FOLDER / "01_quickstart.ipynb", [given], home / "runs", names=["quickstart"], progress=False
        )
    return home, runs


def test_quickstart(quickstart):
    home, runs = quickstart
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    assert (home / "reports" / "index.html").is_file()
    html = outputs(home / "runs" / "quickstart.ipynb").as_kind("text/html")
    assert "SYNTHETIC" in html
    assert "<iframe" in html
    assert "plotly" in (home / "runs" / "quickstart.html").read_text(
        encoding="utf-8"
    )  # figures survive the export


def test_tumor_board_over_patients_resumes(quickstart, tmp_path):
    home, runs = quickstart
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    wanted = [
        {"cohort": str(home / "cohort"), "results": str(home / "results"), "patient": p}
        for p in ("P001", "P002", "P999")
    ]
    with kernel_kept():
        first = run_notebooks(FOLDER / "02_tumor_board.ipynb", wanted, tmp_path, progress=False)
    assert first.rows["state"].to_list() == ["written", "written", "failed"]
    assert "P999" in first.failed["reason"][0]
    assert (tmp_path / "P999.ipynb").is_file()
    again = run_notebooks(FOLDER / "02_tumor_board.ipynb", wanted[:2], tmp_path, progress=False)
    assert again.rows["state"].to_list() == ["kept", "kept"]


def test_cohort_report(quickstart, tmp_path):
    home, runs = quickstart
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    given = {"results": str(home / "results"), "reports": str(tmp_path / "reports")}
    with kernel_kept():
        found = run_notebooks(
            FOLDER / "03_cohort_report.ipynb", [given], tmp_path, names=["cohort"], progress=False
        )
    assert found.failed.is_empty(), found.failed["reason"].to_list()
    assert (tmp_path / "reports" / "cohort.html").is_file()
