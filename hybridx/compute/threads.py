"""One thread per worker in BLAS, OpenMP, ITK and torch.

Two workers that each start a thread per core get in each other's way (a loky issue reports 18 minutes instead of
1.8), and the number of threads changes the order of sums, so results would depend on the machine.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController

__all__ = ["ONE_THREAD_ENVIRONMENT", "one_thread"]

# Read by the libraries when they are first loaded, hence given to worker processes at their birth.
ONE_THREAD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",  # not a thread: glibc gives freed memory back, or a worker only ever grows
    # a fixed threshold above fixes this one too, at 128 KiB, and each image's pages are then faulted in anew
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}
_found: tuple[tuple[int, str], ThreadpoolController] | None = None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold every numerical library that is loaded to one thread, and let go afterwards.

    Libraries that are first imported inside the block keep their own default unless the process was started
    with `ONE_THREAD_ENVIRONMENT`; import what a task needs at the top of its module.

    Yields
    ------
    None
    """
    with contextlib.ExitStack() as stack:
        # looked up, not imported: this room must not load what the task does not need
        if (itk := sys.modules.get("SimpleITK")) is not None:
            stack.callback(
                itk.ProcessObject.SetGlobalDefaultNumberOfThreads,
                itk.ProcessObject.GetGlobalDefaultNumberOfThreads(),
            )
            itk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        if (torch := sys.modules.get("torch")) is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        stack.enter_context(_loaded_libraries().limit(limits=1))
        yield


def _loaded_libraries() -> ThreadpoolController:
    """Find the libraries with threads of their own; again only after an import, for the search takes 4 ms, per fit."""
    global _found  # noqa: PLW0603 - one process, one set of loaded libraries
    modules = len(sys.modules), next(reversed(sys.modules))
    if _found is None or _found[0] != modules:
        _found = modules, ThreadpoolController()
    return _found[1]
