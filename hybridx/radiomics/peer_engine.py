"""The one place that talks to pyradiomics, for whoever must repeat an old study with that library itself."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk

from hybridx.errors import ExtractionError, SettingsError
from hybridx.imaging import Image
from hybridx.radiomics.discretise import count_levels
from hybridx.radiomics.limits import few_voxels
from hybridx.radiomics.names import is_chosen, names_of
from hybridx.radiomics.pair import Pair
from hybridx.radiomics.roi import Features
from hybridx.radiomics.settings import RadiomicsSettings
from hybridx.radiomics.settings_words import PEER_NAMES, PEER_TYPES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import-time deprecations are not the user's concern
    try:
        import radiomics
        from radiomics.featureextractor import RadiomicsFeatureExtractor
    except ImportError:  # no build for Python 3.12 and later; said when features are asked for
        radiomics = None

__all__ = ["VERSION", "measure_with_peer", "peer_parameters"]

VERSION = "none" if radiomics is None else str(radiomics.__version__).lstrip("v")
TEXTURES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
# a co-occurrence matrix of 2000 levels in 13 directions takes it 0.4 GB, and a few copies are made
MAXIMUM_LEVELS = 2000
ITK_NAMES = {
    "linear": "sitkLinear",
    "bspline": "sitkBSpline",
    "nearest": "sitkNearestNeighbor",
    "gaussian": "sitkGaussian",
    "label_gaussian": "sitkLabelGaussian",
    "hamming": "sitkHammingWindowedSinc",
    "cosine": "sitkCosineWindowedSinc",
    "welch": "sitkWelchWindowedSinc",
    "lanczos": "sitkLanczosWindowedSinc",
    "blackman": "sitkBlackmanWindowedSinc",
}
TOO_SMALL = (
    "only contains 1 segmented voxel",
    "not present in mask",
    "No labels found",
    "0 segmented voxels",
)


def measure_with_peer(pair: Pair, settings: RadiomicsSettings) -> tuple[Features, tuple[str, ...]]:
    """Run pyradiomics over a lesion.

    Parameters
    ----------
    pair : Pair
        Image and mask as given; a lesion with bad voxels is refused, since pyradiomics counts them.
    settings : RadiomicsSettings
        In pyradiomics' vocabulary, without filters of IBSI.

    Returns
    -------
    tuple
        Features, NaN where a family failed, and remarks.

    Raises
    ------
    ExtractionError
        pyradiomics is not installed, or failed as a whole.
    SettingsError
        The settings ask for what pyradiomics cannot do.
    """
    _check(pair, settings)
    image = Image(pair.voxels, pair.grid.spacing, pair.grid.origin, pair.grid.direction).to_sitk()
    where = pair.mask_grid
    mask = Image(pair.mask.astype(np.uint8), where.spacing, where.origin, where.direction).to_sitk()
    families, lost = _affordable(pair, settings)
    with _silence():
        try:
            found = _execute(image, mask, settings, families)
        except ValueError as error:
            # a mask without background has no labels either, there
            if any(sign in str(error) for sign in TOO_SMALL) and not pair.mask.all():
                return Features(
                    *few_voxels(pair.voxels[pair.mask], pair.grid.voxel_ml, settings)
                ), pair.remarks
            found = _one_by_one(image, mask, settings, families, error)
        except (RuntimeError, IndexError, ArithmeticError) as error:
            found = _one_by_one(image, mask, settings, families, error)
    # eigenvalues behind the MCC come back complex, with an imaginary part of rounding error
    values = {name: float(np.real(value)) for name, value in found.items()}
    reasons = {
        name: "not defined for this lesion" for name, value in values.items() if not math.isfinite(value)
    }
    values |= dict.fromkeys(reasons, math.nan) | dict.fromkeys(lost, math.nan)
    return Features(values, {**reasons, **lost}), pair.remarks


def peer_parameters(settings: RadiomicsSettings) -> dict[str, Any]:
    """Say the settings in pyradiomics' own words."""
    parameters = {
        peer: list(value) if isinstance(value, tuple) else value
        for peer, ours in PEER_NAMES.items()
        if (value := getattr(settings, ours)) is not None
    }
    edges = settings.resample_mm
    parameters |= {
        "resampledPixelSpacing": [edges] * 3 if isinstance(edges, float) else edges and list(edges),
        "interpolator": ITK_NAMES[settings.interpolator],
        "label": 1,
        "gldm_a": int(settings.gldm_alpha),  # levels are whole numbers, and its C code takes no other
        "additionalInfo": False,  # hashes and statistics of the whole volume: seconds on a large CT, kept elsewhere
    }
    if settings.bin_width is None:
        parameters.pop("binWidth", None)
    for unused in ("sigma", "wavelet", "start_level", "level"):
        parameters.pop(unused, None)  # said with the image types
    return parameters


