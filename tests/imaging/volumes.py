"""Small volumes on disk, straight and oblique, for the imaging tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hybridx.imaging import Image, write_image

__all__ = ["OBLIQUE", "ball", "noise", "save"]

_A, _B = np.deg2rad(20), np.deg2rad(-35)
_TILT = np.array([[1, 0, 0], [0, np.cos(_A), -np.sin(_A)], [0, np.sin(_A), np.cos(_A)]])
_TURN = np.array([[np.cos(_B), -np.sin(_B), 0], [np.sin(_B), np.cos(_B), 0], [0, 0, 1]])
OBLIQUE = tuple(
    float(value) for value in (_TILT @ _TURN @ np.diag([1, -1, 1])).ravel()
)  # tilted, turned and flipped


def noise(shape=(9, 10, 11), modality="pet", spacing=(4.0, 4.0, 3.0), seed=0, **geometry) -> Image:
    """Draw positive PET-like or HU-like noise."""
    rng = np.random.default_rng(seed)
    array = rng.gamma(2.0, 1.0, shape) if modality == "pet" else rng.normal(-20, 60, shape)
    return Image(array.astype(np.float32), spacing, modality=modality, **geometry)


def ball(image: Image, radius_mm: float = 8.0) -> Image:
    """Mark a ball around the middle of an image's grid."""
    z, y, x = np.indices(image.array.shape)
    points = image.grid.points(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1))
    middle = image.grid.points([(np.asarray(image.grid.size) - 1) / 2])[0]
    inside = (np.linalg.norm(points - middle, axis=1) <= radius_mm).reshape(image.array.shape)
    return Image(inside.astype(np.uint8), image.spacing, image.origin, image.direction, "mask")


def save(folder: Path, name: str, image: Image) -> Path:
    """Write an image and return its path."""
    path = folder / name
    write_image(image, path)
    return path
