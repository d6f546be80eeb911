"""Ten thousand patients on a cluster, on paper: tasks, bytes moved, hours and cost, from times measured here.

python benchmarks/cluster_plan.py demo [--patients 10000] [--workers 64] [--price 0.05]

Measured on this machine, each once: seconds and bytes of a study's extraction and of a page (mean over eight), seconds
of one fold, bytes of the wide table, and the scheduler's overhead (two thousand empty tasks on a LocalCluster of two
processes). The rest is multiplication, and says what is assumed: folds are taken to grow in proportion to patients
(true of late fusion of ridge models, too good for kernels), a refit of ten is taken for an eighth of a fold each, and
the price is yours to give (per core and hour).

Printed on two cores at a load average of about 13 (all times are several times too long; the price is invented)::

    measured: study 5.77 s, 1.1 MB; page 0.86 s, 0.23 MB;
      fold 14.8 s at 40 patients; table 6.0 kB a patient;
      empty task 16.68 ms, 574 bytes
           extraction:  10000 tasks,     16.0 core hours,     10.6 GB moved,   0.25 h on 64 cores, scheduler 2.8 min
                folds:     25 tasks,     25.7 core hours,      4.1 GB moved,   1.03 h on 64 cores, scheduler 0.0 min
     refits for bands:     15 tasks,     19.3 core hours,      0.9 GB moved,   1.28 h on 64 cores, scheduler 0.0 min
                pages:  10000 tasks,      2.4 core hours,      2.3 GB moved,   0.05 h on 64 cores, scheduler 2.8 min
    20040 tasks, 63 core hours, 3 at 0.05 per core and hour
    table of all: 0.06 GB per worker, once through the scheduler instead of 25 times
    what breaks first: one fold takes 1.0 h and cannot be divided, so beyond 25 cores folds gain nothing; the scheduler
    would hold back pages only beyond 52 cores; storage has to give 12 MB/s during extraction

The drawn studies are small: real ones have a hundred times the bytes, and storage is then what breaks first.
"""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile
import time
import warnings
from pathlib import Path

import distributed

import hybridx as hx
from hybridx.compute import map_tasks
from hybridx.compute.cluster import _packed
from hybridx.evaluate import NestedCV
from hybridx.fusion import LateFusion
from hybridx.report import write_reports

FEW = 8
FOLDS, REPEATS, BANDS = 5, 5, 30


def nothing(item: int) -> int:
    """Do nothing, to see what the way there and back costs."""
    return item


def study() -> tuple[float, int]:
    """Extract a few patients anew; return seconds and bytes of images read per patient."""
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "few"
        hx.demo.make_cohort(made, patients=FEW, seed=0, progress=False)
        start = time.perf_counter()
        hx.extract(made, out=Path(place) / "cohort", workers=1, progress=False)
        seconds = (time.perf_counter() - start) / FEW
        size = sum(f.stat().st_size for f in (made / "images").rglob("*") if f.is_file()) // FEW
    return seconds, size


def page(results: Path) -> tuple[float, int]:
    """Write a few pages; return seconds and bytes per page (the cohort report and the index are taken off)."""
    patients = list(hx.Result.load(results).cohort.patients)
    with tempfile.TemporaryDirectory() as place:
        took = []
        for n in (2, 2 + FEW):
            start = time.perf_counter()
            write_reports(results, Path(place) / str(n), patients=patients[:n], workers=1, progress=False)
            took.append(time.perf_counter() - start)
        sizes = [f.stat().st_size for f in (Path(place) / str(2 + FEW) / "pages").iterdir()]
    return (took[1] - took[0]) / FEW, sum(sizes) // len(sizes)


def fold(cohort: hx.Cohort) -> float:
    """Return seconds of one outer fold of late fusion and its baselines, explained."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hx.evaluate(
            {"late": LateFusion(endpoint="survival")}, cohort, "OS", NestedCV(folds=3, repeats=1, seed=0),
            explain=hx.explain, workers=1, progress=False,
        )  # fmt: skip
    return (time.perf_counter() - start) / 3


def overhead(tasks: int = 2000) -> float:
    """Return the seconds of one empty task on a local cluster, start of the cluster not counted."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        map_tasks(nothing, range(20), engine="dask", client=client, progress=False)
        start = time.perf_counter()
        map_tasks(nothing, range(tasks), engine="dask", client=client, progress=False)
        return (time.perf_counter() - start) / tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=64, help="cores of the cluster")
    parser.add_argument(
        "--price", type=float, default=0.05, help="per core and hour, in your currency: an assumption"
    )
    chosen = parser.parse_args()
    cohort, n, m = hx.Cohort.load(chosen.demo / "cohort"), chosen.patients, chosen.workers
    study_s, study_bytes = study()
    page_s, page_bytes = page(chosen.demo / "results")
    fold_s, empty_s = fold(cohort) * n / len(cohort), overhead()
    row = len(pickle.dumps(cohort.frame(), protocol=5)) / len(cohort)
    parcel, _ = _packed((nothing, "key", 1), {})
    folds, refits = FOLDS * REPEATS, FOLDS * -(-BANDS // 10)
    load = os.getloadavg()[0]
    print(
        f"load average {load:.0f} on {os.cpu_count()} cores: with a load above these, all times are too long"
    )
    print(
        f"measured: study {study_s:.2f} s, {study_bytes / 1e6:.1f} MB; page {page_s:.2f} s, {page_bytes / 1e6:.2f} MB;"
    )
    print(
        f"  fold {fold_s * len(cohort) / n:.1f} s at {len(cohort)} patients; table {row / 1e3:.1f} kB a patient;"
    )
    print(f"  empty task {1e3 * empty_s:.2f} ms, {len(parcel)} bytes")
    steps = {
        "extraction": (n, n * study_s, n * (study_bytes + row)),
        "folds": (folds, folds * fold_s, row * n * m + folds * 8 * n * 100),
        "refits for bands": (refits, refits * 10 * fold_s / 8, row * n * min(m, refits)),
        "pages": (n, n * page_s, n * page_bytes),
    }
    for name, (tasks, seconds, moved) in steps.items():
        wall = max(seconds / min(m, tasks), tasks * empty_s) / 3600
        print(
            f"{name:>17}: {tasks:6d} tasks, {seconds / 3600:8.1f} core hours, {moved / 1e9:8.1f} GB moved, "
            f"{wall:6.2f} h on {m} cores, scheduler {tasks * empty_s / 60:.1f} min"
        )
    tasks, hours = sum(s[0] for s in steps.values()), sum(s[1] for s in steps.values()) / 3600
    print(
        f"{tasks} tasks, {hours:.0f} core hours, {hours * chosen.price:.0f} at {chosen.price} per core and hour"
    )
    print(
        f"table of all: {row * n / 1e9:.2f} GB per worker, once through the scheduler instead of {folds} times"
    )
    longest = fold_s / 3600
    print(
        f"what breaks first: one fold takes {longest:.1f} h and cannot be divided, so beyond {folds} cores folds gain "
        f"nothing; the scheduler would hold back pages only beyond {page_s / empty_s:.0f} cores; storage has to give "
        f"{study_bytes * m / study_s / 1e6:.0f} MB/s during extraction"
    )


if __name__ == "__main__":
    main()
