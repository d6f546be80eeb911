"""The lesions of a study, one row each: the parts of the mask that do not touch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from hybridx.imaging import Image, bounding_box, crop
from hybridx.measure.pet_uptake import components, uptake

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
    "tlg": pl.Float64(),
    "centroid_x_mm": pl.Float64(),
    "centroid_y_mm": pl.Float64(),
    "centroid_z_mm": pl.Float64(),
}
MARGIN_MM = 10.0  # more than the radius of the 1 mL sphere of SUVpeak
MAXIMUM_ROWS = 200  # a mask of more parts than that is noise of a threshold; the largest are kept


def lesion_rows(image: Image, mask: Image) -> list[dict[str, object]]:
    """Describe each separate lesion of a mask, the largest first.

    Parameters
    ----------
    image : Image
        PET in SUVbw, or another image (then the uptake stays empty).
    mask : Image
        1 inside, on the same grid.

    Returns
    -------
    list of dict
        `lesion` (``"1"`` is the largest), `modality`, `volume_ml`, `suv_max`, `suv_mean`, `suv_peak` (g/mL), `tlg` (g)
        and the centroid in mm in the DICOM frame.
    """
    box = bounding_box(mask, margin_mm=MARGIN_MM)
    image, mask = crop(image, box), crop(mask, box)
    labels, count = components(mask)
    voxel = mask.grid.voxel_ml
    rows: list[dict[str, object]] = []
    for number in range(1, min(count, MAXIMUM_ROWS) + 1):
        part = labels == number
        z, y, x = (float(axis.mean()) for axis in np.nonzero(part))
        centre = mask.grid.points([(x, y, z)])[0]
        row: dict[str, object] = {
            "lesion": str(number),
            "modality": image.modality,
            "volume_ml": float(part.sum()) * voxel,
            **dict(zip(("centroid_x_mm", "centroid_y_mm", "centroid_z_mm"), map(float, centre), strict=True)),
        }
        if image.modality == "pet":
            found = uptake(image, mask.with_array(part.astype(np.uint8)))
            row |= {name: found[name] for name in ("suv_max", "suv_mean", "suv_peak", "tlg")}
        rows.append(row)
    return rows
