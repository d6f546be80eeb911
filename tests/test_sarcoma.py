"""Real input the whole way: 36 sarcoma patients through the commands, from NIfTI and a clinical sheet to pages."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import hybridx as hx
from hybridx.cli.app import app

ROOT = Path(__file__).parents[1]
SOURCE = Path(os.environ.get("HYBRIDX_REAL_DATA", ROOT.parent / "shared" / "data")) / "sts"


def adapter():
    """Load the script that writes the data folder: one adapter, for the benchmark and for this test."""
    spec = importlib.util.spec_from_file_location("sts", ROOT / "benchmarks" / "sts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(
    not SOURCE.is_dir(), reason=f"the sarcoma collection is not at {SOURCE} (HYBRIDX_REAL_DATA)"
)
def test_thirty_six_patients_from_folder_to_pages(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    folder = adapter().write_folder(SOURCE, tmp_path / "data")
    assert run("validate", folder).exit_code == 0
    extracted = run("extract", folder, "--out", tmp_path / "cohort")
    assert extracted.exit_code == 0, extracted.output
    cohort = hx.Cohort.load(tmp_path / "cohort")
    assert len(cohort) == 36 and cohort.tables["failures"].height == 0
    assert cohort.measured.drop("patient_id").select(pl.all().all()).row(0) == (True,) * len(
        cohort.modalities
    )
    later = ("chemo", "radiother", "surgery", "treatment")
    assert not [c for c in cohort.frame().columns if any(word in c for word in later)], (
        "decided after baseline"
    )

    design = ("--folds", 3, "--repeats", 1, "--bands", 10)
    evaluated = run("evaluate", tmp_path / "cohort", "-e", "DFS", *design, "-o", tmp_path / "results")
    assert evaluated.exit_code == 0, evaluated.output
    result = hx.Result.load(tmp_path / "results")
    late = result.estimate("late", "harrell_c")
    assert (late.n, late.n_events) == (36, 19)
    assert late.high - late.low > 0.15 and any("wide" in note for note in result.notes)
    assert {"clinical", "mtv", "pet", "ct", "deep"} <= set(result.baselines)

    reported = run("report", tmp_path / "results", "-o", tmp_path / "reports")
    assert reported.exit_code == 0, reported.output
    pages = sorted((tmp_path / "reports" / "pages").glob("*.html"))
    assert [p.stem for p in pages] == list(cohort.patients)
    page = pages[0].read_text(encoding="utf-8")
    assert "19 events" in page and "wide" in page and "SYNTHETIC" not in page
