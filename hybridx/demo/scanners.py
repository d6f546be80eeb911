"""Two PET/CT scanners: what resolution, voxels and noise make of the same person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hybridx.demo.canvas import AIR_HU, Array, Grid

__all__ = ["SCANNERS", "Scanner", "image_ct", "image_pet", "mask_on"]

FWHM_PER_SIGMA = 2.354820045
SUV_STEP, HU_STEP = 1 / 32, 4.0


@dataclass(frozen=True)
class Scanner:
    """A PET/CT scanner as the pair of images shows it.

    Parameters
    ----------
    name, centre : str
        What the studies table calls it, and where it stands.
    pet_spacing, ct_spacing : tuple of float
        Voxel size (x, y, z), mm.
    pet_shift : tuple of float
        Offset of the PET grid against the CT grid, mm: the two never coincide.
    pet_fwhm_mm : float
        Width of the reconstructed point spread.
    pet_noise : float
        Standard deviation of the PET at SUV 1; grows with the square root of the uptake.
    ct_noise_hu, ct_fwhm_mm : float
        Noise and in-plane blur of the CT.
    """

    name: str
    centre: str
    pet_spacing: tuple[float, float, float]
    pet_shift: tuple[float, float, float]
    pet_fwhm_mm: float
    pet_noise: float
    ct_spacing: tuple[float, float, float]
    ct_noise_hu: float
    ct_fwhm_mm: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Scanner:
        """Draw a scanner from a range wider than the two of the demo, for pre-training."""
        pet, ct = float(rng.uniform(3.2, 5.8)), float(rng.uniform(2.0, 3.2))
        return cls(
            name="random (SYNTHETIC)",
            centre="none",
            pet_spacing=(pet, pet, float(rng.uniform(3.0, 5.2))),
            pet_shift=tuple(float(s) for s in rng.uniform(-2.0, 2.0, 3)),  # type: ignore[arg-type]
            pet_fwhm_mm=float(rng.uniform(4.0, 8.0)),
            pet_noise=float(np.exp(rng.uniform(np.log(0.03), np.log(0.22)))),
            ct_spacing=(ct, ct, float(rng.uniform(2.5, 5.0))),
            ct_noise_hu=float(rng.uniform(5.0, 22.0)),
            ct_fwhm_mm=float(rng.uniform(1.5, 4.5)),
        )


SCANNERS = (
    Scanner(
        name="Alpha TOF (SYNTHETIC)",
        centre="Nordklinik (SYNTHETIC)",
        pet_spacing=(4.0728, 4.0728, 5.0),
        pet_shift=(1.3, -0.9, 1.7),
        pet_fwhm_mm=5.0,
        pet_noise=0.07,
        ct_spacing=(2.7, 2.7, 5.0),
        ct_noise_hu=7.0,
        ct_fwhm_mm=2.6,
    ),
    Scanner(
        name="Beta 16 (SYNTHETIC)",
        centre="Südklinik (SYNTHETIC)",
        pet_spacing=(5.4688, 5.4688, 3.27),
        pet_shift=(-2.1, 1.4, 0.6),
        pet_fwhm_mm=7.2,
        pet_noise=0.14,
        ct_spacing=(3.0, 3.0, 4.25),
        ct_noise_hu=12.0,
        ct_fwhm_mm=3.8,
    ),
)


def image_pet(suv: Array, source: Grid, target: Grid, scanner: Scanner, rng: np.random.Generator) -> Array:
    """Blur uptake by the point spread, sample it on the PET grid and add reconstruction noise."""
    sigma = scanner.pet_fwhm_mm / FWHM_PER_SIGMA
    clean = _separable(suv, [_blur(source, target, number, sigma) for number in range(3)])
    grain = rng.standard_normal(target.shape, dtype=np.float32)
    # noise of a reconstructed image is correlated over about the width of its filter
    kernels = [_blur(target, target, number, 0.6 * sigma) for number in range(3)]
    grain = _separable(grain, kernels)
    grain /= np.float32(np.prod([np.sqrt((k**2).sum(axis=1).mean()) for k in kernels]))
    noisy = clean + scanner.pet_noise * np.sqrt(np.maximum(clean, 0) + 0.02, dtype=np.float32) * grain
    # stored in steps well below the noise, as scanners do: real files are integers, and small ones compress
    stored: Array = np.round(np.maximum(noisy, 0) / SUV_STEP).astype(np.float32) * np.float32(SUV_STEP)
    return stored


def image_ct(hu: Array, grid: Grid, scanner: Scanner, rng: np.random.Generator) -> Array:
    """Blur density in the plane and add noise; air outside the body stays -1000 HU."""
    sigma = scanner.ct_fwhm_mm / FWHM_PER_SIGMA
    kernels = [_blur(grid, grid, 0, sigma), _blur(grid, grid, 1, sigma), None]
    blurred = _separable(hu, kernels)
    noise = scanner.ct_noise_hu * rng.standard_normal(grid.shape, dtype=np.float32)
    return np.where(
        blurred > AIR_HU + 2, np.maximum(np.round((blurred + noise) / HU_STEP) * HU_STEP, AIR_HU), AIR_HU
    ).astype(np.float32)


def mask_on(region: NDArray[np.bool_], source: Grid, target: Grid) -> NDArray[np.bool_]:
    """Return the voxels of `target` that lie at least half inside `region`."""
    share = _separable(region.astype(np.float32), [_overlap(source, target, number) for number in range(3)])
    return share >= 0.5


def _separable(array: Array, kernels: Sequence[Array | None]) -> Array:
    """Apply one matrix per axis (x, y, z); smallest result first keeps it cheap."""
    for number, kernel in enumerate(kernels):
        if kernel is not None:
            array = np.moveaxis(np.tensordot(array, kernel, axes=(2 - number, 1)), -1, 2 - number)
    return np.ascontiguousarray(array, dtype=np.float32)


def _blur(source: Grid, target: Grid, number: int, sigma: float) -> Array:
    # exact for voxels of constant value: the Gaussian's mass over each source voxel
    edges = source.axis(number)[None, :] - target.axis(number)[:, None]
    half = source.spacing[number] / 2
    weight = ndtr((edges + half) / sigma) - ndtr((edges - half) / sigma)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-6)
    kernel: Array = weight.astype(np.float32)
    return kernel


def _overlap(source: Grid, target: Grid, number: int) -> Array:
    a, b = source.axis(number)[None, :], target.axis(number)[:, None]
    ha, hb = source.spacing[number] / 2, target.spacing[number] / 2
    shared = np.minimum(a + ha, b + hb) - np.maximum(a - ha, b - hb)
    kernel: Array = (np.maximum(shared, 0) / (2 * hb)).astype(np.float32)
    return kernel
