"""A notebook over many parameters: unknown ones refused, failures kept and listed, resumed when run again."""

from __future__ import annotations

import nbformat
import pytest

from hybridx.errors import InputError, SettingsError
from hybridx.report import run_notebooks
from hybridx.report.kernels import export_html
from hybridx.report.notebooks import _fingerprint, _plan

from .executed import kernel_kept

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # jupyter's own: unencrypted TCP, event loops, deprecated utilities

CELLS = [
    ("parameters", 'patient: str = "P000"  # identifier\nfactor: int = 1  # of the answer'),
    ("", 'assert patient != "P002", "no such patient"\nprint(patient, 6 * factor)'),
]


@pytest.fixture
def notebook(tmp_path):
    cells = [
        nbformat.v4.new_code_cell(source, metadata={"tags": [tag] if tag else []}) for tag, source in CELLS
    ]
    path = tmp_path / "small.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def _printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


@pytest.mark.slow
def test_runs_fails_lists_and_resumes(notebook, tmp_path):
    out = tmp_path / "runs"
    wanted = [{"patient": p, "factor": 7} for p in ("P001", "P002", "../P003")]
    with kernel_kept():
        runs = run_notebooks(notebook, wanted, out, progress=False)
    assert runs.rows["state"].to_list() == ["written", "failed", "written"]
    assert "AssertionError: no such patient" in runs.failed["reason"][0]
    assert "P001 42" in _printed(out / "P001.ipynb")
    assert "no such patient" in (out / "P002.ipynb").read_text(encoding="utf-8")  # kept with its error
    page = (out / "P001.html").read_text(encoding="utf-8")
    assert "P001 42" in page
    for public in ("cdnjs.cloudflare.com", "https://cdn"):
        assert public not in page
    assert {f.name for f in out.iterdir()} == {"index.html"} | {
        f"{n}.{e}" for n in runs.rows["name"] for e in ("ipynb", "html")
    }
    assert "no such patient" in (out / "index.html").read_text(encoding="utf-8")
    with kernel_kept():
        again = run_notebooks(notebook, wanted, out, progress=False)
    assert again.rows["state"].to_list() == ["kept", "failed", "kept"]  # what failed is tried again
    other = run_notebooks(notebook, [{**w, "factor": 8} for w in wanted[:1]], out, html=False, progress=False)
    assert other.rows["state"].to_list() == ["written"]
    assert "P001 48" in _printed(out / "P001.ipynb")


def test_unknown_parameter_is_an_error_not_a_remark(notebook, tmp_path):
    with pytest.raises(SettingsError, match=r"no parameter 'patinet'\. Did you mean 'patient'\?"):
        run_notebooks(notebook, [{"patinet": "P001"}], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_notebook_is_refused(tmp_path):
    script = tmp_path / "x.py"
    script.write_text("1")
    with pytest.raises(InputError, match=r"not an \.ipynb file.*jupytext"):
        run_notebooks(script, [], tmp_path / "out")


def test_runs_that_would_share_a_file_are_refused(notebook, tmp_path):
    with pytest.raises(InputError, match="same file: P001, p001"):
        run_notebooks(notebook, [{"patient": "P001"}, {"patient": "p001"}], tmp_path / "out")
    with pytest.raises(InputError, match="got 1 for 2"):
        run_notebooks(notebook, [{}, {}], tmp_path / "out", names=["a"])


def test_changed_input_files_make_a_run_stale(tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    before = _fingerprint(folder)
    assert _fingerprint(folder) == before
    (folder / "a.csv").write_text("12")
    assert _fingerprint(folder) != before


def test_runs_inside_the_results_do_not_make_them_look_changed(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    before = _fingerprint(tmp_path, tmp_path / "boards")
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "P001.ipynb").write_text("{}")
    assert _fingerprint(tmp_path, tmp_path / "boards") == before


def test_patient_stays_a_name_where_a_folder_is_called_like_him(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "P001").mkdir()
    (tmp_path / "results").mkdir()
    source = tmp_path / "x.ipynb"
    source.write_text("{}")
    run = _plan(source, "P001", {"patient": "P001", "results": "results"}, tmp_path, html=False)
    assert run.parameters == {"patient": "P001", "results": str((tmp_path / "results").resolve())}


def test_exported_figure_asks_no_server(tmp_path):
    # plotly's own lines, one figure long
    figure = '<div> <script src="https://cdnjs.cloudflare.com/ajax/libs/mathjax/3.2.2/es5/tex-svg.min.js"></script></div>'
    output = nbformat.v4.new_output("display_data", data={"text/html": figure})
    cell = nbformat.v4.new_code_cell("figure", outputs=[output])
    export_html(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert 'src="http' not in page
    assert "default-src 'unsafe-inline' 'unsafe-eval' data: blob:" in page
