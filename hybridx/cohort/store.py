"""A cohort on disk: one Parquet file per block and table beside ``cohort.json``, written whole or not at all.

Layout (schema version 1)::

    cohort.json           schema version, patients, modalities, provenance, sha256 of every file
    blocks/<modality>.parquet   measured.parquet   days.parquet   features.parquet
    tables/<name>.parquet
    images/<address>.npz  key views and patches, named by the hash of their content
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridx.cohort.columns import MODALITY_NAME
from hybridx.compute.atomic import atomic_folder
from hybridx.compute.manifest import read_manifest
from hybridx.errors import InputError
from hybridx.terms.text import listing

if TYPE_CHECKING:
    from hybridx.cohort.cohort import Cohort

__all__ = ["SCHEMA_VERSION", "load", "save"]

SCHEMA_VERSION = 1


def save(cohort: Cohort, folder: Path) -> Path:
    """Write `cohort` to `folder`, replacing a cohort that stands there.

    Raises
    ------
    InputError
        The folder holds something else than a cohort; nothing was written.
    """
    frames = {
        "measured.parquet": cohort.measured,
        "days.parquet": cohort.days,
        "features.parquet": cohort.features,
        **{f"blocks/{name}.parquet": block for name, block in cohort.blocks.items()},
        **{f"tables/{name}.parquet": table for name, table in cohort.tables.items()},
    }
    with atomic_folder(folder, replace_if="cohort.json") as new:
        hashes = {}
        for relative, frame in frames.items():
            path = new / relative
            path.parent.mkdir(exist_ok=True)
            frame.write_parquet(path)
            hashes[relative] = hashlib.sha256(path.read_bytes()).hexdigest()
        _copy_images(cohort, new)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "patients": list(cohort.patients),
            "modalities": list(cohort.blocks),
            "tables": list(cohort.tables),
            "provenance": dict(cohort.provenance),
            "files": hashes,
        }
        (new / "cohort.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    return folder


def _copy_images(cohort: Cohort, new: Path) -> None:
    table = cohort.tables.get("images")
    if table is None or cohort.folder is None or not table.height:
        return
    (new / "images").mkdir()
    for content_address in table["address"].unique().sort():
        source = cohort.folder / "images" / f"{content_address}.npz"
        if source.is_file():
            shutil.copyfile(source, new / "images" / source.name)


def load(folder: Path) -> dict[str, Any]:
    """Read the constructor arguments of a cohort.

    Raises
    ------
    InputError
        No cohort there, a newer schema version, or a file that is absent or was changed.
    """
    path = folder / "cohort.json"
    if not path.is_file():
        hint = (
            " It looks like a data folder: run hybridx.extract on it first."
            if _is_data_folder(folder)
            else ""
        )
        msg = f"{str(folder)!r} holds no cohort (no cohort.json).{hint}"
        raise InputError(msg)
    manifest = read_manifest(path, SCHEMA_VERSION, "cohort")
    _check_names([*manifest["modalities"], *manifest["tables"]])
    _check_files(folder, manifest["files"])
    return {
        "patients": tuple(manifest["patients"]),
        "blocks": {
            name: pl.read_parquet(folder / f"blocks/{name}.parquet") for name in manifest["modalities"]
        },
        "measured": pl.read_parquet(folder / "measured.parquet"),
        "days": pl.read_parquet(folder / "days.parquet"),
        "features": pl.read_parquet(folder / "features.parquet"),
        "tables": {name: pl.read_parquet(folder / f"tables/{name}.parquet") for name in manifest["tables"]},
        "provenance": manifest["provenance"],
        "folder": folder,
    }


def _check_names(names: list[str]) -> None:
    # A manifest is a file like any other: a name in it must not lead out of the folder.
    bad = [name for name in names if not MODALITY_NAME.fullmatch(name)]
    if bad:
        msg = f"cohort.json names {listing(map(repr, bad))}, which are no names of modalities or tables."
        raise InputError(msg)


def _check_files(folder: Path, hashes: dict[str, str]) -> None:
    absent = [name for name in hashes if not (folder / name).is_file()]
    changed = [
        name
        for name, wanted in hashes.items()
        if name not in absent and hashlib.sha256((folder / name).read_bytes()).hexdigest() != wanted
    ]
    if absent or changed:
        parts = [
            f"{listing(names)} {what}" for names, what in ((absent, "absent"), (changed, "changed")) if names
        ]
        msg = f"The cohort in {str(folder)!r} is not as it was written: {'; '.join(parts)}. Run the extraction again."
        raise InputError(msg)


def _is_data_folder(folder: Path) -> bool:
    return any((folder / f"patients.{ending}").is_file() for ending in ("csv", "parquet"))
