"""From a hospital's DICOM folder to a data folder: chosen series as NIfTI, tables, and no identifier."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hybridx.compute import ensure_writable, map_tasks
from hybridx.compute.checkpoint import Checkpoint
from hybridx.errors import InputError
from hybridx.imaging.dicom_choice import StudyChoice, choose_series
from hybridx.imaging.dicom_tree import read_header, scan_dicom
from hybridx.imaging.import_corrections import read_corrections, told_for
from hybridx.imaging.import_study import StudyImport, import_study
from hybridx.imaging.import_tables import MARKER, DicomImport, Plan, write_links, write_series, write_tables
from hybridx.imaging.pseudonyms import SALT, PseudonymKey

__all__ = ["import_dicom"]

MARK = "import/key.txt"  # which key gave the pseudonyms; it tells nothing of the key itself
MASKED_BIRTHS = ("19000101", "18000101", "00010101")  # what programs write in place of a birth date

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
    corrections: str | os.PathLike[str] | None = None,
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
    corrections : path, optional
        Facts for a PET whose headers lack them or have them wrong, as a table; see
        `hybridx.imaging.import_corrections.read_corrections`. Each use is noted in ``images.csv``.
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

    Notes
    -----
    Who is one patient: the hospital's id (0010,0020). Where one id comes with two birth dates, with both sexes, or from
    two issuers (0010,0021) without one birth date that holds them together, it may be two people: their studies are
    refused, to be imported hospital by hospital, each with a key of its own.

    Raises
    ------
    InputError
        No such folder, no series in it, a place that cannot be written or that another key wrote, or choices or
        corrections that cannot be read.
    """
    target = Path(out).absolute()
    ensure_writable(target, replace_if=MARKER)
    place = Path(key) if key is not None else target.with_name(f"{target.name}-key")
    _check_places(Path(folder), target, place)
    tree = scan_dicom(folder, show_progress=progress)
    if not tree.series:
        msg = f"{str(folder)!r} holds no DICOM series that can be read.\n{tree!r}"
        raise InputError(msg)
    secret = PseudonymKey(place)
    _check_key(secret, target)
    names = secret.pseudonyms((one.uid for one in tree.series), "S")
    decided = {} if choices is None else _decisions(Path(choices), names)
    wanted = (structures,) if isinstance(structures, str) else tuple(structures)
    plans = _plans(choose_series(tree, decided), secret, wanted, target, baseline or {})
    if corrections is not None:
        plans = _corrected(plans, Path(corrections), names)
    write_series(target, plans, names)
    (target / MARK).write_text(secret.fingerprint() + "\n", encoding="ascii")
    # before the work: who is who must be known even of an import that was killed
    write_links(secret, tree, plans, names)
    tasks = [plan.task for plan in plans if not plan.refused]
    results = map_tasks(
        import_study,
        tasks,
        engine=engine,
        workers=workers,
        client=client,
        checkpoint=Checkpoint(target / "import" / ".done", load=_Reader(target), keep=_final),
        keys=[secret.fingerprint(_key(task)) for task in tasks],
        description="Importing studies",
        progress=progress,
    )
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


def _check_places(folder: Path, target: Path, place: Path) -> None:
    if place.absolute().is_relative_to(target):
        msg = f"The key folder {str(place)!r} lies inside the data: whoever gets the data could name the patients."
        raise InputError(msg)
    if target.resolve().is_relative_to(folder.resolve()):
        msg = (
            f"--out {str(target)!r} lies inside the DICOM folder: the next import would read what this one wrote. "
            "Choose a place beside it."
        )
        raise InputError(msg)
    if (target / MARK).is_file() and not (place / SALT).is_file():
        msg = (
            f"{str(target)!r} was imported with a key that is not in {str(place)!r}. Give its folder (--key); if it is "
            "lost, nobody can say who is who, and a new import needs a new --out."
        )
        raise InputError(msg)


def _check_key(secret: PseudonymKey, target: Path) -> None:
    mark = target / MARK
    if mark.is_file() and mark.read_text(encoding="ascii").strip() != secret.fingerprint():
        msg = (
            f"{str(target)!r} was imported with another key: old and new pseudonyms would lie side by side. "
            "Give the key folder of that import (--key), or a new --out."
        )
        raise InputError(msg)


@dataclass(frozen=True)
class _Reader:
    """Reads what a finished study left, as long as its files are still there."""

    folder: Path

    def __call__(self, path: Path) -> Any:
        value = json.loads(path.read_text(encoding="utf-8"))
        names = [row[name] for row in value["studies"] for name in ("image", "mask") if row[name]]
        if not all((self.folder / name).is_file() for name in names):
            raise KeyError(path.name)
        return value


