"""A folder with one file per finished task, so that a killed run picks up where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridx.compute.atomic import atomic_write

__all__ = ["Checkpoint"]

Save = Callable[[Any, Path], object]
Load = Callable[[Path], Any]


def _save_json(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Checkpoint:
    """Keep the values of finished tasks in a folder, each written whole by the worker that computed it.

    Parameters
    ----------
    folder : path
        Where the files lie; on a cluster, a place that all machines see.
    save, load : callable
        ``save(value, path)`` and ``load(path)``; JSON by default. Never pickle: a file that is read back must not
        be able to run code.
    suffix : str
        Ending of the files.
    keep : callable, optional
        ``keep(value) -> bool``: whether a value is final. What is not kept is computed again by the next run.
    """

    folder: str | os.PathLike[str]
    save: Save = _save_json
    load: Load = _load_json
    suffix: str = ".json"
    keep: Callable[[Any], bool] | None = None

    def path(self, key: str) -> Path:
        """Name the file of a task: a digest, since keys may hold what must not stand in a file name."""
        return Path(self.folder) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}{self.suffix}"

    def write(self, key: str, value: Any) -> None:
        """Write one task's value whole."""
        if self.keep is not None and not self.keep(value):
            return
        with atomic_write(self.path(key)) as temporary:
            self.save(value, temporary)

    def read(self, key: str) -> tuple[bool, Any]:
        """Read one task's value: ``(found, value)``. A damaged file counts as not there and is made anew."""
        path = self.path(key)
        if not path.exists():
            return False, None
        try:
            return True, self.load(path)
        except (OSError, ValueError, KeyError, EOFError):
            path.unlink(missing_ok=True)
            return False, None
