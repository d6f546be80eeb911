"""All sub-bands of a stationary wavelet transform, as PyWavelets makes them, each partial result computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import SettingsError
from hybridx.radiomics.filter_fir import convolve_axis_many
from hybridx.radiomics.filter_windows import convolve_thrice, convolve_windows, widened, windows_of
from hybridx.radiomics.roi import Mask
from hybridx.radiomics.wavelet_separable import wavelet_taps

__all__ = ["stationary_wavelets"]

Array = npt.NDArray[Any]


def stationary_wavelets(  # noqa: PLR0917 - as pyradiomics orders them
    image: Array,
    wavelet: str = "coif1",
    level: int = 1,
    start_level: int = 0,
    flat: int | None = None,
    within: Mask | None = None,
) -> Iterator[tuple[int, str, Array]]:
    """Yield every detail of every level and the last approximation, one at a time.

    Sub-bands share what they have in common: a volume takes 2 + 4 + 8 passes along an axis, not 24. In work at once:
    the image, two partial results, a response and the approximation.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Periodic; an axis of odd length is first continued by one voxel, as pyradiomics does. Single precision
        stays so, all else is worked on in double.
    wavelet : str
        A name PyWavelets knows.
    level, start_level : int
        How many levels, after how many that are not asked for. Each level filters the last approximation with the
        same taps (they are not stretched), as pyradiomics does.
    flat : {0, 1, 2}, optional
        An axis not to filter along.
    within : ndarray of bool, shape (z, y, x), optional
        Where responses are wanted, if not everywhere; elsewhere they are of no use, and each response is valid until
        the next is asked for.

    Yields
    ------
    (int, str, ndarray)
        Level among those asked for, L or H for x, y, z, and the response, shape (z, y, x).
    """
    if int(level) != level or level < 1 or int(start_level) != start_level or start_level < 0:
        msg = f"level is {level!r} and start_level {start_level!r}; wanted whole numbers from 1 and from 0."
        raise SettingsError(msg)
    axes = [axis for axis in (2, 1, 0) if axis != flat]
    inside = tuple(slice(0, size) for size in image.shape)
    data = np.ascontiguousarray(image)
    if any(size % 2 for size in image.shape):
        data = np.pad(data, [(0, size % 2) for size in image.shape], mode="wrap")
    kernels = wavelet_taps(wavelet, single=data.dtype == np.float32)
    if within is not None and (level, start_level) == (1, 0):
        within = np.pad(within, [(0, size % 2) for size in image.shape])
        for letters, response in _windowed(data, kernels, axes, within):
            yield 1, letters, response[inside]
        return
    if data.dtype != np.float32:
        data = data.astype(np.float64, copy=False)
    for _ in range(start_level):
        for axis in axes:
            data = convolve_axis_many(data, kernels[:1], axis, "periodise")[0]
    low = "L" * len(axes)
    for depth in range(1, level + 1):
        approximation = data
        scratch = [np.empty_like(data) for _ in axes[1:]]
        for letters, response in _split(data, kernels, axes, "", scratch):
            if letters == low:
                approximation = response
            else:
                yield depth, letters, response[inside]
        data = approximation
    yield level, low, data[inside]


def _split(
    data: Array, kernels: Sequence[Array], axes: Sequence[int], letters: str, scratch: Sequence[Array]
) -> Iterator[tuple[str, Array]]:
    """Depth first, each partial result in the same memory as the one before it; sub-bands in their own."""
    if len(axes) == 1:
        pair = list(convolve_axis_many(data, kernels, axes[0], "periodise"))
        yield letters + "L", pair.pop(0)
        yield letters + "H", pair.pop()
        return
    for letter, kernel in zip("LH", kernels, strict=True):
        (partial,) = convolve_axis_many(data, [kernel], axes[0], "periodise", out=scratch[:1])
        yield from _split(partial, kernels, axes[1:], letters + letter, scratch[1:])


def _windowed(
    image: Array, kernels: Sequence[Array], axes: Sequence[int], within: Mask
) -> Iterator[tuple[str, Array]]:
    """Do the same, each pass only where a later one reads what it makes, details in the memory of two.

    In space slice by slice: 4 + 4 + 8 passes along an axis, each of slices that are in the cache.
    """
    windows = [windows_of(within)]
    for axis in reversed(axes[1:]):
        windows.insert(0, widened(windows[0], kernels[0].size, axis))
    kind = np.float32 if image.dtype == np.float32 else np.float64
    approximation, low, high = (np.empty(image.shape, kind) for _ in range(3))
    if len(axes) == 3:
        for letters in ("LL", "LH", "HL", "HH"):
            x, y = (kernels["LH".index(letter)] for letter in letters)
            ends = [approximation if letters == "LL" else low, high]
            convolve_thrice(image, (x, y, kernels), windows, ends)
            if letters != "LL":
                yield letters + "L", low
            yield letters + "H", high
    else:
        scratch = [np.empty(image.shape, kind) for _ in axes[1:]]
        passes = list(zip(axes, windows, strict=True))
        yield from _split_windows(image, kernels, passes, "", scratch, (approximation, low, high))
    yield "L" * len(axes), approximation


def _split_windows(  # noqa: PLR0917 - what each pass narrows down
    data: Array,
    kernels: Sequence[Array],
    passes: Sequence[tuple[int, Array]],
    letters: str,
    scratch: Sequence[Array],
    ends: tuple[Array, Array, Array],
) -> Iterator[tuple[str, Array]]:
    """Depth first; a function that held itself would keep this memory until the next collection of cycles."""
    axis, window = passes[0]
    if len(passes) == 1:
        details = "H" in letters
        low, high = ends[1] if details else ends[0], ends[2]
        convolve_windows(data, kernels, axis, window, [low, high])
        if details:
            yield letters + "L", low
        yield letters + "H", high
        return
    for letter, kernel in zip("LH", kernels, strict=True):
        convolve_windows(data, [kernel], axis, window, scratch[:1])
        yield from _split_windows(scratch[0], kernels, passes[1:], letters + letter, scratch[1:], ends)
