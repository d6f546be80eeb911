"""The import notebook: runs top to bottom, refuses what it says is refused, and keeps no outputs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="the extra `notebook` is not installed")
pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
import nbformat  # noqa: E402

from hybridx.report import run_notebooks  # noqa: E402

from .executed import kernel_kept  # noqa: E402

FOLDER = Path(__file__).parents[2] / "notebooks"
NAME = "04_import_and_qc"


def test_twin_in_step_no_outputs_and_no_functions():
    notebook = nbformat.read(FOLDER / f"{NAME}.ipynb", as_version=4)
    twin = jupytext.read(FOLDER / f"{NAME}.py")
    assert [(c.cell_type, c.source) for c in twin.cells] == [(c.cell_type, c.source) for c in notebook.cells]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any(
        isinstance(node, ast.FunctionDef) for cell in code for node in ast.walk(ast.parse(cell.source))
    )
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    words = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert "not a medical device" in " ".join(words)
    assert len(" ".join(words).split()) > sum(len(cell.source.split()) for cell in code)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # jupyter's own: event loops, deprecated utilities
def test_runs_and_says_what_it_promises(tmp_path):
    given = {"patients": 2, "folder": str(tmp_path / "home")}
    with kernel_kept():
        runs = run_notebooks(FOLDER / f"{NAME}.ipynb", [given], tmp_path, names=["import"], progress=False)
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    cells = nbformat.read(tmp_path / "import.ipynb", as_version=4).cells
    shown = [output for cell in cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in shown)
    text += "".join(str(output.get("data", {}).get("text/plain", "")) for output in shown)
    assert "(0010,1030) is missing" in text  # a PET without weight is refused
    assert "as imported: nothing to say" in text and "moved: pet I026" in text
    assert "no organ map" in text and "mtv_percist" in text
    assert (
        "not corrected for attenuation" in text and "2 patients, 4 images, 4 with a mask, 0 failures" in text
    )
    assert not any(output.output_type == "stream" and output.name == "stderr" for output in shown)
