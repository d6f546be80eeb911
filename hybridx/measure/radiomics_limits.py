"""Where a radiomics feature stops being defined: one voxel, one grey level, no neighbours.

pyradiomics then returns the limit or the convention of a formula (skewness 0, correlation 1, coarseness one million).
A model would take these for measurements; here they become NaN with the reason.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hybridx.measure.radiomics_table import feature_table
from hybridx.measure.settings import RadiomicsSettings

__all__ = ["few_voxels", "levels", "undefined"]

COARSENESS_LIMIT = 1e6  # pyradiomics' and IBSI's stand-in for a division by zero
FLAT = 1e-6  # of the largest intensity: a constant image after float32 interpolation
ONE_LEVEL = ("glcm_Correlation", "glcm_Imc1", "glcm_Imc2", "glcm_MCC")
NO_SPREAD = ("firstorder_Skewness", "firstorder_Kurtosis")


def levels(low: float, high: float, bin_width: float) -> int:
    """Count the grey levels between two intensities; bins are aligned to multiples of the bin width."""
    return int(math.floor(high / bin_width) - math.floor(low / bin_width)) + 1


def undefined(values: dict[str, float], settings: RadiomicsSettings) -> dict[str, str]:
    """Name the features that are not defined, each with the reason.

    Parameters
    ----------
    values : dict of str to float
        All features of a lesion, of one or several image types.
    settings : RadiomicsSettings
        For the bin width.

    Returns
    -------
    dict of str to str
        Feature name to reason.
    """
    reasons = {
        name: "not defined for this lesion" for name, value in values.items() if not math.isfinite(value)
    }
    for image_type in dict.fromkeys(name.split("_")[0] for name in values):
        low, high = (values.get(f"{image_type}_firstorder_{end}", math.nan) for end in ("Minimum", "Maximum"))
        if high - low <= FLAT * max(abs(high), abs(low)):
            reasons |= dict.fromkeys(
                (f"{image_type}_{name}" for name in NO_SPREAD), "all intensities are equal"
            )
        if math.isfinite(low) and math.isfinite(high) and levels(low, high, settings.bin_width) == 1:
            why = f"one grey level at a bin width of {settings.bin_width:g}"
            reasons |= dict.fromkeys((f"{image_type}_{name}" for name in ONE_LEVEL), why)
        if values.get(f"{image_type}_ngtdm_Coarseness", 0.0) >= COARSENESS_LIMIT:
            names = [name for name in values if name.startswith(f"{image_type}_ngtdm_")]
            reasons |= dict.fromkeys(names, "no voxel differs from its neighbourhood")
    return {name: reason for name, reason in reasons.items() if name in values}


def few_voxels(
    intensities: npt.NDArray[np.float32], voxel_ml: float, settings: RadiomicsSettings
) -> tuple[dict[str, float], dict[str, str]]:
    """Return what can be said of a lesion of less than two voxels on the grid of the analysis.

    Level and volume are defined and taken from the native voxels; spread, texture and form are not.

    Parameters
    ----------
    intensities : ndarray (n,)
        Of the native voxels.
    voxel_ml : float
        Volume of a native voxel, mL.
    settings : RadiomicsSettings
        Which families and image types were asked for.

    Returns
    -------
    tuple
        Values (NaN where undefined) and reasons, by full feature name, for the original image.
    """
    exact = intensities.astype(np.float64)
    energy = float(np.sum(exact**2))
    volume = len(exact) * voxel_ml * 1000.0
    known = {
        "firstorder_10Percentile": float(np.percentile(exact, 10)),
        "firstorder_90Percentile": float(np.percentile(exact, 90)),
        "firstorder_Energy": energy,
        "firstorder_Maximum": float(exact.max()),
        "firstorder_Mean": float(exact.mean()),
        "firstorder_Median": float(np.median(exact)),
        "firstorder_Minimum": float(exact.min()),
        "firstorder_RootMeanSquared": float(np.sqrt(np.mean(exact**2))),
        "firstorder_TotalEnergy": energy * voxel_ml * 1000.0,
        "shape_VoxelVolume": volume,
    }
    names = [key for key, info in feature_table().items() if info.family in settings.families]
    values = {f"original_{name}": known.get(name, math.nan) for name in names}
    edge = "" if settings.resample_mm is None else f" of {settings.resample_mm:g} mm"
    why = f"the lesion has fewer than two voxels{edge}"
    return values, {name: why for name, value in values.items() if math.isnan(value)}
