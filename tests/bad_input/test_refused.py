"""Bad tables are refused whole: exit code 2, the right sentence, nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hybridx.cli.app import app
from tests.small_folder import small_folder


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def replace(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def check_refused(folder: Path, out: Path, *words: str) -> None:
    """Both commands refuse, both name the defect, and nothing was written."""
    for result in (run("validate", folder), run("extract", folder, "--out", out, "--workers", 1)):
        assert result.exit_code == 2, result.output
        for word in words:
            assert word in result.output
    assert not out.exists()
    assert [p for p in out.parent.iterdir() if p.name.startswith(".")] == []


def test_empty_folder(tmp_path):
    (tmp_path / "data").mkdir()
    check_refused(tmp_path / "data", tmp_path / "out", "patients")


def test_folder_that_is_not_there(tmp_path):
    check_refused(tmp_path / "nowhere", tmp_path / "out", "nowhere")


def test_unknown_column(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=0)
    replace(folder / "patients.csv", "age_years", "age_yeers")
    check_refused(folder, tmp_path / "out", "patients.csv", "age_yeers", "age_years")


def test_text_in_a_number(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=0)
    replace(folder / "labs.csv", "P001,-2,ldh,", "P001,-2,ldh,about ")
    check_refused(folder, tmp_path / "out", "labs.csv", "row 2", "value", "about")


@pytest.mark.parametrize("time", ["-3", "0", "NaN"])
def test_impossible_time(tmp_path, time):
    folder = small_folder(tmp_path / "data", n_images=0)
    lines = (folder / "outcomes.csv").read_text().splitlines()
    fields = lines[2].split(",")
    fields[lines[0].split(",").index("time_days")] = time
    (folder / "outcomes.csv").write_text("\n".join([*lines[:2], ",".join(fields), *lines[3:]]))
    check_refused(folder, tmp_path / "out", "outcomes.csv", "row 3", "time_days")


@pytest.mark.parametrize("bad", ["P0/01", "<script>alert(1)</script>", "../P001"])
def test_dangerous_patient_id(tmp_path, bad):
    folder = small_folder(tmp_path / "data", n_images=0)
    for table in ("patients", "labs", "outcomes"):
        replace(folder / f"{table}.csv", "P001", bad, count=9)
    check_refused(folder, tmp_path / "out", "patient_id", "patients.csv")


def test_study_of_an_unknown_patient_and_the_same_patient_twice(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=1)
    replace(folder / "studies.csv", "P001,pet", "P00l,pet")
    lines = (folder / "patients.csv").read_text().splitlines()
    (folder / "patients.csv").write_text("\n".join([*lines, lines[1]]))
    check_refused(folder, tmp_path / "out", "P00l", "studies.csv", "patients.csv", "row 5")


def test_json_lists_every_defect(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=0)
    replace(folder / "patients.csv", "age_years", "age_yeers")
    replace(folder / "labs.csv", "U/L", "furlong")
    result = run("validate", folder, "--json")
    problems = json.loads(result.stdout)
    listed = problems["problems"] if isinstance(problems, dict) else problems
    assert {p["file"] for p in listed if p["severity"] == "error"} == {"patients.csv", "labs.csv"}


def test_clean_folder_passes(tmp_path):
    result = run("validate", small_folder(tmp_path / "data"))
    assert result.exit_code == 0, result.output


def test_read_only_output_is_refused_before_the_work(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=0)
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    result = run("extract", folder, "--out", locked / "cohort", "--workers", 1)
    locked.chmod(0o755)
    assert result.exit_code == 2
    assert "locked" in result.output
    assert list(locked.iterdir()) == []


def test_output_over_someone_elses_files_is_refused(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=0)
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    assert run("extract", folder, "--out", out, "--workers", 1).exit_code == 2
    assert [p.name for p in out.iterdir()] == ["thesis.docx"]


def test_no_events_one_patient_and_wrong_endpoint_stop_before_any_score(tmp_path):
    folder = small_folder(tmp_path / "data", n=30, n_images=0)
    lines = (folder / "outcomes.csv").read_text().splitlines()
    quiet = [line.rsplit(",", 1)[0] + ",0" for line in lines[1:]]
    (folder / "outcomes.csv").write_text("\n".join([lines[0], *quiet]))
    assert run("extract", folder, "--out", tmp_path / "cohort", "--workers", 1).exit_code == 0
    results = tmp_path / "results"
    no_events = run("evaluate", tmp_path / "cohort", "--endpoint", "OS", "--out", results)
    assert no_events.exit_code == 2 and "event" in no_events.output
    wrong = run("evaluate", tmp_path / "cohort", "--endpoint", "0S", "--out", results)
    assert wrong.exit_code == 2 and "It has: OS" in wrong.output
    single = small_folder(tmp_path / "single", n=1, n_images=0)
    assert run("extract", single, "--out", tmp_path / "cohort1", "--workers", 1).exit_code == 0
    one = run("evaluate", tmp_path / "cohort1", "--endpoint", "OS", "--out", results)
    assert one.exit_code == 2 and "1" in one.output
    assert not results.exists()


def test_results_and_cohort_are_not_confused(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=0)
    result = run("evaluate", folder, "--endpoint", "OS", "--out", tmp_path / "results")
    assert result.exit_code == 2 and "extract" in result.output
    assert run("report", folder, "--out", tmp_path / "reports").exit_code == 2
    assert not (tmp_path / "reports").exists()


def test_ids_with_umlauts_and_spaces_are_welcome(tmp_path):
    folder = small_folder(tmp_path / "data", n_images=0)
    for table in ("patients", "labs", "outcomes"):
        replace(folder / f"{table}.csv", "P001", "Müller 07", count=9)
    assert run("extract", folder, "--out", tmp_path / "cohort", "--workers", 1).exit_code == 0
    assert not any("ller" in p.name for p in (tmp_path / "cohort").rglob("*"))


def test_values_are_finite_after_a_good_run(tmp_path):
    import hybridx as hx

    folder = small_folder(tmp_path / "data", n=2)
    assert run("extract", folder, "--out", tmp_path / "cohort", "--workers", 1).exit_code == 0
    frame = hx.Cohort.load(tmp_path / "cohort").frame(["pet", "ct", "lab"])
    assert frame["pet.measured"].all() and frame["ct.measured"].all()
    assert np.isfinite(frame.select("pet.suv_max", "lab.ldh").to_numpy()).all()
