"""The commands as typed: the whole way from a folder to pages and predictions, help, and the three exit codes."""

from __future__ import annotations

import dataclasses
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hybridx as hx
from hybridx.cli.app import app
from hybridx.cli.say import refusing
from hybridx.errors import HybridxWarning
from tests.small_folder import small_folder, write_volume

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # remarks of models on thirty patients, and shap's own imports; what they say is tested in their rooms

COMMANDS = ("validate", "extract", "evaluate", "fit", "predict", "report", "notebook", "demo")


def _printed(message, category, filename, lineno, *_):  # as Python does outside pytest
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


def hybridx(*words: object):
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder whose name has what real names have; the commands below write into it."""
    return tmp_path_factory.mktemp("Klinik für Nuklearmedizin")


@pytest.fixture(scope="module")
def data(place) -> Path:
    return small_folder(place / "Daten", n=30, n_images=2)


@pytest.fixture(scope="module")
def cohort(place, data) -> Path:
    out = place / "cohort"
    run = hybridx("extract", data, "--out", out, "-j", 1)
    assert run.exit_code == 0, run.output
    assert "30 patients" in run.stdout
    assert f"Cohort written to {out}" in run.stderr
    return out


@pytest.fixture(scope="module")
def results(place, cohort) -> Path:
    out = place / "results"
    run = hybridx(
        "evaluate", cohort, "-e", "OS", "--folds", 2, "--repeats", 1, "--bands", 0, "-j", 1, "--out", out
    )
    assert run.exit_code == 0, run.output
    assert "Result(OS" in run.stdout
    return out


@pytest.fixture(scope="module")
def model(place, cohort) -> Path:
    out = place / "model"
    run = hybridx("fit", cohort, "-e", "OS", "-m", "clinical", "-m", "lab", "--out", out)
    assert run.exit_code == 0, run.output
    assert "hybridx evaluate" in run.stderr  # a fit has no score; it says where to get one
    return out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command):
    run = hybridx(command, "--help")
    assert run.exit_code == 0
    assert f"Example: hybridx {command}" in " ".join(run.stdout.split())


def test_help_lists_the_commands_and_the_exit_codes():
    run = hybridx("--help")
    text = " ".join(run.stdout.split())
    assert run.exit_code == 0
    assert all(f" {command} " in text for command in COMMANDS)
    assert "Exit codes: 0 done; 1 some patients failed" in text
    assert "not a medical device" in text
    assert hybridx("--version").stdout.strip() == f"hybridx {hx.__version__}"


def test_good_folder_is_valid_as_text_and_as_json(data):
    assert hybridx("validate", data).exit_code == 0
    run = hybridx("validate", data, "--json")
    assert run.exit_code == 0
    assert [p for p in json.loads(run.stdout) if p["severity"] == "error"] == []


def test_bad_folder_is_refused_with_its_place(tmp_path):
    folder = small_folder(tmp_path / "data", n=3, n_images=0)
    text = (folder / "outcomes.csv").read_text()
    (folder / "outcomes.csv").write_text(text.replace("P002,OS,baseline,", "P002,OS,baseline,-"))
    run = hybridx("validate", folder, "--json")
    assert run.exit_code == 2
    found = [p for p in json.loads(run.stdout) if p["severity"] == "error"]
    assert [(p["file"], p["row"], p["column"]) for p in found] == [("outcomes.csv", 3, "time_days")]
    assert hybridx("extract", folder, "--out", tmp_path / "cohort").exit_code == 2
    assert not (tmp_path / "cohort").exists()


@pytest.mark.slow
def test_failed_patient_is_listed_and_the_rest_is_there(tmp_path):
    folder = small_folder(tmp_path / "data", n=4, n_images=2)
    image = folder / "images" / "P002_pet_image.nii.gz"
    write_volume(image, np.full((16, 16, 16), np.nan, dtype=np.float32), 4.0)
    run = hybridx("extract", folder, "--out", tmp_path / "cohort", "-j", 1)
    assert run.exit_code == 1
    assert "1 patient with a failure" in run.stderr
    assert "pet" in run.stderr
    assert "P002" in run.stderr
    assert len(hx.Cohort.load(tmp_path / "cohort")) == 4


@pytest.mark.slow
def test_pages_are_written_kept_and_made_anew(place, results):
    out = place / "reports"
    assert hybridx("report", results, "--out", out, "-j", 1).exit_code == 0
    assert len(list((out / "pages").iterdir())) == 30
    assert {"index.html", "cohort.html", "manifest.json"} <= {f.name for f in out.iterdir()}
    assert "0 pages written, 30 up to date" in hybridx("report", results, "--out", out).stderr
    run = hybridx("report", results, "--out", out, "-p", "P003", "--anew")
    assert "1 pages written" in run.stderr or "1 page written" in run.stderr
    assert "pages/P004.html" in (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predictions.csv", "predictions.parquet"])
def test_locked_model_predicts_with_warnings(place, model, cohort, name):
    out = place / name
    run = hybridx("predict", model, cohort, "--out", out, "--months", 6)
    assert run.exit_code == 0, run.output
    table = pl.read_csv(out) if out.suffix == ".csv" else pl.read_parquet(out)
    assert table.height == 30
    assert {"patient_id", "warnings"} <= set(table.columns)
    assert "30 patients" in run.stderr


def test_scheduler_that_does_not_answer_is_refused(data, tmp_path, monkeypatch):
    def extract(*_, **__):
        msg = "Timed out trying to connect to tcp://127.0.0.1:1 after 30 s"
        raise OSError(msg)

    monkeypatch.setattr(hx, "extract", extract)
    run = hybridx("extract", data, "--out", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1")
    assert run.exit_code == 2
    assert "No Dask scheduler answers at 'tcp://127.0.0.1:1'" in run.stderr
    assert isinstance(hybridx("extract", data, "--out", tmp_path / "out").exception, OSError)


def test_remark_of_the_library_is_a_plain_sentence(capsys):
    with warnings.catch_warnings(), refusing():
        warnings.resetwarnings()
        warnings.showwarning = _printed
        warnings.warn("7 patients are left out.", HybridxWarning, stacklevel=1)
    assert capsys.readouterr().err == "Note: 7 patients are left out.\n"


@pytest.mark.slow
def test_refusals_name_the_cure_and_write_nothing(place, cohort, results, model, tmp_path):
    out = tmp_path / "out"
    refused = {
        "no cohort": ("evaluate", tmp_path / "nowhere", "-e", "OS", "--out", out),
        "Did you mean 'OS'": ("evaluate", cohort, "-e", "OSS", "--out", out),
        "NestedCV(folds=": ("evaluate", cohort, "-e", "OS", "--folds", 29, "--out", out),
        "Did you mean 'lab'": ("fit", cohort, "-e", "OS", "-m", "labs", "--out", out),
        "no locked model": ("predict", cohort, cohort, "--out", out / "x.csv"),
        "must end in .csv": ("predict", model, cohort, "--out", out / "x.txt"),
        "no result": ("report", cohort, "--out", out),
        "1 patient is not in the cohort: 'P0003'. Did you mean": (
            "report", results, "--out", out, "-p", "P0003",
        ),
        "contradict": ("report", results, "--out", out, "-p", "P003", "--all"),
        "holds no studies.csv": ("report", results, "--out", out, "--saliency", tmp_path),
        "give --saliency DATA": ("report", results, "--out", out, "--model", model),
        "whose endpoint is a response": ("report", results, "--out", out, "--response", results),
        "--patient and --all": ("notebook", "x.ipynb", results, "--out", out, "-p", "P003", "--all"),
        "not an .ipynb": ("notebook", "x.py", results, "--out", out),
        "P999": ("notebook", "x.ipynb", results, "--out", out, "-p", "P999"),
    }  # fmt: skip
    for words, command in refused.items():
        run = hybridx(*command)
        assert run.exit_code == 2, (command, run.output)
        assert words in run.stderr, (words, run.stderr)
        assert "Traceback" not in run.output
        assert not out.exists(), command


@pytest.mark.slow
def test_notebook_runs_once_without_a_patient_and_once_per_patient(results, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="the extra `notebook` is not installed")
    pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
    from tests.notebooks.executed import kernel_kept

    cell = nbformat.v4.new_code_cell(
        'cohort: str = ""  # a\nresults: str = ""  # b\npatient: str = "none"  # c',
        metadata={"tags": ["parameters"]},
    )
    show = nbformat.v4.new_code_cell("print('patient', patient)")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, show], metadata={"kernelspec": kernel}), path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "P003").mkdir()  # the images of a patient often lie in a folder called like him
    for extra, name, printed in (((), "0000", "patient none"), (("-p", "P003"), "P003", "patient P003\n")):
        with kernel_kept():
            run = hybridx("notebook", path, results, "--out", tmp_path / "out", *extra)
        assert run.exit_code == 0, run.output
        cells = nbformat.read(tmp_path / "out" / f"{name}.ipynb", as_version=4).cells
        assert printed in "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--design", "centres", "--folds", 3), "--folds belongs to --design nested, not to centres"),
        (("--design", "temporal", "--cut", "soon"), "wanted a year such as 2019"),
        (("--design", "temporal"), "has none of baseline_year"),
        (("--design", "train-test", "--test", "nowhere.txt"), "cannot be read as a text file"),
        (("--design", "bootstrap", "--share", 0.2), "--share belongs to --design temporal"),
    ],
)
def test_designs_that_cannot_be_had_are_refused(cohort, tmp_path, words, said):
    out = tmp_path / "out"
    run = hybridx("evaluate", cohort, "-e", "OS", "--out", out, *words)
    assert run.exit_code == 2, run.output
    assert said in " ".join(run.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_one_centre_is_no_centre_to_leave_out(cohort, tmp_path):
    one = hx.Cohort.load(cohort)
    table = one.tables["patients"].with_columns(centre=pl.lit("Wien"))
    dataclasses.replace(one, tables={**one.tables, "patients": table}).save(tmp_path / "one")
    run = hybridx("evaluate", tmp_path / "one", "-e", "OS", "--design", "centres", "--out", tmp_path / "out")
    assert run.exit_code == 2
    assert "two centres or more" in run.stderr and "'Wien'" in run.stderr


@pytest.mark.slow
def test_a_test_set_from_a_file_and_nothing_left_behind(cohort, tmp_path):
    y = hx.Cohort.load(cohort).outcomes("OS")
    patients = hx.Cohort.load(cohort).patients
    chosen = [patients[i] for i in np.flatnonzero(y.known)[::2]]
    (tmp_path / "test.txt").write_text("patient_id\n" + "\n".join(chosen) + "\n")
    out = tmp_path / "results"
    words = ("--design", "train-test", "--test", tmp_path / "test.txt", "--bands", 0, "-j", 1, "--out", out)
    run = hybridx("evaluate", cohort, "-e", "OS", *words)
    assert run.exit_code == 0, run.output
    assert hx.Result.load(out).design == hx.designs.TrainTest(test=chosen)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "results",
        "test.txt",
    ]  # finished folds are cleared away


@pytest.mark.slow
def test_locked_model_is_scored_where_outcomes_are_there(cohort, model, tmp_path):
    refused = hybridx(
        "predict", model, cohort, "--out", tmp_path / "p.csv", "-e", "OS", "--scores", tmp_path / "s"
    )
    assert refused.exit_code == 2
    assert "the very patients that the model was trained on" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    some = hx.Cohort.load(cohort)
    some.select(some.patients[:20]).save(tmp_path / "others")
    run = hybridx(
        "predict",
        model,
        tmp_path / "others",
        "--out",
        tmp_path / "p.csv",
        "-e",
        "OS",
        "--scores",
        tmp_path / "s",
    )
    assert run.exit_code == 0, run.output
    assert "Locked(" in run.stdout
    assert isinstance(hx.Result.load(tmp_path / "s").design, hx.designs.Locked)
    assert pl.read_csv(tmp_path / "p.csv").height == 20


@pytest.mark.slow
def test_what_modalities_add_and_what_their_loss_costs_is_told(cohort, tmp_path):
    out = tmp_path / "out"
    words = ("--folds", 2, "--repeats", 1, "--bands", 0, "-j", 1, "--coalitions", "--stress")
    run = hybridx("evaluate", cohort, "-e", "OS", "--out", out, *words)
    assert run.exit_code == 0, run.output
    assert "added to all the others" in run.stderr
    assert "StressTest(OS" in run.stderr
