"""All of an image on the grid of the analysis, read slab by slab by the few filters that see all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hybridx.radiomics.roi import Floats

if TYPE_CHECKING:
    from hybridx.radiomics.whole_spectrum import Spectrum

__all__ = ["WholeImage"]


@dataclass(frozen=True, eq=False)
class WholeImage:
    """An image that is read slab by slab.

    Parameters
    ----------
    shape : tuple of int, (z, y, x)
    slab : callable
        ``slab(first, last)`` gives the slices first to last - 1 as an ndarray of float64.
    """

    shape: tuple[int, int, int]
    slab: Callable[[int, int], Floats]
    _kept: dict[tuple[int, int, int], Spectrum] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, image: Floats | WholeImage) -> WholeImage:
        """Take an image that is in memory; one that is read slab by slab stays what it is."""
        if isinstance(image, cls):
            return image
        pixels = np.asarray(image, dtype=np.float64)
        z, y, x = pixels.shape
        return cls((z, y, x), lambda first, last: pixels[first:last])

    @property
    def everything(self) -> tuple[slice, slice, slice]:
        """The box that holds all of it."""
        z, y, x = (slice(0, size) for size in self.shape)
        return z, y, x

    def around(self, first: int, last: int, reach: int, boundary: str) -> tuple[Floats, slice]:
        """Return a slab with so many slices on either side, and where it lies; a periodic image goes on behind."""
        low, high = first - reach, last + reach
        size = self.shape[0]
        if boundary != "periodise":
            low, high = max(0, low), min(size, high)
            return self.slab(low, high), slice(first - low, last - low)
        pieces = []
        while low < high:
            start = low % size
            stop = min(size, start + high - low)
            pieces.append(self.slab(start, stop))
            low += stop - start
        return np.concatenate(pieces), slice(reach, reach + last - first)

    def spectrum(self, dimensions: int, slices: range) -> Spectrum:
        """Return the frequencies of the volume, or (`dimensions` 2) of some slices; kept for the next filter."""
        key = (3, 0, self.shape[0]) if dimensions == 3 else (2, slices.start, slices.stop)
        if key not in self._kept:
            from hybridx.radiomics.whole_spectrum import Spectrum  # noqa: PLC0415 - Fourier transforms load where they run

            self._kept[key] = Spectrum.of(self, dimensions, range(key[1], key[2]))
        return self._kept[key]
