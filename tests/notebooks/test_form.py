"""The notebooks as files: no outputs, no functions of their own, twin and notebook in step."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="the extra `notebook` is not installed")
import nbformat  # noqa: E402

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = (
    "01_quickstart",
    "02_tumor_board",
    "03_cohort_report",
    "05_fusion_strategies",
    "07_explain",
    "09_interactive_cohort",
)
ALL = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


@pytest.fixture(params=NAMES)
def notebook(request):
    return nbformat.read(FOLDER / f"{request.param}.ipynb", as_version=4)


def _code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_no_outputs_are_kept(notebook):
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_notebooks_call_the_library_and_define_nothing(notebook):
    for source in _code(notebook):
        for node in ast.walk(ast.parse(source)):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda), (
                source
            )


def test_only_the_library_and_the_standard_library_are_imported(notebook):
    imported = {
        (node.module or "").split(".")[0]
        if isinstance(node, ast.ImportFrom)
        else node.names[0].name.split(".")[0]
        for source in _code(notebook)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= {"hybridx", "pathlib", "tempfile"}


def test_words_outweigh_code(notebook):
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert words > sum(len(source.split()) for source in _code(notebook)) / 2
    assert "not a medical device" in " ".join(cell.source for cell in notebook.cells)


def test_one_cell_of_parameters_with_types_and_help(notebook):
    tagged = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    for line, node in zip(tagged[0].splitlines(), ast.parse(tagged[0]).body, strict=True):
        assert isinstance(node, ast.AnnAssign)
        assert "  # " in line


@pytest.mark.parametrize("name", ALL)
def test_twin_and_notebook_are_in_step(name):
    twin = jupytext.read(FOLDER / f"{name}.py")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert [(c.cell_type, c.source) for c in twin.cells] == [(c.cell_type, c.source) for c in notebook.cells]


def test_ten_notebooks_at_most_each_with_its_twin_and_without_outputs():
    assert len(ALL) <= 10
    assert {path.stem for path in FOLDER.glob("*.py")} == set(ALL)
    for name in ALL:
        cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
