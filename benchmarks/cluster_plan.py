"""Ten thousand patients on a cluster, on paper: tasks, bytes moved, hours, cost and memory, from times measured here.

python benchmarks/cluster_plan.py demo [--patients 10000] [--workers 64] [--price 0.05] [--write docs/cluster_plan.md]

Measured on this machine: core seconds (not seconds on the wall, which other work on the machine makes longer) and bytes
of a study's extraction and of a page, core seconds of one fold, bytes of the wide table, core seconds of scheduler and
client for an empty task (five hundred of them on a LocalCluster of two processes), and the memory of a process after
few studies or pages and after more. The rest is multiplication, and says what is assumed: folds are taken to grow in
proportion to patients (true of late fusion of ridge models, too good for kernels), a refit of ten is taken for an
eighth of a fold each, and the price is yours to give (per core and hour).

What it printed stands in docs/cluster_plan.md.
"""

from __future__ import annotations

import argparse
import gc
import os
import pickle
import platform
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import distributed
import psutil

import hybridx as hx
from hybridx.compute import map_tasks
from hybridx.compute.bundles import MOST_TASKS
from hybridx.evaluate import NestedCV
from hybridx.fusion import LateFusion
from hybridx.report import write_reports

FEW = 3
PAGES = 8
FOLDS, REPEATS, BANDS = 5, 5, 30


@dataclass(frozen=True)
class Step:
    """One kind of work: how many pieces, what a piece costs, what travels."""

    name: str
    tasks: int
    seconds: float  # of one core, all tasks together
    moved: float  # bytes

    def hours(self, workers: int, empty: float) -> float:
        """Return hours on the wall: the longer of working and scheduling."""
        return max(self.seconds / min(workers, self.tasks), self.tasks * empty) / 3600


def nothing(item: int) -> int:
    """Do nothing, to see what the way there and back costs."""
    return item


def held() -> float:
    """Return the memory that this process holds now, in MB."""
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def study() -> tuple[float, int, list[float]]:
    """Extract a few patients, twice; return core seconds and bytes of images per patient, and memory after each."""
    with tempfile.TemporaryDirectory() as place:
        took, memory = [], []
        for seed in (0, 1):
            made = Path(place) / f"made{seed}"
            hx.demo.make_cohort(made, patients=FEW, seed=seed, workers=1, progress=False)
            start = time.process_time()
            hx.extract(made, out=Path(place) / f"cohort{seed}", workers=1, progress=False)
            took.append((time.process_time() - start) / FEW)
            memory.append(held())
        size = sum(f.stat().st_size for f in (made / "images").rglob("*") if f.is_file()) // FEW
    return took[1], size, memory  # the first also loads libraries


def page(results: Path) -> tuple[float, int, list[float]]:
    """Write a few pages and more; return core seconds and bytes per page, and memory after few and after more."""
    patients = list(hx.Result.load(results).cohort.patients)
    with tempfile.TemporaryDirectory() as place:
        took, memory = [], []
        for n in (PAGES, 5 * PAGES):  # the difference, because cohort report and index are written each time
            start = time.process_time()
            write_reports(results, Path(place) / str(n), patients=patients[:n], workers=1, progress=False)
            took.append(time.process_time() - start)
            memory.append(held())
        sizes = [f.stat().st_size for f in (Path(place) / str(5 * PAGES) / "pages").iterdir()]
    return (took[1] - took[0]) / (4 * PAGES), sum(sizes) // len(sizes), memory


def fold(cohort: hx.Cohort) -> float:
    """Return core seconds of one outer fold of late fusion and its baselines, explained."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hx.evaluate(
            {"late": LateFusion(endpoint="survival")}, cohort, "OS", NestedCV(folds=3, repeats=1, seed=0),
            explain=hx.explain, workers=1, progress=False,
        )  # fmt: skip
    return (time.process_time() - start) / 3


def overhead(tasks: int = 500) -> float:
    """Return core seconds of scheduler and client (both live in this process) for one empty task."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        map_tasks(nothing, range(20), engine="dask", client=client, progress=False)
        start = time.process_time()
        map_tasks(nothing, range(tasks), engine="dask", client=client, progress=False)
        return (time.process_time() - start) / tasks


def result_bytes(results: Path) -> float:
    """Return the bytes per patient of the tables that a worker holds while it writes pages."""
    result = hx.Result.load(results)
    cohort = result.cohort
    frames = [
        result.predictions,
        result.curves,
        result.support,
        *cohort.blocks.values(),
        *cohort.tables.values(),
    ]
    return sum(frame.estimated_size() for frame in frames) / len(cohort)


