"""The JSON file that says what a folder of ours holds: read, and refused in another schema version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hybridx.errors import InputError

__all__ = ["read_manifest"]


def read_manifest(path: Path, version: int, what: str) -> dict[str, Any]:
    """Return the content of a manifest whose `schema_version` is `version`.

    Parameters
    ----------
    path : Path
        The file; it must be there.
    version : int
        The schema version that is read.
    what : str
        What the folder holds, for messages: ``cohort``, ``model``.

    Raises
    ------
    InputError
        No JSON, or another schema version.
    """
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{str(path)!r} is not readable JSON: {error}"
        raise InputError(msg) from error
    found = manifest.get("schema_version")
    if found != version:
        msg = (
            f"{str(path.parent)!r} has {what} schema version {found!r}; this hybridx reads version {version}."
        )
        raise InputError(msg)
    return manifest
