"""What a filter sees beyond the edge of an image: IBSI's four answers, as indices into the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.roi import Floats
from hybridx.terms.text import check_name

__all__ = ["BOUNDARIES", "pad", "source_indices"]

#: mirror: c b a | a b c; nearest: a a a | a b c; periodise: a b c | a b c; zero: 0 0 0 | a b c.
BOUNDARIES = ("mirror", "nearest", "periodise", "zero")


def source_indices(size: int, before: int, after: int, boundary: str) -> npt.NDArray[np.int64]:
    """Return for each place of a padded line the voxel of the line that stands there, -1 where a zero does.

    Parameters
    ----------
    size : int
        Voxels in the line.
    before, after : int
        Voxels to add at either end; more than `size` is allowed.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray of int64, shape (before + size + after,)

    Examples
    --------
    >>> source_indices(3, 2, 2, "mirror").tolist()
    [1, 0, 0, 1, 2, 2, 1]
    """
    check_name(boundary, BOUNDARIES, "boundary condition")
    places = np.arange(-before, size + after, dtype=np.int64)
    if boundary == "nearest":
        return np.clip(places, 0, size - 1)
    if boundary == "periodise":
        return places % size
    if boundary == "zero":
        return np.where((places >= 0) & (places < size), places, -1)
    folded = places % (2 * size)
    return np.where(folded < size, folded, 2 * size - 1 - folded)


def pad(image: Floats, before: Sequence[int], after: Sequence[int], boundary: str) -> Floats:
    """Enlarge an image by what stands beyond its edges.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
    before, after : sequence of int, shape (3,)
        Voxels to add on either side of each axis.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray, shape (z, y, x) enlarged
    """
    for axis, (low, high) in enumerate(zip(before, after, strict=True)):
        table = source_indices(image.shape[axis], low, high, boundary)
        grown = np.take(image, np.maximum(table, 0), axis=axis)
        if (table < 0).any():
            empty = [slice(None)] * image.ndim
            empty[axis] = table < 0  # type: ignore[call-overload]
            grown[tuple(empty)] = 0.0
        image = grown
    return image
