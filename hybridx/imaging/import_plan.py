"""Who is one patient, which day is day 0, and what each study's import needs to know."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hybridx.imaging.dicom_choice import StudyChoice
from hybridx.imaging.dicom_file import read_header
from hybridx.imaging.import_corrections import read_corrections, told_for
from hybridx.imaging.import_study import StudyImport
from hybridx.imaging.pseudonyms import PseudonymKey

__all__ = ["Plan", "corrected_plans", "plan_studies"]

MASKED_BIRTHS = ("19000101", "18000101", "00010101")  # what programs write in place of a birth date


@dataclass(frozen=True, eq=False)
class Plan:
    """A study to import, and how its series were judged."""

    task: StudyImport
    study: StudyChoice
    refused: str = ""  # why it is not read at all


def plan_studies(
    studies: Sequence[StudyChoice],
    secret: PseudonymKey,
    structures: tuple[str, ...],
    out: Path,
    baseline: Mapping[str, dt.date],
) -> list[Plan]:
    """Give each study its pseudonym, timepoint and day.

    Parameters
    ----------
    studies : sequence of StudyChoice
        With the series that were chosen.
    secret : PseudonymKey
        Of the user.
    structures : tuple of str
        Names or patterns of the tumour's structures.
    out : Path
        The data folder.
    baseline : mapping of patient id to date
        Day 0 where it is not the first study's.

    Returns
    -------
    list of Plan
        A patient's studies in the order of their days; refused where one id may stand for two people.
    """
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


def corrected_plans(plans: Sequence[Plan], path: Path, names: Mapping[str, str]) -> list[Plan]:
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