def in_tasks(items: int) -> int:
    """Return how many tasks a cluster is given for so many items."""
    return -(-items // -(-items // MOST_TASKS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=64, help="cores of the cluster")
    parser.add_argument(
        "--price", type=float, default=0.05, help="per core and hour, in your currency: an assumption"
    )
    parser.add_argument("--write", type=Path, help="also write the page")
    chosen = parser.parse_args()
    text = plan(chosen.demo, chosen.patients, chosen.workers, chosen.price)
    print(text)
    if chosen.write is not None:
        chosen.write.write_text(text, encoding="utf-8")


def plan(demo: Path, n: int, m: int, price: float) -> str:
    """Measure, multiply, and return the page."""
    cohort = hx.Cohort.load(demo / "cohort")
    page_s, page_bytes, page_mb = page(demo / "results")
    study_s, study_bytes, study_mb = study()
    fold_here, empty_s = fold(cohort), overhead()
    fold_s = fold_here * n / len(cohort)
    row = len(pickle.dumps(cohort.frame(), protocol=5)) / len(cohort)
    tables = result_bytes(demo / "results")
    folds, refits = FOLDS * REPEATS, FOLDS * -(-BANDS // 10)
    steps = [
        Step("extraction", in_tasks(n), n * study_s, n * (study_bytes + row)),
        Step("folds", folds, folds * fold_s, row * n * min(m, folds) + folds * 8 * n * 100),
        Step("refits for bands", refits, refits * 10 * fold_s / 8, row * n * min(m, refits)),
        Step("pages", in_tasks(n), n * page_s, n * page_bytes),
    ]
    tasks, hours = sum(s.tasks for s in steps), sum(s.seconds for s in steps) / 3600
    rows = [
        f"| {s.name} | {s.tasks:,} | {s.seconds / 3600:.1f} | {s.moved / 1e9:.1f} | {s.hours(m, empty_s):.2f} | "
        f"{s.tasks * empty_s / 60:.2f} |"
        for s in steps
    ]
    wall = sum(s.hours(m, empty_s) for s in steps)
    return f"""# {n:,} patients on a cluster, on paper

Made by `python benchmarks/cluster_plan.py demo --patients {n} --workers {m} --price {price}`
from times measured on {os.cpu_count()} cores (Python {platform.python_version()}, load average
{os.getloadavg()[0]:.0f}; times are core seconds, so other work hardly changes them) and a **synthetic** cohort of
{len(cohort)} patients whose images are small. No such cluster was rented: what follows is multiplication.

## Measured, one by one

| | core seconds | bytes |
|---|---:|---:|
| extraction of a study | {study_s:.2f} | {study_bytes:,} read |
| a page | {page_s:.2f} | {page_bytes:,} written |
| one outer fold at {len(cohort)} patients | {fold_here:.1f} | |
| an empty task (scheduler and client) | {empty_s:.4f} | |
| wide table, per patient | | {row:,.0f} |

## {n:,} patients, {m} cores

| | tasks | core hours | GB moved | hours on the wall | of these the scheduler needs, minutes |
|---|---:|---:|---:|---:|---:|
{chr(10).join(rows)}
| all | {tasks:,} | {hours:.1f} | {sum(s.moved for s in steps) / 1e9:.1f} | {wall:.2f} | |

{hours:.0f} core hours cost {hours * price:.2f} at {price} per core and hour (an assumption, give yours with `--price`).
A cluster is sent at most {MOST_TASKS:,} tasks a step: patients go {-(-n // MOST_TASKS)} to a task.
The wide table travels once through the scheduler, {row * n / 1e6:.0f} MB, and from worker to worker after that, in
place of {folds} times.

## Memory of one worker

| one process, MB held after | few | more |
|---|---:|---:|
| pages: {PAGES}, then {5 * PAGES} more | {page_mb[0]:.0f} | {page_mb[1]:.0f} |
| and after that, studies: {FEW}, then {FEW} others | {study_mb[0]:.0f} | {study_mb[1]:.0f} |

A worker takes one study at a time and keeps none, so it is the largest study that counts, not how many there are.
Who writes pages holds the tables of the result, {tables / 1e3:.0f} kB a patient: {tables * n / 1e9:.2f} GB for {n:,}.

## What breaks first

1. **A fold** takes {fold_s / 3600:.1f} h and is not divided: beyond {folds} cores more cores gain nothing there.
2. **Storage** has to give {study_bytes * m / study_s / 1e6:.0f} MB/s during extraction; real studies have about a
   hundred times the bytes of these, and then it comes first.
3. **Memory of page writers**, {tables * n / 1e9:.2f} GB each beside what Python and its libraries take.
4. **The scheduler** last: it could feed {study_s * n / in_tasks(n) / empty_s:,.0f} cores with studies,
   {page_s * n / in_tasks(n) / empty_s:,.0f} with pages.

Assumed: folds grow in proportion to patients (true of late fusion of ridge models, too good for kernels); ten refits
cost ten eighths of a fold; nothing fails.
"""


if __name__ == "__main__":
    main()
