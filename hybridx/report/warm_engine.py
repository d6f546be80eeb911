"""The papermill engines ``hybridx-warm`` and ``hybridx-cold``: a warm kernel, or one of the notebook's own."""

from __future__ import annotations

import math
from typing import Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NBClientEngine, NotebookExecutionManager
from papermill.log import logger

from hybridx.report.figure_library import fill_outputs
from hybridx.report.warm_kernels import drop_kernel, modules_of, ready_kernel

__all__ = ["COLD_ENGINE", "ENGINE", "ColdEngine", "Kept", "WarmEngine"]

ENGINE = "hybridx-warm"
COLD_ENGINE = "hybridx-cold"
OUTPUT_SECONDS = 60  # papermill's four are too few for a figure of megabytes on a busy machine


class Kept:
    """The notebook of a run and its outputs, which papermill does not get to see; to be written through `fill`.

    It would turn them into JSON at the end even if nothing is to be written, and that takes longer than all else it
    does. Errors it does see: it raises them and marks their cells.
    """

    def __init__(self) -> None:
        self._notebook: Any = None
        self._outputs: list[tuple[Any, list[Any]]] = []

    def take(self, notebook: Any) -> None:
        """Take the outputs out of a notebook, all but errors."""
        self._notebook = notebook
        for cell in notebook.cells:
            if cell.get("outputs"):
                self._outputs.append((cell, cell.outputs))
                cell.outputs = [output for output in cell.outputs if output.output_type == "error"]

    def notebook(self) -> Any:
        """Return the notebook with its outputs."""
        for cell, outputs in self._outputs:
            cell.outputs = outputs
        return self._notebook


class _Keeping(Engine):  # type: ignore[misc]
    """Gives the executed notebook to `kept`, if there is one: even of a run that failed, which papermill raises."""

    @classmethod
    def execute_notebook(
        cls, nb: Any, kernel_name: str, *args: Any, kept: Kept | None = None, **kwargs: Any
    ) -> Any:
        """Run a notebook; see `papermill.engines.Engine`."""
        finished = super().execute_notebook(nb, kernel_name, *args, **kwargs)
        if kept is None:
            fill_outputs(finished.cells)
        else:
            kept.take(finished)
        return finished


class ColdEngine(_Keeping, NBClientEngine):  # type: ignore[misc]
    """papermill's own way: a fresh kernel for each notebook."""


class WarmEngine(_Keeping):
    """Runs a notebook in this process's warm kernel.

    papermill finds it by name: ``papermill.execute_notebook(..., engine_name="hybridx-warm")``. The kernel has the
    library's imports loaded, its state is wiped before each notebook, and it is replaced when it has died, hangs, or
    cannot be wiped (threads, processes or a gigabyte stay behind).
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        execution_timeout: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Run all cells; `execution_timeout` is the longest that one may take, in seconds."""
        del kwargs  # start_timeout and paths: a warm kernel has no use for them
        kernel = ready_kernel(kernel_name, modules_of(nb_man.nb.cells))
        client = PapermillNotebookClient(
            nb_man,
            km=kernel.manager,
            kernel_name=kernel_name,
            timeout=math.ceil(execution_timeout) if execution_timeout else None,
            iopub_timeout=OUTPUT_SECONDS,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        )
        client.kc = kernel.client
        try:
            client.execute()
        except CellTimeoutError:
            _failed(
                nb_man,
                "CellTimeoutError",
                f"The cell did not end within {execution_timeout:g} s and was stopped.",
            )
            drop_kernel(kernel_name)
        except DeadKernelError:
            _failed(
                nb_man,
                "KernelDied",
                "The kernel died while this cell ran: most likely out of memory, or a crash in native code.",
            )
            drop_kernel(kernel_name)
        else:
            kernel.rest()


def _failed(nb_man: NotebookExecutionManager, name: str, reason: str) -> None:
    """Leave the reason in the cell that ran, where papermill and the reader look for it."""
    started = [
        i for i, cell in enumerate(nb_man.nb.cells) if cell.metadata.papermill.status != nb_man.PENDING
    ]
    cell = nb_man.nb.cells[started[-1]]
    cell.metadata.papermill["status"] = nb_man.FAILED
    error = nbformat.v4.new_output("error", ename=name, evalue=reason, traceback=[f"{name}: {reason}"])
    cell.outputs = [*cell.get("outputs", []), error]
    if cell.get("execution_count") is None:
        cell.execution_count = sum(c.cell_type == "code" for c in nb_man.nb.cells[: started[-1] + 1])
