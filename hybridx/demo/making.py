"""`make_cohort`: write a synthetic data folder, and the truth behind it into a folder beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from hybridx.compute import atomic_folder, ensure_writable, map_tasks
from hybridx.demo.canvas import Grid
from hybridx.demo.facts import COLUMNS_YAML, baseline_of, outcome_rows, patient_row, treatment_rows
from hybridx.demo.hazard import COEFFICIENTS, FollowUp, concordance, follow_up, shares
from hybridx.demo.laboratory import lab_rows
from hybridx.demo.molecular import expression_rows, variant_rows
from hybridx.demo.patients import MODALITIES, Patient, draw_patient, stream
from hybridx.demo.phantom import draw_phantom
from hybridx.demo.truth import TRUTH_VERSION, DemoTruth, truth_folder
from hybridx.errors import HybridxError, InputError
from hybridx.imaging import Image, write_image

__all__ = ["make_cohort"]

README = """\
SYNTHETIC data: no patient in this folder exists or ever did.

Written by hybridx.demo.make_cohort(patients={patients}, seed={seed}). Images are phantoms drawn by a program;
laboratory values, variants, expression and follow-up are random numbers with a known hidden risk. The truth lies
in the folder {truth!r} beside this one; a model must not read it.

Treatments begin after baseline and change nothing here: they follow stage, performance and EGFR, so they look
prognostic although they have no effect. Laboratory values after day 0 rise as progression comes near. Both are
traps that a real folder holds as well: neither is known at baseline.

