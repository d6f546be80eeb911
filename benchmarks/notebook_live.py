"""The interactive notebook in a live JupyterLab: run, operated and photographed; needs Chromium and websocket-client.

OMP_NUM_THREADS=1 python benchmarks/notebook_live.py --out docs/explorer.png

JupyterLab is started on a copy of the notebook, all cells are run, the endpoint and the patient are changed through the
controls, and what the figures then show is read from the page. It fails when the figures are empty, do not follow, or
when the browser complains.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))
from tests.report.browser import Chromium, browser  # noqa: E402 - the browser that the tests drive

NOTEBOOK = HERE / "notebooks" / "09_interactive_cohort.ipynb"
TITLES = "Array.from(document.querySelectorAll('.js-plotly-plot .gtitle')).map(t => t.textContent)"
POINTS = (
    "document.querySelector('.js-plotly-plot').data.slice(0, 2).map(t => t.x.length).reduce((a, b) => a + b)"
)
NO_NEWS = "Array.from(document.querySelectorAll('button')).filter(b => b.textContent === 'No').forEach(b => b.click())"
CONTROLS = "Array.from(document.querySelectorAll('.jp-OutputArea select'))"


def choose(page: Chromium, control: int, index: int) -> None:
    """Choose an option of a control, as a hand would, and let the figures follow."""
    page(
        f"(() => {{const s = {CONTROLS}[{control}]; s.selectedIndex = {index}; "
        "s.dispatchEvent(new Event('change', {bubbles: true})); return s.value})()"
    )
    time.sleep(6)


def operate(page: Chromium, address: str, out: Path) -> None:
    """Run the notebook and use its controls."""
    page.ask("Page.navigate", url=f"{address}/lab/tree/{NOTEBOOK.name}")
    page.until("!!window.jupyterapp && !!document.querySelector('.jp-Notebook .jp-Cell')", 180)
    time.sleep(10)  # until the kernel is there
    page("window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => {window.done = true}); 1")
    start = time.monotonic()
    page.until("!!window.done", 900)
    print(f"all cells ran in {time.monotonic() - start:.0f} s")
    page.until(f"{CONTROLS}.length >= 3 && {TITLES}.length > 0", 60)
    page(NO_NEWS)
    page("document.querySelector('.js-plotly-plot').scrollIntoView({block: 'center'}); 1")
    time.sleep(4)
    page.picture(out, whole=False)
    print(f"{page(POINTS)} points; {page(TITLES)[0]!r}")
    if not page(POINTS):
        sys.exit("The figures are empty.")
    choose(page, 2, 3)
    patient = page(TITLES)[0]
    choose(page, 0, 1)
    endpoint = page(TITLES)[0]
    print(f"another patient: {patient!r}\nanother endpoint: {endpoint!r}")
    if len({patient, endpoint, page(TITLES)[1]}) < 3:
        sys.exit("The figures do not follow the controls.")
    if page.complaints:
        sys.exit(f"The browser complains: {page.complaints[:3]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/explorer.png"))
    parser.add_argument(
        "--cohort", default="", help="a cohort's folder; without it, the notebook makes a synthetic one"
    )
    arguments = parser.parse_args()
    if browser() is None:
        sys.exit("Needs Chromium and the package websocket-client.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if "parameters" in cell["metadata"].get("tags", []):
                cell["source"] = [
                    *cell["source"],
                    f"\ncohort = {arguments.cohort!r}\nfolder = {str(Path(scratch) / 'home')!r}",
                ]
        (Path(scratch) / NOTEBOOK.name).write_text(json.dumps(notebook), encoding="utf-8")
        free.close()
        lab = subprocess.Popen(
            [
                shutil.which("jupyter", path=str(Path(sys.executable).parent)) or "jupyter", "lab", "--no-browser",
                "--allow-root", f"--port={port}", "--ServerApp.token=", f"--ServerApp.root_dir={scratch}",
                "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
            ],
            env=os.environ | {"HOME": scratch, "PYTHONPATH": str(HERE)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            time.sleep(8)
            with Chromium(width=1500, height=1000) as page:
                operate(page, f"http://127.0.0.1:{port}", arguments.out)
        finally:
            lab.terminate()
            lab.wait(30)


if __name__ == "__main__":
    main()
