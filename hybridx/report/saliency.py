"""Which part of a page's prediction comes from where in the patient's images: maps by the model behind the page.

The prediction of a page is out of fold. Its model is fitted again, on the patients that it was fitted on in the
evaluation, and asked; whether it says the same of the patient as the page does is checked and told.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import clone

from hybridx.compute import one_thread
from hybridx.errors import HybridxError, InputError
from hybridx.evaluate.folds import seeded
from hybridx.evaluate.plan import default_models
from hybridx.explain.voxel_explanation import VoxelExplanation
from hybridx.fusion.locked import LockedModel
from hybridx.imaging import Study
from hybridx.imaging.study import read_study
from hybridx.measure import ExtractSettings, RadiomicsSettings
from hybridx.report.background import Background

__all__ = ["Saliency", "check_saliency", "patient_voxels", "voxels_for"]

REGIONS = 5  # of a lesion whose features are hand-made: 64 measurements; seconds, not minutes, of a page
_IMAGES = ("deep", "pet", "ct")
_SAME = 0.02  # of the contribution, beside 0.001: rounding of another machine, not another model


@dataclass(frozen=True)
class Saliency:
    """What each voxel of a patient's images adds, by modality, and why there is nothing of a modality.

    Parameters
    ----------
    maps : tuple of VoxelExplanation
        One for each image modality that could be spread over its voxels.
    reasons : mapping of str to str
        Modality to the reason why it could not.
    same : bool
        The model says the same of the patient as the page does.
    """

    maps: tuple[VoxelExplanation, ...]
    reasons: Mapping[str, str]
    same: bool = True


def patient_voxels(
    result: Any, patient: str, data: str | os.PathLike[str], *, model: Any = None, regions: int = REGIONS
) -> Saliency:
    """Return what each voxel of a patient's PET and CT adds to the prediction of the patient's page.

    Parameters
    ----------
    result : hybridx.evaluate.Result
    patient : str
    data : path
        The data folder that the cohort was extracted from: features are measured again on its images.
    model : estimator, LockedModel or path, optional
        Unfitted, the primary model of the evaluation; wanted when that is none of the default ones. For a locked model
        that was scored: the LockedModel or its folder.
    regions : int
        Of a lesion, for hand-made features; one more doubles the time.

    Returns
    -------
    Saliency

    Raises
    ------
    InputError
        No data folder, no such patient, or the model behind the result is not known.
    """
    background = Background(result)
    background.cohort.select([patient])  # refuses a name that is not in it
    return voxels_for(background, patient, data, model=model, regions=regions)


def check_saliency(background: Background, data: str | os.PathLike[str], model: Any = None) -> None:
    """Refuse, before any page is written, what no page could be explained with."""
    _study(Path(data), "")
    if background.cohort.patients:
        _model_known(background, model)


def voxels_for(
    background: Background,
    patient: str,
    data: str | os.PathLike[str],
    *,
    model: Any = None,
    regions: int = REGIONS,
) -> Saliency:
    """Return the maps of `patient_voxels` from a background that many pages share."""
    from hybridx.explain.voxels import explain_voxels  # noqa: PLC0415 - loads torch

    fitted, reference = _model_of(background, patient, model)
    study = _study(Path(data), patient)
    table = background.once("frame with images", lambda: background.cohort.frame(images=True))
    maps, reasons, same = [], {}, True
    for name in _used(background, fitted):
        if study is None or not _measured(background, patient, name):
            reasons[name] = "not measured"
            continue
        try:
            found = explain_voxels(
                fitted,
                table,
                patient,
                study,
                background=reference,
                modality=name,
                regions=regions,
                settings=_settings(background, name),
                show_progress=False,
            )
        except HybridxError as error:
            reasons[name] = str(error)
            continue
        maps.append(found)
        same &= _as_told(background, found)
    return Saliency(tuple(maps), reasons, same)


def _study(data: Path, patient: str) -> Study | None:
    path = data / "studies.csv"
    if not path.is_file():
        msg = f"{str(data)!r} holds no studies.csv: give the data folder that the cohort was extracted from."
        raise InputError(msg)
    studies = pl.read_csv(path, infer_schema_length=None)
    there = studies.filter(pl.col("patient_id").cast(pl.String) == patient)
    return read_study(data, studies, patient) if there.height else None


def _used(background: Background, model: Any) -> list[str]:
    why = background.explanation
    named = list(model.modalities_) if why is None and hasattr(model, "modalities_") else []
    used = named if why is None else why.modalities.columns
    return [name for name in _IMAGES if name in used]


def _measured(background: Background, patient: str, name: str) -> bool:
    measured = background.cohort.measured
    return name in measured.columns and bool(measured[name][background.index_of(patient)])


def _settings(background: Background, name: str) -> RadiomicsSettings | ExtractSettings | None:
    """Return the settings that the columns of a modality were measured with, as the cohort records them."""
    settings = background.cohort.provenance.get("settings")
    held = settings.get(name) if isinstance(settings, Mapping) else None
    if not isinstance(held, Mapping):
        return None
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in held.items()}
    return RadiomicsSettings(**frozen)


def _as_told(background: Background, found: VoxelExplanation) -> bool:
    """Say whether a modality's contribution is the one on the page."""
    why = background.explanation
    if why is None or str(why.scale) != found.scale or found.modality not in why.modalities.columns:
        return False
    told = why.modalities.filter(pl.col("patient_id") == found.patient_id)[found.modality]
    if not len(told) or told[0] is None or not math.isfinite(told[0]):
        return False
    return bool(abs(told[0] - found.contribution) <= _SAME * abs(told[0]) + 0.001)


