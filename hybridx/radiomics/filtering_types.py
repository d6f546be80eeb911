"""Filtered images of a lesion: pyradiomics' image types and IBSI's filters, computed where they are needed only."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hybridx.errors import HybridxWarning
from hybridx.radiomics.filtering import FilteredImage
from hybridx.radiomics.filters import cut, filter_box, filter_whole, needed_margin
from hybridx.radiomics.making import Scene
from hybridx.radiomics.pair import Box, box_of
from hybridx.radiomics.pyradiomics_filters import pyradiomics_images, pyradiomics_margin
from hybridx.radiomics.settings import RadiomicsSettings
from hybridx.radiomics.settings_words import PEER_TYPES

__all__ = ["filters_reach", "images_of_filter", "images_of_type"]

RESCALED = ("square", "squareroot", "logarithm", "exponential")


def images_of_type(kind: str, scene: Scene, settings: RadiomicsSettings) -> Iterator[FilteredImage]:
    """Yield the images of one of pyradiomics' image types, on the box of the lesion.

    Parameters
    ----------
    kind : str
        As in the settings.
    scene : Scene
        Of a complete scene, the lesion's box and the margin that the filter needs are filtered; the values are those
        of the whole image filtered.
    settings : RadiomicsSettings
        For the filter's parameters.
    """
    box = box_of(scene.form)
    if kind == "log":
        for sigma in settings.log_sigma_mm:
            yield from _made(kind, {"sigma": sigma}, scene, box)
        return
    # pyradiomics' families see nothing around the lesion
    alone = kind == "wavelet" and settings.vocabulary == "pyradiomics"
    yield from _made(kind, _parameters(kind, settings.of_image_type(kind)), scene, box, alone=alone)


def images_of_filter(name: str, options: Mapping[str, Any], scene: Scene) -> Iterator[FilteredImage]:
    """Yield the image of one of IBSI's filters, on the box of the lesion, under the user's name."""
    given = dict(options)
    kind = given.pop("kind")
    box = box_of(scene.form)
    margin = needed_margin(kind, scene.spacing, **given)
    if margin is None and scene.whole is not None:
        z, y, x = (
            slice(part.start + first, part.stop + first) for part, first in zip(box, scene.first, strict=True)
        )
        yield FilteredImage(
            name, name, filter_whole(scene.whole, scene.spacing, (z, y, x), kind, **given), box
        )
        return
    part, inner = cut(scene.image, box, margin, given.get("boundary", "mirror"))
    response = filter_box(part.astype(np.float64, copy=False), scene.spacing, inner, kind, **given)
    yield FilteredImage(name, name, response, box)


def filters_reach(
    settings: RadiomicsSettings, spacing: Sequence[float], box: Box, shape: Sequence[int]
) -> tuple[int, int, int] | None:
    """Return how far around the lesion the filters of some settings look, so that the rest need not be made.

    Parameters
    ----------
    settings : RadiomicsSettings
        Its `image_types` and `filters`.
    spacing : sequence of float, (z, y, x)
        mm, of the grid of the analysis.
    box : tuple of slice
        Of the lesion on that grid.
    shape : sequence of int
        Of the grid.

    Returns
    -------
    tuple of int, (z, y, x) voxels, or None
        None: the whole image, for types that are scaled by its largest intensity, or a periodic filter that reaches
        over the border. Filters that live in Fourier space read the image themselves.
    """
    wanted = []
    for kind in settings.image_types:
        if kind in RESCALED:
            return None
        if kind != "original":
            parameters = _parameters(kind, settings.of_image_type(kind))
            if kind == "log":
                parameters = {"sigma": list(settings.log_sigma_mm)}
            wanted.append((pyradiomics_margin(PEER_TYPES[kind], spacing, **parameters), kind == "wavelet"))
    for _, options in settings.filters:
        given = dict(options)
        margin = needed_margin(given.pop("kind"), spacing, **given)
        if margin is not None:
            wanted.append((margin, given.get("boundary") == "periodise"))
    for margin, periodic in wanted:
        for part, far, size in zip(box, margin, shape, strict=True):
            if periodic and (part.start < far or part.stop + far > size):
                return None
    z, y, x = (max((margin[axis] for margin, _ in wanted), default=0) for axis in range(3))
    return z, y, x


def _made(
    kind: str, parameters: dict[str, Any], scene: Scene, box: Box, *, alone: bool = False
) -> Iterator[FilteredImage]:
    peer = PEER_TYPES[kind]
    part, inner = scene.image, box
    where: Box = (slice(None), slice(None), slice(None))
    if scene.complete:
        margin = pyradiomics_margin(peer, scene.spacing, **parameters)
        boundary = "periodise_even" if kind == "wavelet" else "nearest"
        if kind == "lbp3d":  # its lesion must be cut alike
            where = _widened(box, margin, scene.image.shape)
            part, inner = scene.image[where], _inside(box, where)
        else:
            part, inner = cut(scene.image, box, margin, boundary)
    extra: dict[str, Any] = {}
    if kind == "lbp3d":
        extra["mask"] = scene.counting[where]
    if alone:
        extra["mask"] = np.zeros(part.shape, dtype=np.bool_)
        extra["mask"][inner] = scene.counting[box]
    if kind in RESCALED and scene.complete:
        extra["maximum"] = _largest(scene)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HybridxWarning)  # an image that cannot be made is said as a reason
        for name, response in pyradiomics_images(part, scene.spacing, peer, **extra, **parameters):
            yield FilteredImage(name, kind, response[inner], box)


def _parameters(kind: str, settings: RadiomicsSettings) -> dict[str, Any]:
    plane = {"force2D": settings.force_2d, "force2Ddimension": settings.force_2d_axis}
    table: dict[str, dict[str, Any]] = {
        "wavelet": {
            "wavelet": settings.wavelet,
            "level": settings.wavelet_levels,
            "start_level": settings.wavelet_start,
            **plane,
        },
        "gradient": {"gradientUseSpacing": settings.gradient_spacing},
        "lbp2d": {
            "lbp2DRadius": settings.lbp2d_radius,
            "lbp2DSamples": settings.lbp2d_samples,
            "lbp2DMethod": settings.lbp2d_method,
            "force2Ddimension": settings.force_2d_axis,
        },
        "lbp3d": {
            "lbp3DLevels": settings.lbp3d_levels,
            "lbp3DIcosphereRadius": settings.lbp3d_radius,
            "lbp3DIcosphereSubdivision": settings.lbp3d_subdivision,
        },
    }
    return table.get(kind, {})


def _largest(scene: Scene) -> float:
    if not math.isnan(scene.largest):
        return scene.largest
    return float(max(abs(float(scene.image.min())), abs(float(scene.image.max()))))


def _widened(box: Box, margin: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    z, y, x = (
        slice(max(0, part.start - wide), min(length, part.stop + wide))
        for part, wide, length in zip(box, margin, shape, strict=True)
    )
    return z, y, x


def _inside(box: Box, where: Box) -> Box:
    z, y, x = (slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, where, strict=True))
    return z, y, x
