"""Lesions to measure: the digital phantom of IBSI, its reference values, and forms of known size."""

from __future__ import annotations

import csv
from functools import lru_cache

import numpy as np
import SimpleITK as sitk

from hybridx.radiomics.roi import Levels, Roi
from tests.measure.real_data import real

__all__ = ["digital_phantom", "ellipsoid_roi", "off_the_standard", "random_roi", "reference"]


def digital_phantom() -> tuple[Roi, Levels]:
    folder = real("ibsi", "ibsi_1_digital_phantom", "nifti")
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    array = sitk.GetArrayFromImage(image).astype(np.float64)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "mask" / "mask.nii.gz"))) > 0
    spacing = tuple(image.GetSpacing()[::-1])
    return Roi(array, mask, mask, spacing), Levels(
        (array * mask).astype(np.int32), 6, mask, spacing, 1.0, 0.5
    )


@lru_cache
def reference(config: str) -> dict[str, tuple[float, float]]:
    with real("ibsi", "ibsi_reference.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["config"] == config and row["reference"]]
    return {row["feature_tag"]: (float(row["reference"]), float(row["tolerance"])) for row in rows}


def off_the_standard(values, config, prefix):
    """Return the tags of a family whose value is missing or, at three digits, outside the tolerance."""
    wanted = {tag: pair for tag, pair in reference(config).items() if tag.startswith(prefix)}
    wanted = {tag: pair for tag, pair in wanted.items() if not tag.startswith("morph_mask")}
    assert wanted
    off = []
    for tag, (value, tolerance) in wanted.items():
        ours = values.get(tag, np.nan)
        if not abs(float(f"{ours:.3g}") - value) <= tolerance + 1e-9 * abs(value):
            off.append((tag, ours, value, tolerance))
    return off


def random_roi(seed, shape=(7, 8, 9), *, spacing=(3.0, 0.98, 1.4), filled=0.5) -> Roi:
    """Return voxels strewn at random, with values of unequal size in them."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < filled
    mask[tuple(rng.integers(0, shape))] = True
    return Roi(rng.gamma(2.0, 3.0, shape), mask, mask, spacing)


def ellipsoid_roi(half_axes, *, spacing=(1.0, 1.0, 1.0), margin=2, seed=0) -> Roi:
    """Return the voxels whose centre is inside an ellipsoid with axes along the grid, half axes in mm."""
    reach = [int(np.ceil(h / s)) + margin for h, s in zip(half_axes, spacing, strict=True)]
    places = np.meshgrid(
        *[np.arange(-n, n + 1) * s / h for n, s, h in zip(reach, spacing, half_axes, strict=True)],
        indexing="ij",
    )
    mask = sum(p**2 for p in places) <= 1.0
    return Roi(np.random.default_rng(seed).normal(10.0, 3.0, mask.shape), mask, mask, spacing)
