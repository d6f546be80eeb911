"""Pages per minute: plain papermill + nbconvert, the warm engine, and pages without a kernel, on the same content.

python benchmarks/batch_pages.py demo/results [--pages 6] [--many 24]

The content is notebooks/02_tumor_board for one patient after the other, as an executed notebook and an HTML file.
*Plain* is what one would write without this library: ``papermill.execute_notebook`` and nbconvert's ``HTMLExporter``,
in one process, a kernel per notebook. *Warm* is ``hybridx.report.run_notebooks``; *page* is
``hybridx.report.write_reports``, whose page is what the notebook shows, without the notebook.

Printed on two cores of a machine whose load average was 13 (so that all times are several times too long, and only the
ratios say something), 40 patients of `hybridx demo`, ``--pages 3 --many 14``::

    Python 3.11.7, papermill 2.7.0, nbclient 0.11.0, nbconvert 7.17.2, ipykernel 7.4.0, plotly 7.1.0
    plain: 18.9 to 23.0 s a notebook, 2.9 pages per minute
    warm, 1 worker: 4.44 s a notebook once warm (first two, kernel's start included: 31.3 s), 10 pages per minute over
    12, start included: 3.3 times plain; 14 per minute in a long batch: 4.7 times plain
    page without a kernel, 1 process: 47 pages per minute, index and cohort report included: 16.5 times plain

So a page is more than ten times plain papermill, a warm notebook is not: what is left of it is work that the notebook
itself does (reading the result, its notes, figures of five megabytes), not starting.
"""

from __future__ import annotations

import argparse
import platform
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


def plain(given: list[dict[str, str]], out: Path) -> list[float]:
    """Run papermill and nbconvert as they are; return seconds per notebook."""
    import nbconvert  # noqa: PLC0415
    import papermill  # noqa: PLC0415

    seconds = []
    for one in given:
        start = time.perf_counter()
        target = out / f"{one['patient']}.ipynb"
        node = papermill.execute_notebook(str(NOTEBOOK), str(target), parameters=one, progress_bar=False)
        text, _ = nbconvert.HTMLExporter(exclude_input=True).from_notebook_node(node)
        target.with_suffix(".html").write_text(text, encoding="utf-8")
        seconds.append(time.perf_counter() - start)
    return seconds


def warm(given: list[dict[str, str]], out: Path, workers: int) -> float:
    """Run the warm engine; return seconds in all."""
    start = time.perf_counter()
    runs = run_notebooks(NOTEBOOK, given, out, workers=workers, progress=False)
    if not runs.failed.is_empty():
        raise SystemExit(str(runs.failed))
    return time.perf_counter() - start


def pages(results: Path, patients: list[str], out: Path, workers: int) -> float:
    """Write the pages without a kernel; return seconds in all."""
    start = time.perf_counter()
    write_reports(results, out, patients=patients, workers=workers, progress=False)
    return time.perf_counter() - start


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
        cold = plain(parameters(chosen.results, patients[: chosen.pages]), folder / "plain")
        rate = 60 / (sum(cold) / len(cold))
        print(f"plain: {min(cold):.1f} to {max(cold):.1f} s a notebook, {rate:.1f} pages per minute")
        many = parameters(chosen.results, patients[: chosen.many])
        few = warm(many[:2], folder / "one", 1)
        more = warm(many[2:], folder / "two", 1)
        each = (more - few) / (len(many) - 4)
        print(
            f"warm, 1 worker: {each:.2f} s a notebook once warm (first two, kernel's start included: {few:.1f} s), "
            f"{60 * (len(many) - 2) / more:.0f} pages per minute over {len(many) - 2}, start included: "
            f"{60 * (len(many) - 2) / more / rate:.1f} times plain; {60 / each:.0f} per minute in a long batch: "
            f"{60 / each / rate:.1f} times plain"
        )
        took = pages(chosen.results, patients[: chosen.many], folder / "pages", 1)
        print(
            f"page without a kernel, 1 process: {60 * len(many) / took:.0f} pages per minute, index and cohort report "
            f"included: {60 * len(many) / took / rate:.1f} times plain"
        )


if __name__ == "__main__":
    main()
