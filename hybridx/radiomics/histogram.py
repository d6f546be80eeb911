"""Intensity histogram: 23 numbers of how the grey levels of a lesion are spread."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import numpy as np

from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.radiomics.statistics import EMPTY, NONE_BETWEEN

__all__ = ["intensity_histogram", "level_counts", "remember_counts"]

ONE_LEVEL = "all voxels are of one grey level"
_REMEMBERED: WeakKeyDictionary[Levels, Floats] = WeakKeyDictionary()  # as long as the lesion lives


def level_counts(levels: Levels) -> Floats:
    """Return how many voxels each grey level has, shape (count,), level 1 first."""
    from hybridx.radiomics.discretise_kernel import count_each  # noqa: PLC0415 - compiled code loads where it runs

    if levels not in _REMEMBERED:
        _REMEMBERED[levels] = np.asarray(count_each(levels.array.reshape(-1), levels.count))
    return _REMEMBERED[levels]


def remember_counts(levels: Levels, counts: Floats) -> None:
    """Keep the counts of somebody who had every voxel in hand already."""
    _REMEMBERED[levels] = counts


def intensity_histogram(levels: Levels) -> Features:
    """Describe the histogram of a lesion's grey levels as IBSI does.

    Parameters
    ----------
    levels : Levels
        The lesion in grey levels from 1 to `count`.

    Returns
    -------
    Features
        23 values ``ih_*``, in grey levels; ``ih_entropy`` in bits, gradients in voxels per level. With one level,
        what has no spread or no neighbour to compare with is NaN.

    Source
    ------
    IBSI reference manual 3.4, doi:10.1148/radiol.2020191145; checked against its digital phantom. Of several levels
    that are equally frequent, the mode is the one nearest to the mean, and of two at one distance the lower.

    Examples
    --------
    >>> array = np.array([[[1, 1, 1, 2, 3, 0]]], dtype=np.int32)
    >>> found = intensity_histogram(Levels(array, 3, array > 0, (1.0, 1.0, 1.0)))
    >>> found.values["ih_mode"], round(found.values["ih_mean"], 3)
    (1.0, 1.6)
    """
    counts = level_counts(levels)
    n = float(counts.sum())
    if n == 0:
        return Features(dict.fromkeys(_NAMES, math.nan), dict.fromkeys(_NAMES, EMPTY))
    values, reasons = _spread(counts, n)
    level = np.arange(1.0, len(counts) + 1)
    share = counts[counts > 0] / n
    top = level[counts == counts.max()]
    values |= {
        "ih_mode": float(top[np.argmin(np.abs(top - values["ih_mean"]))]),
        "ih_entropy": float(-(share * np.log2(share)).sum()) + 0.0,
        "ih_uniformity": float((share**2).sum()),
    }
    if len(counts) > 1:
        slope = np.gradient(counts)
        for name, place in (("max", int(np.argmax(slope))), ("min", int(np.argmin(slope)))):
            values |= {f"ih_{name}_grad": float(slope[place]), f"ih_{name}_grad_g": float(level[place])}
    else:
        missing = ("ih_max_grad", "ih_max_grad_g", "ih_min_grad", "ih_min_grad_g")
        values |= dict.fromkeys(missing, math.nan)
        reasons |= dict.fromkeys(missing, ONE_LEVEL)
    return Features({name: values[name] for name in _NAMES}, reasons)


_NAMES = tuple(
    f"ih_{name}"
    for name in (
        *(
            "mean",
            "var",
            "skew",
            "kurt",
            "median",
            "min",
            "p10",
            "p90",
            "max",
            "mode",
            "iqr",
            "range",
            "mad",
            "rmad",
        ),
        *(
            "medad",
            "cov",
            "qcod",
            "entropy",
            "uniformity",
            "max_grad",
            "max_grad_g",
            "min_grad",
            "min_grad_g",
        ),
    )
)


def _spread(counts: Floats, n: float) -> tuple[dict[str, float], dict[str, str]]:
    level = np.arange(1.0, len(counts) + 1)
    mean = float(counts @ level) / n
    away = level - mean
    variance = float(counts @ away**2) / n
    p10, p25, median, p75, p90 = _percentiles(counts, n)
    inner = np.where((level >= p10) & (level <= p90), counts, 0.0)
    present = level[counts > 0]
    several = len(present) > 1
    inner_mean = float(inner @ level) / max(float(inner.sum()), 1.0)
    values = {
        "ih_mean": mean,
        "ih_var": variance if several else 0.0,
        "ih_skew": float(counts @ away**3) / n / variance**1.5 if several else math.nan,
        "ih_kurt": float(counts @ away**4) / n / variance**2 - 3.0 if several else math.nan,
        "ih_median": median,
        "ih_min": float(present[0]),
        "ih_p10": p10,
        "ih_p90": p90,
        "ih_max": float(present[-1]),
        "ih_iqr": p75 - p25,
        "ih_range": float(present[-1] - present[0]),
        "ih_mad": float(counts @ np.abs(away)) / n,
        "ih_rmad": float(inner @ np.abs(level - inner_mean)) / float(inner.sum())
        if inner.any()
        else math.nan,
        "ih_medad": float(counts @ np.abs(level - median)) / n,
        "ih_cov": math.sqrt(variance) / mean,
        "ih_qcod": (p75 - p25) / (p75 + p25),
    }
    reasons = {} if several else dict.fromkeys(("ih_skew", "ih_kurt"), ONE_LEVEL)
    if not inner.any():
        reasons["ih_rmad"] = NONE_BETWEEN
    return values, reasons


def _percentiles(counts: Floats, n: float) -> list[float]:
    ends = np.cumsum(counts)
    position = np.array([10.0, 25.0, 50.0, 75.0, 90.0]) / 100.0 * (n - 1)
    below = np.floor(position)
    a = np.searchsorted(ends, below, side="right") + 1.0
    b = np.searchsorted(ends, np.minimum(below + 1, n - 1), side="right") + 1.0
    return [float(v) for v in a + (b - a) * (position - below)]
