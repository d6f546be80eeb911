"""The mean filter of IBSI: every voxel becomes the average of the box around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridx.errors import SettingsError
from hybridx.radiomics.filter_fir import convolve_axis
from hybridx.radiomics.roi import Floats

__all__ = ["check_dimensions", "check_positive", "mean_filter", "mean_margin"]


def mean_filter(
    image: Floats, spacing: Sequence[float], *, support: int, dimensions: int = 3, boundary: str = "mirror"
) -> Floats:
    """Average over a box of `support` voxels along each axis.

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x)
    spacing : sequence of float, (z, y, x)
        mm; not used, since IBSI states the support in voxels.
    support : int
        Odd number of voxels.
    dimensions : {3, 2}
        2: slice by slice.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray of float64, shape (z, y, x)

    Source
    ------
    IBSI filters (S60F), doi:10.1148/radiol.231319.

    Examples
    --------
    >>> import numpy as np
    >>> impulse = np.zeros((3, 3, 3))
    >>> impulse[1, 1, 1] = 27.0
    >>> float(mean_filter(impulse, (1, 1, 1), support=3)[1, 1, 1])
    1.0
    """
    half = mean_margin(spacing, support=support, dimensions=dimensions)[2]
    taps = np.full(2 * half + 1, 1.0 / (2 * half + 1))
    for axis in range(3 - dimensions, 3):
        image = convolve_axis(image, taps, axis, boundary)
    return image


def mean_margin(
    _spacing: Sequence[float], *, support: int, dimensions: int = 3, **_others: object
) -> tuple[int, int, int]:
    """Return how many voxels around a region its filtered values depend on, per axis (z, y, x)."""
    check_dimensions(dimensions)
    if int(support) != support or support < 1 or support % 2 == 0:
        msg = f"The support of a mean filter is {support!r}; it must be an odd number of voxels, such as 5."
        raise SettingsError(msg)
    half = int(support) // 2
    return (half if dimensions == 3 else 0, half, half)


def check_dimensions(dimensions: int) -> int:
    """Return `dimensions` when it is 3 (a volume) or 2 (slice by slice)."""
    if dimensions not in (2, 3):
        msg = f"dimensions is {dimensions!r}; it must be 3 (the volume) or 2 (slice by slice)."
        raise SettingsError(msg)
    return dimensions


def check_positive(value: float, name: str, unit: str = "mm") -> float:
    """Return `value` when it is a finite number above zero."""
    if not np.isfinite(value) or value <= 0:
        msg = f"{name} is {value!r}; it must be a number above 0, in {unit}."
        raise SettingsError(msg)
    return float(value)
