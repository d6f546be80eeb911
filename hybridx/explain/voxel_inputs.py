"""What a voxel map is made from: the patient's picture, those it is compared with, and the images to lay it on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl

from hybridx.cohort import images as stored
from hybridx.errors import InputError
from hybridx.explain.picture import Patches
from hybridx.imaging import Grid, Image, Study
from hybridx.imaging.study import read_study
from hybridx.measure.deep import make_patch
from hybridx.terms.text import nearest

__all__ = ["IMAGES", "patient_row", "picture_in", "reference_pictures", "shown_with", "study_in"]

IMAGES = ("pet", "ct")  # channels of a patch; the third is the contour


def patient_row(frame: pl.DataFrame, patient: str) -> pl.DataFrame:
    """Return a patient's row; there must be exactly one."""
    if "patient_id" not in frame.columns:
        msg = "The table has no column 'patient_id': take it from cohort.frame(images=True)."
        raise InputError(msg)
    row = frame.filter(pl.col("patient_id") == patient)
    if row.height != 1:
        guess = nearest(str(patient), frame["patient_id"].to_list())
        hint = f" Did you mean {guess!r}?" if guess and not row.height else ""
        msg = f"The table has {row.height} rows of patient {patient!r}; one is wanted.{hint}"
        raise InputError(msg)
    return row


def study_in(folder: str | os.PathLike[str], patient: str) -> Study:
    """Read a patient's first study from a data folder."""
    path = Path(folder) / "studies.csv"
    if not path.is_file():
        msg = f"{str(folder)!r} holds no studies.csv: pass the data folder, or the Study itself."
        raise InputError(msg)
    return read_study(folder, pl.read_csv(path, infer_schema_length=None), patient)


def picture_in(
    row: pl.DataFrame, modality: str, study: Study | None
) -> tuple[Patches, tuple[float, float, float]]:
    """Return the picture (3, z, y, x) and where its middle lies."""
    if study is not None:
        made = make_patch(study)
        return made.array.astype(np.float32), made.centre_mm
    column = f"{modality}.image"
    reference = row[column][0] if column in row.columns else None
    if reference is None:
        msg = (
            f"The table has no picture of this patient in {column!r}: take it from cohort.frame(images=True), or pass "
            "the study."
        )
        raise InputError(msg)
    return stored.read(reference)["patch"].astype(np.float32), (0.0, 0.0, 0.0)


def reference_pictures(
    reference: pl.DataFrame, row: pl.DataFrame, modality: str, count: int, shape: tuple[int, ...]
) -> Patches:
    """Return pictures of background patients, (B, 3, z, y, x), evenly spaced in the table."""
    column = f"{modality}.image"
    if column not in reference.columns:
        msg = (
            f"The background has no pictures ({column!r}) to compare with: take it from cohort.frame(images=True), and "
            "explain with that table as background."
        )
        raise InputError(msg)
    own = row[column][0] if column in row.columns else None
    there = reference[column].drop_nulls()
    there = there.filter(there != own) if own is not None else there
    if not len(there):
        msg = f"No other patient of the background has a picture in {column!r}."
        raise InputError(msg)
    at = np.linspace(0, len(there) - 1, min(count, len(there))).round().astype(int)
    found = [stored.read(there[i])["patch"].astype(np.float32) for i in at.tolist()]
    wrong = [one.shape for one in found if one.shape != shape]
    if wrong:
        msg = f"A background picture has shape {wrong[0]}, the patient's {shape}: extract all with the same settings."
        raise InputError(msg)
    return np.stack(found)


def shown_with(study: Study | None, patch: Patches, box: Grid) -> tuple[dict[str, Image], dict[str, Image]]:
    """Return images and masks by image, of the study or else of the box."""
    if study is not None:
        names = [name for name in ("pet", "ct") if name in study.images]
        masks = {name: study.masks[name] for name in names if name in study.masks}
        return {name: study.images[name] for name in names}, masks
    there = {
        name: Image(patch[i], box.spacing, box.origin, box.direction, name) for i, name in enumerate(IMAGES)
    }
    mask = Image((patch[2] > 0.5).astype(np.uint8), box.spacing, box.origin, box.direction, "mask")
    return there, dict.fromkeys(there, mask)
