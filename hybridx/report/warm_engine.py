"""The papermill engine ``hybridx-warm``: notebooks in a warm kernel; hangs and deaths become reasons."""

from __future__ import annotations

import math
from typing import Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager
from papermill.log import logger

from hybridx.report.warm_kernels import drop_kernel, modules_of, ready_kernel

__all__ = ["ENGINE", "WarmEngine"]

ENGINE = "hybridx-warm"
OUTPUT_SECONDS = 60  # papermill's four are too few for a figure of megabytes on a busy machine


class WarmEngine(Engine):  # type: ignore[misc]
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
