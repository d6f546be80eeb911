"""A cohort of eighty with everything a page can show and everything that can be wrong with a patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from scipy.ndimage import gaussian_filter

from hybridx.cohort import Block, Cohort
from hybridx.cohort.block import FAILURE_SCHEMA, FEATURE_SCHEMA
from hybridx.cohort.images import IMAGE_SCHEMA, pack

__all__ = ["ATTACK", "FAILED", "NOTHING", "NO_IMAGES", "NO_OUTCOME", "UMLAUT", "make_cohort", "make_views"]

ATTACK = '<script>alert("x")</script>{{7*7}}/../<img src=x onerror=alert(1)>'
UMLAUT = "Jörg Müßig-Ås"
NOTHING, FAILED, NO_IMAGES, NO_OUTCOME = "P005", "P006", "P007", "P008"

COLUMNS = {
    "clinical": (("age", "Age", "a"), ("stage_rank", "Stage", "1")),
    "pet": (("suv_max", "SUVmax", "g/mL{SUVbw}"), ("mtv_41pct", "Metabolic tumour volume (41 %)", "mL")),
    "ct": (
        ("original_shape_MeshVolume", "Volume (mesh)", "mm3"),
        ("original_firstorder_Mean", "Mean density", "[hnsf'U]"),
    ),
    "lab": (
        ("ldh", "Lactate dehydrogenase", "U/L"),
        ("crp", "C-reactive protein", "mg/L"),
        ("albumin", "Albumin", "g/L"),
    ),
    "genomics": (("tp53_mut", "TP53 altered", "1"), ("tmb", "Tumour mutational burden", "1")),
}
SHARE = {"clinical": 1.0, "pet": 0.85, "ct": 0.9, "lab": 0.8, "genomics": 0.7}
LABS = (("ldh", "U/L", 135.0, 250.0, 260.0), ("crp", "mg/L", None, 5.0, 9.0), ("albumin", "g/L", 35.0, 52.0, 38.0),
        ("hemoglobin", "g/L", None, None, 118.0))  # fmt: skip
TREATMENTS = (("surgery", None, -60.0, None), ("chemotherapy", "Carboplatin/Paclitaxel", 0.0, 63.0),
              ("radiotherapy", None, 7.0, 49.0), ("immunotherapy", "Durvalumab", 84.0, 420.0))  # fmt: skip
VARIANTS = (
    ("TP53", "missense", "p.R175H", 0.34),
    ("KRAS", "missense", "p.G12C", 0.22),
    ("STK11", "nonsense", "p.Q37*", 0.18),
)


def make_views(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return key views as the extraction stores them, of an ellipse with a lung, a liver and one hot lesion."""
    z, y, x = np.mgrid[0:180, 0:130, 0:200]
    body = ((x - 100) / 80) ** 2 + ((y - 65) / 50) ** 2 < 1
    lesion = ((x - 140) / 12) ** 2 + ((y - 70) / 10) ** 2 + ((z - 80) / 14) ** 2 < 1
    lung = ((x - 60) / 25) ** 2 + ((y - 60) / 30) ** 2 + ((z - 60) / 50) ** 2 < 1
    liver = ((x - 70) / 25) ** 2 + ((y - 60) / 22) ** 2 + ((z - 130) / 22) ** 2 < 1
    ct = np.where(lung, -800.0, np.where(body, 40.0, -1000.0)) + rng.normal(0, 10, body.shape)
    pet = gaussian_filter(np.where(body, 1.0, 0.0) + 2.0 * liver + 9.0 * lesion, 1.6)
    views: dict[str, np.ndarray] = {"spacing": np.full(3, 2.0, dtype=np.float32)}
    for name, volume in (("pet", pet), ("ct", ct)):
        views[f"{name}_axial"] = volume[80].astype(np.float16)
        views[f"{name}_coronal"] = volume[:, 70].astype(np.float16)
        views[f"{name}_sagittal"] = volume[:, :, 140].astype(np.float16)
    views |= {"mask_axial": lesion[80], "mask_coronal": lesion[:, 70], "mask_sagittal": lesion[:, :, 140]}
    views = {k: v.astype(np.uint8) if v.dtype == bool else v for k, v in views.items()}
    views["pet_mip"] = pet.max(axis=1).astype(np.float16)
    views["mask_mip"] = lesion.max(axis=1).astype(np.uint8)
    return views


def _block(modality: str, patients: list[str], risk: np.ndarray, rng: np.random.Generator) -> Block:
    there = {p: bool(rng.random() < SHARE[modality]) and p != NOTHING for p in patients}
    if modality == "pet":
        there[FAILED] = False
    rows = [i for i, p in enumerate(patients) if there[p]]
    columns = {
        f"{modality}.{name}": np.exp(1 + 0.4 * risk + 0.5 * rng.normal(size=len(patients)))[rows]
        for name, _, _ in COLUMNS[modality]
    }
    plain = {
        "modality": modality,
        "family": "test",
        "extractor": "test",
        "version": "1",
        "settings_hash": "0",
        "ibsi_id": None,
    }
    features = [
        {"column": f"{modality}.{n}", "title": t, "unit": u, **plain} for n, t, u in COLUMNS[modality]
    ]
    failed = {
        "patient_id": FAILED,
        "modality": "pet",
        "stage": "radiomics",
        "reason": "The mask holds 1 voxel; texture needs more.",
    }
    return Block(
        modality,
        pl.DataFrame({"patient_id": [patients[i] for i in rows], **columns}),
        there,
        {patients[i]: -5.0 for i in rows},
        pl.DataFrame(features, schema=FEATURE_SCHEMA),
        pl.DataFrame([failed] if modality == "pet" else [], schema=FAILURE_SCHEMA),
    )


