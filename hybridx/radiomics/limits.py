"""Where a radiomics feature stops being defined: one voxel, one grey level, no neighbours.

pyradiomics then returns the limit or the convention of a formula (skewness 0, correlation 1, coarseness one million).
A model would take these for measurements; here they become NaN with the reason.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hybridx.errors import ConvergenceError, InputError, NotEnoughDataError
from hybridx.radiomics.histogram import level_counts
from hybridx.radiomics.names import every_name
from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["FAILURES", "conventions", "few_voxels"]

# what a lesion can do to a formula or a library: this costs the values concerned, never the lesion
FAILURES = (
    InputError,
    NotEnoughDataError,
    ConvergenceError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    ValueError,
    np.linalg.LinAlgError,
)

COARSENESS_LIMIT = 1e6  # pyradiomics' and IBSI's stand-in for a division by zero
FLAT = 1e-6  # of the largest intensity: a constant image after float32 interpolation
ONE_LEVEL = ("glcm_Correlation", "glcm_Imc1", "glcm_Imc2", "glcm_MCC")
NO_SPREAD = ("firstorder_Skewness", "firstorder_Kurtosis")


def conventions(found: Features, image_type: str, intensities: Floats, levels: Levels | None) -> Features:
    """Put NaN and a reason where a value is a convention, in one image type under pyradiomics' names.

    Parameters
    ----------
    found : Features
        By full name.
    image_type : str
        Such as ``original``.
    intensities : ndarray (n,)
        That count.
    levels : Levels or None
        In grey levels, where these were asked for.
    """
    reasons: dict[str, str] = {}
    low, high = float(intensities.min()), float(intensities.max())
    if high - low <= FLAT * max(abs(high), abs(low)):
        why = "all intensities are equal" + (", to a millionth of the largest" if high > low else "")
        reasons |= dict.fromkeys((f"{image_type}_{name}" for name in NO_SPREAD), why)
    if levels is not None and _one_level(levels):
        why = "one grey level" + (f" at a bin width of {levels.width:g}" if levels.width > 0 else "")
        reasons |= dict.fromkeys((f"{image_type}_{name}" for name in ONE_LEVEL), why)
    if found.values.get(f"{image_type}_ngtdm_Coarseness", 0.0) >= COARSENESS_LIMIT:
        names = [name for name in found.values if name.startswith(f"{image_type}_ngtdm_")]
        reasons |= dict.fromkeys(names, "no voxel differs from its neighbourhood")
    reasons = {name: why for name, why in reasons.items() if name in found.values}
    values = {**found.values, **dict.fromkeys(reasons, math.nan)}
    lost = {name for name, value in values.items() if not math.isfinite(value)}
    other = {name: found.reasons.get(name, "not defined for this lesion") for name in lost}
    return Features({**values, **dict.fromkeys(lost, math.nan)}, {**other, **reasons})


def _one_level(levels: Levels) -> bool:
    return int(np.count_nonzero(level_counts(levels))) == 1


def few_voxels(
    intensities: npt.NDArray[np.generic], voxel_ml: float, settings: RadiomicsSettings
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
        Which families were asked for.

    Returns
    -------
    tuple
        Values (NaN where undefined) and reasons, by full feature name.
    """
    exact = intensities.astype(np.float64)
    known: dict[str, float] = {}
    if len(exact):
        energy = float(np.sum((exact + settings.array_shift) ** 2))
        known = {
            "firstorder_10Percentile": float(np.percentile(exact, 10)),
            "firstorder_90Percentile": float(np.percentile(exact, 90)),
            "firstorder_Energy": energy,
            "firstorder_Maximum": float(exact.max()),
            "firstorder_Mean": float(exact.mean()),
            "firstorder_Median": float(np.median(exact)),
            "firstorder_Minimum": float(exact.min()),
            "firstorder_RootMeanSquared": float(np.sqrt(energy / len(exact))),
            "firstorder_TotalEnergy": energy * voxel_ml * 1000.0,
            "shape_VoxelVolume": len(exact) * voxel_ml * 1000.0,
        }
    values = {
        name: known.get(name.removeprefix("original_"), math.nan)
        if name.startswith("original_")
        else math.nan  # a filter's response at one voxel is its neighbourhood's, not the lesion's
        for name in every_name(settings)
    }
    edges = settings.resample_mm
    edge = (
        ""
        if edges is None
        else " of " + (f"{edges:g}" if isinstance(edges, float) else " x ".join(map(str, edges))) + " mm"
    )
    why = f"the lesion has fewer than two voxels{edge}"
    return values, {name: why for name, value in values.items() if math.isnan(value)}
