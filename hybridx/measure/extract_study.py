"""One study, measured: what a worker does for one patient at one time, where each step may fail alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from hybridx.cohort.images import pack
from hybridx.compute import atomic_write
from hybridx.imaging import Grid, Image, ImageError, Study
from hybridx.imaging.checking import overlap_faults
from hybridx.imaging.organs import fit_organs
from hybridx.imaging.quality import quality_faults
from hybridx.imaging.study import StudyRow, grids_of, read_pair
from hybridx.measure.deep import deep_features, lacking, make_patch
from hybridx.measure.encoder import DeepEncoder
from hybridx.measure.lesions import lesion_rows
from hybridx.measure.pet_uptake import measure_uptake
from hybridx.measure.settings import ExtractSettings
from hybridx.measure.uptake_extras import Body
from hybridx.measure.views import key_views
from hybridx.measure.volumes import key_volumes
from hybridx.radiomics.engine import measure_radiomics

__all__ = ["StudyTask", "measure_study"]


@dataclass(frozen=True)
class StudyTask:
    """What a worker needs to know.

    Parameters
    ----------
    rows : tuple of StudyRow
        The study's lines of the studies table.
    settings : ExtractSettings
        How to measure.
    refused : mapping of str to str
        Modalities that a check between patients has refused already, with the reason; ``organs`` for a map of organs.
    device : str
        Where the encoder runs.
    store : Path
        Folder for pictures and patches, named by content.
    body : Body
        Of the patient, for SUL.
    """

    rows: tuple[StudyRow, ...]
    settings: ExtractSettings
    refused: Mapping[str, str]
    device: str
    store: Path
    body: Body = field(default_factory=Body)

    @property
    def size(self) -> int:
        """Bytes of its masks, which grow with the lesions: a rough guess at how long it takes."""
        masks = {row.mask for row in self.rows if row.mask is not None and row.mask.is_file()}
        return sum(mask.stat().st_size for mask in masks)


@dataclass
class _Record:
    """What is found, as plain numbers and text: it is written as JSON and holds nothing that names the patient."""

    blocks: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[list[str]] = field(default_factory=list)
    remarks: list[list[str]] = field(default_factory=list)
    lesions: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def stage(self, modality: str, stage: str) -> Iterator[None]:
        """Let a step fail alone: its reason is kept, the study goes on."""
        try:
            yield
        except ImageError as error:
            self.failures += [[modality, stage, str(one)] for one in error.faults]
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in one step must not cost the others
            notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
            self.failures.append([modality, stage, f"{type(error).__name__}: {error}{notes}"])

    def add(self, modality: str, values: Mapping[str, float], **provenance: str) -> None:
        """Add values to a modality's block."""
        block = self.blocks.setdefault(modality, {"values": {}, "provenance": {}})
        block["values"] |= values
        block["provenance"] |= provenance


def measure_study(task: StudyTask) -> dict[str, Any]:
    """Measure all images of one study.

    Parameters
    ----------
    task : StudyTask
        Paths and settings.

    Returns
    -------
    dict
        JSON-serialisable: ``blocks`` {modality: {values, provenance}}, ``failures`` and ``remarks`` [modality, stage,
        reason], ``lesions`` (rows without the patient), ``images`` {kind: content address}.
    """
    record = _Record()
    study = _read(task, record)
    for modality, image in study.images.items():
        _measure_image(image, study.masks[modality], task, record)
    if task.settings.deep and not lacking(study):
        with record.stage("deep", "deep"):
            patch = make_patch(study)
            record.add("deep", deep_features(patch, _encoder(task.device)))
            record.images["patch:deep"] = _keep(task.store, {"patch": patch.array})
    if task.settings.views and study.images:
        with record.stage(study.modalities[0], "views"):
            record.images["views"] = _keep(task.store, key_views(study))
    if task.settings.volumes and {"pet", "ct"} & study.images.keys():
        with record.stage(study.modalities[0], "volumes"):
            record.images["volumes"] = _keep(task.store, key_volumes(study))
    return {
        "blocks": {name: block for name, block in record.blocks.items() if block["values"]},
        "failures": record.failures,
        "remarks": record.remarks,
        "lesions": record.lesions,
        "images": record.images,
    }


def _read(task: StudyTask, record: _Record) -> Study:
    grids = grids_of(task.rows)
    refused = dict(task.refused) | {name: str(one) for name, one in overlap_faults(grids)}
    images: dict[str, Image] = {}
    masks: dict[str, Image] = {}
    for row in task.rows:
        if row.modality in refused:
            failure = [row.modality, "check", refused[row.modality]]
            record.failures += [] if failure in record.failures else [failure]
            continue
        with record.stage(row.modality, "read"):
            images[row.modality], masks[row.modality] = _pair(row, grids, record)
    if images:
        with record.stage(next(iter(images)), "quality"):
            record.remarks += [[name, "quality", str(one)] for name, one in quality_faults(images, masks)]
    first = task.rows[0]
    return Study(first.patient_id, first.timepoint, images, masks)


def _pair(row: StudyRow, grids: Mapping[str, Grid], record: _Record) -> tuple[Image, Image]:
    image, mask, faults = read_pair(row, grids)
    record.remarks += [[row.modality, "read", str(one)] for one in faults]
    return image, mask


def _measure_image(image: Image, mask: Image, task: StudyTask, record: _Record) -> None:
    modality, settings = image.modality, task.settings
    with record.stage(modality, "radiomics"):
        found = measure_radiomics(image, mask, getattr(settings, modality))
        record.add(modality, found.values, **found.provenance)
        record.remarks += [
            [modality, "radiomics", text] for text in (*found.remarks, *_summaries(found.reasons))
        ]
    if modality == "pet":
        _measure_pet(image, mask, task, record)
    else:
        with record.stage(modality, "lesions"):
            record.lesions += lesion_rows(image, mask)


def _measure_pet(image: Image, mask: Image, task: StudyTask, record: _Record) -> None:
    row = next(row for row in task.rows if row.modality == "pet")
    organs: dict[str, Image] = {}
    why = task.refused.get("organs", "")
    if not why:
        with record.stage("pet", "organs"):
            organs, faults = fit_organs(row, image.grid, grids_of(task.rows))
            record.remarks += [["pet", "organs", str(one)] for one in faults]
            why = "; ".join(str(one) for one in faults)
    known: dict[str, Any] = {"tracer": row.tracer or None, "organs": organs}
    settings = task.settings.uptake
    with record.stage("pet", "uptake"):
        found = measure_uptake(image, mask, settings, organs_lacking=why, body=task.body, **known)
        record.add("pet", found.values)
        record.remarks += [["pet", "uptake", text] for text in (*found.remarks, *_summaries(found.reasons))]
    with record.stage("pet", "lesions"):
        record.lesions += lesion_rows(image, mask, settings, **known)


def _summaries(reasons: Mapping[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"{len(names)} features not defined: {reason}" for reason, names in by_reason.items()]


def _keep(store: Path, arrays: Mapping[str, Any]) -> str:
    address, content = pack(arrays)
    path = store / "images" / f"{address}.npz"
    if not path.exists():
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
    return address


@lru_cache(maxsize=1)
def _encoder(device: str) -> DeepEncoder:
    return DeepEncoder.load(device)
