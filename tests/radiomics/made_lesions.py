"""Small lesions of known form for the tests of perturbations and regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridx.imaging import Image

SPACING = (2.0, 2.0, 3.0)  # x, y, z


def ball(
    radius_mm: float = 12.0, spacing: tuple[float, float, float] = SPACING, pad_mm: float = 30.0
) -> Image:
    """A ball in the middle of a volume."""
    half = [int(np.ceil((radius_mm + pad_mm) / edge)) for edge in reversed(spacing)]
    z, y, x = np.meshgrid(
        *[np.arange(-n, n + 1) * edge for n, edge in zip(half, reversed(spacing), strict=True)], indexing="ij"
    )
    inside = (z**2 + y**2 + x**2 <= radius_mm**2).astype(np.uint8)
    return Image(inside, spacing, (10.0, -20.0, 30.0), modality="mask")


def hot(
    mask: Image, seed: int = 0, *, uptake: float = 6.0, noise: float = 0.3, modality: str = "pet"
) -> Image:
    """An image in which the lesion is warmer than what surrounds it."""
    rng = np.random.default_rng(seed)
    values = 1.0 + uptake * mask.array + rng.normal(0.0, noise, mask.array.shape)
    return Image(values.astype(np.float32), mask.spacing, mask.origin, mask.direction, modality=modality)


def simple(image: Image, mask: Image, settings: Any) -> Mapping[str, float]:
    """Three features that are quick to compute: one firm, one that follows the volume, one of the noise."""
    inside = mask.array > 0
    values = image.array[inside].astype(float)
    return {
        "mean": float(values.mean()),
        "volume": float(inside.sum()) * mask.grid.voxel_ml,
        "sign_of_noise": float(np.sign(np.sum(np.sin(1000.0 * values)))),
    }


def failing(image: Image, mask: Image, settings: Any) -> Mapping[str, float]:
    """Fails on every second lesion it sees changed, by its number of voxels."""
    from hybridx.errors import ExtractionError

    if int((mask.array > 0).sum()) % 2:
        msg = "an odd number of voxels"
        raise ExtractionError(msg)
    return simple(image, mask, settings)