def _check(pair: Pair, settings: RadiomicsSettings) -> None:
    if settings.vocabulary != "pyradiomics" or settings.filters:
        msg = "engine='pyradiomics' has neither the standard's tags nor its filters; take engine='hybridx'."
        raise SettingsError(msg)
    if pair.bad is not None:
        msg = "The image holds NaN or infinite intensities, which pyradiomics counts; take engine='hybridx'."
        raise ExtractionError(msg)
    if radiomics is None:
        msg = (
            "pyradiomics is not installed; version 3.0.1 does not build on Python 3.12 and later. Use "
            "engine='hybridx', which gives the same numbers, or Python 3.11."
        )
        raise ExtractionError(msg)


def _affordable(pair: Pair, settings: RadiomicsSettings) -> tuple[tuple[str, ...], dict[str, str]]:
    families = settings.families or ()
    values = pair.voxels[pair.mask] if pair.grid == pair.mask_grid else pair.voxels
    count = count_levels(values, settings)
    textures = [family for family in families if family in TEXTURES]
    if settings.normalise or count <= MAXIMUM_LEVELS or not textures:
        return families, {}
    reason = f"{count} grey levels; at most {MAXIMUM_LEVELS} fit in memory: choose wider bins or resegment"
    return tuple(f for f in families if f not in TEXTURES), dict.fromkeys(_names(settings, textures), reason)


def _names(settings: RadiomicsSettings, families: Sequence[str]) -> list[str]:
    return [name for name in names_of(settings, "original", families) if is_chosen(name, settings)]


def _execute(
    image: sitk.Image, mask: sitk.Image, settings: RadiomicsSettings, families: Sequence[str]
) -> dict[str, Any]:
    extractor = RadiomicsFeatureExtractor(**peer_parameters(settings))
    extractor.disableAllImageTypes()
    extractor.enableImageTypes(**_image_types(settings))
    extractor.disableAllFeatures()
    for family in families:
        chosen = [one.removeprefix(f"{family}_") for one in settings.features if one.startswith(f"{family}_")]
        if chosen:
            extractor.enableFeaturesByName(**{family: chosen})
        elif not settings.features:
            extractor.enableFeatureClassByName(family)
    found = extractor.execute(image, mask)
    return {name: value for name, value in found.items() if not name.startswith("diagnostics_")}


def _image_types(settings: RadiomicsSettings) -> dict[str, dict[str, Any]]:
    own: dict[str, dict[str, Any]] = {
        "log": {"sigma": list(settings.log_sigma_mm)},
        "wavelet": {
            "wavelet": settings.wavelet,
            "start_level": settings.wavelet_start,
            "level": settings.wavelet_levels,
        },
    }
    words = {ours: peer for peer, ours in PEER_NAMES.items()}
    for kind, options in settings.by_image_type:
        own[kind] = own.get(kind, {}) | {words[name]: value for name, value in options}
        if "bin_width" in dict(options):
            own[kind].setdefault("binCount", None)  # else a count for all images would go before it
    return {PEER_TYPES[kind]: own.get(kind, {}) for kind in settings.image_types}


def _one_by_one(
    image: sitk.Image,
    mask: sitk.Image,
    settings: RadiomicsSettings,
    families: Sequence[str],
    first: Exception,
) -> dict[str, Any]:
    """Lose a family, not the lesion."""
    found: dict[str, Any] = {}
    for family in families:
        with contextlib.suppress(ValueError, RuntimeError, IndexError, ArithmeticError):
            found |= _execute(image, mask, settings, [family])
    if not found:
        msg = f"pyradiomics failed on this lesion: {first}"
        raise ExtractionError(msg) from first
    for family in families:
        if not any(f"_{family}_" in name for name in found):
            found |= dict.fromkeys(_names(settings, [family]), math.nan)
    return found


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep its log lines and numpy's warnings from the screen; what matters is said through the reasons."""
    logger = logging.getLogger("radiomics")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    display = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
        sitk.ProcessObject.SetGlobalWarningDisplay(display)
