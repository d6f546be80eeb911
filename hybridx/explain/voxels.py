"""A patient's image part, spread over the voxels of PET and CT: where in the picture the risk comes from."""

from __future__ import annotations

import os
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from hybridx.cohort.columns import modality_of, to_frame
from hybridx.compute import one_thread
from hybridx.errors import ExplanationError, InputError
from hybridx.explain.explainer import explain
from hybridx.explain.picture import Patches, Picture, picture_of
from hybridx.explain.radiomics_voxels import radiomics_voxels
from hybridx.explain.voxel_explanation import VoxelExplanation
from hybridx.explain.voxel_grid import box_grid, onto_image
from hybridx.explain.voxel_inputs import (
    IMAGES,
    patient_row,
    picture_in,
    reference_pictures,
    shown_with,
    study_in,
)
from hybridx.explain.voxel_paths import Parts3D, along_paths, by_regions, tilted
from hybridx.explain.voxel_scale import AnyPicture, bent, on_one_scale, predict_on
from hybridx.imaging import Image, Study
from hybridx.measure import ExtractSettings, RadiomicsSettings
from hybridx.measure.deep import PATCH_SPACING_MM
from hybridx.terms.text import check_name

__all__ = ["explain_voxels"]

FloatArray = npt.NDArray[np.float64]

_REGIONS = 7  # of the lesion: with the tissue around it 256 measurements, 10 to 20 s of a large sarcoma
_REFERENCES = 8  # background pictures: seconds on one core; their weights make the sum exact for any number
_CHANNELS = (*IMAGES, "contour")


def explain_voxels(
    model: Any,
    X: Any,
    patient: str,
    study: Study | str | os.PathLike[str] | None = None,
    *,
    background: Any = None,
    modality: str = "deep",
    scale: str | None = None,
    times: float | None = None,
    tau: float | None = None,
    method: str = "auto",
    references: int = _REFERENCES,
    tolerance: float = 0.05,
    regions: int = _REGIONS,
    settings: ExtractSettings | RadiomicsSettings | None = None,
    show_progress: bool = True,
) -> VoxelExplanation:
    """Spread what a patient's picture adds to the prediction over the voxels of PET and CT.

    ``deep``: the picture is compared with those of background patients, whose lesions lie in the middle of the box as
    well. They are weighted so that their mean is the average from which the contribution starts; hence the voxels sum
    to it. ``pet`` and ``ct``: hand-made features, measured again with regions of the lesion taken out
    (`hybridx.explain.radiomics_voxels`).

    Parameters
    ----------
    model : fitted estimator of `hybridx.models` or `hybridx.fusion`
        Reads ``deep.*`` columns of the library's encoder, the picture itself (`ImageFusion`), or radiomics.
    X : table, with ``patient_id`` and, for `deep`, ``<modality>.image``
        ``cohort.frame(images=True)``.
    patient : str
        A patient of `X`.
    study : Study, path or None
        The patient's study, or the data folder it lies in; its images' grids are those of the maps. None (`deep` only):
        the stored patch, and maps on its own grid of 3 mm.
    background : table or None
        Patients that "average" refers to, with their pictures; None takes `X`.
    modality : str
        Whose contribution: `deep`, `pet` or `ct`.
    scale, times, tau
        As in `explain`; one day. Scales that are no function of the model's linear predictor are refused for `deep`.
    method : {"auto", "gradient", "regions"}
        For `deep`. "gradient": integrated gradients, which need a prediction that changes smoothly with the picture.
        "regions": Shapley values of blocks of the picture, for any model. "auto": gradients where they add up, else
        regions.
    references : int
        Background pictures, for `deep`.
    tolerance : float
        Largest gap between integrated gradients and the prediction, as a share of the differences explained. What is
        left is dealt out in proportion, so that the sum is exact; `method` of the result states the gap.
    regions : int
        For `pet` and `ct`: regions of the lesion; 2 to the power of regions + 1 measurements of all features.
    settings : ExtractSettings, RadiomicsSettings or None
        For `pet` and `ct`: how the columns were measured; None: as `hybridx.extract` does by itself.
    show_progress : bool
        For `pet` and `ct`.

    Raises
    ------
    InputError
        No such patient, no picture, or one that the table's columns were not made from.
    ExplanationError
        The model reads no picture, or ``method="gradient"`` and gradients do not add up.

    Notes
    -----
    A map says what the model made of these voxels, not what is wrong with them; neighbouring voxels say nearly the
    same, and how a sum is divided among them is less sure than the sum.

    Bone and other organs may light up: the networks' last layer also looks at the whole box, and leans on it a little,
    whether or not it has to do with the outcome. That is the model's doing, not the map's: taking the bone out changes
    the prediction as the map says. It is small, 3 to 5 % of what the lesion moves, and looks larger in absolute values,
    because neighbours of opposite signs do not cancel there (`benchmarks/voxel_bone.py`).
    """
    check_name(method, ("auto", "gradient", "regions"), "method")
    frame = to_frame(X)
    reference = frame if background is None else to_frame(background)
    row = patient_row(frame, patient)
    known = None if study is None else study if isinstance(study, Study) else study_in(study, patient)
    asked: dict[str, Any] = {"scale": scale, "times": times, "tau": tau}
    chosen = on_one_scale(model, asked)
    why = explain(model, row, reference, knowing=False, **asked)
    if modality not in why.modality_names:
        msg = f"The model does not use {modality!r}; it uses {', '.join(why.modality_names)}."
        raise InputError(msg)
    about = (modality, why.scale, float(why.modalities[modality].fill_null(float("nan"))[0]))
    if modality.partition("@")[0] in IMAGES and f"{modality}.image" not in why.feature_names:
        return radiomics_voxels(
            predict_on(model, chosen)[0],
            row,
            _wanted(known, modality),
            about=about,
            columns=[c for c in why.feature_names if modality_of(c) == modality],
            regions=regions,
            settings=settings,
            show_progress=show_progress,
        )
    patch, centre = picture_in(row, modality, known)
    with one_thread():
        picture: AnyPicture = picture_of(model, row, reference, modality, patch)
        if chosen is not None:
            picture = bent(cast("Picture", picture), model, row, patch, chosen)
        others = reference_pictures(reference, row, modality, references, patch.shape)
        found = _by_picture(picture, patch, others, about[2], (method, tolerance))
    return _laid_out(found, patch, centre, known, patient=patient, about=about)