def _tables(
    patients: list[str], risk: np.ndarray, rng: np.random.Generator, attack: str
) -> dict[str, pl.DataFrame]:
    n = len(patients)
    time = 900 * rng.exponential(size=n) * np.exp(-risk) + 5
    censored = rng.uniform(300, 2200, n)
    respond = rng.random(n) < 1 / (1 + np.exp(risk))
    survival = [
        {
            "patient_id": p,
            "endpoint": "PFS",
            "origin": "treatment_start",
            "time_days": float(min(t, c)),
            "event": bool(t <= c),
        }
        for p, t, c in zip(patients, time, censored, strict=True)
        if p != NO_OUTCOME
    ]
    response = [
        {
            "patient_id": p,
            "endpoint": "response",
            "origin": "treatment_start",
            "responder": bool(r),
            "criterion": "RECIST 1.1",
        }
        for p, r in zip(patients, respond, strict=True)
    ]
    labs = [
        {"patient_id": p, "day": d, "analyte": a, "value": m * rng.lognormal(0, 0.2), "unit": u,
         "ref_low": lo, "ref_high": hi}
        for p in patients if p != NOTHING
        for a, u, lo, hi, m in LABS
        for d in (-20.0, -3.0, 30.0, 80.0)
    ]  # fmt: skip
    return {
        "patients": pl.DataFrame(
            {
                "patient_id": patients,
                "sex": rng.choice(["female", "male"], n),
                "age_years": rng.normal(64, 10, n).clip(20, 95).round(1),
                "centre": ["Nord", "Süd"] * (n // 2),
                "diagnosis": [attack if i % 2 else "Non-small-cell lung cancer" for i in range(n)],
                "stage": rng.choice(["IIIA", "IIIB", "IV"], n),
                "ecog": rng.integers(0, 3, n),
            }
        ),
        "studies": pl.DataFrame(
            [
                {"patient_id": p, "timepoint": 1, "day": -5.0, "modality": m, "scanner": attack}
                for p in patients
                if p != NOTHING
                for m in ("pet", "ct")
            ]
        ),
        "labs": pl.DataFrame(labs, schema_overrides={"ref_low": pl.Float64, "ref_high": pl.Float64}),
        "variants": pl.DataFrame(
            [
                {
                    "patient_id": p,
                    "gene": g,
                    "classification": c,
                    "hgvsp": attack if g == "KRAS" else h,
                    "vaf": v,
                    "day": -10.0,
                }
                for p in patients
                if p != NOTHING
                for g, c, h, v in VARIANTS
            ]
        ),
        "treatments": pl.DataFrame(
            [
                {"patient_id": p, "kind": k, "agent": attack if k == "surgery" else a, "day": d, "end_day": e}
                for p in patients
                if p != NOTHING
                for k, a, d, e in TREATMENTS
            ]
        ),
        "outcomes": pl.concat([pl.DataFrame(survival), pl.DataFrame(response)], how="diagonal"),
        "lesions": pl.DataFrame(
            [
                {
                    "patient_id": p,
                    "timepoint": 1,
                    "lesion": str(k),
                    "modality": "pet",
                    "volume_ml": 20.3 / k,
                    "suv_max": 12.1 / k,
                    "suv_mean": 6.2 / k,
                    "suv_peak": 10.1 / k,
                    "tlg": 120.0 / k,
                }
                for p in patients
                if p != NOTHING
                for k in (1, 2)
            ]
        ),
    }


def make_cohort(folder: Path, n: int = 80, seed: int = 0, attack: str = ATTACK) -> Cohort:
    """Return a cohort in `folder`; its images are stored there, as `Cohort.save` would."""
    rng = np.random.default_rng(seed)
    patients = [f"P{i:03d}" for i in range(n)]
    patients[3], patients[4] = attack, UMLAUT
    risk = rng.normal(size=n)
    blocks = [_block(name, patients, risk, rng) for name in COLUMNS]
    address, content = pack(make_views(rng))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "images" / f"{address}.npz").write_bytes(content)
    without = {NOTHING, NO_IMAGES}
    images = [
        {"patient_id": p, "kind": "views", "address": address, "day": -5.0}
        for p in patients
        if p not in without
    ]
    tables = {**_tables(patients, risk, rng, attack), "images": pl.DataFrame(images, schema=IMAGE_SCHEMA)}
    return Cohort.build(patients, blocks, tables, {"synthetic": True, "seed": seed}, folder)
