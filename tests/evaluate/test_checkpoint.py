"""A run that is killed goes on from its finished folds and ends with the same bytes; stale folds are not used."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import hybridx as hx
from hybridx.errors import SettingsError
from hybridx.evaluate import NestedCV
from hybridx.evaluate.identity import digest
from hybridx.models import CoxRidge
from tests.evaluate.doubles import Broken, ByColumn, Spy
from tests.evaluate.world import make_cohort

DESIGN = NestedCV(3, 1)
QUICK = {"workers": 1, "progress": False, "resamples": 200, "baselines": False}
FILES = ("result.json", "predictions.parquet", "curves.parquet", "table.parquet")

PROGRAM = """
import sys
from tests.evaluate.test_checkpoint import evaluated
evaluated(sys.argv[1], sys.argv[2], float(sys.argv[3]))
"""


def evaluated(target, kept, pause):
    """Evaluate a small cohort as if the library's source stood still; each fit waits a moment first."""
    fit = CoxRidge.fit

    def slow(self, X, y):
        time.sleep(pause)
        return fit(self, X, y)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(CoxRidge, "fit", slow)
        # the source may be edited while this test runs
        for module in ("run", "curves"):
            patch.setattr(f"hybridx.evaluate.{module}.code_version", lambda: "1")
        result = hx.evaluate(
            {"ridge": CoxRidge(prior_sd=0.5)}, make_cohort(40, seed=2, unknown=2, features=2), "OS",
            NestedCV(2, 2), baselines=False, bands=10, workers=1, progress=False, resamples=200,
            explain=hx.explain, checkpoint=kept,
        )  # fmt: skip
    result.save(target)


def start(*words):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path):
    evaluated(tmp_path / "whole", None, 0)
    kept = tmp_path / "kept"
    child = start(tmp_path / "resumed", kept, 0.7)
    until = time.monotonic() + 120
    while len(list((kept / "folds").glob("[!.]*.npz"))) < 1 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    done = {f.name: f.stat().st_mtime_ns for f in (kept / "folds").glob("[!.]*.npz")}
    assert 1 <= len(done) < 4
    assert not (tmp_path / "resumed").exists()
    evaluated(tmp_path / "resumed", kept, 0)
    for name in FILES:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes(), name
    explained = sorted(
        p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole" / "explanation").iterdir()
    )
    assert explained
    for name in explained:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes(), name
    after = {f.name: f.stat().st_mtime_ns for f in (kept / "folds").glob("[!.]*.npz")}
    assert len(after) == 4
    assert all(after[name] == at for name, at in done.items())  # finished folds were read, not made again


def fits(cohort, folder, model=None, design=DESIGN, **more):
    Spy.trained.clear()
    Spy.tested.clear()
    result = hx.evaluate({"spy": model or Spy()}, cohort, "OS", design, checkpoint=folder, **QUICK, **more)
    return len(Spy.trained), result


def test_kept_folds_are_used_only_where_nothing_changed(tmp_path):
    cohort = make_cohort(40, seed=1)
    first, one = fits(cohort, tmp_path)
    again, two = fits(cohort, tmp_path)
    assert (first, again) == (3, 0)
    assert one.predictions.equals(two.predictions)
    assert (
        fits(cohort.select(sorted(cohort.patients, reverse=True)), tmp_path)[0] == 0
    )  # row order is no content
    assert fits(cohort, tmp_path, Spy("pet.x1"))[0] == 3  # another setting
    assert fits(cohort, tmp_path, horizon_days=300.0)[0] == 3  # other times are predicted
    assert fits(cohort, tmp_path, design=NestedCV(3, 1, seed=5))[0] == 3
    block = cohort.blocks["lab"]
    column = next(c for c in block.columns if c.startswith("lab."))
    values = block[column].to_numpy().copy()
    values[np.flatnonzero(~np.isnan(values))[0]] += 1e-9
    moved = dataclasses.replace(
        cohort, blocks={**cohort.blocks, "lab": block.with_columns(**{column: values})}
    )
    assert fits(moved, tmp_path)[0] == 3  # every fold has the patient in training or test


def test_damaged_files_are_made_anew_and_failed_folds_are_not_kept(tmp_path):
    cohort = make_cohort(40, seed=1)
    _, one = fits(cohort, tmp_path)
    files = sorted((tmp_path / "folds").glob("*.npz"))
    files[0].write_bytes(files[0].read_bytes()[:500])
    files[1].write_bytes(b"nonsense")
    count, two = fits(cohort, tmp_path)
    assert count == 2
    assert one.predictions.equals(two.predictions)
    broken = {"column": ByColumn(), "broken": Broken(cohort.patients[0])}
    hx.evaluate(broken, cohort, "OS", NestedCV(3, 1), checkpoint=tmp_path / "b", **QUICK)
    assert (
        len(list((tmp_path / "b" / "folds").glob("*.npz"))) == 1
    )  # the fold that tests this patient did not fail


def test_files_hold_no_identifiers(tmp_path):
    cohort = make_cohort(40, seed=1)
    hx.evaluate(
        {"ridge": CoxRidge(prior_sd=0.5)},
        cohort,
        "OS",
        NestedCV(3, 1),
        bands=10,
        checkpoint=tmp_path,
        **QUICK,
    )
    for file in tmp_path.rglob("*.npz"):
        content = file.read_bytes()
        assert not any(p.encode() in content or p in file.name for p in cohort.patients)
    assert len(list((tmp_path / "bands").glob("*.npz"))) == 3


def test_identity_is_of_content():
    assert digest(CoxRidge(prior_sd=0.5)) == digest(CoxRidge(prior_sd=0.5)) != digest(CoxRidge(prior_sd=0.4))
    assert digest({"a": 1, "b": [2.0, None]}) == digest({"b": [2.0, None], "a": 1})
    assert digest(np.array([1.0, np.nan])) == digest(np.array([1.0, np.nan])) != digest(np.array([1.0, 2.0]))
    assert digest(1) != digest(1.0) != digest("1.0")
    assert digest(partial(hx.explain, top=3)) != digest(partial(hx.explain, top=4))
    factor = 2

    def times(x):
        return factor * x

    before = digest(times)
    factor = 3
    assert digest(times) != before  # what a function closes over is part of it
    with pytest.raises(SettingsError, match="cannot be named by its content"):
        digest(object())
