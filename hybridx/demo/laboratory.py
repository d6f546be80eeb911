"""Laboratory values: a baseline that carries risk, and a course that follows the disease (and must not be used)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridx.demo.hazard import FollowUp
from hybridx.demo.patients import Patient, stream
from hybridx.demo.scanners import SCANNERS

__all__ = ["lab_rows"]

_BASELINE_DAYS = (-12, -2)
_COURSE_DAYS = (21, 42, 84, 126)
_REPEAT = 0.04  # analytical and biological scatter between two samples of a stable patient, relative


@dataclass(frozen=True)
class _Assay:
    """An analyte with its unit and reference limits in centre 1 and centre 2 (`scale` = unit 1 to unit 2)."""

    analyte: str
    units: tuple[str, str]
    scale: float
    limits: tuple[float | None, float | None]
    digits: tuple[int, int]


_ASSAYS = (
    _Assay("ldh", ("U/L", "U/L"), 1.0, (135, 250), (0, 0)),
    _Assay("crp", ("mg/L", "mg/dL"), 0.1, (None, 5), (1, 2)),
    _Assay("albumin", ("g/L", "g/dL"), 0.1, (35, 52), (1, 2)),
    _Assay("hemoglobin", ("g/L", "g/dL"), 0.1, (120, 170), (0, 1)),
    _Assay("neutrophils", ("10*9/L", "/uL"), 1000.0, (1.8, 7.5), (2, 0)),
    _Assay("lymphocytes", ("10*9/L", "/uL"), 1000.0, (1.0, 4.0), (2, 0)),
    _Assay("platelets", ("10*9/L", "10*9/L"), 1.0, (150, 400), (0, 0)),
    _Assay("creatinine", ("umol/L", "mg/dL"), 1 / 88.4, (45, 104), (0, 2)),
)


def lab_rows(patient: Patient, seed: int, course: FollowUp) -> list[dict[str, object]]:
    """Return the rows of the labs table for one patient: one sample before baseline, several after it.

    Values after baseline rise with the coming progression. They are in the table because a hospital's are, and
    because a model that reads them looks better than any that could be used at the first visit.
    """
    rng = stream(seed, patient.index, 5)
    usual = _usual_values(patient, rng)
    rows = _sample(patient, usual, int(rng.integers(*_BASELINE_DAYS)), rng)
    for planned in _COURSE_DAYS:
        day = planned + int(rng.integers(-4, 5))
        if day < min(course.os_days, 0.9 * course.pfs_days + 60):
            # towards progression the disease shows in the blood; before that, treatment calms it
            nearness = float(np.exp(-max(course.pfs_days - day, 0.0) / 60.0)) if course.progression else 0.0
            rows += _sample(patient, _moved(usual, 0.9 * nearness - 0.15), day, rng)
    return rows


def _usual_values(patient: Patient, rng: np.random.Generator) -> dict[str, float]:
    z = patient.latent
    ldh, fire, lack = z["lab.ldh"], z["lab.inflammation"], z["lab.lymphopenia"]
    noise = rng.standard_normal(5)
    male = patient.sex == "male"
    return {
        "ldh": float(225 * np.exp(0.30 * ldh)),
        "crp": float(11 * np.exp(1.0 * fire + 0.25 * noise[0])),
        "albumin": float(np.clip(39.5 - 3.0 * fire + 1.8 * noise[1], 18, 52)),
        "hemoglobin": float(np.clip(126 + 10 * male - 6 * fire + 11 * noise[2], 70, 180)),
        "neutrophils": float(5.2 * np.exp(0.24 * fire + 0.14 * noise[3])),
        "lymphocytes": float(1.6 * np.exp(-0.30 * lack)),
        "platelets": float(270 * np.exp(0.12 * fire + 0.2 * noise[4])),
        "creatinine": float((68 + 14 * male) * np.exp(0.18 * rng.standard_normal())),
    }


def _moved(usual: dict[str, float], activity: float) -> dict[str, float]:
    """Return the values while the disease is more active (above 0) or calmer (below 0) than at baseline."""
    moved = dict(usual)
    moved["ldh"] *= float(np.exp(0.5 * activity))
    moved["crp"] *= float(np.exp(1.1 * activity))
    moved["albumin"] -= 3.0 * activity
    moved["neutrophils"] *= float(np.exp(0.25 * activity))
    return moved


def _sample(
    patient: Patient, values: dict[str, float], day: int, rng: np.random.Generator
) -> list[dict[str, object]]:
    laboratory = SCANNERS.index(patient.scanner)  # one laboratory per centre, each with its own units
    rows: list[dict[str, object]] = []
    for assay in _ASSAYS:
        factor = assay.scale if laboratory else 1.0
        value = values[assay.analyte] * factor * float(np.exp(_REPEAT * rng.standard_normal()))
        low, high = (None if limit is None else round(limit * factor, 3) for limit in assay.limits)
        rows.append(
            {
                "patient_id": patient.id,
                "day": day,
                "analyte": assay.analyte,
                "value": round(value, assay.digits[laboratory]),
                "unit": assay.units[laboratory],
                "ref_low": low,
                "ref_high": high,
            }
        )
    return rows
