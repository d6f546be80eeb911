"""From a hospital's DICOM folder to a data folder: chosen series as NIfTI, tables, and no identifier."""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hybridx.compute import ensure_writable, map_tasks
from hybridx.compute.checkpoint import Checkpoint
from hybridx.errors import InputError
from hybridx.imaging.dicom_choice import StudyChoice, choose_series
from hybridx.imaging.dicom_tree import read_header, scan_dicom
from hybridx.imaging.import_study import StudyImport, import_study
from hybridx.imaging.import_tables import MARKER, DicomImport, Plan, write_links, write_series, write_tables
from hybridx.imaging.pseudonyms import PseudonymKey

__all__ = ["import_dicom"]

YES = {
    "yes": True,
    "no": False,
    "ja": True,
    "nein": False,
    "1": True,
    "0": False,
    "true": True,
    "false": False,
}


def import_dicom(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    key: str | os.PathLike[str] | None = None,
    structures: str | Sequence[str] = (),
    choices: str | os.PathLike[str] | None = None,
    baseline: Mapping[str, dt.date] | None = None,
    workers: int | None = None,
    engine: str = "local",
    client: Any = None,
    progress: bool = True,
) -> DicomImport:
    """Turn a tree of DICOM files into a data folder.

    Nothing that names a patient is written to `out`: patients get pseudonyms, dates become days from baseline, and
    texts of the headers are not carried on. Who is who stands in the key folder alone.

    Parameters
    ----------
    folder : path
        Mixed series in any order and under any names.
    out : path
        The data folder to write: ``images/``, ``patients.csv``, ``studies.csv``, and below ``import/`` what a reader
        wants to check: ``series.csv`` (every series and whether it was used), ``images.csv`` (geometry, values, uptake
        factor), ``failures.csv``, ``left_out.csv``.
    key : path, optional
        Folder with the salt of the pseudonyms and the list of who is who; default ``<out>-key``. Keep it, and keep it
        away from the data.
    structures : str or sequence of str
        Names of the structures that are the tumour, or patterns such as ``GTV*``. Left out, the only structure of a
        set is taken.
    choices : path, optional
        An edited ``series.csv``: its column `use` (yes or no) stands above the library's choice.
    baseline : mapping of patient id to date, optional
        Day 0 by the hospital's own patient id; left out, a patient's first study is day 0.
    workers, engine, client
        See `hybridx.compute.map_tasks`.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    DicomImport
        Shows what was written, what was left out and what failed.

    Raises
    ------
    InputError
        No such folder, no series in it, a place that cannot be written, or choices that cannot be read.
    """
    target = Path(out).absolute()
    ensure_writable(target, replace_if=MARKER)
    place = Path(key) if key is not None else target.with_name(f"{target.name}-key")
    if place.absolute().is_relative_to(target):
        msg = f"The key folder {str(place)!r} lies inside the data: whoever gets the data could name the patients."
        raise InputError(msg)
    tree = scan_dicom(folder, show_progress=progress)
    if not tree.series:
        msg = f"{str(folder)!r} holds no DICOM series that can be read.\n{tree!r}"
        raise InputError(msg)
    secret = PseudonymKey(place)
    names = {one.uid: secret.pseudonym(one.uid, "S") for one in tree.series}
    decided = {} if choices is None else _decisions(Path(choices), names)
    wanted = (structures,) if isinstance(structures, str) else tuple(structures)
    plans = _plans(choose_series(tree, decided), secret, wanted, target, baseline or {})
    write_series(target, plans, names)
    results = map_tasks(
        import_study,
        [plan.task for plan in plans],
        engine=engine,
        workers=workers,
        client=client,
        checkpoint=Checkpoint(target / "import" / ".done"),
        keys=[_key(plan.task) for plan in plans],
        description="Importing studies",
        progress=progress,
    )
    write_links(secret, tree, plans, names)
    return write_tables(target, tree, plans, results)


def _decisions(path: Path, names: Mapping[str, str]) -> dict[str, bool]:
    try:
        table = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"{str(path)!r} cannot be read as a table ({type(error).__name__}). Take series.csv of an earlier import."
        raise InputError(msg) from error
    if not {"series", "use"} <= set(table.columns):
        msg = f"{str(path)!r} has the columns {table.columns}; wanted 'series' and 'use'."
        raise InputError(msg)
    uids = {name: uid for uid, name in names.items()}
    odd = [row for row in table.to_dicts() if (row["use"] or "").strip().lower() not in YES]
    if odd:
        msg = f"{str(path)!r}: use is {odd[0]['use']!r} for series {odd[0]['series']!r}; wanted yes or no."
        raise InputError(msg)
    unknown = [one for one in table["series"].to_list() if one not in uids]
    if len(unknown) == table.height:
        msg = f"{str(path)!r} names no series of this folder: was another key used? Give --key of the earlier import."
        raise InputError(msg)
    rows = table.filter(~pl.col("series").is_in(unknown)).to_dicts()
    return {uids[row["series"]]: YES[row["use"].strip().lower()] for row in rows}


def _plans(
    studies: Sequence[StudyChoice],
    secret: PseudonymKey,
    structures: tuple[str, ...],
    out: Path,
    baseline: Mapping[str, dt.date],
) -> list[Plan]:
    by_patient: dict[str, list[tuple[dt.date | None, StudyChoice]]] = defaultdict(list)
    for study in studies:
        by_patient[study.patient_id].append((_date(study), study))
    plans = []
    for patient, dated in by_patient.items():
        days = [date for date, _ in dated if date is not None]
        zero = baseline.get(patient) or (min(days) if days else None)
        ordered = sorted(dated, key=lambda one: (one[0] or dt.date.max, one[1].study_uid))
        for timepoint, (date, study) in enumerate(ordered, start=1):
            day = float((date - zero).days) if date is not None and zero is not None else 0.0
            # an empty patient id is no identity: every such study stands for itself
            who = secret.pseudonym(patient or f"study {study.study_uid}")
            task = StudyImport(who, timepoint, day, study.chosen, tuple(study.markings), structures, out)
            plans.append(Plan(task, study))
    return plans


def _date(study: StudyChoice) -> dt.date | None:
    """Return the day of the study, from the first header that has one."""
    for one in study.judged:
        header, _ = read_header(one.series.paths[0], whole=True)
        for name in ("StudyDate", "SeriesDate", "AcquisitionDate"):
            try:
                text = str(header.get(name, "") or "").strip() if header is not None else ""
                return dt.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - DICOM dates carry no zone
            except Exception:  # noqa: BLE001, S112 - a damaged date is no date
                continue
    return None


def _key(task: StudyImport) -> str:
    """Name a finished study by its files' names, sizes and dates, and by how it is read."""
    files = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for one in (*task.series.values(), *task.markings)
        for path in one.paths
    ]
    return repr((files, task.patient, task.timepoint, task.day, task.structures))
