"""Which studies an earlier import has finished, and what it wrote that is no longer chosen."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridx.compute.checkpoint import Checkpoint
from hybridx.imaging.import_study import StudyImport

__all__ = ["finished_studies", "remove_leftovers", "set_aside", "task_key"]

DONE, ASIDE = "import/.done", ".old"


def finished_studies(out: Path) -> Checkpoint:
    """Return the records of finished studies: one that is there is not read again."""
    return Checkpoint(out / DONE, load=_Reader(out), keep=_final)


@dataclass(frozen=True)
class _Reader:
    """Reads what a finished study left, as long as its files are still there."""

    folder: Path

    def __call__(self, path: Path) -> Any:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not all((self.folder / name).is_file() for name in _named(value)):
            raise KeyError(path.name)
        return value


def _named(value: dict[str, Any]) -> list[str]:
    return [row[name] for row in value["studies"] for name in ("image", "mask") if row[name]]


def _final(value: dict[str, Any]) -> bool:
    """Whether a study need not be read again: what failed may have failed by a full disk."""
    return not value["failures"]


def task_key(task: StudyImport) -> str:
    """Name a study by its files' names, sizes and dates, and by how it is read."""
    files = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for one in (*task.series.values(), *task.markings)
        for path in one.paths
    ]
    told = sorted(task.told.items())
    return repr((files, task.patient, task.timepoint, task.day, task.structures, told, task.notes))


def set_aside(out: Path, keys: Sequence[str]) -> None:
    """Withdraw the records of studies that are now read otherwise, before their images are written over.

    Two choices of series write the same file names. A record that outlived its images would, once the first choice is
    made again, give the numbers of one series to the image of another.

    Parameters
    ----------
    out : Path
        The data folder.
    keys : sequence of str
        Of the studies of this import.
    """
    finished = finished_studies(out)
    current = {finished.path(key).name for key in keys}
    for record in Path(finished.folder).glob("*.json"):
        if record.name not in current:
            record.replace(record.with_name(record.name + ASIDE))


def remove_leftovers(out: Path, wanted: Collection[str]) -> int:
    """Remove what earlier imports wrote and the tables no longer name; return how many files.

    Call it when the new tables are written: whoever reads the folder meanwhile finds every file that they name. A kill
    in between loses nothing, the next import goes on from the records. A file that was changed after its import, or
    that an import never wrote, stays.

    Parameters
    ----------
    out : Path
        The data folder.
    wanted : collection of str
        Images and masks of the tables, relative to it.
    """
    removed = 0
    for record in sorted((out / DONE).glob(f"*{ASIDE}")):
        written = record.stat().st_mtime_ns
        for name in _inside(record, out):
            path = out / name
            if name in wanted or not path.is_file() or path.stat().st_mtime_ns > written:
                continue
            path.unlink()
            removed += 1
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        record.unlink()
    return removed


def _inside(record: Path, out: Path) -> Iterator[str]:
    """Walk through the files of a record; a damaged one names none, and none beyond our folder is touched."""
    try:
        names = _named(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return
    images = (out / "images").resolve()
    yield from (name for name in names if (out / name).resolve().is_relative_to(images))
