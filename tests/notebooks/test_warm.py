"""A warm kernel gives each notebook what a fresh one would; one that dies or hangs costs its own notebook only."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import nbformat
import pytest

from hybridx.errors import SettingsError
from hybridx.report import run_notebooks

pytest.importorskip("papermill", reason="the extra `notebook` is not installed")
psutil = pytest.importorskip("psutil", reason="the extra `notebook` is not installed")
warm_kernels = pytest.importorskip(
    "hybridx.report.warm_kernels", reason="the extra `notebook` is not installed"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # jupyter's own: event loops, deprecated utilities

LEAVE = """
import os, sys, random, warnings, logging, builtins
import numpy as np, polars as pl, pandas as pd, plotly.io as pio, matplotlib.pyplot as plt, sklearn
import hybridx.terms, hybridx.report.rendering
left = 1
os.environ["LEFT"] = "1"; os.environ.pop("PLOTLY_RENDERER"); os.chdir("/")
sys.path.insert(0, "/left"); sys.argv.append("left")
warnings.simplefilter("error"); warnings.showwarning = print; logging.disable(50); builtins.left = 1
random.seed(0); np.random.seed(0); np.seterr(all="raise"); np.set_printoptions(precision=1)
pl.Config.set_tbl_rows(1); pd.set_option("display.max_rows", 3); sklearn.set_config(assume_finite=True)
pio.renderers.default = "json"; pio.templates.default = "plotly_dark"
plt.rcParams["lines.linewidth"] = 9; plt.figure()
hybridx.report.rendering.number = None
open("/tmp/left_module_of_hybridx_tests.py", "w").write("a = 1"); sys.path.insert(0, "/tmp")
import left_module_of_hybridx_tests
os.remove("/tmp/left_module_of_hybridx_tests.py")
"""
LOOK = """
import os, sys, random, warnings, logging, builtins
import numpy as np, polars as pl, pandas as pd, plotly.io as pio, matplotlib.pyplot as plt, sklearn
import hybridx.report.rendering
print("left" in dir() or hasattr(builtins, "left"), sorted(k for k in globals() if k.startswith("_i")))
print(os.environ.get("LEFT"), os.environ.get("PLOTLY_RENDERER"), os.getcwd())
print("left" in str(sys.path), "left" in sys.argv)
print([f[0] for f in warnings.filters].count("error"), warnings.showwarning is print, logging.root.manager.disable)
print(np.geterr(), np.get_printoptions()["precision"], pl.DataFrame({"a": range(3)}), pd.get_option("display.max_rows"))
print(pio.renderers.default, pio.templates.default, plt.rcParams["lines.linewidth"], plt.get_fignums())
print(sklearn.get_config()["assume_finite"], hybridx.report.rendering.number is None)
print("left_module_of_hybridx_tests" in sys.modules, get_ipython().execution_count)
"""
ACTIONS = {
    "leave": LEAVE,
    "look": LOOK,
    "chance": "import random, numpy\nprint(random.random(), numpy.random.random())",
    "fail": "raise ValueError('as planned')",
    "die": "import os\nos._exit(1)",
    "hang": "import time\nprint('still here', flush=True)\ntime.sleep(60)",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(5,)).start()",
    "pid": "import os\nprint(os.getpid())",
}


@pytest.fixture(autouse=True)
def no_kernel_of_other_tests():
    """End what `kernel_kept` has left: it was started in another folder."""
    warm_kernels.close_kernels()


@pytest.fixture
def notebook(tmp_path):
    branches = "\n".join(
        f"if action == {name!r}:\n{textwrap.indent(code.strip(), '    ')}" for name, code in ACTIONS.items()
    )
    cells = [
        nbformat.v4.new_code_cell('action: str = "look"  # what to do', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(branches),
    ]
    path = tmp_path / "acts.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def acts(notebook, out, actions, **settings):
    names = [f"{i}_{action}" for i, action in enumerate(actions)]
    parameters = [{"action": action} for action in actions]
    runs = run_notebooks(notebook, parameters, out, names=names, html=False, progress=False, **settings)
    return runs, [_printed(out / f"{name}.ipynb") for name in names]


def _printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


@pytest.mark.slow
def test_a_notebook_finds_what_a_fresh_kernel_would_give(notebook, tmp_path):
    actions = ["pid", "look", "leave", "look", "fail", "look", "chance", "leave", "chance", "pid"]
    runs, said = acts(notebook, tmp_path / "warm", actions)
    assert runs.rows["state"].to_list() == ["written"] * 4 + ["failed"] + ["written"] * 5
    _, (fresh,) = acts(notebook, tmp_path / "fresh", ["look"], isolate=True)
    assert said[1] == said[3] == said[5] == fresh
    assert "plotly_mimetype+notebook" in fresh
    assert said[6] != said[8], "seeds are drawn anew"
    assert said[0] == said[9], "and all that in one kernel"
    assert not psutil.pid_exists(int(said[0])), "which is gone when the batch is done"


@pytest.mark.slow
def test_a_kernel_that_dies_hangs_or_cannot_be_wiped_is_replaced(notebook, tmp_path):
    actions = ["pid", "die", "pid", "hang", "pid", "thread", "pid"]
    runs, said = acts(notebook, tmp_path / "out", actions, cell_seconds=3)
    assert runs.rows["state"].to_list() == [
        "written", "failed", "written", "failed", "written", "written", "written",
    ]  # fmt: skip
    died, hung = runs.failed["reason"].to_list()
    assert died.startswith("cell 3: KernelDied: The kernel died while this cell ran")
    assert hung == "cell 3: CellTimeoutError: The cell did not end within 3 s and was stopped."
    assert "still here" in said[3], "its output up to there is kept"
    pids = {said[i].strip() for i in (0, 2, 4, 6)}
    assert len(pids) == 4
    assert not [pid for pid in pids if psutil.pid_exists(int(pid))]
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    for kind in ("KernelDied", "CellTimeoutError"):
        assert f"<option>{kind}</option>" in index
        assert f'data-wrong="{kind}"' in index


@pytest.mark.slow
def test_no_kernel_outlives_a_batch_that_was_killed(notebook, tmp_path):
    code = f"""
import sys, warnings
warnings.simplefilter("ignore")
from hybridx.report import run_notebooks
run_notebooks({str(notebook)!r}, [{{"action": "pid"}}, {{"action": "hang"}}], {str(tmp_path / "out")!r},
              names=["a", "b"], html=False, progress=False)
"""
    batch = subprocess.Popen([sys.executable, "-c", code])
    kernel = tmp_path / "out" / "a.ipynb"
    end = time.monotonic() + 120
    while not kernel.is_file() and time.monotonic() < end:
        time.sleep(0.1)
    pid = int(_printed(kernel))
    batch.kill()
    batch.wait()
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not psutil.pid_exists(pid)
    runs, _ = acts(notebook, tmp_path / "out", [])
    assert runs.rows.is_empty()
    again = run_notebooks(
        notebook, [{"action": "pid"}], tmp_path / "out", names=["a"], html=False, progress=False
    )
    assert again.rows["state"].to_list() == ["kept"]


def test_impossible_limit_is_refused(notebook, tmp_path):
    with pytest.raises(SettingsError, match="wanted seconds above zero"):
        run_notebooks(notebook, [{}], tmp_path / "out", cell_seconds=0)
