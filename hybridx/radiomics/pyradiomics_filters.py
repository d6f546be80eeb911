"""pyradiomics' image types, with its names, settings and numbers, one filtered image at a time."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hybridx.errors import HybridxWarning, InputError, SettingsError
from hybridx.radiomics.filter_recursive import gradient_magnitude, recursive_laplacian
from hybridx.radiomics.lbp_slices import local_binary_patterns
from hybridx.radiomics.lbp_sphere import SPLINE_REACH, spherical_patterns
from hybridx.radiomics.roi import Mask
from hybridx.radiomics.wavelet_packets import stationary_wavelets
from hybridx.radiomics.wavelet_separable import wavelet_taps
from hybridx.terms.text import check_name

__all__ = [
    "PYRADIOMICS_IMAGE_SETTINGS",
    "PYRADIOMICS_IMAGE_TYPES",
    "pyradiomics_images",
    "pyradiomics_margin",
]

Array: TypeAlias = npt.NDArray[Any]
Images: TypeAlias = Iterator[tuple[str, Array]]

_LOG_REACH = 12.0  # widths after which a recursive Gaussian keeps 2e-7 of a voxel's largest effect (measured)


def pyradiomics_images(
    image: Array,
    spacing: Sequence[float],
    image_type: str,
    *,
    mask: Mask | None = None,
    maximum: float | None = None,
    **settings: Any,
) -> Images:
    """Yield the filtered images of one of pyradiomics' image types, with the names its features begin with.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        In the type that pyradiomics would see: it filters wavelets of single-precision images in single precision.
    spacing : sequence of float, (z, y, x)
        mm.
    image_type : str
        'Original', 'Wavelet', 'LoG', 'Square', 'SquareRoot', 'Logarithm', 'Exponential', 'Gradient', 'LBP2D' or
        'LBP3D'.
    mask : ndarray of bool, shape (z, y, x), optional
        The lesion: 'LBP3D' asks for it, and is defined inside it alone; of 'Wavelet' nothing else is of use then.
    maximum : float, optional
        Largest absolute intensity of the whole image, by which 'Square', 'SquareRoot', 'Logarithm' and
        'Exponential' rescale; that of `image` unless told. Tell it when `image` is a part cut out.
    **settings
        pyradiomics' own: `sigma` (mm, one or several), `wavelet`, `level`, `start_level`, `force2D`,
        `force2Ddimension`, `gradientUseSpacing`, `lbp2DRadius`, `lbp2DSamples`, `lbp2DMethod`, `lbp3DLevels`,
        `lbp3DIcosphereRadius`, `lbp3DIcosphereSubdivision`.

    Yields
    ------
    (str, ndarray)
        'wavelet-LLH', 'log-sigma-2-0-mm-3D', ... and an image of the same shape. What was yielded is not kept.

    Raises
    ------
    SettingsError
        For an unknown image type or setting, with the nearest right name.

    Source
    ------
    Checked against pyradiomics 3.0.1: wavelets to 1e-12 in double precision, LoG to the last bit of ITK's single
    precision, LBP2D exactly, LBP3D to 1e-6, the rest to 1e-12.

    Examples
    --------
    >>> import numpy as np
    >>> [name for name, _ in pyradiomics_images(np.zeros((4, 4, 4)), (1, 1, 1), "Wavelet")][:3]
    ['wavelet-LLH', 'wavelet-LHL', 'wavelet-LHH']
    """
    make = _maker(image_type, settings)
    extra: dict[str, Any] = {"mask": mask} if image_type in _MASKED else {}
    if image_type in _RESCALED:
        extra["maximum"] = maximum
    images: Images = make(np.asarray(image), tuple(spacing), **extra, **settings)
    return images


def pyradiomics_margin(image_type: str, spacing: Sequence[float], **settings: Any) -> tuple[int, int, int]:
    """Return how many voxels around a region its filtered values depend on, per axis (z, y, x).

    Cut with `hybridx.radiomics.filters.cut`, boundary 'periodise' for 'Wavelet' and 'nearest' for the others; the
    four rescaled types need the whole image's `maximum` besides.
    """
    _maker(image_type, settings)
    if image_type == "LoG":
        widest = max(_several(settings.get("sigma", [])), default=0.0)
        z, y, x = (int(np.ceil(_LOG_REACH * widest / edge)) for edge in spacing)
        return z, y, x
    if image_type == "Wavelet":
        half = wavelet_taps(settings.get("wavelet", "coif1"))[0].size // 2
        reach = half * (settings.get("start_level", 0) + settings.get("level", 1))
        flat = settings.get("force2Ddimension", 0) if settings.get("force2D", False) else None
        z, y, x = (0 if axis == flat else reach for axis in range(3))
        return z, y, x
    if image_type == "Gradient":
        return 1, 1, 1
    if image_type == "LBP2D":
        reach = int(np.ceil(settings.get("lbp2DRadius", 1))) + 1
        flat = settings.get("force2Ddimension", 0)
        z, y, x = (0 if axis == flat else reach for axis in range(3))
        return z, y, x
    if image_type == "LBP3D":
        reach = int(np.ceil(settings.get("lbp3DIcosphereRadius", 1))) + SPLINE_REACH
        return reach, reach, reach
    return 0, 0, 0


def _original(image: Array, _spacing: Sequence[float]) -> Images:
    yield "original", image


def _wavelet(
    image: Array,
    _spacing: Sequence[float],
    *,
    wavelet: str = "coif1",
    level: int = 1,
    start_level: int = 0,
    force2D: bool = False,
    force2Ddimension: int = 0,
    mask: Mask | None = None,
) -> Images:
    flat = force2Ddimension if force2D else None
    for depth, letters, response in stationary_wavelets(image, wavelet, level, start_level, flat, mask):
        yield f"wavelet{depth if depth > 1 else ''}-{letters}", response


def _log(image: Array, spacing: Sequence[float], *, sigma: float | Sequence[float] = ()) -> Images:
    for width in _several(sigma):
        if not width > 0:
            msg = f"The width of a LoG filter is {width!r}; it must be above 0, in mm."
            raise SettingsError(msg)
        needed = [max(4, int(np.ceil(width / edge)) + 1) for edge in spacing]
        if any(size < least for size, least in zip(image.shape, needed, strict=True)):
            msg = (
                f"LoG of {width} mm left out: it needs at least {needed} voxels along (z, y, x), the image has "
                f"{list(image.shape)}."
            )
            warnings.warn(msg, HybridxWarning, stacklevel=3)
            continue
        yield (
            f"log-sigma-{str(width).replace('.', '-')}-mm-3D",
            recursive_laplacian(image, spacing, float(width)),
        )


def _square(image: Array, _spacing: Sequence[float], *, maximum: float | None = None) -> Images:
    pixels = image.astype(np.float64)
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # an image of zeros has no scale: its response is NaN
        pixels *= 1.0 / np.sqrt(_largest(image, maximum))
    yield "square", np.square(pixels, out=pixels)


def _square_root(image: Array, _spacing: Sequence[float], *, maximum: float | None = None) -> Images:
    pixels = np.abs(image.astype(np.float64))
    pixels *= _largest(image, maximum)
    yield "squareroot", np.copysign(np.sqrt(pixels, out=pixels), image, out=pixels)


def _logarithm(image: Array, _spacing: Sequence[float], *, maximum: float | None = None) -> Images:
    pixels = np.abs(image.astype(np.float64))
    pixels += 1.0
    np.log(pixels, out=pixels)
    np.copysign(pixels, image, out=pixels)
    top = _largest(image, maximum)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels *= top / np.log(top + 1.0)
    yield "logarithm", pixels


def _exponential(image: Array, _spacing: Sequence[float], *, maximum: float | None = None) -> Images:
    pixels = image.astype(np.float64)
    top = _largest(image, maximum)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels *= np.log(top) / top
    yield "exponential", np.exp(pixels, out=pixels)


def _gradient(image: Array, spacing: Sequence[float], *, gradientUseSpacing: bool = True) -> Images:
    yield "gradient", gradient_magnitude(image, spacing if gradientUseSpacing else (1.0, 1.0, 1.0))


def _lbp2d(
    image: Array,
    _spacing: Sequence[float],
    *,
    lbp2DRadius: float = 1,
    lbp2DSamples: int = 8,
    lbp2DMethod: str = "uniform",
    force2D: bool = False,  # noqa: ARG001  (always in slices; pyradiomics logs a warning where it is False)
    force2Ddimension: int = 0,
) -> Images:
    # as there: two axes change places, and the codes are kept in the type of the image (whole numbers are cut off)
    codes = local_binary_patterns(image.swapaxes(0, force2Ddimension), lbp2DSamples, lbp2DRadius, lbp2DMethod)
    none = np.isnan(codes)
    kept = np.where(none, 0.0, codes).astype(image.dtype)
    codes = np.where(none, np.nan, kept) if none.any() else kept  # no whole number says that there is none
    yield "lbp-2D", np.ascontiguousarray(codes.swapaxes(0, force2Ddimension))


def _lbp3d(
    image: Array,
    _spacing: Sequence[float],
    *,
    mask: Mask | None = None,
    lbp3DLevels: int = 2,
    lbp3DIcosphereRadius: float = 1,
    lbp3DIcosphereSubdivision: int = 1,
) -> Images:
    if mask is None:
        msg = "'LBP3D' is defined inside a lesion alone; pass its mask."
        raise InputError(msg)
    found = spherical_patterns(image, mask, lbp3DLevels, lbp3DIcosphereRadius, lbp3DIcosphereSubdivision)
    for name, response in found:
        yield f"lbp-3D-{name}", response


_MAKERS: dict[str, Callable[..., Images]] = {
    "Original": _original,
    "Wavelet": _wavelet,
    "LoG": _log,
    "Square": _square,
    "SquareRoot": _square_root,
    "Logarithm": _logarithm,
    "Exponential": _exponential,
    "Gradient": _gradient,
    "LBP2D": _lbp2d,
    "LBP3D": _lbp3d,
}
_MASKED = ("LBP3D", "Wavelet")
_RESCALED = ("Square", "SquareRoot", "Logarithm", "Exponential")

#: pyradiomics' names of its image types.
PYRADIOMICS_IMAGE_TYPES = tuple(_MAKERS)


#: Which of pyradiomics' settings each image type reads.
PYRADIOMICS_IMAGE_SETTINGS: dict[str, tuple[str, ...]] = {
    image_type: tuple(
        name
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ("mask", "maximum")
    )
    for image_type, make in _MAKERS.items()
}


def _maker(image_type: str, settings: dict[str, Any]) -> Callable[..., Images]:
    make = _MAKERS[check_name(image_type, _MAKERS, "image type of pyradiomics")]
    known = PYRADIOMICS_IMAGE_SETTINGS[image_type]
    for name in settings:
        check_name(name, known, f"setting of {image_type}")
    return make


def _several(sigma: float | Sequence[float]) -> list[float]:
    return [sigma] if isinstance(sigma, (int, float)) else list(sigma)


def _largest(image: Array, maximum: float | None) -> np.float64:
    if maximum is None:
        maximum = max(abs(float(image.min())), abs(float(image.max())))
    return np.float64(maximum)
