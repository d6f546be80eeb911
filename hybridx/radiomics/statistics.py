"""Intensity statistics: the 18 numbers of how bright a lesion is and how its brightness is spread."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.roi import Features, Floats, Roi

__all__ = ["EMPTY", "FLAT", "NONE_BETWEEN", "Summary", "statistics", "summarise"]

PERCENTILES = (10.0, 25.0, 50.0, 75.0, 90.0)
BUCKETS = 4096  # their counters stay in the first-level cache; 800,000 voxels leave 200 in each
FAR = 4.0  # standard deviations
EMPTY = "no voxel with a finite intensity is left"
FLAT = "all intensities are equal"
NONE_BETWEEN = "no voxel lies between the 10th and the 90th percentile"


@dataclass(frozen=True)
class Summary:
    """What statistics of either vocabulary are made of; moments are divided by the number of voxels.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The intensities, in the order of the array.
    minimum, maximum, mean : float
        In the unit of the image.
    m2, m3, m4 : float
        Central moments; exactly 0 where all intensities are equal.
    mean_deviation : float
        Mean distance from the mean.
    squares : float
        Sum of the squared intensities.
    percentiles : tuple of float
        10th, 25th, 50th, 75th, 90th, interpolated linearly between neighbours in rank.
    median_deviation : float
        Mean distance from the median.
    robust_deviation : float
        Mean distance from their mean of the values from the 10th to the 90th percentile.
    """

    values: Floats
    minimum: float
    maximum: float
    mean: float
    m2: float
    m3: float
    m4: float
    mean_deviation: float
    squares: float
    percentiles: tuple[float, float, float, float, float]
    median_deviation: float
    robust_deviation: float


def statistics(roi: Roi) -> Features:
    """Describe the intensities of a lesion as IBSI does.

    Parameters
    ----------
    roi : Roi
        Its intensity mask counts.

    Returns
    -------
    Features
        18 values ``stat_*`` in the unit of the image (its square for ``stat_var`` and ``stat_energy``; none for
        ``stat_skew``, ``stat_kurt``, which is the excess over a normal distribution's, ``stat_cov``, ``stat_qcod``).

    Source
    ------
    IBSI reference manual 3.3, doi:10.1148/radiol.2020191145; checked against its digital phantom.

    Examples
    --------
    >>> ones = np.ones((2, 2, 2), bool)
    >>> found = statistics(Roi(np.arange(8.0).reshape(2, 2, 2), ones, ones, (1.0, 1.0, 1.0)))
    >>> found.values["stat_mean"], found.values["stat_iqr"]
    (3.5, 3.5)
    """
    summary = summarise(roi)
    if summary is None:
        return Features(dict.fromkeys(_NAMES, math.nan), dict.fromkeys(_NAMES, EMPTY))
    n = len(summary.values)
    p10, p25, median, p75, p90 = summary.percentiles
    values = {
        "stat_mean": summary.mean,
        "stat_var": summary.m2,
        "stat_skew": math.nan,
        "stat_kurt": math.nan,
        "stat_median": median,
        "stat_min": summary.minimum,
        "stat_p10": p10,
        "stat_p90": p90,
        "stat_max": summary.maximum,
        "stat_iqr": p75 - p25,
        "stat_range": summary.maximum - summary.minimum,
        "stat_mad": summary.mean_deviation,
        "stat_rmad": summary.robust_deviation,
        "stat_medad": summary.median_deviation,
        "stat_cov": math.nan,
        "stat_qcod": math.nan,
        "stat_energy": summary.squares,
        "stat_rms": math.sqrt(summary.squares / n),
    }
    reasons: dict[str, str] = {}
    if summary.m2 > 0:
        values["stat_skew"] = summary.m3 / summary.m2 / math.sqrt(summary.m2)
        values["stat_kurt"] = summary.m4 / summary.m2 / summary.m2 - 3.0
    else:
        reasons |= dict.fromkeys(("stat_skew", "stat_kurt"), FLAT)
    if summary.mean != 0:
        values["stat_cov"] = math.sqrt(summary.m2) / summary.mean
    else:
        reasons["stat_cov"] = "the mean intensity is 0"
    if p75 + p25 != 0:
        values["stat_qcod"] = (p75 - p25) / (p75 + p25)
    else:
        reasons["stat_qcod"] = "the 25th and the 75th percentile add up to 0"
    if math.isnan(summary.robust_deviation):
        reasons["stat_rmad"] = NONE_BETWEEN
    return Features(values, reasons)


_NAMES = tuple(
    f"stat_{name}"
    for name in (
        *("mean", "var", "skew", "kurt", "median", "min", "p10", "p90", "max", "iqr", "range", "mad", "rmad"),
        *("medad", "cov", "qcod", "energy", "rms"),
    )
)


def summarise(roi: Roi) -> Summary | None:
    """Pass over the intensities once for each thing that needs the one before; None without a voxel."""
    from hybridx.radiomics.statistics_kernels import (  # noqa: PLC0415 -- compiles on first use
        absolute_deviation,
        central_sums,
        count_buckets,
        inner_sum,
    )

    values = roi.values
    total, low, high = roi.extent
    n = len(values)
    if n == 0:
        return None
    if low == high:  # exact, where rounding of the mean would leave a variance
        same = (low,) * 5
        return Summary(values, low, low, low, 0.0, 0.0, 0.0, 0.0, n * low * low, same, 0.0, 0.0)
    mean = total / n
    s2, s3, s4, s1, squares = central_sums(values, mean)
    buckets = min(BUCKETS, max(2, n))
    # the outermost buckets take what is far out, so that a few outliers do not crowd all else into few buckets
    start, stop = max(low, mean - FAR * math.sqrt(s2 / n)), min(high, mean + FAR * math.sqrt(s2 / n))
    scale = (buckets - 1) / (stop - start) if stop > start else 0.0
    if not math.isfinite(scale):  # a range so small that its inverse overflows
        scale = 0.0
    owners = np.empty(n, np.int16)
    counts = count_buckets(values, start, scale, buckets, owners)
    p10, p25, median, p75, p90 = _percentiles(values, owners, counts)
    distance, n_inner, inner = inner_sum(values, median, p10, p90)
    robust = absolute_deviation(values, inner / n_inner, p10, p90) / n_inner if n_inner else math.nan
    return Summary(
        *(values, low, high, mean, s2 / n, s3 / n, s4 / n, s1 / n, squares),
        percentiles=(p10, p25, median, p75, p90),
        median_deviation=distance / n,
        robust_deviation=robust,
    )


def _percentiles(values: Floats, owners: npt.NDArray[np.int16], counts: Floats) -> Sequence[float]:
    """Look for the wanted ranks in their buckets only: a few voxels, or half of them beside an outlier."""
    from hybridx.radiomics.statistics_kernels import of_buckets  # noqa: PLC0415 -- compiles on first use

    n = len(values)
    position = np.array(PERCENTILES) / 100.0 * (n - 1)
    below = np.floor(position).astype(np.int64)
    ranks = np.concatenate([below, np.minimum(below + 1, n - 1)])
    ends = np.cumsum(counts)
    owner = np.searchsorted(ends, ranks, side="right")
    wanted = np.unique(owner)
    slot = np.full(len(counts), -1, dtype=np.int64)
    slot[wanted] = np.arange(len(wanted))
    parts, starts = of_buckets(values, owners, slot, counts[wanted])
    places = starts[slot[owner]] + ranks - (ends - counts)[owner]
    for start, end in itertools.pairwise(starts):
        inside = places[(places >= start) & (places < end)] - start
        parts[start:end].partition(np.unique(inside))
    found = parts[places]
    a, b = found[: len(below)], found[len(below) :]
    part = position - below
    step = b - a
    # from the nearer end, as numpy does: a value that lies on a rank comes out unchanged
    return [float(v) for v in np.where(part < 0.5, a + step * part, b - step * (1.0 - part))]
