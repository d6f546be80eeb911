"""Runs a notebook top to bottom, as a reader would, and returns what its cells show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from hybridx.report import run_notebooks

__all__ = ["FOLDER", "MARKS", "kernel_kept", "outputs", "run"]

FOLDER = Path(__file__).parents[2] / "notebooks"
MARKS = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # jupyter's own: event loops, deprecated utilities
]


class Shown(list[dict[str, Any]]):
    """The outputs of all cells."""

    @property
    def text(self) -> str:
        """What was printed."""
        return "".join(o.get("text", "") for o in self)

    def as_kind(self, kind: str) -> str:
        """Everything shown of one MIME type."""
        return "".join(str(o.get("data", {}).get(kind, "")) for o in self)

    @property
    def kinds(self) -> list[str]:
        """MIME types, as often as they were shown."""
        return [kind for o in self for kind in o.get("data", {})]


def outputs(path: Path) -> Shown:
    """Return what an executed notebook shows."""
    return Shown(o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", []))


@contextlib.contextmanager
def kernel_kept() -> Iterator[None]:
    """Leave the kernel to the next batch of this process, as a batch leaves it to its next notebook: it is wiped then.

    To start one and load the library takes six seconds; when it ends, and what is wiped, `test_warm` looks at.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hybridx.report.notebooks.end_kernels", lambda: None)
        yield


def run(name: str, given: dict[str, Any], folder: Path) -> Shown:
    """Run a notebook with other parameters; a cell that fails fails the test with its reason."""
    with kernel_kept():
        runs = run_notebooks(FOLDER / f"{name}.ipynb", [given], folder, names=["run"], progress=False)
    assert runs.failed.is_empty(), runs.failed["reason"].to_list()
    return outputs(folder / "run.ipynb")
