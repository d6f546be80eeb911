"""Pages per minute: plain papermill + nbconvert, the warm engine, and pages without a kernel, on the same content.

python benchmarks/batch_pages.py demo/results [--pages 6] [--many 24]

The content is notebooks/02_tumor_board for one patient after the other, as an executed notebook and an HTML file.
*Plain* is what one would write without this library: ``papermill.execute_notebook`` and nbconvert's ``HTMLExporter``,
in one process, a kernel per notebook. *Warm* is ``hybridx.report.run_notebooks``; *page* is
``hybridx.report.write_reports``, whose page is what the notebook shows, without the notebook.

Core seconds are what the notebook used of the cores, in its kernel and beside it: other work on the machine makes
seconds longer, these hardly.

Printed on two cores of a machine whose load average was above 20 (so that all times are several times too long, and
only ratios and core seconds say something), 40 patients of `hybridx demo`, ``--pages 3 --many 40``::

    Python 3.11.7, papermill 2.7.0, nbclient 0.11.0, nbconvert 7.17.2, ipykernel 7.4.0, plotly 7.1.0
    plain: 25.9 to 31.2 s a notebook, 2.0 a minute; 5.97 core seconds
    warm, 1 worker: 2.61 s a notebook once warm, 23 a minute: 11.3 times plain; 0.46 core seconds: 12.9 times
      start of the kernel included (49 s), 20 notebooks: 5.8 times plain
      start of the kernel included (49 s), 200 notebooks: 10.3 times plain
    page without a kernel, 1 process, index and report included: 20 a minute: 9.7 times plain; 0.17 core seconds:
          34.1 times

Half of what had been left of a warm notebook was work that nobody asked for: nbconvert compiled its templates anew,
papermill turned outputs into JSON that was not written, plotly's library of five megabytes went through all of it, and
comparisons were resampled that had been when the result was saved.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import hybridx as hx
from hybridx.report import run_notebooks, write_reports

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "02_tumor_board.ipynb"


def parameters(results: Path, patients: list[str]) -> list[dict[str, str]]:
    """Return what the notebook is given for each patient."""
    common = {"cohort": str((results / "cohort").resolve()), "results": str(results.resolve())}
    return [{**common, "patient": patient} for patient in patients]


def core_seconds() -> float:
    """Return what this process and the processes it has ended have used of the cores."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def plain(given: list[dict[str, str]], out: Path) -> tuple[list[float], list[float]]:
    """Run papermill and nbconvert as they are; return seconds per notebook, and core seconds."""
    import nbconvert  # noqa: PLC0415
    import papermill  # noqa: PLC0415

    seconds, cores = [], []
    for one in given:
        start, before = time.perf_counter(), core_seconds()
        target = out / f"{one['patient']}.ipynb"
        node = papermill.execute_notebook(str(NOTEBOOK), str(target), parameters=one, progress_bar=False)
        text, _ = nbconvert.HTMLExporter(exclude_input=True).from_notebook_node(node)
        target.with_suffix(".html").write_text(text, encoding="utf-8")
        seconds.append(time.perf_counter() - start)
        cores.append(core_seconds() - before)
    return seconds, cores


def warm(given: list[dict[str, str]], out: Path, workers: int) -> tuple[float, float]:
    """Run the warm engine; return seconds in all, and core seconds."""
    start, before = time.perf_counter(), core_seconds()
    runs = run_notebooks(NOTEBOOK, given, out, workers=workers, progress=False)
    if not runs.failed.is_empty():
        raise SystemExit(str(runs.failed))
    return time.perf_counter() - start, core_seconds() - before


def pages(results: Path, patients: list[str], out: Path, workers: int) -> tuple[float, float]:
    """Write the pages without a kernel; return seconds in all, and core seconds."""
    start, before = time.perf_counter(), core_seconds()
    write_reports(results, out, patients=patients, workers=workers, progress=False)
    return time.perf_counter() - start, core_seconds() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--pages", type=int, default=6, help="notebooks of the plain way")
    parser.add_argument("--many", type=int, default=24, help="notebooks of the warm way")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    patients = list(hx.Result.load(chosen.results).cohort.patients)
    names = ("papermill", "nbclient", "nbconvert", "ipykernel", "plotly")
    print(f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names), sep=", ")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("plain", "one", "two"):
            (folder / name).mkdir()
        cold, cold_cores = plain(parameters(chosen.results, patients[: chosen.pages]), folder / "plain")
        one, one_core = sum(cold) / len(cold), min(cold_cores)  # the first also loads nbconvert: not counted
        print(
            f"plain: {min(cold):.1f} to {max(cold):.1f} s a notebook, {60 / one:.1f} a minute; "
            f"{one_core:.2f} core seconds"
        )
        many = parameters(chosen.results, patients[: chosen.many])
        few, few_cores = warm(many[:2], folder / "one", 1)
        more, more_cores = warm(many[2:], folder / "two", 1)
        each, each_core = (more - few) / (len(many) - 4), (more_cores - few_cores) / (len(many) - 4)
        start = few - 2 * each
        print(
            f"warm, 1 worker: {each:.2f} s a notebook once warm, {60 / each:.0f} a minute: "
            f"{one / each:.1f} times plain; {each_core:.2f} core seconds: {one_core / each_core:.1f} times"
        )
        for n in (20, 200):
            print(
                f"  start of the kernel included ({start:.0f} s), {n} notebooks: "
                f"{n * one / (start + n * each):.1f} times plain"
            )
        took, cores = pages(chosen.results, patients[: chosen.many], folder / "pages", 1)
        print(
            f"page without a kernel, 1 process, index and report included: {60 * len(many) / took:.0f} a minute: "
            f"{one * len(many) / took:.1f} times plain; {cores / len(many):.2f} core seconds: "
            f"{one_core * len(many) / cores:.1f} times"
        )


if __name__ == "__main__":
    main()
