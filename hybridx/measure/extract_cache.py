"""What is kept between runs: one record per study, named by everything that could change it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hybridx
from hybridx.compute import Checkpoint, content_hash
from hybridx.imaging.study import StudyRow

__all__ = ["code_version", "file_hashes", "studies_checkpoint", "study_key", "versions"]

LIBRARIES = ("SimpleITK", "numpy", "scipy", "numba", "torch")
MEASURING = (
    "deep",
    "encoder",
    "extract_study",
    "lesion_[dv]*",
    "lesions",
    "pet_uptake",
    "settings",
    "uptake_*",
)
MEASURING += ("views", "volumes")


def studies_checkpoint(cache: Path) -> Checkpoint:
    """Keep finished studies in ``<cache>/studies``; one with a failure is tried again by the next run."""
    return Checkpoint(cache / "studies", _save, partial(_load, cache), ".json", _without_failure)


def study_key(
    rows: Sequence[StudyRow], hashes: Mapping[Path, str], refused: Mapping[str, str], how: str
) -> str:
    """Name a study by content: bytes of its images and masks, how they are read, settings and code.

    Parameters
    ----------
    rows : sequence of StudyRow
        The study's lines.
    hashes : mapping of Path to str
        Content of the files that exist.
    refused : mapping of str to str
        Modalities refused by the checks between patients.
    how : str
        Hash of settings, encoder and kind of device, and what else of the patient enters.

    Returns
    -------
    str
        It holds no patient and no file name.
    """
    parts = [
        {
            "modality": row.modality,
            "image": hashes.get(row.image, "absent") if row.image else "none",
            "mask": hashes.get(row.mask, "absent") if row.mask else "none",
            "unit": row.unit,
            "label": row.label,
            "tracer": row.tracer,
            "organs": hashes.get(row.organs, "absent") if row.organs else "none",
            "organ_labels": dict(row.organ_labels),
            "refused": row.modality in refused,
        }
        for row in rows
    ]
    return content_hash(json.dumps([parts, how, code_version(), versions()], sort_keys=True).encode())


def file_hashes(rows: Sequence[StudyRow]) -> dict[Path, str]:
    """Name the content of every image, mask and map of organs that exists."""
    named = [path for row in rows for path in (row.image, row.mask, row.organs)]
    paths = [path for path in named if path is not None and path.is_file()]
    return {path: content_hash(path) for path in dict.fromkeys(paths)}


@lru_cache(maxsize=1)
def code_version() -> str:
    """Digest the source that measures, so that a changed line is never hidden by an old result."""
    base = Path(hybridx.__file__).parent
    files = sorted((base / "imaging").glob("*.py")) + sorted((base / "radiomics").glob("*.py"))
    for name in MEASURING:
        files += sorted((base / "measure").glob(f"{name}.py"))
    return content_hash("".join(content_hash(file) for file in files).encode())[:16]


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions that the numbers rest on."""
    found = {"hybridx": hybridx.__version__, "measuring_code": code_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except ImportError:
            found[name] = "not installed"
    return found


def _save(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _load(cache: Path, path: Path) -> Any:
    value = json.loads(path.read_text(encoding="utf-8"))
    for address in value["images"].values():
        if not (cache / "images" / f"{address}.npz").is_file():
            msg = f"the pictures {address} are gone"
            raise FileNotFoundError(msg)
    return value


def _without_failure(value: Any) -> bool:
    return not value["failures"]
