"""One study from DICOM to files: what a worker does for one patient on one day; each series may fail alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridx.errors import HybridxError
from hybridx.imaging.dicom_masks import mask_of
from hybridx.imaging.dicom_quiet import quiet_dicom
from hybridx.imaging.dicom_series import MODALITIES, SeriesVolume, read_series
from hybridx.imaging.dicom_tree import SeriesFiles
from hybridx.imaging.identifiers import without_identifiers
from hybridx.imaging.import_corrections import correction_notes
from hybridx.imaging.pet_header import PetHeader
from hybridx.imaging.reading import write_image
from hybridx.imaging.suv import size_ratios
from hybridx.terms.tracers import find_tracer

__all__ = ["StudyImport", "import_study"]

ELSEWHERE = (
    "the structure sets or segmentations of the study refer neither to this image nor to its frame of reference "
    "(0020,0052): no mask"
)


@dataclass(frozen=True)
class StudyImport:
    """What a worker needs to know.

    Parameters
    ----------
    patient : str
        Pseudonym.
    timepoint : int
        1 for the patient's first study.
    day : float
        Days from baseline.
    series : mapping of str to SeriesFiles
        What is read, by ``PT``, ``CT``, ``MR``.
    markings : tuple of SeriesFiles
        Segmentations and structure sets.
    structures : tuple of str
        Names or patterns of the structures that are the tumour; empty takes the only one there is.
    out : Path
        The data folder.
    told : mapping of str to value
        Facts of the PET that the user supplied.
    notes : tuple of str
        What a reader should know of the study as a whole.
    """

    patient: str
    timepoint: int
    day: float
    series: Mapping[str, SeriesFiles]
    markings: tuple[SeriesFiles, ...]
    structures: tuple[str, ...]
    out: Path
    told: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def import_study(task: StudyImport) -> dict[str, Any]:
    """Read, standardise and write the chosen series of a study.

    Returns
    -------
    dict
        JSON-serialisable and without identifiers: ``studies`` (rows of the studies table), ``facts`` (rows about each
        image), ``patient`` (sex, age, height, weight as of this study), ``failures`` [modality, stage, reason].
    """
    with (
        quiet_dicom()
    ):  # whose remarks would quote the headers, and values are decoded wherever they are asked for
        return _imported(task)


def _imported(task: StudyImport) -> dict[str, Any]:
    found: dict[str, Any] = {"studies": [], "facts": [], "patient": {}, "failures": []}
    for kind, series in task.series.items():
        modality = MODALITIES[kind]
        try:
            volume = read_series(series, told=task.told if kind == "PT" else None)
        except HybridxError as error:
            found["failures"].append([modality, "read", str(error)])
            continue
        except Exception as error:  # noqa: BLE001 - a damaged header must not cost the other series
            reason = f"the headers cannot be understood ({type(error).__name__})"
            found["failures"].append([modality, "read", reason])
            continue
        _keep(task, kind, volume, found)
    return found


def _keep(task: StudyImport, kind: str, volume: SeriesVolume, found: dict[str, Any]) -> None:
    modality = MODALITIES[kind]
    name = f"images/{task.patient}/{task.timepoint}_{modality}.nii.gz"
    write_image(volume.image, task.out / name)
    facts = _facts(task, modality, volume)
    header = without_identifiers(volume.header)
    found["patient"] |= {k: v for k, v in _patient(header, volume.pet).items() if v is not None}
    mask_name = None
    if task.markings:
        try:
            mask = mask_of(task.markings, volume, task.structures)
        except Exception as error:  # noqa: BLE001 - nor must a damaged structure set
            known = isinstance(error, HybridxError)
            reason = str(error) if known else f"the structures cannot be understood ({type(error).__name__})"
            mask = None
            found["failures"].append([modality, "mask", reason])
        else:
            if mask is None and any(one.study_uid == task.series[kind].study_uid for one in task.markings):
                facts["notes"] = "; ".join([*filter(None, [facts["notes"]]), ELSEWHERE])
        if mask is not None:
            mask_name = f"images/{task.patient}/{task.timepoint}_{modality}_mask.nii.gz"
            write_image(mask.mask, task.out / mask_name)
            facts |= {"volume_drawn_ml": mask.drawn_ml, "volume_on_grid_ml": mask.on_grid_ml}
            facts["notes"] = "; ".join([*filter(None, [facts["notes"]]), *mask.notes])
    found["facts"].append(facts)
    found["studies"].append(
        {
            "patient_id": task.patient,
            "timepoint": task.timepoint,
            "day": task.day,
            "modality": modality,
            "image": name,
            "mask": mask_name,
            "tracer": _tracer(header) if modality == "pet" else None,
            "scanner": _scanner(header),
            "unit": volume.image.unit,
        }
    )


def _facts(task: StudyImport, modality: str, volume: SeriesVolume) -> dict[str, Any]:
    grid, suv = volume.image.grid, volume.suv
    told = correction_notes(task.told, PetHeader.read([volume.header])) if volume.pet else []
    return {
        "patient_id": task.patient,
        "timepoint": task.timepoint,
        "modality": modality,
        "slices": grid.size[2],
        "voxel_mm": " x ".join(f"{edge:.4g}" for edge in grid.spacing),
        "low": float(volume.image.array.min()),
        "high": float(volume.image.array.max()),
        "uptake": suv.formula if suv else None,
        "uptake_factor": float(suv.values.mean()) if suv else None,
        **(size_ratios(volume.pet) if volume.pet else dict.fromkeys(size_ratios(PetHeader("", ())))),
        "volume_drawn_ml": None,
        "volume_on_grid_ml": None,
        "notes": "; ".join([*told, *volume.notes, *task.notes]),
    }


def _patient(header: Any, pet: PetHeader | None) -> dict[str, Any]:
    """Facts that the data folder keeps; an age above 89 is not told apart from 90."""
    letter = pet.sex if pet else str(header.get("PatientSex", "")).strip().upper()
    sex = {"F": "female", "M": "male", "O": "other"}.get(letter)
    age = _age_years(str(header.get("PatientAge", "") or ""))
    height, weight = _number(header.get("PatientSize")), _number(header.get("PatientWeight"))
    if pet:
        height, weight = pet.height_m, pet.weight_kg
    return {
        "sex": sex,
        "age_years": None if age is None else min(age, 90.0),
        "height_cm": round(100.0 * height, 1) if height is not None and 0.3 <= height <= 2.5 else None,
        "weight_kg": weight if weight is not None and 1.0 <= weight <= 400.0 else None,
    }


def _age_years(text: str) -> float | None:
    """Read DICOM's age string, such as ``063Y``; ``999Y`` stands for a masked one."""
    years = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
    if len(text) != 4 or not text[:3].isdigit() or text[3] not in years:
        return None
    age = int(text[:3]) * years[text[3]]
    return float(int(age)) if age <= 120 else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _tracer(header: Any) -> str | None:
    """Return our own name of the tracer: free text of the header is not carried on."""
    sequence = header.get("RadiopharmaceuticalInformationSequence")
    if not sequence:
        return None
    item = sequence[0]
    codes = item.get("RadiopharmaceuticalCodeSequence")
    texts = [str(item.get("Radiopharmaceutical", "")), str(codes[0].get("CodeMeaning", "")) if codes else ""]
    for text in texts:
        for part in (text, *text.replace("--", " ").split()):
            tracer = find_tracer(part)
            if tracer is not None:
                return tracer.name
    return None


