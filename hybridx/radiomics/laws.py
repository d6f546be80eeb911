"""Laws' kernels: level, edge, spot, wave and ripple along each axis, and how much of them there is around a voxel."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from hybridx.errors import SettingsError
from hybridx.radiomics.filter_mean import mean_filter
from hybridx.radiomics.filter_rotations import convolve_separable
from hybridx.radiomics.roi import Floats
from hybridx.terms.text import check_name

__all__ = ["LAWS_KERNELS", "laws", "laws_margin"]

_INTEGERS = {
    "L3": (1, 2, 1),
    "E3": (-1, 0, 1),
    "S3": (-1, 2, -1),
    "L5": (1, 4, 6, 4, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
}

#: Taps of unit length (sum of squares 1), by name.
LAWS_KERNELS: dict[str, Floats] = {
    name: np.array(taps) / np.linalg.norm(taps) for name, taps in _INTEGERS.items()
}


def laws(
    image: Floats,
    spacing: Sequence[float],
    *,
    kernel: str,
    rotation_invariant: bool = True,
    pooling: str = "max",
    energy_distance: int | None = 7,
    boundary: str = "mirror",
) -> Floats:
    """Respond to a pattern of level, edge, spot, wave or ripple along the axes, and average its strength around.

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x)
    spacing : sequence of float, (z, y, x)
        mm; not used, since the kernels are stated in voxels.
    kernel : str
        Names along x, y and z such as 'L5E5E5'; two of them ('L5E5') work slice by slice.
    rotation_invariant : bool
        Pool over the 24 right-angled rotations (4 in a slice).
    pooling : {'max', 'mean', 'min'}
    energy_distance : int or None
        The result is the mean of absolute responses over the box of this Chebyshev distance; None: the response.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray of float64, shape (z, y, x)

    Source
    ------
    IBSI filters (JTXT, PSTO), doi:10.1148/radiol.231319; reference values of phase 2, configurations 4.A and 4.B.

    Examples
    --------
    >>> import numpy as np
    >>> impulse = np.zeros((5, 5, 5))
    >>> impulse[2, 2, 2] = 70.0
    >>> response = laws(impulse, (1, 1, 1), kernel="L5L5", rotation_invariant=False, energy_distance=None)
    >>> [round(float(value), 6) for value in response[2, 2]]
    [6.0, 24.0, 36.0, 24.0, 6.0]
    """
    parts = _parts(kernel)
    taps = [LAWS_KERNELS[part] for part in parts[::-1]]  # names run x, y, z; axes run z, y, x
    response = convolve_separable(
        np.asarray(image, dtype=np.float64), taps, boundary, rotations=rotation_invariant, pooling=pooling
    )
    if energy_distance is None:
        return response
    support = 2 * _distance(energy_distance) + 1
    return mean_filter(np.abs(response), spacing, support=support, dimensions=len(parts), boundary=boundary)


def laws_margin(
    _spacing: Sequence[float], *, kernel: str, energy_distance: int | None = 7, **_others: object
) -> tuple[int, int, int]:
    """Return how many voxels around a region its filtered values depend on, per axis (z, y, x)."""
    parts = _parts(kernel)
    half = max(LAWS_KERNELS[part].size // 2 for part in parts)
    half += 0 if energy_distance is None else _distance(energy_distance)
    return (half if len(parts) == 3 else 0, half, half)


def _parts(kernel: str) -> list[str]:
    parts = re.findall(r"[A-Za-z]\d*", str(kernel))
    if len(parts) not in (2, 3) or "".join(parts) != kernel:
        msg = f"Laws' kernel {kernel!r} cannot be read; it must be two or three names in a row, such as 'L5E5E5'."
        raise SettingsError(msg)
    return [check_name(part, LAWS_KERNELS, "kernel of Laws") for part in parts]


def _distance(energy_distance: int) -> int:
    if int(energy_distance) != energy_distance or energy_distance < 1:
        msg = f"energy_distance is {energy_distance!r}; it must be a whole number of voxels above 0, or None."
        raise SettingsError(msg)
    return int(energy_distance)
