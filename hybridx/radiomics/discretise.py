"""Intensities to grey levels, by IBSI's rules and by pyradiomics'."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.histogram import remember_counts
from hybridx.radiomics.roi import Levels, Roi
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["below_origin", "count_levels", "discretise", "discretise_like_pyradiomics"]


def discretise(roi: Roi, settings: RadiomicsSettings) -> Levels:
    r"""Give every counting voxel its grey level by the standard's rules.

    Fixed width: :math:`\lfloor (x - o) / w \rfloor + 1`, with the origin `o` stated in the settings. Fixed number:
    :math:`\lfloor N (x - x_{min}) / (x_{max} - x_{min}) \rfloor + 1`, the maximum in level N.

    Parameters
    ----------
    roi : Roi
        With at least one counting voxel.
    settings : RadiomicsSettings
        `bin_width` with `bin_origin`, or `bin_count`.

    Returns
    -------
    Levels
        `count` is the highest level that occurs (fixed width) or N.

    Source
    ------
    IBSI reference manual, section 2.7, doi:10.1148/radiol.2020191145.
    """
    values = roi.values
    if settings.bin_width is not None:
        origin = float(values.min()) if settings.bin_origin == "minimum" else float(settings.bin_origin)  # type: ignore[arg-type]
        numbers = np.floor((values - origin) / settings.bin_width) + 1
        lowest, width = origin, settings.bin_width
        below = int(min(0, numbers.min() - 1))
        if below:  # filtered images reach below any origin: the origin moves down by whole widths
            numbers -= below
            lowest += below * width
        count = int(numbers.max())
    else:
        count = int(settings.bin_count)  # type: ignore[arg-type]
        lowest = float(values.min())
        spread = float(values.max()) - lowest
        width = spread / count
        if spread > 0:
            numbers = np.minimum(np.floor(count * (values - lowest) / spread) + 1, count)
        else:
            numbers, count, width = np.ones(len(values)), 1, float("nan")
    return _levels(roi, numbers, count, (width, lowest))


def discretise_like_pyradiomics(
    image: npt.NDArray[Any],
    roi: Roi,
    settings: RadiomicsSettings,
) -> Levels:
    """Give every counting voxel its grey level as pyradiomics does: levels start at the multiple below the minimum.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        The ROI's image in the type that pyradiomics would hold it in (its edges are reckoned in that precision).
    roi : Roi
        On the same voxels.
    settings : RadiomicsSettings
        `bin_width` or `bin_count`.

    Source
    ------
    pyradiomics 3.0.1 `imageoperations.getBinEdges`; checked against it bit by bit.
    """
    from hybridx.radiomics.discretise_kernel import level_array  # noqa: PLC0415 - compiled code loads where it runs

    if image is roi.image:
        values, extremes = roi.values, np.array(roi.extent[1:]).astype(image.dtype)
    else:
        values = image[roi.intensity]
        extremes = np.array([values.min(), values.max()])
    edges = _edges(extremes, settings)
    array = np.zeros(roi.intensity.shape, dtype=np.int32)
    counts = level_array(values.astype(np.float64, copy=False), edges.astype(np.float64), roi.runs, array)
    width = float("nan") if settings.bin_width is None else settings.bin_width
    count = int(np.flatnonzero(counts)[-1]) + 1
    levels = Levels(array, count, roi.morphology, roi.spacing, width, float(edges[0]))
    remember_counts(levels, counts[:count])
    return levels


def below_origin(values: npt.NDArray[Any], settings: RadiomicsSettings) -> tuple[str, ...]:
    """Remark on a lesion with intensities below `bin_origin`: its levels begin lower than those of other lesions."""
    origin = settings.bin_origin
    if settings.bin_width is None or not isinstance(origin, float) or not len(values):
        return ()
    below = int(np.count_nonzero(values < origin))
    if not below:
        return ()
    first = origin + np.floor((values.min() - origin) / settings.bin_width) * settings.bin_width
    begin = f"{below} voxels lie below bin_origin={origin:g}, and the first grey level begins at {first:g}"
    return (f"{begin}: resegment from the origin for levels that mean the same in every lesion",)


def count_levels(values: npt.NDArray[Any], settings: RadiomicsSettings) -> int:
    """Say how many levels there will be, before memory is asked for."""
    if settings.bin_width is None:
        return int(settings.bin_count or 0)
    low, high = float(values.min()), float(values.max())
    if settings.vocabulary == "pyradiomics":
        # the first edge in the image's own precision, as `_edges` has it
        first = float(values.min() - values.min() % settings.bin_width)
        return int(np.floor((high - first) / settings.bin_width)) + 1
    origin = low if settings.bin_origin == "minimum" else min(low, float(settings.bin_origin))  # type: ignore[arg-type]
    return int(np.floor((high - origin) / settings.bin_width)) + 1


def _edges(extremes: npt.NDArray[Any], settings: RadiomicsSettings) -> npt.NDArray[Any]:
    if settings.bin_count is not None:
        edges = np.histogram_bin_edges(extremes, settings.bin_count)
        edges[-1] += 1
        return edges
    # in the precision of the image, as there: a voxel on an edge must fall on the same side
    lowest, highest, width = extremes.min(), extremes.max(), float(settings.bin_width or 0.0)
    edges = np.arange(lowest - (lowest % width), highest + 2 * width, width)
    return edges if len(edges) > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5])


def _levels(roi: Roi, numbers: npt.NDArray[Any], count: int, edges: tuple[float, float]) -> Levels:
    array = np.zeros(roi.intensity.shape, dtype=np.int32)
    array[roi.intensity] = numbers
    return Levels(array, count, roi.morphology, roi.spacing, *edges)