Tables: patients, studies, labs, variants, expression, treatments, outcomes (CSV), columns.yaml. About a quarter of
the patients lack at least one modality, completely at random.{pictures}
"""


def make_cohort(
    folder: str | os.PathLike[str],
    patients: int = 120,
    seed: int = 0,
    *,
    images: bool = True,
    workers: int | None = None,
    progress: bool = True,
) -> DemoTruth:
    """Write a synthetic cohort of lung cancer patients with PET/CT, labs, genomics and follow-up.

    The same seed and number of patients give the same bytes; a larger cohort begins with the same patients. A
    folder that already holds exactly this cohort is left as it is.

    Parameters
    ----------
    folder : path
        Where to write; new or empty. The truth goes to ``<folder>_truth``.
    patients : int
        How many, at least 1.
    seed : int
        0 or more.
    images : bool
        False draws no PET and no CT: every patient lacks both, hundreds of patients take seconds, and the share of the
        risk that only an image shows is out of reach (``oracle_c[endpoint]["measured"]`` says how far).
    workers : int, optional
        Processes that draw; by default one per core. The result does not depend on it.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DemoTruth
        Each modality's share of each patient's risk, and how well an oracle would do.

    Raises
    ------
    InputError
        The folder holds something else, or an argument is impossible.

    Examples
    --------
    >>> import tempfile
    >>> truth = make_cohort(tempfile.mkdtemp() + "/demo", patients=1, seed=0, workers=1, progress=False)
    >>> truth.shares["endpoint"].to_list()
    ['OS', 'PFS', 'response']
    """
    _check(patients, seed)
    target = Path(folder)
    done = _already_there(target, patients, seed, images=images)
    if done is not None:
        return done
    ensure_writable(target)
    _refuse_content(target)
    people = [draw_patient(seed, index) for index in range(patients)]
    if not images:
        people = [replace(person, lacking=person.lacking | {"pet", "ct"}) for person in people]
    courses = [follow_up(patient, seed) for patient in people]
    truth = _truth(target, people, courses, seed, images=images)
    with atomic_folder(truth_folder(target), replace_if="truth.json") as aside:
        truth.write(aside)
    with atomic_folder(target) as place:
        _write_tables(place, people, courses, seed)
        _write_images(place, people, seed, workers, progress=progress)
        none = "" if images else " No PET and no CT was drawn for anyone, and there is no table of studies."
        text = README.format(patients=patients, seed=seed, truth=truth_folder(target).name, pictures=none)
        (place / "README.txt").write_text(text, encoding="utf-8")
    return truth


def _check(patients: int, seed: int) -> None:
    for name, value, least in (("patients", patients, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            msg = f"{name}={value!r} is not a whole number of at least {least}."
            raise InputError(msg)


def _refuse_content(target: Path) -> None:
    # before the truth beside it is replaced, or a folder would end up beside another one's truth
    if target.is_dir() and any(target.iterdir()):
        msg = (
            f"The folder {str(target)!r} is not empty and does not hold this cohort: it was left as it is. "
            f"Choose a new or empty folder."
        )
        raise InputError(msg)


def _already_there(target: Path, patients: int, seed: int, *, images: bool) -> DemoTruth | None:
    # the data folder appears last and whole, so a truth that fits means that all of it is there
    if not (target / "README.txt").is_file():
        return None
    try:
        truth = DemoTruth.load(target)
    except InputError:
        return None
    return truth if (truth.patients, truth.seed, truth.images) == (patients, seed, images) else None


def _write_tables(place: Path, people: Sequence[Patient], courses: Sequence[FollowUp], seed: int) -> None:
    def having(modality: str) -> list[Patient]:
        return [patient for patient in people if modality not in patient.lacking]

    by_index = {patient.index: course for patient, course in zip(people, courses, strict=True)}
    tables: Mapping[str, list[dict[str, object]]] = {
        "patients": [patient_row(p, seed) for p in people],
        "studies": [row for p in people for row in _study_rows(p)],
        "labs": [row for p in having("lab") for row in lab_rows(p, seed, by_index[p.index])],
        "variants": [row for p in having("genomics") for row in variant_rows(p, seed, baseline_of(p, seed))],
        "expression": [row for p in having("expression") for row in expression_rows(p, seed)],
        "treatments": [row for p in people for row in treatment_rows(p, seed, by_index[p.index])],
        "outcomes": [row for p in people for row in outcome_rows(p, by_index[p.index])],
    }
    for name, rows in tables.items():
        if rows:
            pl.DataFrame(rows, infer_schema_length=None).write_csv(place / f"{name}.csv")
    (place / "columns.yaml").write_text(COLUMNS_YAML, encoding="utf-8")


def _study_rows(patient: Patient) -> list[dict[str, object]]:
    units = {"pet": "SUVbw", "ct": "HU"}
    return [
        {
            "patient_id": patient.id,
            "timepoint": 1,
            "day": -(1 + patient.index % 9),
            "modality": modality,
            "image": f"{_image_folder(patient)}/{modality}.nii.gz",
            "mask": f"{_image_folder(patient)}/{modality}_mask.nii.gz",
            "tracer": "FDG" if modality == "pet" else None,
            "scanner": patient.scanner.name,
            "centre": patient.scanner.centre,
            "unit": unit,
        }
        for modality, unit in units.items()
        if modality not in patient.lacking
    ]


def _image_folder(patient: Patient) -> str:
    return f"images/{patient.index + 1:03d}"  # a number, not the identifier


def _write_images(
    place: Path, people: Sequence[Patient], seed: int, workers: int | None, *, progress: bool
) -> None:
    drawn = [patient for patient in people if not {"pet", "ct"} <= patient.lacking]
    results = map_tasks(
        _draw,
        [_Drawing(seed, patient.index, place / _image_folder(patient)) for patient in drawn],
        workers=workers,
        description="Drawing synthetic PET/CT",
        progress=progress,
    )
    failed = [result for result in results if result.error is not None]
    if failed:
        msg = f"{len(failed)} of {len(results)} phantoms could not be drawn; the first because of {failed[0].error}."
        raise HybridxError(msg)


@dataclass(frozen=True)
class _Drawing:
    seed: int
    index: int
    folder: Path


def _draw(task: _Drawing) -> int:
    patient = draw_patient(task.seed, task.index)
    noise = stream(task.seed, task.index, 11)
    phantom = draw_phantom(patient.anatomy, patient.lesions, patient.scanner, noise)
    task.folder.mkdir(parents=True)
    if "pet" not in patient.lacking:
        _write(phantom.pet, phantom.pet_grid, "pet", task.folder / "pet.nii.gz")
        _write(phantom.pet_mask.astype(np.uint8), phantom.pet_grid, "mask", task.folder / "pet_mask.nii.gz")
    if "ct" not in patient.lacking:
        _write(phantom.ct.astype(np.int16), phantom.ct_grid, "ct", task.folder / "ct.nii.gz")
        _write(phantom.ct_mask.astype(np.uint8), phantom.ct_grid, "mask", task.folder / "ct_mask.nii.gz")
    return task.index


def _write(array: np.ndarray, grid: Grid, modality: str, path: Path) -> None:
    write_image(Image(array, grid.spacing, grid.origin, modality=modality), path)


def _truth(
    target: Path, people: Sequence[Patient], courses: Sequence[FollowUp], seed: int, *, images: bool
) -> DemoTruth:
    rows = []
    for endpoint in COEFFICIENTS:
        for patient in people:
            parts = shares(patient, endpoint)
            rows.append(
                {"patient_id": patient.id, "endpoint": endpoint, **parts, "total": sum(parts.values())}
            )
    table = pl.DataFrame(rows)
    return DemoTruth(
        folder=target,
        patients=len(people),
        seed=seed,
        version=TRUTH_VERSION,
        shares=table,
        latent=pl.DataFrame([{"patient_id": patient.id, **patient.latent} for patient in people]),
        oracle_c={endpoint: _oracle(table, endpoint, people, courses) for endpoint in COEFFICIENTS},
        coefficients=COEFFICIENTS,
        counts={
            "patients": len(people),
            "deaths": sum(course.death for course in courses),
            "progressions": sum(course.progression for course in courses),
            "responders": sum(course.response in ("CR", "PR") for course in courses),
            "lacking_a_modality": sum(bool(patient.lacking) for patient in people),
        },
        images=images,
    )


def _oracle(
    table: pl.DataFrame, endpoint: str, people: Sequence[Patient], courses: Sequence[FollowUp]
) -> dict[str, float]:
    share = table.filter(pl.col("endpoint") == endpoint).select(MODALITIES).to_numpy()
    present = np.array([[modality not in p.lacking for modality in MODALITIES] for p in people])
    if endpoint == "response":
        # the area under the ROC curve is the concordance with "responders come first"
        keep = np.array([course.response is not None for course in courses])
        event = np.array([course.response in ("CR", "PR") for course in courses])
        time = np.where(event, 1.0, 2.0)
    else:
        keep = np.ones(len(people), dtype=bool)
        pairs = [(c.os_days, c.death) if endpoint == "OS" else (c.pfs_days, c.progression) for c in courses]
        time, event = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    share, present = share[keep], present[keep]

    def c(score: np.ndarray) -> float:
        return round(concordance(score, time[keep], event[keep]), 4)

    alone = {modality: c(share[:, column]) for column, modality in enumerate(MODALITIES)}
    return {"all": c(share.sum(axis=1)), "measured": c((share * present).sum(axis=1)), **alone}
