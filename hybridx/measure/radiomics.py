"""Radiomics of one lesion in one image, under pyradiomics' names, with a reason wherever there is no number."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import SimpleITK as sitk

from hybridx.errors import ExtractionError, InputError
from hybridx.imaging import Image, read_image, read_mask
from hybridx.measure.radiomics_engine import VERSION, run_engine
from hybridx.measure.radiomics_limits import few_voxels, levels, undefined
from hybridx.measure.settings import RadiomicsSettings

__all__ = ["Radiomics", "extract_radiomics", "measure_radiomics"]

TEXTURES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
MAXIMUM_LEVELS = (
    2000  # a co-occurrence matrix of 2000 levels in 13 directions takes 0.4 GB, and a few copies are made
)
ImageLike: TypeAlias = str | os.PathLike[str] | sitk.Image | Image


@dataclass(frozen=True)
class Radiomics:
    """Feature values of one lesion.

    Parameters
    ----------
    values : mapping of str to float
        NaN where a feature is not defined.
    reasons : mapping of str to str
        Why, for each NaN.
    provenance : mapping of str to str
        Engine, version, settings and what was measured (native voxels and grid).
    """

    values: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)


def extract_radiomics(image: ImageLike, mask: ImageLike, settings: RadiomicsSettings) -> dict[str, float]:
    """Compute the radiomics features of a lesion; NaN where one is not defined, never 0 in its place.

    Parameters
    ----------
    image, mask : path, SimpleITK image or Image
        The mask is 1 inside the lesion, on the image's grid.
    settings : RadiomicsSettings
        Discretisation, resampling, families; see `RadiomicsSettings.preset`.

    Returns
    -------
    dict of str to float
        By pyradiomics' names, such as ``original_glcm_Contrast``.

    Raises
    ------
    InputError
        Image or mask cannot be used.
    ExtractionError
        pyradiomics is not installed (Python 3.12 and later), or failed.

    Source
    ------
    pyradiomics 3.0.1, doi:10.1158/0008-5472.CAN-17-0339. Unlike IBSI it counts grey levels from the lowest intensity
    inside the lesion; bins are aligned to multiples of the bin width in both.
    """
    return dict(measure_radiomics(image, mask, settings).values)


def measure_radiomics(image: ImageLike, mask: ImageLike, settings: RadiomicsSettings) -> Radiomics:
    """Do what `extract_radiomics` does and hand back the reasons and the provenance too."""
    if not isinstance(settings, RadiomicsSettings):
        msg = f"settings={settings!r} is not a RadiomicsSettings; try RadiomicsSettings.pyradiomics(bin_width=25)."
        raise InputError(msg)
    volume = _image(image)
    lesion = _mask(mask, volume)
    intensities = volume.array[lesion.array > 0]
    if not len(intensities):
        msg = "The mask is empty: there is nothing to measure."
        raise InputError(msg)
    if not np.isfinite(intensities).all():
        msg = "The lesion holds NaN or infinite intensities; a finite number is wanted in every voxel."
        raise InputError(msg)
    provenance = {
        "engine": "pyradiomics",
        "version": VERSION,
        "settings_hash": settings.hash,
        "voxels": str(len(intensities)),
        "grid": str(volume.grid),
    }
    families, lost = _affordable(settings, intensities)
    values = run_engine(volume.to_sitk(), lesion.to_sitk(), settings, families)
    if values is None:
        return Radiomics(*few_voxels(intensities, volume.grid.voxel_ml, settings), provenance)
    reasons = undefined(values, settings)
    values |= dict.fromkeys(lost, float("nan"))
    values |= dict.fromkeys(reasons, float("nan"))
    if not any(np.isfinite(value) for value in values.values()):
        msg = "No radiomics feature could be computed: " + "; ".join(sorted(set(reasons.values()))[:5])
        raise ExtractionError(msg)
    return Radiomics(values, {**reasons, **lost}, provenance)


def _affordable(
    settings: RadiomicsSettings, intensities: np.ndarray
) -> tuple[tuple[str, ...], dict[str, str]]:
    count = levels(float(intensities.min()), float(intensities.max()), settings.bin_width)
    textures = [family for family in settings.families if family in TEXTURES]
    if settings.normalise or count <= MAXIMUM_LEVELS or not textures:
        return settings.families, {}
    reason = f"{count} grey levels; at most {MAXIMUM_LEVELS} fit in memory: choose wider bins or resegment"
    return tuple(f for f in settings.families if f not in TEXTURES), {
        name: reason for name in few_voxels(intensities, 1.0, settings)[0] if name.split("_")[1] in TEXTURES
    }


def _image(image: ImageLike) -> Image:
    if isinstance(image, Image):
        return image
    if isinstance(image, sitk.Image):
        return Image.from_sitk(image)
    return read_image(Path(image))


def _mask(mask: ImageLike, image: Image) -> Image:
    if not isinstance(mask, sitk.Image | Image):
        return read_mask(Path(mask), image)
    lesion = Image.from_sitk(mask, "mask") if isinstance(mask, sitk.Image) else mask
    if not lesion.grid.same(image.grid):
        msg = f"The mask has {lesion.grid}, its image {image.grid}; resample it first: resample(mask, reference=image)."
        raise InputError(msg)
    # the image's own header: pyradiomics refuses an origin that is off by a thousandth of a millimetre
    binary = np.ascontiguousarray(lesion.array > 0).astype(np.uint8)
    return Image(binary, image.spacing, image.origin, image.direction, "mask")
