"""Which voxels of a lesion count by their intensity: within a range, and no outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.radiomics.roi import Mask
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["resegmented"]


def resegmented(image: npt.NDArray[Any], mask: Mask, settings: RadiomicsSettings) -> Mask:
    """Return the part of a mask whose intensities count.

    The range first, its ends included; then the outliers, with mean and (population) standard deviation of what the
    range has left.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        In the type in which pyradiomics would compare it.
    mask : ndarray of bool, shape (z, y, x)
        The lesion, less its bad voxels.
    settings : RadiomicsSettings
        `resegment`, `resegment_mode`, `outlier_sigma`.

    Source
    ------
    IBSI reference manual, section 2.5 (re-segmentation), doi:10.1148/radiol.2020191145; for the modes relative and
    sigma, pyradiomics 3.0.1.
    """
    if settings.resegment is None and settings.outlier_sigma is None:
        return mask
    values = image[mask]
    keep = np.ones(len(values), dtype=bool)
    if settings.resegment is not None and len(values):
        low, high = _thresholds(values, settings)
        keep = (values >= low) & (values <= high)
    if settings.outlier_sigma is not None and keep.any():
        left = values[keep].astype(np.float64)
        reach = settings.outlier_sigma * left.std()
        keep &= (values >= left.mean() - reach) & (values <= left.mean() + reach)
    counting = mask.copy()
    counting[mask] = keep
    return counting


def _thresholds(values: npt.NDArray[Any], settings: RadiomicsSettings) -> list[Any]:
    assert settings.resegment is not None  # noqa: S101 - settled by the caller, said for the type checker
    if settings.resegment_mode == "relative":
        return [np.max(values) * end for end in settings.resegment]
    if settings.resegment_mode == "sigma":
        return [np.mean(values) + np.std(values) * end for end in settings.resegment]
    return list(settings.resegment)
