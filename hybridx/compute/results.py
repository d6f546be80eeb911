"""What comes back from a task: a value or the reason why there is none."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

__all__ = ["TaskError", "TaskResult"]


@dataclass(frozen=True)
class TaskError:
    """Why a task gave no value, as text, because exceptions do not survive the way between machines.

    Parameters
    ----------
    type : str
        Name of the exception's class.
    message : str
        What it said.
    notes : tuple of str
        Context that was added while it climbed (`add_note`).
    traceback : str
        Where it came from, for whoever mends it.
    """

    type: str
    message: str
    notes: tuple[str, ...] = ()
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException) -> TaskError:
        """Take an exception down as text."""
        return cls(
            type=type(error).__name__,
            message=str(error),
            notes=tuple(getattr(error, "__notes__", ())),
            traceback="".join(traceback.format_exception(error)),
        )

    def __str__(self) -> str:
        return "; ".join([f"{self.type}: {self.message}", *self.notes])


@dataclass(frozen=True)
class TaskResult:
    """One task's outcome; exactly one of `value` and `error` says something.

    Parameters
    ----------
    key : str
        The name under which the task was given.
    value : object
        What the task returned; None when it failed.
    error : TaskError or None
        Why it failed; None when it did not.
    seconds : float
        Wall-clock time in the worker; NaN when the value was read from an earlier run or the worker died.
    cached : bool
        Whether the value was read from an earlier run.
    """

    key: str
    value: Any = None
    error: TaskError | None = None
    seconds: float = float("nan")
    cached: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None
