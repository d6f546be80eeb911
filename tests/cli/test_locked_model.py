"""`hybridx evaluate`, `fit` and `predict`: no model knows the future, no work is done for a refused place."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest
from typer.testing import CliRunner

from hybridx.cli.app import app
from tests.evaluate.world import make_cohort


def run(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_what_was_measured_after_baseline_trains_no_locked_model(tmp_path):
    cohort = make_cohort(60, seed=1)
    days = cohort.days.with_columns(pl.when(cohort.measured["lab"]).then(90.0).alias("lab"))
    dataclasses.replace(cohort, days=days).save(tmp_path / "cohort")
    done = run("fit", tmp_path / "cohort", "-e", "OS", "--out", tmp_path / "model")
    assert done.exit_code == 0
    n = int(cohort.measured["lab"].sum())
    assert f"left out: lab ({n} patients)" in done.output
    done = run("predict", tmp_path / "model", tmp_path / "cohort", "--out", tmp_path / "p.csv")
    assert done.exit_code == 0
    table = pl.read_csv(tmp_path / "p.csv")
    assert not table["measured"].str.contains("lab").any()
    assert table["risk"].null_count() == 0


@pytest.mark.parametrize("place", ["file", "file/below", "full"])
@pytest.mark.parametrize("command", ["evaluate", "fit"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, place, command):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    make_cohort(40, seed=1).save(tmp_path / "cohort")
    done = run(command, tmp_path / "cohort", "-e", "OS", "--out", tmp_path / place)
    assert done.exit_code == 2
    assert "Choose" in done.output and "to do" not in done.output
