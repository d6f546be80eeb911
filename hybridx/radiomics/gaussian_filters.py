"""The Laplacian of a Gaussian as IBSI defines it: sampled, cut off, not renormalised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.filter_fir import convolve_axis, convolve_axis_many
from hybridx.radiomics.filter_mean import check_dimensions, check_positive
from hybridx.radiomics.roi import Floats

__all__ = ["laplacian_margin", "laplacian_of_gaussian"]


def laplacian_of_gaussian(
    image: Floats,
    spacing: Sequence[float],
    *,
    sigma: float,
    truncate: float = 4.0,
    dimensions: int = 3,
    boundary: str = "mirror",
) -> Floats:
    r"""Show blobs and edges of about a size: bright spots come out negative, dark ones positive.

    .. math:: g(k) = -\frac{1}{\sigma^2}\Big(\frac{1}{\sqrt{2\pi}\,\sigma}\Big)^{\!D}
              \Big(D - \frac{\lVert k\rVert^2}{\sigma^2}\Big) e^{-\lVert k\rVert^2 / 2\sigma^2}

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x)
    spacing : sequence of float, (z, y, x)
        mm.
    sigma : float
        Width of the Gaussian, mm.
    truncate : float
        The kernel ends this many widths from its centre.
    dimensions : {3, 2}
        2: slice by slice.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray of float64, shape (z, y, x)
        In units of the image per squared voxel edge. IBSI writes the filter for voxels of one edge; elsewhere the
        edge is the geometric mean of those filtered along, and the Laplacian is that of the space in mm.

    Source
    ------
    IBSI filters (L6PA), doi:10.1148/radiol.231319; reference values of phase 2, configurations 3.A and 3.B.

    Examples
    --------
    >>> import numpy as np
    >>> spot = np.zeros((21, 21, 21))
    >>> spot[10, 10, 10] = 1.0
    >>> bool(laplacian_of_gaussian(spot, (1, 1, 1), sigma=2.0)[10, 10, 10] < 0)
    True
    """
    half = laplacian_margin(spacing, sigma=sigma, truncate=truncate, dimensions=dimensions)
    axes = list(range(3 - dimensions, 3))
    edge = float(np.prod([spacing[axis] for axis in axes])) ** (1.0 / dimensions)
    smooth: npt.NDArray[Any] = np.asarray(image, dtype=np.float64)
    smooth_and_curved: npt.NDArray[Any] | None = None
    for axis in axes[::-1]:
        gaussian, curvature = _taps(sigma / spacing[axis], half[axis], edge / spacing[axis])
        rest = smooth_and_curved
        smooth, curved = convolve_axis_many(smooth, [gaussian, curvature], axis, boundary)
        smooth_and_curved = curved if rest is None else curved + convolve_axis(rest, gaussian, axis, boundary)
    assert smooth_and_curved is not None  # noqa: S101  (there are always two or three axes)
    return np.ascontiguousarray(smooth_and_curved)


def laplacian_margin(
    spacing: Sequence[float], *, sigma: float, truncate: float = 4.0, dimensions: int = 3, **_others: object
) -> tuple[int, int, int]:
    """Return how many voxels around a region its filtered values depend on, per axis (z, y, x)."""
    check_dimensions(dimensions)
    check_positive(sigma, "sigma")
    check_positive(truncate, "truncate", "widths of the Gaussian")
    z, y, x = (int(truncate * sigma / edge + 0.5) for edge in spacing)
    return (z if dimensions == 3 else 0, y, x)


def _taps(sigma: float, half: int, scale: float) -> tuple[Floats, Floats]:
    """Sample the Gaussian in voxels, and its second derivative in units of the common edge."""
    place = np.arange(-half, half + 1, dtype=np.float64)
    gaussian = np.exp(-(place**2) / (2.0 * sigma**2)) / (np.sqrt(2.0 * np.pi) * sigma)
    return gaussian, gaussian * (place**2 / sigma**4 - 1.0 / sigma**2) * scale**2
