"""From a data folder to a cohort: validate, measure every study once, build the blocks, write the whole."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

import hybridx
from hybridx.cohort import Block, Cohort, Folder, read_folder, refuse
from hybridx.compute import TaskResult, content_hash, ensure_writable, map_tasks
from hybridx.errors import SettingsError
from hybridx.imaging.checking import group_rows, table_faults
from hybridx.imaging.study import rows_of
from hybridx.measure.clinical import clinical_block
from hybridx.measure.copy_number import copy_number_block
from hybridx.measure.encoder import DeepEncoder
from hybridx.measure.expression import expression_block
from hybridx.measure.extract_blocks import Measured, Source, image_blocks, image_tables
from hybridx.measure.extract_cache import file_hashes, studies_checkpoint, study_key, versions
from hybridx.measure.extract_study import StudyTask, measure_study
from hybridx.measure.genomics import genomics_block
from hybridx.measure.import_remarks import import_remarks
from hybridx.measure.labs import lab_block
from hybridx.measure.settings import ExtractSettings
from hybridx.measure.uptake_extras import Body
from hybridx.radiomics.compiling import compile_kernels

__all__ = ["extract"]

MARKER = "cohort.json"  # what tells a cohort's folder from any other


def extract(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    engine: str = "local",
    client: Any = None,
    device: str = "cpu",
    settings: ExtractSettings | None = None,
    progress: bool = True,
    force: bool = False,
) -> Cohort:
    """Turn a folder of images and tables into a cohort of feature blocks.

    Defects of the tables refuse the folder before anything is written. Defects of an image cost that patient that
    modality: they stand in ``cohort.tables["failures"]`` with the reason, and the others go on. Finished studies are
    kept beside the cohort (``.<out>.cache``), by content of images, settings and code: a second run reads them, a
    killed one picks up, and only what changed is measured anew. The result does not depend on the number of workers.

    Parameters
    ----------
    folder : path
        Data folder; see ``data_schemas/``.
    out : path
        Where the cohort is written, whole or not at all: a new or empty folder, or one that holds a cohort.
    workers : int, optional
        Processes; by default one per core.
    engine : {"local", "dask"}
        Where the studies are measured; see `hybridx.compute.map_tasks`.
    client : distributed.Client or str, optional
        For ``engine="dask"``. Its workers must see `folder` and the parent of `out`.
    device : str
        ``cpu`` or ``cuda``, for the deep features.
    settings : ExtractSettings, optional
        By default `RadiomicsSettings.preset` per modality, deep features and views.
    progress : bool
        Whether to show a progress bar.
    force : bool
        Measure everything anew.

    Returns
    -------
    Cohort
        As written to `out`.

    Raises
    ------
    InputError
        The tables have defects (all are listed), or `out` cannot be written.
    SettingsError
        Impossible settings, engine or device.
    """
    chosen = ExtractSettings() if settings is None else settings
    if not isinstance(chosen, ExtractSettings):
        msg = f"settings={settings!r} is not an ExtractSettings."
        raise SettingsError(msg)
    target = Path(out).absolute()
    data = read_folder(folder)
    refuse(data.problems)
    ensure_writable(target, replace_if=MARKER)
    encoder = DeepEncoder.load(device) if chosen.deep else None
    blocks = _table_blocks(data, chosen)  # first: what tables cannot give must not wait for hours of images
    cache = target.parent / f".{target.name}.cache"
    if force:
        shutil.rmtree(cache, ignore_errors=True)
    tasks, keys, doubts = _plan(data, chosen, encoder, device, cache)
    store = studies_checkpoint(cache)
    if not all(store.path(key).exists() for key in keys):  # here, so that no two workers compile the same
        compile_kernels(filters=False, show_progress=progress)
    results = map_tasks(
        measure_study,
        tasks,
        engine=engine,
        workers=workers,
        client=client,
        checkpoint=store,
        keys=keys,
        sizes=[task.size for task in tasks],
        description="Measuring studies",
        progress=progress,
    )
    measured = [_measured(*one) for one in zip(tasks, results, doubts, strict=True)]
    blocks += image_blocks(measured, Source(chosen, encoder, hybridx.__version__))
    patients = data.tables["patients"]["patient_id"].to_list()
    measured += import_remarks(data.path, data.tables.get("studies", pl.DataFrame()), patients)
    cohort = Cohort.build(
        patients,
        blocks,
        tables=_tables(data.tables, image_tables(measured)),
        provenance=_provenance(data.path, chosen, encoder, keys or _table_keys(data)),
        folder=cache,
    )
    return Cohort.load(cohort.save(target))


def _plan(
    data: Folder, settings: ExtractSettings, encoder: DeepEncoder | None, device: str, cache: Path
) -> tuple[list[StudyTask], list[str], list[list[list[str]]]]:
    """Lay out the studies: the task of each, its key, and doubts about it that are worth a remark."""
    studies = data.tables.get("studies", pl.DataFrame())
    rows = rows_of(data.path, studies) if studies.height else []
    hashes = file_hashes(rows)
    found = table_faults(rows, hashes)
    how = f"{settings.image_hash} {encoder.version if encoder else 'no encoder'} {device.partition(':')[0]}"
    bodies = _bodies(data.tables["patients"])
    tasks, keys, doubts = [], [], []
    for group in group_rows(rows):
        here = [(row.modality, fault) for row, fault in found if row in group]
        refused = {modality: str(fault) for modality, fault in here if fault.severity == "error"}
        for modality, fault in here:
            if fault.code == "I035" and modality == "pet":  # whose organs they are nobody can say
                refused["organs"] = str(fault)
        doubts.append([[m, "check", str(fault)] for m, fault in here if fault.severity == "warning"])
        body = bodies.get(group[0].patient_id, Body())
        tasks.append(StudyTask(tuple(group), settings, refused, device, cache, body))
        keys.append(study_key(group, hashes, refused, f"{how} {body} {'organs' in refused}"))
    return tasks, keys, doubts


def _bodies(patients: pl.DataFrame) -> dict[str, Body]:
    names = ["weight_kg", "height_cm", "sex"]
    given = patients.select("patient_id", *(name for name in names if name in patients.columns))
    return {row.pop("patient_id"): Body(**row) for row in given.iter_rows(named=True)}


def _measured(task: StudyTask, result: TaskResult, doubts: list[list[str]]) -> Measured:
    first = task.rows[0]
    days = {row.modality: row.day for row in task.rows}
    record = result.value
    if result.error is not None:  # the worker itself died: every image of the study is lost, and says so
        lost = [[row.modality, "worker", str(result.error)] for row in task.rows]
        record = {"blocks": {}, "failures": lost, "remarks": [], "lesions": [], "images": {}}
    record = {**record, "remarks": [*doubts, *record["remarks"]]}
    return Measured(first.patient_id, first.timepoint, days, record)


def _table_blocks(data: Folder, settings: ExtractSettings) -> list[Block]:
    """Build a block for each kind of table that the folder holds."""
    tables, schemas = data.tables, data.schemas
    builders: dict[str, Callable[[], Block]] = {
        "labs": lambda: lab_block(tables, schemas, settings.labs),
        "variants": lambda: genomics_block(tables, schemas, settings.genomics),
        "expression": lambda: expression_block(tables, schemas, settings.expression),
    }
    held = [name for name in builders if name in tables and tables[name].height]
    copies = any(name in tables and tables[name].height for name in ("segments", "copynumber"))
    return [
        clinical_block(tables, schemas),
        *(builders[name]() for name in held),
        *([copy_number_block(tables, settings.genomics)] if copies else []),
    ]


def _tables(source: Mapping[str, pl.DataFrame], found: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    # a lesion table that came with the data was read by a person; ours does not replace it
    own = {"lesions"} & {name for name, table in source.items() if table.height}
    return {**source, **{name: table for name, table in found.items() if name not in own}}


def _table_keys(data: Folder) -> list[str]:
    """Return what tells one folder without images from another."""
    return [
        f"{name} {content_hash(table.write_ndjson().encode())}" for name, table in sorted(data.tables.items())
    ]


def _provenance(
    folder: Path, settings: ExtractSettings, encoder: DeepEncoder | None, keys: list[str]
) -> dict[str, Any]:
    readme = folder / "README.txt"
    return {
        "synthetic": readme.is_file() and readme.read_text(encoding="utf-8").startswith("SYNTHETIC"),
        "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
        "settings_hash": settings.hash,
        "inputs_hash": content_hash("\n".join(sorted(keys)).encode()),
        "encoder": encoder.version if encoder else None,
        "versions": versions(),
    }
