"""Separable wavelets without decimation: an image of the same size for each combination of low and high pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pywt  # for its tables of coefficients

from hybridx.errors import SettingsError
from hybridx.radiomics.filter_rotations import convolve_separable
from hybridx.radiomics.roi import Floats
from hybridx.terms.text import check_name

__all__ = ["separable_wavelet", "separable_wavelet_margin", "wavelet_taps"]


def separable_wavelet(
    image: Floats,
    spacing: Sequence[float],  # noqa: ARG001  (every filter takes it)
    *,
    wavelet: str,
    passes: str,
    level: int = 1,
    rotation_invariant: bool = True,
    pooling: str = "mean",
    boundary: str = "mirror",
) -> Floats:
    """Keep what varies fast (H) or slowly (L) along each axis, at one scale.

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x)
    spacing : sequence of float, (z, y, x)
        mm; not used, since wavelets live on the grid.
    wavelet : str
        An orthogonal one: 'haar', 'db1' to 'db38', 'coif1' to 'coif17', 'sym2' to 'sym20'.
    passes : str
        L or H along x, y and z, such as 'LLH'; two letters work slice by slice.
    level : int
        1 is the finest. Each further level first takes the low pass along every axis and stretches the kernels
        by two (a trous); the edge is extended once, before the first.
    rotation_invariant : bool
        Pool over the 24 right-angled rotations (4 in a slice).
    pooling : {'mean', 'max', 'min'}
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}

    Returns
    -------
    ndarray of float64, shape (z, y, x)

    Source
    ------
    IBSI filters (25BO), doi:10.1148/radiol.231319; reference values of phase 2, configurations 6 and 7.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.tile(np.arange(8.0), (1, 8, 1))
    >>> response = separable_wavelet(ramp, (1, 1, 1), wavelet="haar", passes="HL", rotation_invariant=False)
    >>> round(float(response[0, 4, 4]), 6)
    -1.0
    """
    kernels = _kernels(wavelet, passes, level)
    pixels = np.asarray(image, dtype=np.float64)
    return convolve_separable(pixels, kernels, boundary, rotations=rotation_invariant, pooling=pooling)


def separable_wavelet_margin(
    _spacing: Sequence[float], *, wavelet: str, passes: str, level: int = 1, **_others: object
) -> tuple[int, int, int]:
    """Return how many voxels around a region its filtered values depend on, per axis (z, y, x)."""
    half = max(kernel.size // 2 for kernel in _kernels(wavelet, passes, level))
    return (half if len(passes) == 3 else 0, half, half)


@lru_cache(maxsize=32)
def wavelet_taps(wavelet: str, *, single: bool = False) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the low and the high pass of a wavelet, in the order of their response to an impulse.

    In single precision they are PyWavelets' own (a rounded table times a rounded root of two for coiflets), which
    are not the double ones rounded.
    """
    check_name(wavelet, pywt.wavelist(kind="discrete"), "wavelet")
    bank = pywt.Wavelet(wavelet)
    low, high = np.array(bank.dec_lo), np.array(bank.dec_hi)
    if single:
        impulse = np.zeros(2 * bank.dec_len, dtype=np.float32)
        impulse[bank.dec_len] = 1.0
        start = bank.dec_len - bank.dec_len // 2
        low, high = (
            band[start : start + bank.dec_len].copy() for band in pywt.swt(impulse, bank, level=1)[0]
        )
    low.flags.writeable = high.flags.writeable = False
    return low, high


def _kernels(wavelet: str, passes: str, level: int) -> list[Floats]:
    """Taps for the axes (z, y, x), the earlier levels' low passes folded in."""
    if len(passes) not in (2, 3) or set(passes) - {"L", "H"}:
        msg = f"passes is {passes!r}; it must be L or H for x, y and z ('LLH'), or for x and y ('LH')."
        raise SettingsError(msg)
    if int(level) != level or level < 1:
        msg = f"level is {level!r}; it must be a whole number from 1, the finest."
        raise SettingsError(msg)
    low, high = wavelet_taps(wavelet)
    before = np.array([1.0])
    for finer in range(level - 1):
        before = _cascade(before, _stretched(low, 2**finer))
    return [
        _cascade(before, _stretched(high if letter == "H" else low, 2 ** (level - 1)))
        for letter in passes[::-1]
    ]


def _stretched(taps: Floats, step: int) -> Floats:
    """Put step - 1 zeros between taps, with the centre in the middle of an odd number of them."""
    half = (taps.size // 2) * step
    stretched = np.zeros(2 * half + 1)
    places = np.arange(taps.size) * step
    stretched[places] = taps
    return stretched


def _cascade(first: Floats, second: Floats) -> Floats:
    """One kernel for two in a row; both have an odd number of taps, so centres add up."""
    return np.convolve(first, second)
