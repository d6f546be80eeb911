"""How fragile each feature is: the lesion measured again under other noise, other voxels and another contour."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl
import SimpleITK as sitk

from hybridx.compute import map_tasks
from hybridx.errors import ExtractionError, InputError
from hybridx.imaging import Image, read_image, read_mask
from hybridx.imaging.image import UNITS
from hybridx.radiomics.perturbations import Perturbation, draw_perturbations
from hybridx.radiomics.repeats import Reliability, reliability_of
from hybridx.terms.text import listing

__all__ = ["Extract", "engine", "perturbed_features", "robustness"]

ImageLike: TypeAlias = str | os.PathLike[str] | sitk.Image | Image
Extract: TypeAlias = Callable[[Image, Image, Any], Mapping[str, float]]
Measured: TypeAlias = tuple[list[dict[str, float]], tuple[str, ...]]


def robustness(
    image: ImageLike | Sequence[ImageLike],
    mask: ImageLike | Sequence[ImageLike],
    settings: Any,
    *,
    perturbations: Sequence[Perturbation] | None = None,
    n: int = 10,
    seed: int = 0,
    modality: str = "pet",
    patients: Sequence[str] | None = None,
    kind: str = "ICC(1,1)",
    level: float = 0.95,
    extract: Extract | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Reliability:
    """Measure lesions again and again, slightly changed, and say what of each feature survives.

    Of one lesion only the spread can be told (`spread`, `repeatability`); the intraclass correlation weighs it against
    the differences between patients and wants at least three of these.

    Parameters
    ----------
    image, mask : path, SimpleITK image or Image, or a sequence of these
        One lesion, or one per patient in the same order.
    settings : RadiomicsSettings
        How to measure.
    perturbations : sequence of Perturbation, optional
        The repeats, the same for all; by default `draw_perturbations(n, seed)`, drawn anew for each lesion, as scans
        of different patients have nothing in common.
    n, seed : int
        See `draw_perturbations`.
    modality : str
        Stands before the names, as in a cohort.
    patients : sequence of str, optional
        Their names; by default numbers.
    kind : str
        Intraclass correlation; "ICC(1,1)" suits repeats that are random for each patient.
    level : float
        Coverage of its interval.
    extract : callable, optional
        ``extract(image, mask, settings) -> values by name``, in the place of `extract_radiomics`. It is sent to other
        processes: a function of a module.
    workers : int, optional
        Processes; by default one per core. The result does not depend on it.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Reliability
        `repeats` goes into `hybridx.prepare.StabilityFilter` as it is. A repeat that failed is missing, with its
        reason.

    Raises
    ------
    InputError
        Images and masks that do not pair up, or a lesion that cannot be used.
    ExtractionError
        No lesion could be measured twice.

    Source
    ------
    Zwanenburg et al. 2019, doi:10.1038/s41598-018-36938-4.
    """
    pairs = _pairs(image, mask, modality)
    names = _names(patients, len(pairs))
    chains = [
        tuple(perturbations) if perturbations is not None else draw_perturbations(n, seed + 1_000_003 * i)
        for i in range(len(pairs))
    ]
    tasks = [
        _Task(one, where, settings, chain, extract, modality)
        for (one, where), chain in zip(pairs, chains, strict=True)
    ]
    results = map_tasks(_measure, tasks, workers=workers, description="Perturbing lesions", progress=progress)
    rows: list[dict[str, Any]] = []
    reasons: dict[str, tuple[str, ...]] = {}
    for name, result in zip(names, results, strict=True):
        if result.error is not None:
            reasons[name] = (str(result.error),)
            continue
        measured, why = result.value
        rows += [
            {"patient_id": name, "repeat": str(i), **{f"{modality}.{f}": v for f, v in values.items()}}
            for i, values in enumerate(measured)
            if values
        ]
        reasons |= {name: why} if why else {}
    features = list(dict.fromkeys(key for row in rows for key in row if "." in key))
    if not features:
        said = listing(dict.fromkeys(text for why in reasons.values() for text in why), limit=3)
        msg = f"No lesion could be measured: {said}."
        raise ExtractionError(msg)
    schema = {"patient_id": pl.String(), "repeat": pl.String(), **dict.fromkeys(features, pl.Float64())}
    repeats = pl.DataFrame(rows, schema=schema).with_columns(pl.col(features).fill_nan(None))
    return reliability_of(repeats, kind=kind, level=level, reasons=reasons, least=1)


def perturbed_features(
    image: Image,
    mask: Image,
    settings: Any,
    perturbations: Sequence[Perturbation],
    extract: Extract | None = None,
) -> Measured:
    """Measure one lesion under each perturbation.

    Returns
    -------
    tuple
        Values by feature name per perturbation (empty where it failed), and what went otherwise than asked.
    """
    measure = extract or engine()
    found: list[dict[str, float]] = []
    reasons: list[str] = []
    for number, chain in enumerate(perturbations):
        try:
            changed = chain.apply(image, mask)
            found.append(
                {name: float(v) for name, v in measure(changed.image, changed.mask, settings).items()}
            )
            reasons += [f"repeat {number}: {reason}" for reason in changed.reasons]
        except ExtractionError as error:  # a turned speck may have no feature left; the other repeats have
            found.append({})
            reasons.append(f"repeat {number}: {error}")
    return found, tuple(reasons)


@dataclass(frozen=True)
class _Task:
    image: ImageLike
    mask: ImageLike
    settings: Any
    chain: tuple[Perturbation, ...]
    extract: Extract | None
    modality: str


def _measure(task: _Task) -> Measured:
    known = (
        task.modality if task.modality in UNITS else None
    )  # then its numbers are checked, and air is -1000 HU
    image = task.image if isinstance(task.image, Image) else read_image(task.image, known)
    mask = task.mask if isinstance(task.mask, Image) else read_mask(task.mask, image)
    return perturbed_features(image, mask, task.settings, task.chain, task.extract)


def engine() -> Extract:
    """Return `extract_radiomics`, loaded where it runs: its kernels take half a second."""
    from hybridx.radiomics.engine import extract_radiomics  # noqa: PLC0415

    return extract_radiomics


def _pairs(image: Any, mask: Any, modality: str) -> list[tuple[Any, Any]]:
    images = list(image) if isinstance(image, list | tuple) else [image]
    masks = list(mask) if isinstance(mask, list | tuple) else [mask]
    if not images or len(images) != len(masks):
        msg = f"{len(images)} images and {len(masks)} masks: one mask per image is wanted, and at least one of each."
        raise InputError(msg)
    # SimpleITK's images cannot be sent to another process
    images = [Image.from_sitk(one, modality) if isinstance(one, sitk.Image) else one for one in images]
    masks = [Image.from_sitk(one, "mask") if isinstance(one, sitk.Image) else one for one in masks]
    return list(zip(images, masks, strict=True))


def _names(patients: Sequence[str] | None, count: int) -> list[str]:
    names = [str(i + 1) for i in range(count)] if patients is None else [str(p) for p in patients]
    if len(names) != count or len(set(names)) != count:
        msg = f"patients holds {len(set(names))} different names for {count} lesions; one each is wanted."
        raise InputError(msg)
    return names