def _model_of(background: Background, patient: str, model: Any) -> tuple[Any, pl.DataFrame]:
    """Return the fitted model behind a patient's prediction, and the patients that "average" refers to."""
    cohort, result = background.cohort, background.result
    known = _model_known(background, model)
    if isinstance(known, LockedModel):
        return known.model, background.once("frame with images", lambda: cohort.frame(images=True))
    splits = background.once(
        "first splits", lambda: list(result.design.splits(cohort, cohort.outcomes(result.endpoint)))
    )
    first = min(split.repeat for split in splits)
    row = background.index_of(patient)
    own = [s for s in splits if s.repeat == first and row in s.test]
    # whom no model was tested on has a prediction by the first one, as in the evaluation
    split = (own or [s for s in splits if s.repeat == first and s.fold == 0])[0]
    return background.once(
        f"model of fold {split.repeat} {split.fold}", lambda: _fitted(background, known, split)
    )


def _model_known(background: Background, model: Any) -> Any:
    """Return the locked model that was scored, or the unfitted estimator that was evaluated."""
    if background.is_external:
        if isinstance(model, str | os.PathLike):
            folder = Path(model)
            model = background.once("locked model", lambda: LockedModel.load(folder))
        if not isinstance(model, LockedModel):
            msg = "The result is of a locked model: give its folder (`--model model/`), or the LockedModel."
            raise InputError(msg)
        return model
    if model is not None and hasattr(model, "fit"):
        return model
    known = default_models(background.result.kind)
    if model is not None or background.result.primary not in known:
        msg = (
            f"The model behind this result, {background.result.primary!r}, is none of the default ones "
            f"({', '.join(known)}): give the estimator as `model`."
        )
        raise InputError(msg)
    return known[background.result.primary]


def _fitted(background: Background, estimator: Any, split: Any) -> tuple[Any, pl.DataFrame]:
    cohort, result = background.cohort, background.result
    table, y = cohort.frame(), cohort.outcomes(result.endpoint)
    with one_thread():
        fitted = seeded(clone(estimator), (split.repeat, split.fold)).fit(table[split.train], y[split.train])
    rows = np.asarray(split.train)
    return fitted, background.once("frame with images", lambda: cohort.frame(images=True))[rows]
