"""One notebook in one kernel: a private channel, figures that survive the export, the output kept when a cell fails."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridx.compute import atomic_write
from hybridx.errors import InputError
from hybridx.report.figure_library import fill

__all__ = ["NotebookRun", "end_kernels", "execute_run", "export_html", "extra"]


@dataclass(frozen=True)
class NotebookRun:
    """One notebook with its parameters, small enough to send to another process."""

    name: str
    notebook: str
    parameters: Mapping[str, Any]
    target: str
    inputs_hash: str
    html: bool
    cell_seconds: float | None = None
    isolate: bool = False


def extra(name: str) -> Any:
    """Import a package of the extra ``notebook``, or say how to get it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        msg = f"{name} is not installed. It comes with the extra `notebook`: pip install 'hybridx[notebook]'."
        raise InputError(msg) from error


@contextlib.contextmanager
def _plotly_in_exports() -> Iterator[None]:
    """Let figures survive nbconvert: plotly's default leaves only a mimetype, and they vanish without a word."""
    before = os.environ.get("PLOTLY_RENDERER")
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype+notebook"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PLOTLY_RENDERER"]
        else:
            os.environ["PLOTLY_RENDERER"] = before


def execute_run(run: NotebookRun) -> str | None:
    """Run one notebook and return the reason of its failure, or None; the executed notebook is kept either way."""
    papermill, strip_transient = extra("papermill"), extra("nbformat.v4.rwbase").strip_transient
    reason = None
    with _kernel(run) as settings:
        try:
            with _plotly_in_exports():
                papermill.execute_notebook(
                    run.notebook,
                    None,  # written once, below: papermill would write it, to be read and written again
                    parameters=dict(run.parameters),
                    progress_bar=False,
                    log_output=False,
                    execution_timeout=run.cell_seconds,
                    **settings,
                )
        except papermill.PapermillExecutionError as error:
            reason = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
    finished = settings["kept"].notebook()
    finished.metadata["papermill"]["output_path"] = run.target
    finished.metadata["hybridx"] = {"inputs": run.inputs_hash, "failed": reason is not None}
    with atomic_write(run.target) as temporary:
        # not nbformat's writer: that indents, which Python does in place of C, ten times slower with figures inside
        text = json.dumps(strip_transient(finished), ensure_ascii=False, sort_keys=True)
        temporary.write_text(fill(text, quoted=True) + "\n", encoding="utf-8")
    if run.html:
        export_html(finished, Path(run.target).with_suffix(".html"))
    return reason


def end_kernels() -> None:
    """End the warm kernels of this process, if it ever had any."""
    if (warm := sys.modules.get("hybridx.report.warm_kernels")) is not None:
        warm.close_kernels()


@contextlib.contextmanager
def _kernel(run: NotebookRun) -> Iterator[dict[str, Any]]:
    """Give papermill the warm engine, or a kernel of its own over a private channel."""
    # the extra `notebook` need not be installed, and these load its packages
    from hybridx.report.warm_engine import COLD_ENGINE, ENGINE, ColdEngine, Kept, WarmEngine  # noqa: PLC0415
    from hybridx.report.warm_kernels import private_channel  # noqa: PLC0415

    engines = extra("papermill.engines").papermill_engines
    if not run.isolate:
        engines.register(ENGINE, WarmEngine)
        yield {"engine_name": ENGINE, "kept": Kept()}
        return
    engines.register(COLD_ENGINE, ColdEngine)
    with tempfile.TemporaryDirectory(prefix="hx") as place:
        yield {"engine_name": COLD_ENGINE, "kept": Kept(), "config": private_channel(place)}


# every figure of plotly asks a public server for MathJax, whether it holds a formula or not
_MATHJAX = re.compile(r'<script src="https://[^"]*/mathjax/[^"]*"></script>')
# and whatever else an output may ask for, the browser does not fetch it
_OFFLINE = (
    '<meta http-equiv="Content-Security-Policy" '
    """content="default-src 'unsafe-inline' 'unsafe-eval' data: blob:">"""
)


@functools.cache
def _exporter() -> Any:
    """Make one exporter for all notebooks of this process: compiling its templates takes longer than filling them."""
    return extra("nbconvert").HTMLExporter(
        exclude_input=True,
        # the template asks two public servers for scripts; an offline file must not
        require_js_url="",
        mathjax_url="",
        jquery_url="",
        mermaid_js_url="",
        mermaid_layout_elk_js_url="",
    )


def export_html(notebook: Any, target: Path) -> None:
    """Write a notebook's text and outputs as one file that asks no server for anything."""
    text, _ = _exporter().from_notebook_node(notebook)
    text = _MATHJAX.sub("", text).replace("<head>", f"<head>{_OFFLINE}", 1)
    with atomic_write(target) as temporary:
        temporary.write_text(fill(text), encoding="utf-8")
