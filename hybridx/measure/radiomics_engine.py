"""The one place that talks to pyradiomics."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk

from hybridx.errors import ExtractionError
from hybridx.measure.settings import RadiomicsSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import-time deprecations are not the user's concern
    try:
        import radiomics
        from radiomics.featureextractor import RadiomicsFeatureExtractor
    except ImportError:  # no build for Python 3.12 and later; said when features are asked for
        radiomics = None

__all__ = ["VERSION", "run_engine"]

VERSION = "none" if radiomics is None else str(radiomics.__version__).lstrip("v")
INTERPOLATORS = {"linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline, "nearest": sitk.sitkNearestNeighbor}
TOO_SMALL = (
    "only contains 1 segmented voxel",
    "not present in mask",
    "No labels found",
    "0 segmented voxels",
)


def run_engine(
    image: sitk.Image, mask: sitk.Image, settings: RadiomicsSettings, families: Sequence[str]
) -> dict[str, float] | None:
    """Run pyradiomics over a lesion.

    Parameters
    ----------
    image, mask : SimpleITK.Image
        On one grid; the lesion is label 1.
    settings : RadiomicsSettings
        How.
    families : sequence of str
        Which feature classes.

    Returns
    -------
    dict or None
        Values, NaN where a family failed; None when the lesion has fewer than two voxels on the grid of the analysis.

    Raises
    ------
    ExtractionError
        pyradiomics is not installed, or failed as a whole.
    """
    if radiomics is None:
        msg = (
            "pyradiomics is not installed; version 3.0.1 does not build on Python 3.12 and later. Use Python 3.11 for "
            "the extraction (the cohort it writes is read by every Python)."
        )
        raise ExtractionError(msg)
    with _silence():
        try:
            found = _execute(image, mask, settings, families)
        except ValueError as error:
            if any(sign in str(error) for sign in TOO_SMALL):
                return None
            found = _one_by_one(image, mask, settings, families, error)
        except (RuntimeError, IndexError, ArithmeticError) as error:
            found = _one_by_one(image, mask, settings, families, error)
    # eigenvalues behind the MCC come back complex, with an imaginary part of rounding error
    return {name: float(np.real(value)) for name, value in found.items()}


def _execute(
    image: sitk.Image, mask: sitk.Image, settings: RadiomicsSettings, families: Sequence[str]
) -> dict[str, Any]:
    extractor = RadiomicsFeatureExtractor(
        binWidth=settings.bin_width,
        resampledPixelSpacing=None if settings.resample_mm is None else [settings.resample_mm] * 3,
        interpolator=INTERPOLATORS[settings.interpolator],
        normalize=settings.normalise,
        normalizeScale=100,
        resegmentRange=None if settings.resegment is None else list(settings.resegment),
        minimumROIDimensions=1,  # a line has a mean and a length; what it has not is NaN
        additionalInfo=False,  # hashes and statistics of the whole volume: seconds on a large CT, kept elsewhere
    )
    extractor.disableAllImageTypes()
    extractor.enableImageTypes(**_image_types(settings))
    extractor.disableAllFeatures()
    for family in families:
        extractor.enableFeatureClassByName(family)
    found = extractor.execute(image, mask)
    return {name: value for name, value in found.items() if not name.startswith("diagnostics_")}


def _image_types(settings: RadiomicsSettings) -> dict[str, dict[str, Any]]:
    options: dict[str, tuple[str, dict[str, Any]]] = {
        "original": ("Original", {}),
        "log": ("LoG", {"sigma": list(settings.log_sigma_mm)}),
        "wavelet": ("Wavelet", {"wavelet": settings.wavelet}),
    }
    return dict(options[name] for name in settings.image_types)


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
            found |= {f"original_{family}_{name}": math.nan for name in _names(family)}
    return found


def _names(family: str) -> list[str]:
    features = radiomics.getFeatureClasses()[family].getFeatureNames()
    return [name for name, deprecated in features.items() if not deprecated]


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
