"""First-order statistics in pyradiomics' words and numbers."""

from __future__ import annotations

import math

import numpy as np

from hybridx.radiomics.histogram import level_counts
from hybridx.radiomics.roi import Features, Levels, Roi
from hybridx.radiomics.statistics import EMPTY, FLAT, NONE_BETWEEN, summarise

__all__ = ["pyradiomics_firstorder"]

NAMES = tuple(
    f"firstorder_{name}"
    for name in (
        *("10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum"),
        *("MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation"),
        *("RootMeanSquared", "Skewness", "TotalEnergy", "Uniformity", "Variance", "StandardDeviation"),
    )
)


def pyradiomics_firstorder(roi: Roi, levels: Levels, array_shift: float = 0.0) -> Features:
    """Describe the intensities of a lesion as pyradiomics does.

    Parameters
    ----------
    roi : Roi
        Its intensity mask counts.
    levels : Levels
        The same in grey levels, for entropy and uniformity.
    array_shift : float
        Added to the intensities in energy and root mean square only (``voxelArrayShift``), in the unit of the image.

    Returns
    -------
    Features
        ``firstorder_*``: the 18 features, and ``StandardDeviation``, which pyradiomics computes only when it is named.
        Kurtosis is not the excess: 3 for a normal distribution.

    Source
    ------
    van Griethuysen 2017, doi:10.1158/0008-5472.CAN-17-0339; checked against pyradiomics 3.0.1 to 1e-9. One difference:
    where all intensities are equal, skewness and kurtosis are NaN here and 0 there.

    Examples
    --------
    >>> array = np.arange(8.0).reshape(2, 2, 2)
    >>> ones = np.ones((2, 2, 2), bool)
    >>> roi = Roi(array, ones, ones, (1.0, 1.0, 2.0))
    >>> levels = Levels(array.astype(np.int32) + 1, 8, ones, (1.0, 1.0, 2.0))
    >>> found = pyradiomics_firstorder(roi, levels).values
    >>> round(found["firstorder_Entropy"], 6), found["firstorder_TotalEnergy"]
    (3.0, 280.0)
    """
    summary = summarise(roi)
    if summary is None:
        return Features(dict.fromkeys(NAMES, math.nan), dict.fromkeys(NAMES, EMPTY))
    n = len(summary.values)
    p10, p25, median, p75, p90 = summary.percentiles
    # shifted values anew: from the sums, an image around -shift would lose its digits
    energy = float(((summary.values + array_shift) ** 2).sum()) if array_shift else summary.squares
    counts = level_counts(levels)
    share = counts[counts > 0] / counts.sum()
    flat = summary.m2 == 0
    values = {
        "firstorder_10Percentile": p10,
        "firstorder_90Percentile": p90,
        "firstorder_Energy": energy,
        "firstorder_Entropy": float(-(share * np.log2(share + np.spacing(1.0))).sum()),
        "firstorder_InterquartileRange": p75 - p25,
        "firstorder_Kurtosis": math.nan if flat else summary.m4 / summary.m2 / summary.m2,
        "firstorder_Maximum": summary.maximum,
        "firstorder_MeanAbsoluteDeviation": summary.mean_deviation,
        "firstorder_Mean": summary.mean,
        "firstorder_Median": median,
        "firstorder_Minimum": summary.minimum,
        "firstorder_Range": summary.maximum - summary.minimum,
        "firstorder_RobustMeanAbsoluteDeviation": summary.robust_deviation,
        "firstorder_RootMeanSquared": math.sqrt(energy / n),
        "firstorder_Skewness": math.nan if flat else summary.m3 / summary.m2 / math.sqrt(summary.m2),
        "firstorder_TotalEnergy": energy * math.prod(roi.spacing),
        "firstorder_Uniformity": float((share**2).sum()),
        "firstorder_Variance": summary.m2,
        "firstorder_StandardDeviation": math.sqrt(summary.m2),
    }
    reasons = dict.fromkeys(("firstorder_Kurtosis", "firstorder_Skewness"), FLAT) if flat else {}
    if math.isnan(summary.robust_deviation):
        reasons["firstorder_RobustMeanAbsoluteDeviation"] = NONE_BETWEEN
    return Features(values, reasons)
