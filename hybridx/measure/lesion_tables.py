"""Radiomics lesion by lesion: one row for each separate part of a patient's mask."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import SimpleITK as sitk

from hybridx.compute import map_tasks
from hybridx.errors import ExtractionError, InputError
from hybridx.imaging import Image, read_image, read_mask
from hybridx.imaging.image import UNITS
from hybridx.measure.lesions import LESION_SCHEMA, lesion_rows
from hybridx.measure.pet_uptake import components

__all__ = ["lesion_radiomics", "measure_lesions"]

ImageLike: TypeAlias = str | os.PathLike[str] | sitk.Image | Image
Extract: TypeAlias = Callable[[Image, Image, Any], Mapping[str, float]]


def lesion_radiomics(
    image: ImageLike | Sequence[ImageLike],
    mask: ImageLike | Sequence[ImageLike],
    settings: Any,
    *,
    modality: str = "pet",
    patients: Sequence[str] | None = None,
    timepoint: int = 1,
    extract: Extract | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> pl.DataFrame:
    """Measure every lesion of one or many patients.

    Parameters
    ----------
    image, mask : path, SimpleITK image or Image, or a sequence of these
        One patient, or one entry for each in the same order; parts of a mask that share no corner are lesions.
    settings : RadiomicsSettings
        How to measure.
    modality : {"pet", "ct", "mr"}
        Of the images.
    patients : sequence of str, optional
        Their names; by default numbers.
    timepoint : int
        Of the scans.
    extract : callable, optional
        ``extract(image, mask, settings) -> values by name``, in the place of `extract_radiomics`.
    workers : int, optional
        Processes; by default one per core.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    polars.DataFrame
        The columns of the cohort's ``lesions`` table, then ``<modality>.<feature>`` and `reason`: why a lesion has no
        features, or null. The largest lesion of each patient comes first. What is not defined is null.

    Raises
    ------
    InputError
        Images and masks that do not pair up.
    ExtractionError
        No patient could be measured.
    """
    images = list(image) if isinstance(image, list | tuple) else [image]
    masks = list(mask) if isinstance(mask, list | tuple) else [mask]
    names = [str(i + 1) for i in range(len(images))] if patients is None else [str(p) for p in patients]
    if not images or len(images) != len(masks) or len(set(names)) != len(images) or len(names) != len(images):
        msg = f"{len(images)} images, {len(masks)} masks, {len(set(names))} different patients: wanted as many of each."
        raise InputError(msg)
    tasks = [
        _Task(_plain(one, modality), _plain(where, "mask"), settings, modality, extract)
        for one, where in zip(images, masks, strict=True)
    ]
    results = map_tasks(_measure, tasks, workers=workers, description="Measuring lesions", progress=progress)
    rows: list[dict[str, Any]] = []
    for name, result in zip(names, results, strict=True):
        found = [{"reason": str(result.error)}] if result.error is not None else result.value
        rows += [{"patient_id": name, "timepoint": timepoint, **row} for row in found]
    features = list(dict.fromkeys(key for row in rows for key in row if key.startswith(f"{modality}.")))
    if not features:
        said = next((row["reason"] for row in rows if row.get("reason")), "there are none")
        msg = f"No lesion of {len(names)} patients could be measured: {said}."
        raise ExtractionError(msg)
    schema = {**LESION_SCHEMA, **dict.fromkeys(features, pl.Float64()), "reason": pl.String()}
    return pl.DataFrame(rows, schema=schema).with_columns(pl.col(features).fill_nan(None))


def measure_lesions(
    image: Image, mask: Image, settings: Any, extract: Extract | None = None
) -> list[dict[str, Any]]:
    """Measure every lesion of a mask: rows as `lesion_rows` gives them, with the features of each.

    A lesion that cannot be measured keeps its row, with a reason.
    """
    if extract is None:
        from hybridx.radiomics.engine import extract_radiomics  # noqa: PLC0415 - kernels take half a second to load

        extract = extract_radiomics
    labels, _ = components(mask)
    rows = lesion_rows(image, mask)
    for row in rows:
        part = mask.with_array((labels == int(str(row["lesion"]))).astype(np.uint8))
        try:
            # in the whole image, not cut out: a new grid, a normalisation and a spectrum are those of the image
            values = extract(image, part, settings)
        except (ExtractionError, InputError) as error:
            row["reason"] = str(error)
            continue
        row |= {f"{image.modality}.{name}": float(value) for name, value in values.items()}
        if all(math.isnan(value) for value in values.values()):
            row["reason"] = "no feature is defined for it"
    return rows


@dataclass(frozen=True)
class _Task:
    image: ImageLike
    mask: ImageLike
    settings: Any
    modality: str
    extract: Extract | None


def _measure(task: _Task) -> list[dict[str, Any]]:
    known = task.modality if task.modality in UNITS else None
    image = task.image if isinstance(task.image, Image) else read_image(task.image, known)  # type: ignore[arg-type]
    mask = task.mask if isinstance(task.mask, Image) else read_mask(task.mask, image)  # type: ignore[arg-type]
    if image.modality != task.modality:
        image = Image(image.array, image.spacing, image.origin, image.direction, task.modality)
    return measure_lesions(image, mask, task.settings, task.extract)


def _plain(one: Any, modality: str) -> Any:
    # SimpleITK's images cannot be sent to another process
    return Image.from_sitk(one, modality) if isinstance(one, sitk.Image) else one
