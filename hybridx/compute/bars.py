"""Progress that appears when it is worth looking at, with an estimate that does not flatter.

The remaining time is (time spent here) / (tasks finished here) x (tasks left): results read from an earlier
run count neither as work done nor as speed, otherwise a resumed run promises minutes and takes hours.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

__all__ = ["ProgressBar", "duration", "progress"]

SHOW_AFTER_SECONDS = 2.0


def progress(description: str, total: int, *, done: int = 0, enabled: bool = True) -> ProgressBar:
    """Follow a long piece of work.

    Parameters
    ----------
    description : str
        What is going on, without patient identifiers.
    total : int
        Number of steps, including those that are `done` already.
    done : int
        Steps read from an earlier run; they take no part in the estimate.
    enabled : bool
        False: say nothing.

    Returns
    -------
    ProgressBar
        A context manager with ``advance(failed=False)``. In a terminal or a notebook a bar shows after two
        seconds; elsewhere (log file, batch) work that takes longer than that leaves one line at its start
        and one at its end.

    Examples
    --------
    >>> with progress("Counting", total=3, enabled=False) as bar:
    ...     for _ in range(3):
    ...         bar.advance()
    >>> bar.completed
    3
    """
    return ProgressBar(description, total, done, enabled=enabled)


class ProgressBar:
    """The bar that `progress` returns; see there."""

    def __init__(self, description: str, total: int, done: int, *, enabled: bool) -> None:
        self.description = description
        self.total = total
        self.earlier = done
        self.completed = done
        self.failed = 0
        self._enabled = enabled
        self._lock = threading.RLock()
        self._shown: Progress | None = None
        self._announced = False
        self._console = Console(file=sys.stderr)

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        self._timer = threading.Timer(SHOW_AFTER_SECONDS, self._show)
        self._timer.daemon = True
        if self._enabled:
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._shown is not None:
                self._shown.stop()
            if self._announced:
                self._console.print(self._summary(), highlight=False, markup=False)
            self._enabled = False

    def advance(self, *, failed: bool = False) -> None:
        """Count one step as done; a failed one is counted and shown as such."""
        with self._lock:
            self.completed += 1
            self.failed += failed
            self._refresh()

    def remaining(self) -> float | None:
        """Estimate the seconds left from the steps finished in this run; None before the first."""
        fresh = self.completed - self.earlier
        if not fresh:
            return None
        return (time.monotonic() - self._start) / fresh * (self.total - self.completed)

    def _show(self) -> None:
        with self._lock:
            if not self._enabled:
                return
            self._announced = True
            if not (self._console.is_terminal or self._console.is_jupyter):
                self._console.print(f"{self.description}: {self._plan()}", highlight=False, markup=False)
                return
            self._shown = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                console=self._console,
                transient=True,
            )
            self._task = self._shown.add_task(self.description, total=self.total, note="")
            self._refresh()
            self._shown.start()

    def _refresh(self) -> None:
        if self._shown is None:
            return
        left = self.remaining()
        note = "first one still running" if left is None else f"about {duration(left)} left"
        if self.failed:
            note += f", {self.failed} failed"
        self._shown.update(self._task, completed=self.completed, note=note)

    def _plan(self) -> str:
        earlier = f", {self.earlier} of them already done" if self.earlier else ""
        return f"{self.total} to do{earlier}"

    def _summary(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        taken = duration(time.monotonic() - self._start)
        return f"{self.description}: {self.completed} of {self.total} done{failed}, {taken}"


def duration(seconds: float) -> str:
    """Say a length of time as a person would.

    Parameters
    ----------
    seconds : float
        Length of time.

    Returns
    -------
    str
        Seconds below one and a half minutes, then minutes, then hours.

    Examples
    --------
    >>> duration(42.3), duration(200), duration(10_000)
    ('42 s', '3 min', '2.8 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
