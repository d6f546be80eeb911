"""Several lesions in grey levels on one device: padded to one shape, and the voxels inside as a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hybridx.radiomics.level_blocks import padded
from hybridx.radiomics.matrix_grid import Grid, Integers

__all__ = ["Batch", "batch_of", "counted"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Lesions one after the other in memory, each framed by zeros.

    Parameters
    ----------
    ranks : Tensor of int32, shape (lesions × z × y × x,)
        0 outside, else the rank of the voxel's grey level among those that occur in its lesion.
    shape : tuple of int
        Slices, rows and columns of every lesion's padded box: the largest of each.
    inside : Tensor of int64, shape (voxels,)
        Where the voxels of the lesions lie in `ranks`, in the order of a scan.
    grids : sequence of Grid
        The lesions.
    margin : int
        Width of the frame, voxels.
    """

    ranks: torch.Tensor
    shape: tuple[int, int, int]
    inside: torch.Tensor
    grids: Sequence[Grid]
    margin: int = 1

    @property
    def lesion(self) -> torch.Tensor:
        """Which lesion each voxel inside belongs to, shape (voxels,)."""
        return self.inside // int(np.prod(self.shape))

    @property
    def plane(self) -> torch.Tensor:
        """Slice of each voxel inside, 0 for the first of its lesion's box, shape (voxels,)."""
        depth, height, width = self.shape
        return self.inside // (height * width) % depth - self.margin

    @property
    def depth(self) -> int:
        """Most slices of a lesion."""
        return max(grid.shape[0] for grid in self.grids)

    @property
    def rows(self) -> int:
        """Most grey levels of a lesion, and one for outside."""
        return max(len(grid.values) for grid in self.grids) + 1

    def step(self, offset: Integers) -> int:
        """Distance in memory of the neighbour at an offset (z, y, x)."""
        _, height, width = self.shape
        return int((offset[0] * height + offset[1]) * width + offset[2])


def batch_of(grids: Sequence[Grid], device: torch.device, margin: int = 1) -> Batch:
    """Put lesions with a margin of one voxel on a device, with a margin as wide as the furthest neighbour."""
    z, y, x = (max(grid.shape[axis] for grid in grids) + 2 * margin for axis in range(3))
    host = np.zeros((len(grids), z, y, x), np.int32)
    for image, grid in zip(host, grids, strict=True):
        core = tuple(slice(margin, margin + edge) for edge in grid.shape)
        image[core] = padded(grid)[1:-1, 1:-1, 1:-1]
    ranks = torch.from_numpy(host.reshape(-1)).to(device)
    return Batch(ranks, (z, y, x), torch.nonzero(ranks).squeeze(1), tuple(grids), margin)


def counted(cells: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Count how often each cell of a table occurs."""
    return torch.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
