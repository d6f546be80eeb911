"""The notebooks run top to bottom as a reader would run them; those that build on another one after it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from hybridx.report import run_notebooks

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # jupyter's own: event loops, deprecated utilities
]

FOLDER = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The first notebook, run in a folder of its own; the others read what it leaves."""
    home = tmp_path_factory.mktemp("quickstart")
    given = {"patients": 36, "folds": 2, "bands": 10, "folder": str(home)}
    runs = run_notebooks(
        FOLDER / "01_quickstart.ipynb", [given], home / "runs", names=["quickstart"], progress=False
    )
    return home, runs


def _outputs(path):
    return [o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", [])]


def test_quickstart(quickstart):
    home, runs = quickstart
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    assert (home / "reports" / "index.html").is_file()
    shown = _outputs(home / "runs" / "quickstart.ipynb")
    html = "".join(str(o.get("data", {}).get("text/html", "")) for o in shown)
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
    found = run_notebooks(
        FOLDER / "03_cohort_report.ipynb", [given], tmp_path, names=["cohort"], progress=False
    )
    assert found.failed.is_empty(), found.failed["reason"].to_list()
    assert (tmp_path / "reports" / "cohort.html").is_file()


def test_fusion_strategies(tmp_path):
    given = {"patients": 90, "folds": 2, "noise": 60, "folder": str(tmp_path / "home")}
    runs = run_notebooks(
        FOLDER / "05_fusion_strategies.ipynb", [given], tmp_path, names=["strategies"], progress=False
    )
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    shown = _outputs(tmp_path / "strategies.ipynb")
    text = "".join(o.get("text", "") for o in shown)
    assert "with noise minus without" in text
    assert "of 10 pairs of strategies are told apart" in text


def test_explain(tmp_path):
    given = {"patients": 32, "more": 90, "folds": 3, "folder": str(tmp_path / "home")}
    runs = run_notebooks(FOLDER / "07_explain.ipynb", [given], tmp_path, names=["explain"], progress=False)
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    shown = _outputs(tmp_path / "explain.ipynb")
    text = "".join(o.get("text", "") for o in shown)
    assert "not what a treatment would do" in text
    assert "the explanation" in text
    plain = "".join(str(o.get("data", {}).get("text/plain", "")) for o in shown)
    assert "inside the lesion" in plain


def test_honest_validation(tmp_path):
    given = {"patients": 80, "features": 3000, "chosen": 40, "draws": 10, "folder": str(tmp_path / "home")}
    runs = run_notebooks(
        FOLDER / "06_honest_validation.ipynb", [given], tmp_path, names=["honest"], progress=False
    )
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    shown = _outputs(tmp_path / "honest.ipynb")
    text = "".join(str(o.get("data", {}).get("text/plain", "")) for o in shown)
    assert "look selected on all patients" in text  # the leak is told
    assert "screened inside is not shown to be better than chance" in text  # and the honest way finds nothing


def test_radiomics(tmp_path):
    given = {"patients": 6, "repeats": 3, "balls": 24}
    runs = run_notebooks(
        FOLDER / "08_radiomics.ipynb", [given], tmp_path, names=["radiomics"], progress=False
    )
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    shown = _outputs(tmp_path / "radiomics.ipynb")
    text = "".join(o.get("text", "") for o in shown)
    assert "although the texture is the same everywhere" in text
    plain = "".join(str(o.get("data", {}).get("text/plain", "")) for o in shown)
    assert "of the hottest lesion" in plain


def test_interactive_cohort(tmp_path):
    given = {"patients": 30, "folder": str(tmp_path / "home")}
    runs = run_notebooks(
        FOLDER / "09_interactive_cohort.ipynb", [given], tmp_path, names=["hands"], progress=False
    )
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    kinds = [kind for o in _outputs(tmp_path / "hands.ipynb") for kind in o.get("data", {})]
    assert "application/vnd.jupyter.widget-view+json" in kinds  # the controls, for JupyterLab
    assert kinds.count("application/vnd.plotly.v1+json") >= 2  # the figures, for everyone else


def test_your_own_data(tmp_path):
    given = {"patients": 24, "folder": str(tmp_path / "home")}
    runs = run_notebooks(FOLDER / "10_your_own_data.ipynb", [given], tmp_path, names=["own"], progress=False)
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    text = "".join(o.get("text", "") for o in _outputs(tmp_path / "own.ipynb"))
    for answer in (
        "'1957.0' is out of range",
        "Did you mean 'mg/L'?",
        "'hospital_id' is not a column of this table",
        "The data folder is refused",
        "the very patients that the model was trained on",
    ):
        assert answer in text, answer
