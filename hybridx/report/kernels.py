"""One notebook in one kernel: a private channel, figures that survive the export, the output kept when a cell fails."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridx.compute import atomic_write
from hybridx.errors import InputError

__all__ = ["NotebookRun", "execute_run", "extra"]


@dataclass(frozen=True)
class NotebookRun:
    """One notebook with its parameters, small enough to send to another process."""

    name: str
    notebook: str
    parameters: Mapping[str, Any]
    target: str
    inputs_hash: str
    html: bool


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


@contextlib.contextmanager
def _private_channel() -> Iterator[dict[str, Any]]:
    """Let a kernel talk over files of its own: TCP is open to everyone on the machine, and its ports collide.

    The files get a folder per kernel, because jupyter's default name is the same for all and two kernels would hear
    each other. Windows has no such channel and stays with TCP.
    """
    if os.name == "nt":
        yield {}
        return
    # short: the name of a socket has at most about a hundred characters
    with tempfile.TemporaryDirectory(prefix="hx") as place:
        config = extra("traitlets.config").Config()
        config.ConnectionFileMixin.transport = "ipc"
        config.ConnectionFileMixin.ip = f"{place}/k"
        yield {"config": config}


def execute_run(run: NotebookRun) -> str | None:
    """Run one notebook and return the reason of its failure, or None; the executed notebook is kept either way."""
    papermill, nbformat = extra("papermill"), extra("nbformat")
    reason = None
    with atomic_write(run.target) as temporary, _private_channel() as channel:
        try:
            with _plotly_in_exports():
                papermill.execute_notebook(
                    run.notebook,
                    str(temporary),
                    parameters=dict(run.parameters),
                    progress_bar=False,
                    log_output=False,
                    **channel,
                )
        except papermill.PapermillExecutionError as error:
            reason = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
        finished = nbformat.read(temporary, as_version=4)
        finished.metadata["hybridx"] = {"inputs": run.inputs_hash, "failed": reason is not None}
        nbformat.write(finished, temporary)
    if run.html:
        _export(finished, Path(run.target).with_suffix(".html"))
    return reason


# every figure of plotly asks a public server for MathJax, whether it holds a formula or not
_MATHJAX = re.compile(r'<script src="https://[^"]*/mathjax/[^"]*"></script>')
# and whatever else an output may ask for, the browser does not fetch it
_OFFLINE = (
    '<meta http-equiv="Content-Security-Policy" '
    """content="default-src 'unsafe-inline' 'unsafe-eval' data: blob:">"""
)


def _export(notebook: Any, target: Path) -> None:
    exporter = extra("nbconvert").HTMLExporter(
        exclude_input=True,
        # the template asks two public servers for scripts; an offline file must not
        require_js_url="",
        mathjax_url="",
        jquery_url="",
        mermaid_js_url="",
        mermaid_layout_elk_js_url="",
    )
    text, _ = exporter.from_notebook_node(notebook)
    text = _MATHJAX.sub("", text).replace("<head>", f"<head>{_OFFLINE}", 1)
    with atomic_write(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