def _wanted(study: Study | None, modality: str) -> Study:
    if study is None:
        msg = f"{modality!r} is measured from an image: pass the study, or the data folder it lies in."
        raise InputError(msg)
    return study


def _by_picture(
    picture: AnyPicture, patch: Patches, others: Patches, contribution: float, way: tuple[str, float]
) -> Parts3D:
    method, tolerance = way
    levels = picture.predict(others)
    own = float(picture.predict(patch[None])[0])
    weights = tilted(levels, own - contribution)
    weights = np.full(len(others), 1.0 / len(others)) if weights is None else weights
    if method != "regions":
        found = along_paths(picture, patch, others, weights, tolerance)
        if found is not None:
            return found
        if method == "gradient":
            msg = (
                "Integrated gradients do not add up to the prediction: it jumps as the picture changes (trees do). "
                "Use method='regions'."
            )
            raise ExplanationError(msg)
    return by_regions(picture, patch, others, weights)


def _laid_out(
    found: Parts3D,
    patch: Patches,
    centre: tuple[float, float, float],
    study: Study | None,
    *,
    patient: str,
    about: tuple[str, str, float],
) -> VoxelExplanation:
    modality, scale, contribution = about
    box = box_grid(patch.shape[-1], PATCH_SPACING_MM, centre)
    images, masks = shown_with(study, patch, box)
    maps, outside = {}, 0.0
    for channel, name in enumerate(_CHANNELS):
        place = images[name].grid if name in images else next(iter(masks.values())).grid
        array, lost = onto_image(found.values[channel], box, place)
        maps[name] = Image(array, place.spacing, place.origin, place.direction, unit=scale)
        outside += lost
    lesion = patch[2].astype(np.float64)
    size = np.abs(found.values).sum(axis=(1, 2, 3))
    inside = {
        name: float((np.abs(found.values[i]) * lesion).sum() / size[i])
        for i, name in enumerate(IMAGES)
        if size[i]
    }
    return VoxelExplanation(
        patient_id=patient,
        modality=modality,
        scale=scale,
        contribution=contribution,
        maps=maps,
        images=images,
        masks=masks,
        inside=inside,
        lesion_share=float(lesion.mean()),
        outside=outside,
        rest=contribution - found.total,
        method=found.method,
    )