def _final(value: dict[str, Any]) -> bool:
    """Whether a study need not be read again: what failed may have failed by a full disk."""
    return not value["failures"]


def _corrected(plans: Sequence[Plan], path: Path, names: Mapping[str, str]) -> list[Plan]:
    """Hand the user's facts to the studies that they are meant for."""
    known = [(plan.task.patient, plan.task.timepoint) for plan in plans]
    rows = read_corrections(path, known, {name: uid for uid, name in names.items()})
    changed = []
    for plan in plans:
        pet = plan.task.series.get("PT")
        told = told_for(rows, plan.task.patient, plan.task.timepoint, names[pet.uid]) if pet else {}
        changed.append(replace(plan, task=replace(plan.task, told=told)))
    return changed


@dataclass(frozen=True)
class _Facts:
    """Of one study, from the first header that can be read."""

    day: dt.date | None = None
    issuer: str = ""
    birth: str = ""
    sex: str = ""


def _plans(
    studies: Sequence[StudyChoice],
    secret: PseudonymKey,
    structures: tuple[str, ...],
    out: Path,
    baseline: Mapping[str, dt.date],
) -> list[Plan]:
    by_patient: dict[str, list[tuple[_Facts, StudyChoice]]] = defaultdict(list)
    for study in studies:
        # an empty patient id is no identity: every such study stands for itself
        by_patient[study.patient_id or f"study {study.study_uid}"].append((_facts(study), study))
    who = secret.pseudonyms(by_patient)
    plans = []
    for patient, found in by_patient.items():
        days = [facts.day for facts, _ in found if facts.day is not None]
        zero = baseline.get(patient) or (min(days) if days else None)
        refused = _two_people([facts for facts, _ in found])
        ordered = sorted(found, key=lambda one: (one[0].day or dt.date.max, one[1].study_uid))
        for timepoint, (facts, study) in enumerate(ordered, start=1):
            dated = facts.day is not None and zero is not None
            day = float((facts.day - zero).days) if facts.day is not None and zero is not None else 0.0
            notes = () if dated else ("the study has no date (0008,0020): day 0 stands for an unknown day",)
            task = StudyImport(
                who[patient],
                timepoint,
                day,
                study.chosen,
                tuple(study.markings),
                structures,
                out,
                notes=notes,
            )
            plans.append(Plan(task, study, refused))
    return plans


def _two_people(facts: Sequence[_Facts]) -> str:
    """Say why one hospital id may stand for two people; empty where it does not."""
    births = {one.birth for one in facts if one.birth}
    issuers = {one.issuer for one in facts if one.issuer}
    if len(births) > 1:
        what = f"{len(births)} birth dates (0010,0030)"
    elif {"F", "M"} <= {one.sex for one in facts}:
        what = "both sexes (0010,0040)"
    elif len(issuers) > 1 and not (births and all(one.birth for one in facts)):
        what = f"{len(issuers)} issuers (0010,0021) and no birth date that holds them together"
    else:
        return ""
    return (
        f"one patient id (0010,0020) with {what}: two people, or a typing error. Import each hospital by itself, with "
        "a key of its own (--key), or mend the headers"
    )


def _facts(study: StudyChoice) -> _Facts:
    found = _Facts()
    for one in study.judged:
        header, _ = read_header(one.series.paths[0], whole=True)
        if header is None:
            continue
        birth = _text(header, "PatientBirthDate")
        found = _Facts(
            found.day or _day(header),
            found.issuer or _text(header, "IssuerOfPatientID"),
            found.birth or ("" if birth in MASKED_BIRTHS else birth),
            found.sex or _text(header, "PatientSex").upper(),
        )
        if found.day is not None and found.birth:
            break
    return found


def _text(header: Any, name: str) -> str:
    try:
        return str(header.get(name, "") or "").strip()
    except Exception:  # noqa: BLE001 - a damaged value is none
        return ""


def _day(header: Any) -> dt.date | None:
    """Return the day of the study."""
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate"):
        try:
            return dt.datetime.strptime(_text(header, name), "%Y%m%d").date()  # noqa: DTZ007 - DICOM dates carry no zone
        except ValueError:
            continue
    return None


def _key(task: StudyImport) -> str:
    """Name a finished study by its files' names, sizes and dates, and by how it is read."""
    files = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for one in (*task.series.values(), *task.markings)
        for path in one.paths
    ]
    told = sorted(task.told.items())
    return repr((files, task.patient, task.timepoint, task.day, task.structures, told, task.notes))
