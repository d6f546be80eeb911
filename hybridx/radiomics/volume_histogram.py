"""Intensity-volume histogram: which share of a lesion is at least how bright."""

from __future__ import annotations

import math

import numpy as np

from hybridx.errors import SettingsError
from hybridx.radiomics.roi import Features, Floats, Roi
from hybridx.radiomics.statistics import EMPTY, FLAT

__all__ = ["volume_histogram"]

_NAMES = (
    *("ivh_v10", "ivh_v90", "ivh_i10", "ivh_i90"),
    *("ivh_diff_v10_v90", "ivh_diff_i10_i90", "ivh_auc"),
)
LARGEST = 10_000_000  # steps of the intensity axis; 80 MB


def volume_histogram(
    roi: Roi,
    *,
    width: float | None = None,
    count: int | None = None,
    bounds: tuple[float, float] | None = None,
) -> Features:
    """Describe a lesion's cumulative histogram as IBSI does, by one of its three rules for the intensity axis.

    With neither `width` nor `count`, intensities are definite and discrete (HU, grey levels): the axis has steps of 1.

    Parameters
    ----------
    roi : Roi
        Its intensity mask counts.
    width : float or None
        Intensities are definite and continuous (SUV): the axis has steps of this size in the unit of the image, and
        a voxel stands for the centre of its step.
    count : int or None
        Intensities are arbitrary (MR, filtered images): the axis is cut into this many equal steps from the smallest
        to the largest intensity (1,000 in IBSI's configuration E), and intensities at a volume are step numbers.
    bounds : tuple of float or None
        Range of re-segmentation in the unit of the image, which is then the range of the axis (with `width`, or with
        neither); an end that is infinite is replaced by the lesion's own.

    Returns
    -------
    Features
        Shares of the volume from 0 to 1 above 10 % and 90 % of the intensity range (``ivh_v10``, ``ivh_v90``),
        intensities that at most 10 % and 90 % of the volume reach (``ivh_i10``, ``ivh_i90``), their differences, and
        ``ivh_auc``, the area under the curve of volume share over intensity share.

    Raises
    ------
    SettingsError
        Both `width` and `count`, or one that is not positive; or more than ten million steps.

    Source
    ------
    IBSI reference manual 3.5, doi:10.1148/radiol.2020191145; checked against its digital phantom. Area: van Velden
    2011, doi:10.1007/s00259-011-1845-6.

    Examples
    --------
    >>> ones = np.ones((1, 1, 4), bool)
    >>> roi = Roi(np.array([[[1.0, 1.0, 3.0, 6.0]]]), ones, ones, (1.0, 1.0, 1.0))
    >>> found = volume_histogram(roi)
    >>> found.values["ivh_v10"], found.values["ivh_i90"]
    (0.5, 2.0)
    """
    _check(width, count)
    values = roi.values
    if len(values) == 0:
        return Features(dict.fromkeys(_NAMES, math.nan), dict.fromkeys(_NAMES, EMPTY))
    axis, step = _axis(values, width, count, bounds)
    if len(axis) < 2:
        return Features(dict.fromkeys(_NAMES, math.nan), dict.fromkeys(_NAMES, FLAT))
    counts = np.bincount(step, minlength=len(axis))[: len(axis)]
    # share of the volume at or above each step
    volume = np.cumsum(counts[::-1])[::-1] / len(values)
    intensity = (axis - axis[0]) / (axis[-1] - axis[0])
    v10, v90 = (float(volume[np.searchsorted(intensity, share - 1e-12)]) for share in (0.10, 0.90))
    i10, i90 = (_intensity_at(axis, volume, share) for share in (0.10, 0.90))
    found = (v10, v90, i10, i90, v10 - v90, i10 - i90, float(np.trapezoid(volume, intensity)))
    reasons = {}
    if not math.isfinite(i10 - i90):
        missing = [name for name, value in zip(_NAMES, found, strict=True) if math.isnan(value)]
        reasons = dict.fromkeys(missing, "every step of the intensity axis is reached by more of the volume")
    return Features(dict(zip(_NAMES, found, strict=True)), reasons)


def _intensity_at(axis: Floats, volume: Floats, share: float) -> float:
    reached = np.flatnonzero(volume <= share + 1e-12)
    return float(axis[reached[0]]) if len(reached) else math.nan


def _axis(
    values: Floats, width: float | None, count: int | None, bounds: tuple[float, float] | None
) -> tuple[Floats, Floats]:
    """Return the intensity of each step of the axis, and the step of each voxel."""
    low, high = float(values.min()), float(values.max())
    if count is not None:
        if low == high:
            return np.ones(1), np.zeros(len(values), dtype=np.int64)
        step = np.minimum(np.floor(count * (values - low) / (high - low)), count - 1)
        return np.arange(1.0, count + 1), step.astype(np.int64)
    if bounds is not None:
        low = bounds[0] if math.isfinite(bounds[0]) else low
        high = bounds[1] if math.isfinite(bounds[1]) else high
    size = 1.0 if width is None else width
    steps = (high - low) / size
    if not steps < LARGEST:
        msg = (
            f"The intensities from {low:g} to {high:g} make {steps:.3g} steps of {size:g}; at most {LARGEST:,} fit. "
            "Give a larger width, or count=1000 for intensities without a unit."
        )
        raise SettingsError(msg)
    if width is None:
        step = np.maximum(np.ceil(values - low - 1e-9), 0.0)
        return low + np.arange(math.floor(steps + 1e-9) + 1.0), step.astype(np.int64)
    total = max(1, math.ceil(steps - 1e-9))
    step = np.clip(np.floor((values - low) / size), 0, total - 1)
    return low + (np.arange(float(total)) + 0.5) * size, step.astype(np.int64)


def _check(width: float | None, count: int | None) -> None:
    if width is not None and count is not None:
        msg = f"width={width!r} and count={count!r} were both given; give one of them, or neither for whole units."
        raise SettingsError(msg)
    if width is not None and not (math.isfinite(width) and width > 0):
        msg = f"width={width!r} is not a positive number in the unit of the image."
        raise SettingsError(msg)
    if count is not None and count < 2:
        msg = f"count={count!r} is too few steps; IBSI takes 1000 for intensities without a unit."
        raise SettingsError(msg)