MAKERS = {
    "siemens": "Siemens", "cps": "CPS", "ge": "GE", "general": "GE", "philips": "Philips", "canon": "Canon",
    "toshiba": "Toshiba", "united": "United Imaging", "uih": "United Imaging", "mediso": "Mediso",
}  # fmt: skip


# words that names of PET/CT and PET/MR models are made of; a hospital writes its own into this field now and then
MODELS = frozenset({
    "accel", "advance", "advantage", "allegro", "aquiduo", "aquilion", "ast", "avanto", "biograph", "brightspeed",
    "cardiac", "cartesion", "celesteion", "ct", "cxl", "discovery", "duo", "ecat", "edge", "elite", "emotion",
    "exact", "express", "flow", "gemini", "genesis", "guardian", "hirez", "horizon", "ingenia", "ingenuity",
    "intera", "iq", "light", "lightspeed", "mct", "mi", "mmr", "mr", "omni", "one", "optima", "panorama", "pet",
    "petct", "phantom", "precision", "premium", "prime", "prisma", "quadra", "revolution", "rx", "sensation",
    "signa", "skyra", "somatom", "st", "ste", "tf", "time", "truepoint", "trupoint", "umi", "vereos", "vida",
    "vision", "volume", "xr", "xt",
})  # fmt: skip


def _scanner(header: Any) -> str | None:
    """Name manufacturer and model, both from lists; another model is told apart by a mark, not by its text."""
    words = str(header.get("Manufacturer", "")).strip().lower().split()
    maker = MAKERS.get(words[0]) if words else None
    text = " ".join(str(header.get("ManufacturerModelName", "")).split())
    parts = re.findall(r"[A-Za-z]+|\d+", text)
    known = all(one.lower() in MODELS or len(one) == 1 or (one.isdigit() and len(one) <= 4) for one in parts)
    if not text:
        model = ""
    elif known and len(text) <= 32:
        model = re.sub(r"[^A-Za-z0-9 ._/-]", "", text)
    else:
        model = f"model {hashlib.sha256(text.encode()).hexdigest()[:4]}"
    return " ".join(filter(None, [maker, model])) or None
