"""Simoncelli's wavelet: rings of frequencies, blind to direction, made in Fourier space."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from hybridx.compute.compiled import compiled
from hybridx.errors import SettingsError
from hybridx.radiomics.filter_mean import check_dimensions
from hybridx.radiomics.roi import Floats
from hybridx.radiomics.whole_image import WholeImage
from hybridx.radiomics.whole_spectrum import places_of

__all__ = ["simoncelli", "simoncelli_margin", "simoncelli_weights"]


def simoncelli(
    image: Floats | WholeImage,
    spacing: Sequence[float],  # noqa: ARG001 - every filter has one
    box: Sequence[slice] | None = None,
    *,
    level: int = 1,
    dimensions: int = 3,
) -> Floats:
    r"""Keep the frequencies within one octave of a peak, whatever their direction.

    .. math:: \hat g_j(\nu) = \cos\big(\tfrac{\pi}{2}\log_2\tfrac{2\lVert\nu\rVert}{\nu_j}\big),\quad
              \tfrac{\nu_j}{4} < \lVert\nu\rVert \le \nu_j,\quad \nu_j = 2^{1-j}\nu_\mathrm{Nyquist}

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x), or WholeImage
        Taken as periodic: the filter lives in Fourier space.
    spacing : sequence of float, (z, y, x)
        mm; not used, since wavelets live on the grid.
    box : sequence of slice, (z, y, x), optional
        Where the response is wanted; no filtered image of the whole is made for it.
    level : int
        1 is the finest: it peaks at half the Nyquist frequency; each further level peaks at half of that.
    dimensions : {3, 2}
        2: slice by slice.

    Returns
    -------
    ndarray of float64, shape (z, y, x)
        Of the box's shape.

    Source
    ------
    IBSI filters (PRT7), doi:10.1148/radiol.231319; reference values of phase 2, configurations 8 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(33)
    >>> wave = np.cos(2 * np.pi * 8 / 33 * x) * np.ones((5, 5, 1))  # half the highest frequency: the peak of level 1
    >>> bool(np.allclose(simoncelli(wave, (1, 1, 1), level=1), wave))
    True
    """
    source = WholeImage.of(image)
    box = source.everything if box is None else box
    spectrum = source.spectrum(check_dimensions(dimensions), range(box[0].start, box[0].stop))
    return spectrum.respond(simoncelli_weights(source.shape, dimensions, level), places_of(box))


def simoncelli_margin(_spacing: Sequence[float], *, level: int = 1, dimensions: int = 3) -> None:
    """Return None: a response depends on the whole image."""
    check_dimensions(dimensions)
    _check_level(level)


def simoncelli_weights(shape: Sequence[int], dimensions: int, level: int) -> Callable[[slice], Floats]:
    """Return the weights of some rows of the half spectrum that a real image has.

    IBSI's consensus maps sample the spectrum about its middle, which for an even number of voxels lies half a sample
    beside the frequency zero: with exact frequencies two of the 71 published values are missed. Here the half sample
    is taken to either side and averaged, so that the filter has no preferred direction and the response stays real.
    """
    top = 2.0 ** (1 - _check_level(level))
    z, y, x = (_squares(size, half=axis == 2) / top**2 for axis, size in enumerate(shape))
    if dimensions == 2:
        z = np.zeros((1, 1))
    return lambda rows: _ring(z, np.ascontiguousarray(y[:, rows]), x)


@compiled
def _ring(z: Floats, y: Floats, x: Floats) -> Floats:
    """Average the weights over all choices of a row for each axis; squared frequencies are in parts of the top."""
    weights = np.zeros((z.shape[1], y.shape[1], x.shape[1]))
    share = 1.0 / (z.shape[0] * y.shape[0] * x.shape[0])
    for i in range(z.shape[1]):
        for j in range(y.shape[1]):
            for a in range(z.shape[0]):
                for b in range(y.shape[0]):
                    plane = z[a, i] + y[b, j]
                    for c in range(x.shape[0]):
                        for k in range(x.shape[1]):
                            squared = plane + x[c, k]
                            if 0.0625 < squared <= 1.0:
                                weights[i, j, k] += share * math.cos(
                                    0.25 * math.pi * math.log2(4.0 * squared)
                                )
    return weights


def _squares(size: int, *, half: bool) -> Floats:
    """Squared frequency in parts of the highest: one row, or two (half a sample to either side) for an even size."""
    if size == 1:
        return np.zeros((1, 1))
    middle = (size - 1) / 2.0
    place = np.abs(np.fft.fftfreq(size) * size)[: size // 2 + 1 if half else size]
    if size % 2:
        return (place[None] / middle) ** 2
    low, high = np.abs(place - 0.5), np.minimum(place + 0.5, middle)
    return (np.stack([low, high]) / middle) ** 2


def _check_level(level: int) -> int:
    if int(level) != level or level < 1:
        msg = f"level is {level!r}; it must be a whole number from 1, the finest."
        raise SettingsError(msg)
    return int(level)
