"""The inner loop of supervoxels: each voxel goes to the nearest of the regions around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.compute.compiled import compiled

__all__ = ["nearest_region"]


@compiled
def nearest_region(  # noqa: PLR0917 - compiled functions take no keywords
    cells: npt.NDArray[np.int64],
    shape: npt.NDArray[np.int64],
    points: npt.NDArray[np.float64],
    centres: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    label: npt.NDArray[np.int64],
) -> None:
    """Fill `label` (n,) with the region nearest to each point among the 27 that started in or beside its cell.

    Parameters
    ----------
    cells : ndarray of int, shape (n, 3)
        Cell of the starting grid in which each point lies.
    shape : ndarray of int, shape (3,)
        Cells along each axis.
    points, centres : ndarray of float, shape (n, 4) and (cells, 4)
        Position and intensity, scaled.
    counts : ndarray of int, shape (cells,)
        Points of each region; an empty one takes none.
    label : ndarray of int, shape (n,)
        Written.
    """
    for i in range(len(points)):
        best, found = np.inf, label[i]
        for a in range(max(cells[i, 0] - 1, 0), min(cells[i, 0] + 2, shape[0])):
            for b in range(max(cells[i, 1] - 1, 0), min(cells[i, 1] + 2, shape[1])):
                for c in range(max(cells[i, 2] - 1, 0), min(cells[i, 2] + 2, shape[2])):
                    region = (a * shape[1] + b) * shape[2] + c
                    if counts[region] == 0:
                        continue
                    far = 0.0
                    for axis in range(4):
                        step = points[i, axis] - centres[region, axis]
                        far += step * step
                    if far < best:
                        best, found = far, region
        label[i] = found
