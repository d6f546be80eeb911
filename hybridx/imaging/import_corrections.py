"""Facts that the user supplies for a PET whose headers lack them, or have them wrong."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hybridx.errors import InputError
from hybridx.imaging.body import HEIGHT_M
from hybridx.imaging.pet_header import PetHeader
from hybridx.imaging.radionuclide import TOLERANCE, radionuclide_of
from hybridx.imaging.suv_amounts import DOSE_BQ, WEIGHT_KG
from hybridx.terms import check_name
from hybridx.terms.text import listing
from hybridx.terms.tracers import HALF_LIFE_S

__all__ = ["FACTS", "Correction", "correction_notes", "read_corrections", "told_for"]

WHO = ("patient_id", "timepoint", "series")


@dataclass(frozen=True)
class Correction:
    """One row of the user's table.

    Parameters
    ----------
    patient, series : str
        Pseudonyms; empty where the row does not name one.
    timepoint : int or None
        Study of the patient; None is all of them.
    facts : mapping of str to value
        Fields of `PetHeader`.
    """

    patient: str
    series: str
    timepoint: int | None
    facts: Mapping[str, Any]


def read_corrections(
    path: Path, known: Sequence[tuple[str, int]], series: Mapping[str, str]
) -> list[Correction]:
    """Read the table of corrections and refuse what cannot be meant.

    Parameters
    ----------
    path : path
        CSV with `series`, or `patient_id` and perhaps `timepoint`, as they stand in ``import/series.csv``; and any of
        `weight_kg`, `height_m`, `sex` (M, F), `dose_bq`, `half_life_s`, `radionuclide` (F18, Ga68, ...), `injected`
        (``2024-05-06T09:12`` by the scanner's clock and calendar, or ``09:12`` of the day of the scan),
        `decay_correction` (START, ADMIN). An empty cell leaves the header as it is.
    known : sequence of (patient, timepoint)
        Studies of this import.
    series : mapping of str to str
        Pseudonyms of this import's series.

    Returns
    -------
    list of Correction
        In the order of the table.

    Raises
    ------
    InputError
        The table cannot be read, names nobody of this import, or holds an impossible value; all reasons at once.
    """
    try:
        table = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"{str(path)!r} cannot be read as a table ({type(error).__name__}); wanted CSV with a header line."
        raise InputError(msg) from error
    for name in table.columns:
        check_name(name, (*WHO, *FACTS), "column")
    rows, problems = [], []
    for number, row in enumerate(table.to_dicts(), start=2):
        cells = {name: (value or "").strip() for name, value in row.items()}
        try:
            rows.append(_row(cells, known, series))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        msg = f"{str(path)!r} cannot be used: {listing(problems)}."
        raise InputError(msg)
    return rows


def _row(cells: Mapping[str, str], known: Sequence[tuple[str, int]], series: Mapping[str, str]) -> Correction:
    patient, one, point = (cells.get(name, "") for name in ("patient_id", "series", "timepoint"))
    if bool(patient) == bool(one):
        msg = "wanted either a series or a patient_id"
        raise ValueError(msg)
    if one and one not in series:
        msg = f"no series {one!r} in this import"
        raise ValueError(msg)
    if point and not point.isdigit():
        msg = f"timepoint {point!r} is no number"
        raise ValueError(msg)
    if patient and not any(patient == who and (not point or int(point) == when) for who, when in known):
        msg = f"no patient {patient!r}{f' with timepoint {point}' if point else ''} in this import"
        raise ValueError(msg)
    facts: dict[str, Any] = {}
    for name, parse in FACTS.items():
        if cells.get(name):
            facts |= parse(cells[name])
    if not facts:
        msg = "no fact is given"
        raise ValueError(msg)
    half_life, nuclide = facts.get("half_life_s"), facts.get("radionuclide")
    if half_life and nuclide and abs(half_life / HALF_LIFE_S[nuclide] - 1.0) > TOLERANCE:
        msg = f"half_life_s {half_life:g} is not that of {nuclide}, {HALF_LIFE_S[nuclide]:g} s"
        raise ValueError(msg)
    return Correction(patient, one, int(point) if point else None, facts)


def _number(name: str, low: float, high: float, unit: str) -> Callable[[str], dict[str, Any]]:
    def parse(text: str) -> dict[str, Any]:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            msg = f"{name} is {text!r}; wanted {low:g} to {high:g} {unit}"
            raise ValueError(msg)
        return {name: value}

    return parse


def _dose(text: str) -> dict[str, Any]:
    # whoever states the dose has decided what several listed ones come to
    return _number("dose_bq", *DOSE_BQ, "Bq")(text) | {"doses": 1}


def _half_life(text: str) -> dict[str, Any]:
    found = _number("half_life_s", min(HALF_LIFE_S.values()) * 0.98, max(HALF_LIFE_S.values()) * 1.02, "s")(
        text
    )
    if not any(abs(found["half_life_s"] / one - 1.0) <= TOLERANCE for one in HALF_LIFE_S.values()):
        msg = f"half_life_s is {text!r}, which is none of {', '.join(HALF_LIFE_S)}"
        raise ValueError(msg)
    return found


def _radionuclide(text: str) -> dict[str, Any]:
    name = radionuclide_of(PetHeader("", (), radionuclide=text))
    if not name:
        msg = f"radionuclide is {text!r}; wanted one of {', '.join(HALF_LIFE_S)}"
        raise ValueError(msg)
    return {"radionuclide": name, "radiopharmaceutical": ""}


def _injected(text: str) -> dict[str, Any]:
    for parse in (dt.datetime.fromisoformat, dt.time.fromisoformat):
        try:
            found = parse(text)
        except ValueError:
            continue
        if found.tzinfo is None and (isinstance(found, dt.time) or len(text) > len("2024-05-06")):
            alone = isinstance(found, dt.time)
            return {"injected": None if alone else found, "injected_time": found if alone else None}
    msg = f"injected is {text!r}; wanted such as 2024-05-06T09:12 or 09:12, by the scanner's clock"
    raise ValueError(msg)


def _term(name: str, terms: Sequence[str]) -> Callable[[str], dict[str, Any]]:
    def parse(text: str) -> dict[str, Any]:
        if text.upper() not in terms:
            msg = f"{name} is {text!r}; wanted {' or '.join(terms)}"
            raise ValueError(msg)
        return {name: text.upper()}

    return parse


FACTS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "weight_kg": _number("weight_kg", *WEIGHT_KG, "kg"),
    "height_m": _number("height_m", *HEIGHT_M, "m"),
    "sex": _term("sex", ("M", "F")),
    "dose_bq": _dose,
    "half_life_s": _half_life,
    "radionuclide": _radionuclide,
    "injected": _injected,
    "decay_correction": _term("decay_correction", ("START", "ADMIN")),
}


def told_for(corrections: Sequence[Correction], patient: str, timepoint: int, series: str) -> dict[str, Any]:
    """Join what was told for one PET: a row of the series stands above one of the study, that above the patient's."""
    fitting = [
        (2 if one.series else int(one.timepoint is not None), one)
        for one in corrections
        if (
            one.series == series
            if one.series
            else one.patient == patient and one.timepoint in (None, timepoint)
        )
    ]
    joined: dict[str, Any] = {}
    for _, one in sorted(fitting, key=lambda pair: pair[0]):
        joined |= one.facts
    return joined


def correction_notes(told: Mapping[str, Any], header: PetHeader) -> list[str]:
    """Say which facts the user supplied and what the header has: numbers only, since a moment may tell who it was."""
    notes = []
    for name in FACTS:
        if name not in told and not (name == "injected" and "injected_time" in told):
            continue
        value, before = told.get(name), getattr(header, name)
        if not isinstance(value, float):
            notes.append(f"{name} told by the user")
            continue
        shown = "missing" if before is None else f"{before:g}"
        notes.append(f"{name} told by the user: {value:g} (header: {shown})")
    return notes
