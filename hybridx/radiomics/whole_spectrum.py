"""The frequencies of a whole image, made slab by slab, and what a filter makes of them on a box around the lesion.

Filters that live in Fourier space see the whole image. Only its spectrum is held, 8 bytes a voxel; a response is
transformed back along one axis after the other, and cut to the box after each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy  # its parts load where they run: a tenth of a second for each that a filter has no use for

from hybridx.radiomics.roi import Floats
from hybridx.radiomics.whole_image import WholeImage

__all__ = ["Places", "Spectrum", "Weights", "places_of"]

Complex: TypeAlias = npt.NDArray[np.complex128]
Places: TypeAlias = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]
Weights: TypeAlias = Callable[[slice], npt.NDArray[np.inexact]]

_CHUNK = 2**21  # voxels in work at once, 16 to 32 MiB


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Half of the frequencies of a real image, those along x from 0 up.

    Parameters
    ----------
    values : ndarray of complex128, shape (z, y, x // 2 + 1)
        Along z frequencies, or slices.
    shape : tuple of int, (z, y, x)
        Of the image.
    dimensions : {3, 2}
    first : int
        Slice of the image that is the first here (2: slice by slice).
    """

    values: Complex
    shape: tuple[int, int, int]
    dimensions: int
    first: int = 0

    @classmethod
    def of(cls, image: WholeImage, dimensions: int, slices: range) -> Spectrum:
        """Transform an image."""
        _, rows, columns = image.shape
        values = np.empty((len(slices), rows, columns // 2 + 1), dtype=np.complex128)
        for part in _parts(len(slices), rows * columns):
            values[part] = scipy.fft.rfft2(image.slab(slices.start + part.start, slices.start + part.stop))
        made = cls(values, image.shape, dimensions, slices.start)
        if dimensions == 3:
            for part in made.chunks():
                values[:, part] = scipy.fft.fft(values[:, part], axis=0)
        return made

    def chunks(self) -> Iterator[slice]:
        """Yield ranges of rows that are worked on together."""
        return _parts(self.values.shape[1], self.values.shape[0] * self.values.shape[2])

    def weighted(self, weights: Weights) -> Spectrum:
        """Return the spectrum of a filtered image."""
        values = np.empty_like(self.values)
        for rows in self.chunks():
            np.multiply(self.values[:, rows], weights(rows), out=values[:, rows])
        return Spectrum(values, self.shape, self.dimensions, self.first)

    def respond(self, weights: Weights, places: Places) -> Floats:
        """Weigh the frequencies and return the response where it is wanted.

        Parameters
        ----------
        weights : callable
            ``weights(rows)`` gives a factor for each frequency of some rows, shaped to go with ``values[:, rows]``.
        places : tuple of ndarray of int, (z, y, x)
            Voxels of the image along each axis.

        Returns
        -------
        ndarray of float64, shape (len(z), len(y), len(x))
        """
        along_z, along_y, along_x = places
        left = np.empty((len(along_z), *self.values.shape[1:]), dtype=np.complex128)
        for rows in self.chunks():
            if self.dimensions == 3:
                left[:, rows] = scipy.fft.ifft(
                    self.values[:, rows] * weights(rows), axis=0, overwrite_x=True
                )[along_z]
            else:
                left[:, rows] = self.values[along_z - self.first, rows] * weights(rows)
        found = np.empty((len(along_z), len(along_y), len(along_x)))
        for part in _parts(len(along_z), self.shape[1] * self.shape[2]):
            half = scipy.fft.ifft(left[part], axis=1)[:, along_y]
            found[part] = scipy.fft.irfft(half, n=self.shape[2], axis=2)[:, :, along_x]
        return found


def places_of(box: Sequence[slice]) -> Places:
    """List the voxels of a box along each axis."""
    z, y, x = (np.arange(part.start, part.stop, dtype=np.intp) for part in box)
    return z, y, x


def _parts(count: int, size: int) -> Iterator[slice]:
    step = max(1, _CHUNK // max(1, size))
    for start in range(0, count, step):
        yield slice(start, min(count, start + step))
