"""IBSI's image filters by name, how far each looks, and how to cut an image so that it looks no further."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from hybridx.errors import InputError, SettingsError
from hybridx.radiomics.filter_boundaries import source_indices
from hybridx.radiomics.filter_mean import mean_filter, mean_margin
from hybridx.radiomics.gabor import gabor, gabor_margin
from hybridx.radiomics.gaussian_filters import laplacian_margin, laplacian_of_gaussian
from hybridx.radiomics.laws import laws, laws_margin
from hybridx.radiomics.riesz import riesz, riesz_margin
from hybridx.radiomics.roi import Floats
from hybridx.radiomics.wavelet_separable import separable_wavelet, separable_wavelet_margin
from hybridx.radiomics.wavelet_simoncelli import simoncelli, simoncelli_margin
from hybridx.radiomics.whole_image import WholeImage
from hybridx.terms.text import check_name

__all__ = ["FILTERS", "check_filter", "cut", "filter_box", "filter_image", "filter_whole", "needed_margin"]

_FILTERS: dict[str, tuple[Callable[..., Floats], Callable[..., tuple[int, int, int] | None]]] = {
    "mean": (mean_filter, mean_margin),
    "laplacian_of_gaussian": (laplacian_of_gaussian, laplacian_margin),
    "laws": (laws, laws_margin),
    "gabor": (gabor, gabor_margin),
    "wavelet": (separable_wavelet, separable_wavelet_margin),
    "simoncelli": (simoncelli, simoncelli_margin),
    "riesz": (riesz, riesz_margin),
}

#: Names that `filter_image` knows.
FILTERS = tuple(_FILTERS)

Box = tuple[slice, slice, slice]


def filter_image(image: Floats, spacing_zyx: Sequence[float], kind: str, **params: Any) -> Floats:
    """Filter an image as IBSI's chapter on filters says.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Worked on in double precision. A voxel that is not finite spoils every response that depends on it, which for
        'simoncelli' and 'riesz' are all.
    spacing_zyx : sequence of float, (z, y, x)
        Voxel edges, mm.
    kind : {'mean', 'laplacian_of_gaussian', 'laws', 'gabor', 'wavelet', 'simoncelli', 'riesz'}
    **params
        Those of the filter's own function (`mean_filter`, `laplacian_of_gaussian`, `laws`, `gabor`,
        `separable_wavelet`, `simoncelli`, `riesz`).

    Returns
    -------
    ndarray of float64, shape (z, y, x)

    Raises
    ------
    SettingsError
        For an unknown filter or parameter (the nearest name is offered), a missing one or an impossible value.
    InputError
        When the image has not three axes.

    Source
    ------
    The Image Biomarker Standardisation Initiative: standardized convolutional filters, doi:10.1148/radiol.231319.
    All 323 published values of phase 2 (configurations 1.A to 9.B) are met.

    Examples
    --------
    >>> import numpy as np
    >>> flat = np.full((9, 9, 9), 40.0)
    >>> float(filter_image(flat, (1, 1, 1), "mean", support=3)[4, 4, 4])
    40.0
    """
    run, _ = _functions(kind, params)
    pixels = np.asarray(image, dtype=np.float64)
    if pixels.ndim != 3 or pixels.size == 0:
        msg = f"The image has shape {pixels.shape}; filters want (z, y, x) with at least one voxel along each axis."
        raise InputError(msg)
    response: Floats = run(pixels, _spacing(spacing_zyx), **params)
    return response


@lru_cache(maxsize=256)
def check_filter(options: tuple[tuple[str, Any], ...]) -> None:
    """Refuse a filter that cannot be meant, before any image is read: tried on a few voxels.

    Parameters
    ----------
    options : tuple of (str, value)
        Its ``kind`` and parameters.

    Raises
    ------
    SettingsError
        Unknown, missing or impossible.
    """
    params = dict(options)
    kind = params.pop("kind")
    if not isinstance(kind, str):
        msg = f"kind={kind!r} is not the name of a filter. Known: {', '.join(FILTERS)}."
        raise SettingsError(msg)
    try:
        filter_image(np.zeros((2, 2, 2)), (1.0, 1.0, 1.0), kind, **params)
    except SettingsError:
        raise
    except (TypeError, ValueError) as error:  # a word where a number belongs
        msg = f"A filter of the kind {kind!r} cannot have {params!r}: {error}."
        raise SettingsError(msg) from error


def filter_whole(
    image: WholeImage, spacing_zyx: Sequence[float], box: Box, kind: str, **params: Any
) -> Floats:
    """Return a box of the filtered image, for filters whose `needed_margin` is None.

    Parameters
    ----------
    image : WholeImage
        Read slab by slab; its spectrum is kept for the next filter.
    spacing_zyx, kind, **params
        As for `filter_image`.
    box : tuple of slice, (z, y, x)
        The region.

    Returns
    -------
    ndarray of float64, of the box's shape
        What `filter_image` gives there, to rounding.
    """
    run, _ = _functions(kind, params)
    response: Floats = run(image, _spacing(spacing_zyx), box, **params)
    return response


def filter_box(image: Floats, spacing_zyx: Sequence[float], box: Box, kind: str, **params: Any) -> Floats:
    """Return a box of a filtered image; what a filter can leave out outside it is left out."""
    if kind != "gabor":
        return filter_image(image, spacing_zyx, kind, **params)[box]
    run, _ = _functions(kind, params)
    return run(image, _spacing(spacing_zyx), box, **params)


def needed_margin(kind: str, spacing_zyx: Sequence[float], **params: Any) -> tuple[int, int, int] | None:
    """Return how far around a region its filtered values depend on the image.

    Parameters
    ----------
    kind, spacing_zyx, **params
        As for `filter_image`.

    Returns
    -------
    tuple of int, (z, y, x) voxels, or None
        None: on the whole image, which therefore cannot be cut first.

    Examples
    --------
    >>> needed_margin("laplacian_of_gaussian", (5.0, 1.0, 1.0), sigma=2.0)
    (2, 8, 8)
    """
    _, margin = _functions(kind, params)
    voxels: tuple[int, int, int] | None = margin(_spacing(spacing_zyx), **params)
    return voxels


def cut(
    image: Floats, box: Box, margin: Sequence[int] | None, boundary: str = "mirror"
) -> tuple[Floats, Box]:
    """Cut a region out with the margin a filter needs: filtering the cut gives the region's values unchanged.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
    box : tuple of slice, (z, y, x)
        The region.
    margin : sequence of int or None
        From `needed_margin`; None cuts nothing.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}
        The filter's own. At an edge of the image the cut ends with it, so that the filter meets the same edge; a
        periodic image goes on from its other side (after one more voxel where its length is odd, as pyradiomics
        has it, if `boundary` is 'periodise_even').

    Returns
    -------
    (ndarray, tuple of slice)
        The cut, and where the region lies in it.
    """
    if margin is None:
        return image, box
    indices, inside = [], []
    for size, part, reach in zip(image.shape, box, margin, strict=True):
        start, stop, _ = part.indices(size)
        if boundary in ("periodise", "periodise_even"):
            period = size + size % 2 if boundary == "periodise_even" else size
            where = np.arange(start - reach, stop + reach) % period
            indices.append(np.where(where < size, where, 0))
            inside.append(slice(reach, reach + stop - start))
        else:
            source_indices(1, 0, 0, boundary)  # checks the name
            low, high = max(0, start - reach), min(size, stop + reach)
            indices.append(np.arange(low, high))
            inside.append(slice(start - low, stop - low))
    return image[np.ix_(*indices)], (inside[0], inside[1], inside[2])


def _functions(kind: str, params: dict[str, Any]) -> tuple[Callable[..., Floats], Callable[..., Any]]:
    run, margin = _FILTERS[check_name(kind, FILTERS, "filter")]
    known = {
        name: parameter
        for name, parameter in inspect.signature(run).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for name in params:
        check_name(name, known, f"parameter of the filter {kind!r}")
    missing = [
        name
        for name, parameter in known.items()
        if parameter.default is parameter.empty and name not in params
    ]
    if missing:
        msg = f"The filter {kind!r} needs {', '.join(missing)}; IBSI has no default for it."
        raise SettingsError(msg)
    return run, margin


def _spacing(spacing_zyx: Sequence[float]) -> tuple[float, float, float]:
    z, y, x = (float(edge) for edge in spacing_zyx)
    if not all(np.isfinite(edge) and edge > 0 for edge in (z, y, x)):
        msg = f"The spacing is {tuple(spacing_zyx)!r}; it must be three numbers above 0, mm, in the order (z, y, x)."
        raise SettingsError(msg)
    return z, y, x
