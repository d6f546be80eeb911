"""Radiomics of one lesion: named values, with a reason wherever there is no number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from hybridx.errors import InputError, SettingsError
from hybridx.radiomics.own_engine import measure_pair
from hybridx.radiomics.pair import ImageLike, Pair, make_pair
from hybridx.radiomics.provenance import provenance_of
from hybridx.radiomics.pyradiomics_grid import slices_read
from hybridx.radiomics.roi import Features
from hybridx.radiomics.settings import RadiomicsSettings
from hybridx.terms import check_name

__all__ = ["ENGINES", "Radiomics", "extract_radiomics", "measure_radiomics"]

ENGINES = ("hybridx", "pyradiomics")


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
        Engine, version, settings, content (``key`` names all three) and what was measured (native voxels and grid).
    remarks : tuple of str
        What was done to the lesion before it could be measured.
    """

    values: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def extract_radiomics(
    image: ImageLike,
    mask: ImageLike,
    settings: RadiomicsSettings,
    *,
    engine: str = "hybridx",
    device: str = "cpu",
    label: int | None = None,
) -> dict[str, float]:
    """Compute the radiomics features of a lesion; NaN where one is not defined, never 0 in its place.

    Parameters
    ----------
    image, mask : path, SimpleITK image or Image
        On one grid; the mask is not 0 inside the lesion.
    settings : RadiomicsSettings
        Discretisation, resampling, families, vocabulary; see `RadiomicsSettings.preset`.
    engine : {"hybridx", "pyradiomics"}
        ``"pyradiomics"`` repeats an old study with that library itself (Python 3.11 only).
    device : str
        Where the matrices of texture are counted: ``"cpu"``, or ``"cuda"``, all images of the lesion at once. Worth its
        while for many filtered images; the values are the same.
    label : int, optional
        Value of the lesion in a mask that holds several.

    Returns
    -------
    dict of str to float
        Such as ``original_glcm_Contrast`` (pyradiomics' vocabulary) or ``cm_contrast_3D_avg`` (IBSI's).

    Raises
    ------
    InputError
        Image or mask cannot be used.
    ExtractionError
        The engine pyradiomics is asked for and not installed, or failed.

    Notes
    -----
    With pyradiomics' resampling or pre-cropping, an ordinary compressed NIfTI image is read as far as the lesion's last
    slice and what interpolation needs behind it: damage farther on goes unnoticed (`measure_radiomics` reads all), a
    file cut short does not.

    Memory: one filtered image is held at a time, cut to the lesion's box. A lesion of 12 million voxels takes 0.35 GB
    beside its image for pyradiomics' 107 features and 0.95 GB for the standard's 405 (measured, float32 image), with
    5,000 grey levels 1.5 GB and 1.1 GB. Filters see as much around the lesion as their responses depend on;
    Simoncelli's wavelet and Riesz transforms see the whole image, whose spectrum is held: 8 bytes for each of its
    voxels on the new grid, 16 where they are steered. A new grid of more than 2.7e8 voxels is refused with that reason.

    Source
    ------
    IBSI, doi:10.1148/radiol.2020191145; pyradiomics 3.0.1, doi:10.1158/0008-5472.CAN-17-0339, whose values are met to
    1e-6.
    """
    _check(settings, engine, device)
    pair = make_pair(image, mask, settings, label, slices_read if engine == "hybridx" else None)
    features, _ = _measured(pair, settings, engine, device)
    return dict(features.values)


def measure_radiomics(
    image: ImageLike,
    mask: ImageLike,
    settings: RadiomicsSettings,
    *,
    engine: str = "hybridx",
    device: str = "cpu",
    label: int | None = None,
) -> Radiomics:
    """Do what `extract_radiomics` does and hand back the reasons, the provenance and the remarks too."""
    _check(settings, engine, device)
    pair = make_pair(image, mask, settings, label)
    provenance = provenance_of(pair, settings, engine)
    features, remarks = _measured(pair, settings, engine, device)
    reasons = {
        name: why for name, why in features.reasons.items() if math.isnan(features.values.get(name, 0.0))
    }
    return Radiomics(dict(features.values), reasons, provenance, remarks)


def _check(settings: RadiomicsSettings, engine: str, device: str) -> None:
    if not isinstance(settings, RadiomicsSettings):
        msg = f"settings={settings!r} is not a RadiomicsSettings; try RadiomicsSettings.pyradiomics(bin_width=25)."
        raise InputError(msg)
    check_name(engine, ENGINES, "engine")
    _check_device(device, engine)


def _measured(
    pair: Pair, settings: RadiomicsSettings, engine: str, device: str
) -> tuple[Features, tuple[str, ...]]:
    if engine == "pyradiomics":
        from hybridx.radiomics.peer_engine import measure_with_peer  # noqa: PLC0415 - a library few have

        return measure_with_peer(pair, settings)
    return measure_pair(pair, settings, device)


def _check_device(device: str, engine: str) -> None:
    if device == "cpu":
        return
    if engine != "hybridx":
        msg = f"device={device!r} is for engine='hybridx'; pyradiomics itself runs on device='cpu'."
        raise SettingsError(msg)
    from hybridx.radiomics.torch_textures import torch_device  # noqa: PLC0415 - torch loads only where it is asked for

    torch_device(device)
