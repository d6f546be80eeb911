"""How well two outlines of the same tumour agree, and one outline from several readers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import SimpleITK as sitk
from scipy import ndimage

from hybridx.errors import InputError
from hybridx.imaging.geometry import bounding_box, crop
from hybridx.imaging.image import Image
from hybridx.terms import check_name

__all__ = ["Agreement", "Consensus", "agreement", "consensus"]

CONNECTED = np.ones((3, 3, 3), dtype=bool)  # voxels that share a corner belong to one lesion
MARGIN_MM = 10.0


@dataclass(frozen=True)
class Agreement:
    """How far one outline is from a reference.

    Parameters
    ----------
    dice : float
        Twice the shared volume over the sum of both; 1 is identity. NaN where both are empty.
    surface_dice : float
        Share of both surfaces that lies within `tolerance_mm` of the other.
    hausdorff95_mm : float
        Distance below which 95 % of each surface lies from the other; the larger of the two directions. Infinite
        where one outline is empty.
    volume_ml, reference_ml, volume_error_ml, volume_error_percent : float
        Positive errors are too large.
    lesion_sensitivity : float
        Share of the reference's lesions that the outline touches.
    lesion_precision : float
        Share of the outline's lesions that touch the reference.
    n_lesions, n_reference : int
        Connected lesions.
    tolerance_mm : float
        Of the surface Dice.
    """

    dice: float
    surface_dice: float
    hausdorff95_mm: float
    volume_ml: float
    reference_ml: float
    volume_error_ml: float
    volume_error_percent: float
    lesion_sensitivity: float
    lesion_precision: float
    n_lesions: int
    n_reference: int
    tolerance_mm: float

    def table(self) -> pl.DataFrame:
        """Return measure and value, a row each."""
        return pl.DataFrame(
            {
                "measure": list(self.__dataclass_fields__),
                "value": [float(getattr(self, n)) for n in self.__dataclass_fields__],
            }
        )


def agreement(mask: Image, reference: Image, *, tolerance_mm: float = 2.0, overlap: float = 0.0) -> Agreement:
    """Hold an outline against a reference.

    Parameters
    ----------
    mask, reference : Image
        1 inside, on one grid.
    tolerance_mm : float
        Distance up to which two surfaces count as the same; about the disagreement of two readers.
    overlap : float
        Share of a lesion that must be covered for it to count as found; 0: one voxel is enough.

    Returns
    -------
    Agreement
        NaN where a measure is not defined.

    Raises
    ------
    InputError
        Different grids, or an impossible tolerance.

    Source
    ------
    Surface Dice: Nikolov 2021, doi:10.2196/26151, by MONAI (sub-voxel); checked against the authors' package
    surface-distance-based-measures 0.1 on shifted spheres, equal to 1e-4.

    Examples
    --------
    >>> array = np.zeros((8, 8, 8), np.uint8)
    >>> array[2:6, 2:6, 2:6] = 1
    >>> one = Image(array, (2.0, 2.0, 2.0), modality="mask")
    >>> agreement(one, one).dice
    1.0
    """
    if not mask.grid.same(reference.grid):
        msg = f"The mask has {mask.grid}, the reference {reference.grid}: resample(mask, reference=reference) first."
        raise InputError(msg)
    if not (tolerance_mm > 0.0 and 0.0 <= overlap <= 1.0):
        msg = f"tolerance_mm={tolerance_mm!r}, overlap={overlap!r}: wanted more than 0 mm and a share of 0 to 1."
        raise InputError(msg)
    ours, theirs = mask.array > 0, reference.array > 0
    voxel = mask.grid.voxel_ml
    volume, wanted = float(ours.sum()) * voxel, float(theirs.sum()) * voxel
    found, n_reference = _touched(theirs, ours, overlap)
    true, n_lesions = _touched(ours, theirs, overlap)
    surface, distance = _surfaces(mask, reference, tolerance_mm)
    both = volume + wanted
    return Agreement(
        dice=2.0 * float((ours & theirs).sum()) * voxel / both if both else float("nan"),
        surface_dice=surface,
        hausdorff95_mm=distance,
        volume_ml=volume,
        reference_ml=wanted,
        volume_error_ml=volume - wanted,
        volume_error_percent=100.0 * (volume / wanted - 1.0) if wanted else float("nan"),
        lesion_sensitivity=found / n_reference if n_reference else float("nan"),
        lesion_precision=true / n_lesions if n_lesions else float("nan"),
        n_lesions=n_lesions,
        n_reference=n_reference,
        tolerance_mm=tolerance_mm,
    )


def _touched(lesions: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], overlap: float) -> tuple[int, int]:
    """Count the lesions of one outline that the other covers, and all of them."""
    labels, count = ndimage.label(lesions, structure=CONNECTED)
    if not count:
        return 0, 0
    index = np.arange(1, count + 1)
    share = np.asarray(ndimage.mean(other, labels, index))
    return int((share >= overlap).sum() if overlap else (share > 0).sum()), int(count)


def _surfaces(mask: Image, reference: Image, tolerance_mm: float) -> tuple[float, float]:
    filled = [bool(one.array.any()) for one in (mask, reference)]
    if not any(filled):
        return float("nan"), float("nan")
    if not all(filled):
        return 0.0, float("inf")
    union = mask.with_array((mask.array > 0) | (reference.array > 0))
    box = bounding_box(union, margin_mm=MARGIN_MM)
    ours, theirs = (crop(one, box).array > 0 for one in (mask, reference))
    # seconds to load, and only a few calls ever need them
    import torch  # noqa: PLC0415
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice  # noqa: PLC0415

    pair = [torch.as_tensor(np.ascontiguousarray(one))[None, None].float() for one in (ours, theirs)]
    edges = tuple(float(edge) for edge in mask.spacing[::-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI's remarks on its own arguments
        share = compute_surface_dice(
            *pair, [tolerance_mm], include_background=True, spacing=edges, use_subvoxels=True
        )
        distance = compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=edges)
    return float(share), float(distance)


@dataclass(frozen=True, eq=False)
class Consensus:
    """One outline from several readers.

    Parameters
    ----------
    mask : Image
        1 inside.
    readers : polars.DataFrame
        `reader` (number), `volume_ml`, `sensitivity`, `specificity` against the consensus.
    """

    mask: Image
    readers: pl.DataFrame


def consensus(masks: Sequence[Image], method: Literal["staple", "majority"] = "staple") -> Consensus:
    """Join the outlines of several readers.

    Parameters
    ----------
    masks : sequence of Image
        At least two, three for a majority, on one grid.
    method : {"staple", "majority"}
        STAPLE weighs readers by how well they agree with all; majority counts votes.

    Returns
    -------
    Consensus
        The outline, and how each reader stands to it.

    Raises
    ------
    InputError
        Too few masks, different grids, or nothing drawn.
    SettingsError
        Unknown method.

    Source
    ------
    Warfield 2004, doi:10.1109/TMI.2004.828354, by SimpleITK. It runs on the box around all outlines: specificity
    counts that neighbourhood, not the whole body, whose air nobody doubts.
    """
    check_name(method, ("staple", "majority"), "method")
    least = 2 if method == "staple" else 3
    if len(masks) < least:
        msg = f"{len(masks)} outlines: {method} needs at least {least}."
        raise InputError(msg)
    first = masks[0]
    odd = next((one for one in masks if not one.grid.same(first.grid)), None)
    if odd is not None:
        msg = f"One outline has {odd.grid}, the first {first.grid}: resample it first."
        raise InputError(msg)
    drawn = np.stack([one.array > 0 for one in masks])
    if not drawn.any():
        msg = "Nobody has drawn anything: there is no consensus to find."
        raise InputError(msg)
    box = bounding_box(first.with_array(drawn.any(axis=0)), margin_mm=MARGIN_MM)
    inner = drawn[:, *box]
    if method == "staple":
        share = sitk.STAPLE([sitk.GetImageFromArray(one.astype(np.uint8)) for one in inner], 1.0)
        joined = sitk.GetArrayFromImage(share) >= 0.5
    else:
        joined = inner.sum(axis=0) * 2 > len(masks)
    array = np.zeros(first.array.shape, dtype=np.uint8)
    array[box] = joined
    inside, outside = max(int(joined.sum()), 1), max(int((~joined).sum()), 1)
    readers = pl.DataFrame(
        {
            "reader": range(1, len(masks) + 1),
            "volume_ml": [float(one.sum()) * first.grid.voxel_ml for one in drawn],
            "sensitivity": [float((one & joined).sum()) / inside for one in inner],
            "specificity": [float((~one & ~joined).sum()) / outside for one in inner],
        }
    )
    return Consensus(Image(array, first.spacing, first.origin, first.direction, "mask"), readers)
