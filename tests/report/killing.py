"""A batch with planted failures that loses a worker, is killed in the middle and started again, held against one go."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl

import hybridx as hx
from hybridx.cohort.images import IMAGE_SCHEMA, pack
from hybridx.evaluate import NestedCV
from hybridx.fusion import LateFusion
from hybridx.report import write_reports
from tests.report.reading import read
from tests.report.world import make_cohort, make_views

__all__ = ["Left", "interrupted_batch", "make_result", "plant"]

BATCH = """
import sys
from hybridx.report import write_reports
if __name__ == "__main__":
    write_reports(sys.argv[1], sys.argv[2], workers=2, progress=False)
"""
STAMP = re.compile(rb'name="hybridx-inputs" content="[0-9a-f]{64}"')


@dataclasses.dataclass(frozen=True)
class Left:
    """What a batch left: pages equal to the reference's, patients explained in the index, and what is wrong.

    `before_worker` pages were there when a worker was killed, `before_kill` when the whole program was.
    """

    right: list[str]
    explained: dict[str, str]
    wrong: list[str]
    before_worker: int
    before_kill: int
    seconds: float


def make_result(folder: Path, patients: int) -> Path:
    """Evaluate a cohort in which each patient has images of their own; return the saved result."""
    cohort, rng, rows = make_cohort(folder / "cohort", n=patients), np.random.default_rng(1), []
    views = make_views(rng)
    for patient in cohort.patients:
        if cohort.image_address(patient, "views") is None:
            continue
        noise = rng.normal(0, 3, views["ct_axial"].shape).astype(np.float16)
        address, content = pack({**views, "ct_axial": views["ct_axial"] + noise})
        (folder / "cohort" / "images" / f"{address}.npz").write_bytes(content)
        rows.append({"patient_id": patient, "kind": "views", "address": address, "day": -5.0})
    tables = {**cohort.tables, "images": pl.DataFrame(rows, schema=IMAGE_SCHEMA)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of patients with nothing measured, who are there on purpose
        result = hx.evaluate(
            {"late": LateFusion(endpoint="survival")}, dataclasses.replace(cohort, tables=tables), "PFS",
            NestedCV(folds=3, repeats=1, seed=0), explain=hx.explain, bands=10, resamples=100, workers=1,
            progress=False,
        )  # fmt: skip
    result.save(folder / "results")
    return folder / "results"


def plant(results: Path, out: Path) -> list[str]:
    """Plant five failures: three folders in the way of pages, one image gone, one cut short; return whose."""
    cohort = hx.Result.load(results).cohort
    having = [p for p in cohort.patients if cohort.image_address(p, "views") and p.isalnum()]
    chosen = having[5 :: max(1, len(having) // 6)][:5]
    for patient in chosen[:3]:
        (out / "pages" / f"{patient}.html" / "something").mkdir(parents=True)
    gone, cut = (next(results.rglob(f"{cohort.image_address(p, 'views')}.npz")) for p in chosen[3:])
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    return chosen


def interrupted_batch(results: Path, folder: Path, workers: int = 2) -> Left:
    """Write all pages in one go; then spoil images, write again by two workers, kill one, kill all, and go on."""
    write_reports(results, folder / "whole", workers=workers, progress=False)
    spoilt = folder / "spoilt"
    shutil.copytree(results, spoilt)
    out, start = folder / "out", time.monotonic()
    planted = plant(spoilt, out)
    command = [sys.executable, "-c", BATCH, str(spoilt), str(out)]
    total = len(list((folder / "whole" / "pages").iterdir()))
    running = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    _wait_for(running, out, total // 4)
    before_worker = len(_pages(out))
    os.kill(_workers(running.pid)[0], signal.SIGKILL)
    _wait_for(running, out, total // 2)
    written_by = _workers(running.pid)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    _wait_until_gone(written_by)
    before = len(_pages(out))
    write_reports(spoilt, out, workers=workers, progress=False)
    return dataclasses.replace(
        _held(folder / "whole", out, planted), before_worker=before_worker, before_kill=before,
        seconds=time.monotonic() - start,
    )  # fmt: skip


def _wait_for(running: subprocess.Popen[bytes], out: Path, pages: int) -> None:
    while running.poll() is None and len(_pages(out)) < pages:
        time.sleep(0.02)


def _wait_until_gone(processes: list[int]) -> None:
    """Wait for processes that were killed: a page that one of them is still writing counts as half written."""
    import psutil  # of the extra `notebook`

    def runs(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    end = time.monotonic() + 10
    while any(map(runs, processes)) and time.monotonic() < end:
        time.sleep(0.01)


def _workers(pid: int) -> list[int]:
    """Return the processes that write pages for a batch."""
    import psutil  # of the extra `notebook`

    own = psutil.Process(pid).children(recursive=True)
    return [child.pid for child in own if any("popen_loky" in part for part in child.cmdline())]


def _pages(out: Path) -> list[Path]:
    return [p for p in (out / "pages").glob("*.html") if p.is_file()] if (out / "pages").is_dir() else []


def _held(whole: Path, out: Path, planted: list[str]) -> Left:
    """Hold pages, index and manifest against the batch that was not disturbed."""
    first, told = (
        json.loads((place / "manifest.json").read_text(encoding="utf-8")) for place in (whole, out)
    )
    names = {entry["patient_id"]: entry["page"] for entry in first["pages"]}
    reasons = {entry["patient_id"]: entry["reason"] for entry in told["failed"]}
    index = read((out / "index.html").read_text(encoding="utf-8"))
    linked = {a["href"] for a in index.all("a") if a.get("href", "").startswith("pages/")}
    right, wrong, explained = [], [], {}
    for patient, page in names.items():
        there = (out / page).is_file()
        if (
            patient in planted[:3]
            and not there
            and page not in linked
            and reasons.get(patient, "-")[:60] in index.text
        ):
            explained[patient] = reasons[patient]
        elif patient in planted[3:] and there and page in linked and _says(out / page):
            explained[patient] = _says(out / page)
        elif there and page in linked and _plain(out / page) == _plain(whole / page):
            right.append(patient)
        else:
            wrong.append(f"{patient}: page missing, not linked, or another")
    wrong += [f"{page}: left over" for page in _pages(out) if f"pages/{page.name}" not in linked]
    wrong += [f"{f.name}: a page half written" for f in (out / "pages").iterdir() if f.name.startswith(".")]
    wrong += [f"{p}: failed, and nobody planted that" for p in reasons if p not in planted[:3]]
    return Left(right, explained, wrong, 0, 0, 0.0)


def _plain(page: Path) -> bytes:
    # the stamp names all files of the result, of which five are spoilt
    return STAMP.sub(b"", page.read_bytes())


def _says(page: Path) -> str:
    """Return what a page says of images that cannot be read; nothing where it shows them."""
    found = re.search(r"The stored images [^<]*", page.read_text(encoding="utf-8"))
    return found.group(0).strip() if found else ""
