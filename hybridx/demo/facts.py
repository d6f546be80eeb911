"""Clinical facts, treatments and outcomes as rows of their tables."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from hybridx.demo.hazard import FollowUp
from hybridx.demo.patients import Patient, stream

__all__ = ["COLUMNS_YAML", "baseline_of", "outcome_rows", "patient_row", "treatment_rows"]

DIAGNOSIS = "SYNTHETIC non-small cell lung carcinoma"

COLUMNS_YAML = """\
# SYNTHETIC demo cohort: columns beyond the library's own tables are declared here.
patients:
  smoking:
    dtype: string
    enum: [never, former, current]
    ordered: true
    role: predictor
    unit: "1"
    description: Smoking history at diagnosis (SYNTHETIC).
  remark:
    dtype: string
    role: information
    unit: "1"
    description: Says on every row that the patient does not exist.
"""


def baseline_of(patient: Patient, seed: int) -> date:
    """Return the patient's day 0, an invented date."""
    return date(2015, 1, 5) + timedelta(days=int(stream(seed, patient.index, 8).integers(0, 1400)))


def patient_row(patient: Patient, seed: int) -> dict[str, object]:
    """Return the patient's row of the patients table."""
    rng = stream(seed, patient.index, 9)
    x, y, z = patient.anatomy.scale
    height = (166.0 if patient.sex == "female" else 177.0) * z
    return {
        "patient_id": patient.id,
        "sex": patient.sex,
        "age_years": patient.age_years,
        "centre": patient.scanner.centre,
        "diagnosis": DIAGNOSIS,
        "stage": patient.stage,
        "ecog": patient.ecog,
        "smoking": patient.smoking,
        "height_cm": round(height, 0),
        "weight_kg": round(float(24.5 * (height / 100) ** 2 * x * y / z**2 + rng.normal(0, 2.5)), 1),
        "baseline_date": baseline_of(patient, seed).isoformat(),
        "remark": "SYNTHETIC",
    }


def treatment_rows(patient: Patient, seed: int, course: FollowUp) -> list[dict[str, object]]:
    """Return treatments, all begun after baseline.

    Who gets what follows stage, performance and EGFR; no treatment changes the outcome here. So treatment is
    confounded: it will look prognostic although it does nothing, and it is not known at baseline.
    """
    rng = stream(seed, patient.index, 10)
    start = int(rng.integers(7, 35))
    plans: list[tuple[str, str, int]] = []
    if patient.stage in ("I", "II") and patient.ecog < 2:
        plans.append(("surgery", "lobectomy", 1))
    if patient.stage in ("II", "III") or (patient.stage == "I" and patient.ecog == 2):
        plans.append(("radiotherapy", "60 Gy in 30 fractions", 42))
    if "EGFR" in patient.mutated and patient.stage == "IV":
        plans.append(("targeted", "osimertinib", 300))
    elif patient.stage in ("III", "IV"):
        plans.append(("chemotherapy", "cisplatin and pemetrexed", 84))
        if rng.random() < 0.6:
            plans.append(("immunotherapy", "pembrolizumab", 180))
    rows: list[dict[str, object]] = []
    for kind, agent, length in plans:
        if start < course.os_days:
            end = int(min(start + length, course.os_days))
            rows.append(
                {"patient_id": patient.id, "kind": kind, "agent": agent, "day": start, "end_day": end}
            )
        start += int(np.ceil(length / 4)) if length > 1 else 28
    return rows


def outcome_rows(patient: Patient, course: FollowUp) -> list[dict[str, object]]:
    """Return overall and progression-free survival from baseline, and the best response where evaluable."""
    blank: dict[str, object] = {
        "patient_id": patient.id,
        "origin": "baseline",
        "time_days": None,
        "event": None,
        "response": None,
        "criterion": None,
    }
    rows = [
        {**blank, "endpoint": "OS", "time_days": course.os_days, "event": int(course.death)},
        {**blank, "endpoint": "PFS", "time_days": course.pfs_days, "event": int(course.progression)},
    ]
    if course.response is not None:
        rows.append({**blank, "endpoint": "response", "response": course.response, "criterion": "RECIST"})
    return rows
