r"""From which SUV on a voxel of a lesion counts, for each lesion, by each way of setting a threshold.

.. math:: t = s, \quad t = p\,SUV_{max}, \quad t = b + p\,(SUV_{max} - b), \quad t = 1.5\,m_{liver} + 2\,s_{liver}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hybridx.measure.uptake_organs import OrganUptake
from hybridx.measure.uptake_settings import Threshold

__all__ = ["BACKGROUND_MM", "Levels", "limits_of", "local_backgrounds"]

Floats = npt.NDArray[np.float64]

BACKGROUND_MM = (10.0, 20.0)  # from the lesion: beyond the scanner's blur, not yet another part of the body
LEAST_ML = 1.0  # of background


@dataclass(frozen=True, eq=False)
class Levels:
    """The limit of each lesion.

    Parameters
    ----------
    suv : ndarray, shape (lesions,)
        A voxel at or above it counts; NaN where the threshold is not defined.
    reason : str
        Why it is not defined somewhere; empty where it is everywhere.
    """

    suv: Floats
    reason: str = ""


def limits_of(
    threshold: Threshold,
    hottest: Floats,
    backgrounds: Floats | None,
    organs: Mapping[str, OrganUptake],
    lacking: str,
) -> Levels:
    """Return from which SUV on the voxels of each lesion count.

    Parameters
    ----------
    threshold : Threshold
        How.
    hottest : ndarray, shape (lesions,)
        SUVmax of each lesion.
    backgrounds : ndarray, shape (lesions,), optional
        Around each lesion, see `local_backgrounds`; wanted for the kind ``background``.
    organs : mapping of str to OrganUptake
        ``liver``, for PERCIST.
    lacking : str
        Why there is no liver, if there is none.

    Notes
    -----
    PERCIST is stated in SUL. Its limit, 1.5 times the mean plus 2 standard deviations, scales as the image does: the
    same voxels lie above it in SUVbw as in SUL by whatever formula. It is a rule for whether a lesion can be measured
    (SUVpeak); as a threshold for volumes it is widely used all the same.

    Source
    ------
    Share of the maximum: Boellaard 2015, doi:10.1007/s00259-014-2961-x. Background: the adaptive relative threshold
    A41 %, A50 % ... as in Cheebsumon 2011, doi:10.1186/2191-219X-1-35, with a background region of ours. PERCIST: Wahl
    2009, doi:10.2967/jnumed.108.057307.
    """
    n = len(hottest)
    if threshold.kind == "fixed":
        return Levels(np.full(n, threshold.value))
    if threshold.kind == "share":
        return Levels(threshold.value * hottest)
    if threshold.kind == "percist":
        liver = organs.get("liver")
        if liver is None:
            return Levels(np.full(n, np.nan), lacking)
        return Levels(np.full(n, 1.5 * liver.mean + 2.0 * liver.sd))
    around = np.full(n, np.nan) if backgrounds is None else backgrounds
    known = hottest > around  # NaN compares as False
    suv = np.where(known, around + threshold.value * (hottest - around), np.nan)
    if known.all():
        return Levels(suv)
    count = int((~known).sum())
    return Levels(suv, f"{count} of {n} lesions have no background around them, or do not stand out from it")


def local_backgrounds(values: Floats, labels: npt.NDArray[np.int32], count: int, edges: Floats) -> Floats:
    """Return the background around each lesion: the median of what lies 10 to 20 mm from it and from no other nearer.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
        SUV, with at least 20 mm around the lesions where the volume reaches that far.
    labels : ndarray of int32, shape (z, y, x)
        0 outside, 1 to `count` inside.
    count : int
        Lesions.
    edges : ndarray, shape (3,)
        Voxel edges, mm, z, y, x.

    Returns
    -------
    ndarray, shape (count,)
        SUV; NaN with less than 1 mL of such voxels.
    """
    least = LEAST_ML * 1000.0 / float(np.prod(edges))
    # the nearest voxel of another lesion lies at most as far from the shell as the lesion itself
    reach = [int(np.ceil(2.0 * BACKGROUND_MM[1] / edge)) for edge in edges]
    found = np.full(count, np.nan)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        around = tuple(slice(max(s.start - n, 0), s.stop + n) for s, n in zip(box, reach, strict=True))
        part = labels[around]
        own = ndimage.distance_transform_edt(part != number, edges)
        shell = (own >= BACKGROUND_MM[0]) & (own <= BACKGROUND_MM[1])
        others = (part != 0) & (part != number)
        if others.any():
            shell &= ndimage.distance_transform_edt(~others, edges) >= own
        if shell.sum() >= least:
            found[number - 1] = np.median(values[around][shell])
    return found
