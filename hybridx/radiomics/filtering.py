"""The images that features are taken from: the original and its filtered versions, each on the lesion's box.

Filters of a whole image see the lesion's box and as much around it as their responses there depend on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import SettingsError
from hybridx.radiomics.limits import FAILURES
from hybridx.radiomics.making import PEAK_MM, Scene
from hybridx.radiomics.names import image_names
from hybridx.radiomics.pair import Box, box_of
from hybridx.radiomics.settings import RadiomicsSettings
from hybridx.radiomics.settings_words import IMAGE_TYPES

__all__ = ["FilteredImage", "filtered_images"]

LINEAR = (
    "log",
    "wavelet",
)  # of pyradiomics' types, those whose response to equal intensities is one value, in theory
# of the largest intensity: a response that varies by less is rounding; single precision, and double
ROUNDING = {4: 4 * 2.0**-23, 8: 2.0**-40}


@dataclass(frozen=True, eq=False)
class FilteredImage:
    """One image type of one lesion.

    Parameters
    ----------
    name : str
        As in the features' names: ``original``, ``wavelet-LLH``, ``log-sigma-2-0-mm-3D``.
    kind : str
        As in the settings: ``original``, ``wavelet``, ``log``, or the name of one of `filters`.
    array : ndarray
        Its values in a box of the scene; empty where there is no image.
    box : tuple of slice
        Which box.
    why : str
        Why there is no image; empty otherwise.
    """

    name: str
    kind: str
    array: npt.NDArray[Any]
    box: Box
    why: str = ""


def filtered_images(scene: Scene, settings: RadiomicsSettings) -> Iterator[FilteredImage]:
    """Make the images of a lesion one after the other, so that one is held at a time; one that fails says why."""
    box = _peak_box(scene) if "local_intensity" in (settings.families or ()) else box_of(scene.form)
    for kind in settings.image_types:
        if kind == "original":
            yield FilteredImage("original", kind, scene.image[box], box)
        else:
            from hybridx.radiomics.filtering_types import images_of_type  # noqa: PLC0415 - filters load where they run

            yield from _every(kind, image_names(settings, kind), images_of_type(kind, scene, settings), scene)
    for name, options in settings.filters:
        from hybridx.radiomics.filtering_types import images_of_filter  # noqa: PLC0415 - filters load where they run

        yield from _every(name, [name], images_of_filter(name, dict(options), scene), scene)


def _every(
    kind: str, names: Sequence[str], images: Iterator[FilteredImage], scene: Scene
) -> Iterator[FilteredImage]:
    """Hand on the images that can be made, and say of each other why it cannot."""
    left = list(names)
    size = " x ".join(str(n) for n in reversed(scene.image.shape))
    why = f"an image of {size} voxels is too small for this filter"
    try:
        for image in images:
            left.remove(image.name)
            yield image if kind in IMAGE_TYPES and kind not in LINEAR else _settled(image, scene)
    except SettingsError:
        raise
    except FAILURES as error:
        why = f"the filter failed: {error}"
    for name in left:
        yield FilteredImage(name, kind, np.empty(0), box_of(scene.form), why)


def _settled(image: FilteredImage, scene: Scene) -> FilteredImage:
    """Give a response that varies by rounding alone its one value: else its texture were that of the last bits."""
    if not len(scene.runs):
        return image
    limit = ROUNDING.get(image.array.dtype.itemsize, 0.0) * scene.loudest
    first, last = scene.runs[0], scene.runs[-1]
    ends = image.array[first[0], first[1], first[2]], image.array[last[0], last[1], last[3] - 1]
    if not abs(float(ends[0]) - float(ends[1])) <= limit:  # of nearly every response, at once
        return image
    inside = image.array[scene.lesion[1]]
    low, high = float(inside.min()), float(inside.max())
    if not high - low <= limit:
        return image
    one = (low + high) / 2.0 if min(abs(low), abs(high)) > limit else 0.0
    return dataclasses.replace(image, array=np.full_like(image.array, one))


def _peak_box(scene: Scene) -> Box:
    tight = box_of(scene.form)
    box = []
    for part, edge, length in zip(tight, scene.spacing, scene.form.shape, strict=True):
        wide = int(np.ceil(PEAK_MM / edge))
        box.append(slice(max(0, part.start - wide), min(length, part.stop + wide)))
    return box[0], box[1], box[2]
