"""Files and folders that are written whole or not at all.

A writer works on a temporary neighbour of the destination (same folder, so the same file system) and the
last act is a rename, which the operating system does in one step. A process killed in between leaves the
destination as it was, plus a hidden ``.partial`` neighbour that the next write to the same place clears.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from hybridx.errors import InputError

__all__ = ["atomic_folder", "atomic_write", "ensure_writable"]

# On a shared file system another machine's process numbers mean nothing here, so the name carries the host.
_HOST = sha256(socket.gethostname().encode()).hexdigest()[:8]
_WRITE_BITS = 0o222


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file so that readers see the old one or the new one, never half of one.

    Parameters
    ----------
    path : path
        The file to create or replace. Missing parent folders are made.

    Yields
    ------
    Path
        A temporary file name with the same ending (writers that choose a format by suffix keep working).
        It becomes `path` when the block ends well and vanishes when it raises.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "table.csv"
    >>> with atomic_write(target) as temporary:
    ...     _ = temporary.write_text("a,b")
    >>> target.read_text()
    'a,b'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _neighbour(target)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replace_if: str | None = None) -> Iterator[Path]:
    """Write a folder so that it appears complete or not at all.

    Parameters
    ----------
    path : path
        The folder to create. An existing empty folder is replaced.
    replace_if : str, optional
        A file that marks an older folder as ours (such as ``"cohort.json"``). A folder that is not empty is
        replaced only when it holds this file: ``--out .`` must never delete a user's own files.

    Yields
    ------
    Path
        A temporary folder to fill. It becomes `path` when the block ends well and vanishes when it raises.

    Raises
    ------
    InputError
        The destination is a file, or a folder with other content.
    """
    target = Path(path)
    _refuse_foreign(target, replace_if)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _neighbour(target)
    temporary.mkdir()
    try:
        yield temporary
        _refuse_foreign(target, replace_if)
        _swap(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def ensure_writable(folder: str | os.PathLike[str], *, replace_if: str | None = None) -> None:
    """Refuse an output place before the work starts, not after an hour of it.

    Parameters
    ----------
    folder : path
        A folder that exists or is to be made.
    replace_if : str, optional
        Also ask what `atomic_folder` will ask at the end: that the folder is new, empty, or holds this file.

    Raises
    ------
    InputError
        The folder (or the nearest existing folder above it) cannot be written to, is marked read-only, is a file, or
        holds something else.
    """
    target = Path(folder).absolute()
    if replace_if is not None:
        _refuse_foreign(target, replace_if)
    places = [target] if target.exists() else []
    above = target.parent
    while not above.exists():
        above = above.parent
    for place in [*places, above]:
        _probe(place)


def _probe(place: Path) -> None:
    cure = "Choose another output folder, or change its permissions (chmod u+w)."
    if not place.is_dir():
        msg = f"The output {str(place)!r} is a file; a folder is wanted. {cure}"
        raise InputError(msg)
    # root may write anywhere; a folder without any write bit was still meant to be left alone
    if not place.stat().st_mode & _WRITE_BITS:
        msg = f"The output folder {str(place)!r} is read-only (no write permission for anyone). {cure}"
        raise InputError(msg)
    probe = place / f".hybridx-{secrets.token_hex(4)}.probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        msg = f"The output folder {str(place)!r} cannot be written to ({error.strerror}). {cure}"
        raise InputError(msg) from error


def _refuse_foreign(target: Path, replace_if: str | None) -> None:
    if not target.exists():
        return
    cure = "Choose a new or empty folder."
    if not target.is_dir():
        msg = f"The output {str(target)!r} is a file; a folder is wanted. {cure}"
        raise InputError(msg)
    if any(target.iterdir()) and not (replace_if and (target / replace_if).is_file()):
        known = f" and holds no {replace_if!r}" if replace_if else ""
        msg = f"The output folder {str(target)!r} is not empty{known}: it was left as it is. {cure}"
        raise InputError(msg)


def _neighbour(target: Path) -> Path:
    """Name a temporary beside `target`, after clearing what dead processes of this machine left there."""
    prefix = f".{target.name}."
    ending = f".partial{''.join(target.suffixes)}"
    for left in target.parent.glob(f"{_escape(prefix)}{_HOST}-*{_escape(ending)}"):
        if not _alive(left.name[len(prefix) + len(_HOST) + 1 :].split("-", 1)[0]):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    return target.parent / f"{prefix}{_HOST}-{os.getpid()}-{secrets.token_hex(4)}{ending}"


def _escape(text: str) -> str:
    return "".join(f"[{character}]" if character in "[*?" else character for character in text)


def _alive(process: str) -> bool:
    if os.name == "nt":  # there os.kill(pid, 0) is no question but a Ctrl-C
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):
        return True
    return not _ended(int(process))


def _ended(process: int) -> bool:
    """Whether a process has ended and only waits for its parent to hear of it, which in a container may be never."""
    try:
        said = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # gone meanwhile, or another system
        return False
    return said.rpartition(")")[2].split()[:1] in (["Z"], ["X"])


def _flush(path: Path) -> None:
    # the rename must not reach the disk before the content does
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _swap(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    aside = _neighbour(target)
    target.rename(aside)
    try:
        temporary.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
