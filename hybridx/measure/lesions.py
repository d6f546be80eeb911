"""The lesions of a study, one row each: the parts of the mask that do not touch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy import ndimage

from hybridx.imaging import Image
from hybridx.measure.lesion_distances import farthest_other, largest_diameter
from hybridx.measure.lesion_voxels import LesionVoxels
from hybridx.measure.uptake_organs import OrganUptake, organ_uptake
from hybridx.measure.uptake_settings import UptakeSettings
from hybridx.radiomics.local_intensity import SPHERE_RADIUS_MM, sphere_peaks

__all__ = ["LESION_SCHEMA", "lesion_rows"]

LESION_SCHEMA: Mapping[str, pl.DataType] = {
    "patient_id": pl.String(),
    "timepoint": pl.Int64(),
    "lesion": pl.String(),
    "modality": pl.String(),
    "volume_ml": pl.Float64(),
    "suv_max": pl.Float64(),
    "suv_mean": pl.Float64(),
    "suv_peak": pl.Float64(),
    "suv_peak_local": pl.Float64(),
    "tlg": pl.Float64(),
    "diameter_mm": pl.Float64(),
    "farthest_mm": pl.Float64(),
    "centroid_x_mm": pl.Float64(),
    "centroid_y_mm": pl.Float64(),
    "centroid_z_mm": pl.Float64(),
}
MAXIMUM_ROWS = 200  # a mask of more parts than that is noise of a threshold; the largest are kept
_OUTLINE_ONLY = UptakeSettings(thresholds=())


def lesion_rows(
    image: Image,
    mask: Image,
    settings: UptakeSettings | None = None,
    *,
    tracer: str | None = None,
    organs: Mapping[str, Image] | None = None,
) -> list[dict[str, object]]:
    """Describe each separate lesion of a mask, the largest first.

    Parameters
    ----------
    image : Image
        PET in SUVbw, or another image (then the uptake stays empty).
    mask : Image
        1 inside, on the same grid.
    settings : UptakeSettings, optional
        Thresholds, each of which adds a volume and a total uptake (``mtv_41pct``, ``tlg_41pct``); without, none.
    tracer : str, optional
        It names them (``psma_tv_41pct``).
    organs : mapping of str to Image, optional
        Masks of ``liver`` and ``blood_pool`` on the PET's grid: they add ``suv_max_to_liver``,
        ``suv_max_to_blood_pool``.

    Returns
    -------
    list of dict
        `lesion` (``"1"`` is the largest), `modality`, `volume_ml`, `suv_max`, `suv_mean`, `suv_peak` (hottest 1 mL
        sphere), `suv_peak_local` (around the hottest voxel; g/mL), `tlg` or what it is called for the tracer (g),
        `diameter_mm` (largest, IBSI L0JK), `farthest_mm` (from the farthest other lesion, centroid to centroid; None
        for a single one), and the centroid in mm in the DICOM frame. None where something is not defined.

    Raises
    ------
    InputError
        Empty mask, or a mask on another grid.
    """
    voxels = LesionVoxels.of(image, mask)
    shown = min(voxels.count, MAXIMUM_ROWS)
    places, far = voxels.centroids, farthest_other(voxels.centroids)
    volume = voxels.per_lesion() * image.grid.voxel_ml
    each: dict[str, np.ndarray] = {}
    if image.modality == "pet":
        each = _uptake(voxels, settings or _OUTLINE_ONLY, tracer, organ_uptake(image, organs or {}, mask)[0])
    boxes = ndimage.find_objects(voxels.labels)
    rows: list[dict[str, object]] = []
    for k in range(shown):
        part = voxels.labels[boxes[k]] == k + 1
        row: dict[str, object] = {
            "lesion": str(k + 1),
            "modality": image.modality,
            "volume_ml": float(volume[k]),
            "diameter_mm": largest_diameter(part, image.spacing[::-1]),
            "farthest_mm": _number(far[k]),
            **{f"centroid_{axis}_mm": float(places[k, i]) for i, axis in enumerate("xyz")},
            **{name: _number(values[k]) for name, values in each.items()},
        }
        if image.modality == "pet":
            row["suv_peak"], row["suv_peak_local"] = _peaks(voxels, k + 1, boxes[k])
        rows.append(row)
    return rows


def _uptake(
    voxels: LesionVoxels, settings: UptakeSettings, tracer: str | None, organs: Mapping[str, OrganUptake]
) -> dict[str, np.ndarray]:
    hottest = voxels.hottest
    volumes, _ = voxels.volumes(settings, tracer, organs, "")
    outlined = next(iter(volumes))  # the same as volume_ml
    return {
        "suv_max": hottest,
        "suv_mean": voxels.per_lesion(voxels.values) / voxels.per_lesion(),
        **{name: values for name, values in volumes.items() if name != outlined},
        **{f"suv_max_to_{name}": hottest / one.mean for name, one in organs.items() if one.mean > 0},
    }


def _peaks(voxels: LesionVoxels, number: int, box: tuple[slice, ...]) -> tuple[float, float]:
    edges = voxels.pet.spacing[::-1]
    reach = [int(SPHERE_RADIUS_MM // edge) for edge in edges]
    around = tuple(slice(max(s.start - n, 0), s.stop + n) for s, n in zip(box, reach, strict=True))
    inside = voxels.labels[around] == number
    return sphere_peaks(voxels.pet.array[around].astype(np.float64), inside, edges)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
