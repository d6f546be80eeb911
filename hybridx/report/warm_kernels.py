"""One warm kernel per process: the library loaded once, its state wiped between notebooks, replaced when it dies."""

from __future__ import annotations

import ast
import asyncio
import atexit
import contextlib
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from queue import Empty
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from traitlets.config import Config

from hybridx.errors import HybridxError
from hybridx.report import figure_library

__all__ = [
    "KernelLostError",
    "WarmKernel",
    "close_kernels",
    "drop_kernel",
    "modules_of",
    "private_channel",
    "ready_kernel",
]

START_SECONDS = 180.0  # with all imports, on a busy machine
WIPE_SECONDS = 30.0
IDLE_SECONDS = 600.0  # a kernel that nobody needs any more gives its memory back
_STATE = "hybridx.report.kernel_state"
_FIGURES = "hybridx.report.figure_library"

logger = logging.getLogger(__name__)
_kernels: dict[str, WarmKernel] = {}


class KernelLostError(HybridxError):
    """The kernel died, or did not answer in time."""


class WarmKernel:
    """A running kernel and a client that listens to it.

    Parameters
    ----------
    name : str
        Name of the kernel's specification, such as ``python3``.
    """

    def __init__(self, name: str) -> None:
        self.place = tempfile.mkdtemp(prefix="hx")
        # an asynchronous manager: a blocking one waits for ever for a kernel that has died
        self.manager = AsyncKernelManager(kernel_name=name, config=private_channel(self.place))
        self.client: Any = None
        self._idle: threading.Timer | None = None
        try:
            # history stays in memory: kernels that share its file wait for each other's locks
            start = run_sync(self.manager.start_kernel)
            start(extra_arguments=["--HistoryManager.hist_file=:memory:"])
            self.pid = int(self.manager.provisioner.pid)
            self.client = self.manager.client()
            self.client.start_channels()
            self.client.allow_stdin = False
            run_sync(self.client.wait_for_ready)(timeout=START_SECONDS)
        except BaseException:
            self.close()
            raise

    def alive(self) -> bool:
        """Whether the kernel's process runs."""
        return bool(run_sync(self.manager.is_alive)())

    def prepare(self, modules: Sequence[str], seconds: float = START_SECONDS) -> str:
        """Wipe the state and load modules; return why the kernel must not be used again, or nothing."""
        call = f"__import__('importlib').import_module({_STATE!r}).prepare({list(modules)!r})"
        return str(ast.literal_eval(self._ask(call, seconds)))

    def name_the_figures_library(self) -> None:
        """Let figures name their library, not bring it; see `figure_library`."""
        mark = figure_library.new_mark()
        call = f"__import__('importlib').import_module({_FIGURES!r}).stand_in({mark!r})"
        figure_library.remember(mark, str(ast.literal_eval(self._ask(call, WIPE_SECONDS))))

    def _ask(self, expression: str, seconds: float) -> str:
        """Evaluate an expression in the kernel, unseen by the notebook, and return its ``repr``."""

        async def asked() -> dict[str, Any]:
            wanted = self.client.execute(
                "", silent=True, store_history=False, user_expressions={"it": expression}
            )
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                with contextlib.suppress(Empty, asyncio.TimeoutError):
                    reply = await self.client.get_shell_msg(timeout=1)
                    if reply["parent_header"].get("msg_id") == wanted:
                        return dict(reply["content"].get("user_expressions", {}).get("it", {}))
                if not await self.manager.is_alive():
                    msg = "The kernel died while it was made ready."
                    raise KernelLostError(msg)
            msg = f"The kernel did not get ready within {seconds:.0f} s."
            raise KernelLostError(msg)

        found = run_sync(asked)()
        if found.get("status") != "ok":
            msg = f"The kernel could not be made ready: {found.get('ename')}: {found.get('evalue')}"
            raise KernelLostError(msg)
        return str(found["data"]["text/plain"])

    def rest(self) -> None:
        """Let the kernel end by itself if no notebook comes for a while."""
        self.wake()
        self._idle = threading.Timer(IDLE_SECONDS, _end, (self.pid,))
        self._idle.daemon = True
        self._idle.start()

    def wake(self) -> None:
        """Stop counting the idle time."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def close(self) -> None:
        """End the kernel, whatever it is doing, and leave nothing behind."""
        self.wake()
        with contextlib.suppress(Exception):  # it may be half started or already gone
            if self.client is not None:
                self.client.stop_channels()
            run_sync(self.manager.shutdown_kernel)(now=True)
        shutil.rmtree(self.place, ignore_errors=True)


def private_channel(place: str) -> Config:
    """Let a kernel talk over files of its own: TCP is open to everyone on the machine, and its ports collide.

    The files get a folder per kernel, because jupyter's default name is the same for all and two kernels would hear
    each other. Windows has no such channel and stays with TCP.
    """
    config = Config()
    if os.name != "nt":
        config.ConnectionFileMixin.transport = "ipc"
        config.ConnectionFileMixin.ip = (
            f"{place}/k"  # short: a socket's name has at most about a hundred characters
        )
    return config


def ready_kernel(name: str, modules: Sequence[str]) -> WarmKernel:
    """Return this process's kernel, fresh or wiped; one that died or cannot be wiped is replaced."""
    kernel = _kernels.get(name)
    if kernel is not None:
        kernel.wake()
        reason = "it has died"
        try:
            if kernel.alive() and not (reason := kernel.prepare(modules, WIPE_SECONDS)):
                return kernel
        except KernelLostError as error:
            reason = str(error)
        logger.info("A new kernel is started, because of the last one: %s", reason)
        drop_kernel(name)
    kernel = _kernels[name] = WarmKernel(name)
    try:
        kernel.prepare(modules)
        kernel.name_the_figures_library()
    except BaseException:
        drop_kernel(name)
        raise
    return kernel


def drop_kernel(name: str) -> None:
    """End this process's kernel of that name; the next notebook gets a new one."""
    kernel = _kernels.pop(name, None)
    if kernel is not None:
        kernel.close()


def close_kernels() -> None:
    """End all kernels of this process."""
    for name in list(_kernels):
        drop_kernel(name)


def modules_of(cells: Iterable[Any]) -> list[str]:
    r"""Return the modules that code cells import, as far as they can be read without running them.

    Examples
    --------
    >>> modules_of([{"cell_type": "code", "source": "import a.b\nfrom c import d\n%magic"}])
    []
    >>> modules_of([{"cell_type": "code", "source": "import a.b\nfrom c import d"}])
    ['a.b', 'c']
    """
    found: dict[str, None] = {}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        with contextlib.suppress(SyntaxError, ValueError):  # magics, or a mistake that the kernel will tell
            for node in ast.walk(ast.parse(cell["source"])):
                if isinstance(node, ast.Import):
                    found |= dict.fromkeys(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found[node.module] = None
    return list(found)


def _end(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)


atexit.register(close_kernels)
