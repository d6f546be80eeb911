"""A patient's image part, spread over the voxels of PET and CT: where in the picture the risk comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import to_frame
from hybridx.compute import atomic_folder, one_thread
from hybridx.errors import ExplanationError, InputError
from hybridx.explain.explainer import explain
from hybridx.explain.picture import Patches, picture_of
from hybridx.explain.tabled import TabledFigure
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
from hybridx.imaging import Image, Study, write_image
from hybridx.measure.deep import PATCH_SPACING_MM
from hybridx.terms.text import check_name

__all__ = ["VoxelExplanation", "explain_voxels"]

FloatArray = npt.NDArray[np.float64]

_REFERENCES = 8  # background pictures: seconds on one core; their weights make the sum exact for any number
_CHANNELS = (*IMAGES, "contour")
_SUM = 1e-6


@dataclass(frozen=True, eq=False)
class VoxelExplanation:
    """What each voxel of a patient's PET and CT adds to the prediction.

    ``contribution = sum of all maps + outside + rest`` is checked when the object is made.

    Parameters
    ----------
    patient_id : str
        Whose.
    modality : str
        Whose contribution is spread: `deep`.
    scale : str
        "log-hazard" or "log-odds", as in `Explanation`.
    contribution : float
        The modality's contribution to the patient's prediction, as in `Explanation.modalities`.
    maps : mapping of str to Image
        ``pet``, ``ct`` and ``contour`` (what the drawn contour itself says: size and shape of the lesion; on the
        grid of the mask), on `scale` per voxel of the image.
    images, masks : mapping of str to Image
        What was read, by image.
    inside : mapping of str to float
        Share of the map's total size (sum of absolute values) that lies inside the lesion, by image.
    lesion_share : float
        Share of the box that the lesion fills: what `inside` would be if all voxels counted alike.
    outside : float
        Part of voxels of the box that were not scanned.
    rest : float
        What the reference pictures leave between them and the average that the contribution starts from; 0 as a rule.
    method : str
        How it was found, with the gap.
    """

    patient_id: str
    modality: str
    scale: str
    contribution: float
    maps: Mapping[str, Image]
    images: Mapping[str, Image]
    masks: Mapping[str, Image]
    inside: Mapping[str, float]
    lesion_share: float
    outside: float
    rest: float
    method: str

    def __post_init__(self) -> None:
        total = (
            sum(float(one.array.sum(dtype=np.float64)) for one in self.maps.values())
            + self.outside
            + self.rest
        )
        if not abs(total - self.contribution) <= _SUM * (1.0 + abs(self.contribution)):
            msg = (
                f"Voxels give {total:.6g} for a contribution of {self.contribution:.6g} (tolerance {_SUM:g})."
            )
            raise ExplanationError(msg)

    def table(self) -> pl.DataFrame:
        """Return one row per map: `sum`, what `raises`, what `lowers`, and `inside`, its share in the lesion."""
        rows: list[tuple[str, float, float | None, float | None, float | None]] = []
        for name, one in self.maps.items():
            values = one.array.astype(np.float64)
            up, down = float(values[values > 0].sum()), float(values[values < 0].sum())
            rows.append((name, up + down, up, down, self.inside.get(name)))
        rows += [
            (name, value, None, None, None)
            for name, value in (("outside", self.outside), ("rest", self.rest))
        ]
        names = ("sum", "raises", "lowers", "inside")
        return pl.DataFrame(rows, schema={"map": pl.String, **dict.fromkeys(names, pl.Float64)}, orient="row")

    def plot(self) -> TabledFigure:
        """Return slices through the lesion of PET and CT with the map and the contour."""
        from hybridx.explain.voxel_figure import voxel_figure  # noqa: PLC0415 - plotly is loaded when something is drawn

        return voxel_figure(self)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write each map as ``<image>.nii.gz`` and the sums as ``voxels.json``; neither names the patient."""
        facts = {
            "modality": self.modality,
            "scale": f"{self.scale} per voxel",
            "contribution": self.contribution,
            "inside": dict(self.inside),
            "lesion_share": self.lesion_share,
            "outside": self.outside,
            "rest": self.rest,
            "method": self.method,
        }
        with atomic_folder(Path(folder), replace_if="voxels.json") as target:
            for name, one in self.maps.items():
                write_image(one, target / f"{name}.nii.gz")
            (target / "voxels.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        return Path(folder)

    def __repr__(self) -> str:
        sums = ", ".join(
            f"{name} {total:+.3f}" for name, total in self.table().select("map", "sum").iter_rows() if total
        )
        inside = ", ".join(f"{name} {share:.0%}" for name, share in self.inside.items())
        return (
            f"VoxelExplanation({self.patient_id!r}: {self.modality} {self.contribution:+.3f} {self.scale} = {sums}; "
            f"inside the lesion: {inside} (which fills {self.lesion_share:.1%} of the box); {self.method})"
        )


def explain_voxels(
    model: Any,
    X: Any,
    patient: str,
    study: Study | str | os.PathLike[str] | None = None,
    *,
    background: Any = None,
    modality: str = "deep",
    method: str = "auto",
    references: int = _REFERENCES,
    tolerance: float = 0.05,
) -> VoxelExplanation:
    """Spread what a patient's picture adds to the prediction over the voxels of PET and CT.

    The picture is compared with those of background patients, whose lesions lie in the middle of the box as well. They
    are weighted so that their mean is the average from which the contribution starts; hence the voxels sum to it.

    Parameters
    ----------
    model : fitted estimator of `hybridx.models` or `hybridx.fusion`
        Reads ``deep.*`` columns of the library's encoder, or the picture itself (`ImageFusion`).
    X : table, with ``patient_id`` and ``<modality>.image``
        ``cohort.frame(images=True)``.
    patient : str
        A patient of `X`.
    study : Study, path or None
        The patient's study, or the data folder it lies in; its images' grids are those of the maps. None: the stored
        patch, and maps on its own grid of 3 mm.
    background : table or None
        Patients that "average" refers to, with their pictures; None takes `X`.
    modality : str
        Whose picture.
    method : {"auto", "gradient", "regions"}
        "gradient": integrated gradients, which need a prediction that changes smoothly with the picture. "regions":
        Shapley values of blocks of the picture, for any model. "auto": gradients where they add up, else regions.
    references : int
        Background pictures.
    tolerance : float
        Largest gap between integrated gradients and the prediction, as a share of the differences explained. What is
        left is dealt out in proportion, so that the sum is exact; `method` of the result states the gap.

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
    """
    check_name(method, ("auto", "gradient", "regions"), "method")
    frame = to_frame(X)
    reference = frame if background is None else to_frame(background)
    row = patient_row(frame, patient)
    known = None if study is None else study if isinstance(study, Study) else study_in(study, patient)
    patch, centre = picture_in(row, modality, known)
    why = explain(model, row, reference, knowing=False)
    if modality not in why.modality_names:
        msg = f"The model does not use {modality!r}; it uses {', '.join(why.modality_names)}."
        raise InputError(msg)
    contribution = float(why.modalities[modality][0])
    with one_thread():
        picture = picture_of(model, row, reference, modality, patch)
        others = reference_pictures(reference, row, modality, references, patch.shape)
        levels = picture.predict(others)
        own = float(picture.predict(patch[None])[0])
        weights = tilted(levels, own - contribution)
        weights = np.full(len(others), 1.0 / len(others)) if weights is None else weights
        found = None
        if method != "regions":
            found = along_paths(picture, patch, others, weights, tolerance)
            if found is None and method == "gradient":
                msg = (
                    "Integrated gradients do not add up to the prediction: it jumps as the picture changes (trees do). "
                    "Use method='regions'."
                )
                raise ExplanationError(msg)
        found = by_regions(picture, patch, others, weights) if found is None else found
    return _laid_out(found, patch, centre, known, patient=patient, about=(modality, why.scale, contribution))


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
