"""Chains of changes to an image and its mask that stand for another scan and another reader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridx.errors import SettingsError
from hybridx.imaging import Image, bounding_box, crop
from hybridx.radiomics.perturb_image import add_noise, move, noise_level
from hybridx.radiomics.perturb_mask import grow, randomise_contour, randomise_supervoxels, resize
from hybridx.terms import check_name

__all__ = ["CONTOURS", "Perturbation", "Perturbed", "draw_perturbations"]

CONTOURS = ("none", "smooth", "supervoxels")
MARGIN_MM = 30.0  # what filters and peaks look at around a lesion: six times a LoG width of 5 mm


@dataclass(frozen=True, eq=False)
class Perturbed:
    """A lesion after a chain of changes.

    Parameters
    ----------
    image, mask : Image
        On one grid, cut out with a margin; the mask is never empty.
    reasons : tuple of str
        What could not be done as asked.
    """

    image: Image
    mask: Image
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Perturbation:
    """One chain: noise, then turn and shift in one interpolation, then the contour moved, then drawn anew.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise added, in units of what `noise_level` finds around the lesion.
    degrees : float
        Turn within the slices.
    voxels : tuple of float, (x, y, z)
        Shift, in voxel edges.
    grow_mm : float
        How far the contour moves outwards; below 0 inwards.
    resize : float
        Change of the volume as a share of it, by moving the contour; see `hybridx.radiomics.resize`.
    contour : {"none", "smooth", "supervoxels"}
        How it is drawn anew, see `randomise_contour` and `randomise_supervoxels`.
    contour_mm : float
        Standard deviation of the smooth displacement.
    seed : int
        Same seed, same lesion: the same numbers.

    Examples
    --------
    >>> Perturbation().changes_nothing
    True
    """

    noise: float = 0.0
    degrees: float = 0.0
    voxels: tuple[float, float, float] = (0.0, 0.0, 0.0)
    grow_mm: float = 0.0
    resize: float = 0.0
    contour: str = "none"
    contour_mm: float = 1.5
    seed: int = 0

    def __post_init__(self) -> None:
        check_name(self.contour, CONTOURS, "contour")
        least = {"noise": 0.0, "contour_mm": 0.0, "resize": -0.99}
        for name in ("noise", "degrees", "grow_mm", "resize", "contour_mm"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < least.get(name, -math.inf):
                msg = f"{name}={value!r} is not a possible value."
                raise SettingsError(msg)
        if len(self.voxels) != 3 or not all(math.isfinite(part) for part in self.voxels):
            msg = f"voxels={self.voxels!r} is not a shift along x, y and z."
            raise SettingsError(msg)

    @property
    def changes_nothing(self) -> bool:
        """Whether this is the measurement as it is."""
        return (
            not (self.noise or self.degrees or any(self.voxels) or self.grow_mm or self.resize)
            and self.contour == "none"
        )

    def apply(self, image: Image, mask: Image) -> Perturbed:
        """Return the lesion as this chain shows it, cut out with a margin of 30 mm.

        Raises
        ------
        InputError
            An empty mask, or one on another grid.
        """
        rng = np.random.default_rng(self.seed)
        reach = MARGIN_MM + max(self.grow_mm, 0.0)
        box = bounding_box(mask, margin_mm=2.0 * reach if self.degrees else reach)
        image, mask = crop(image, box), crop(mask, box)
        reasons = []
        if self.noise:
            image = add_noise(image, rng, self.noise * noise_level(image, mask))
        if self.degrees or any(self.voxels):
            image, moved = move(image, mask, degrees=self.degrees, voxels=self.voxels, margin_mm=reach)
            mask = moved.mask
            reasons.append(moved.reason)
        if self.grow_mm:
            grown = grow(mask, self.grow_mm)
            mask = grown.mask
            reasons.append(grown.reason)
        if self.resize:
            resized = resize(mask, self.resize)
            mask = resized.mask
            reasons.append(resized.reason)
        if self.contour != "none":
            drawn = (
                randomise_contour(mask, rng, sd_mm=self.contour_mm, length_mm=max(10.0, self.contour_mm))
                if self.contour == "smooth"
                else randomise_supervoxels(image, mask, rng)
            )
            mask = drawn.mask
            reasons.append(drawn.reason)
        return Perturbed(image, mask, tuple(reason for reason in reasons if reason))


def draw_perturbations(
    n: int = 10,
    seed: int = 0,
    *,
    noise: float = 1.0,
    degrees: float = 8.0,
    voxels: float = 0.5,
    grow_mm: float = 0.0,
    resize: float = 0.0,
    contour: str = "supervoxels",
    contour_mm: float = 1.5,
) -> tuple[Perturbation, ...]:
    """Draw chains whose turns, shifts and growth are uniform up to the bounds given.

    The default is the chain that predicted test-retest repeatability most cautiously: noise, rotation, translation and
    a contour from supervoxels. Give growth as well where readers differ in how generously they draw.

    Parameters
    ----------
    n : int
        How many, at least 2: repeats of one measurement.
    seed : int
        0 or more.
    noise : float
        The same in all chains, see `Perturbation`.
    degrees, voxels, grow_mm, resize : float
        Largest turn, shift (per axis), displacement of the contour and change of volume, to either side.
    contour, contour_mm
        See `Perturbation`.

    Raises
    ------
    SettingsError
        Fewer than 2, or a bound below 0.

    Source
    ------
    Zwanenburg et al. 2019, doi:10.1038/s41598-018-36938-4.

    Examples
    --------
    >>> draw_perturbations(3, seed=1) == draw_perturbations(3, seed=1)
    True
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        msg = f"n={n!r} is not a whole number of at least 2: one measurement has no repeat."
        raise SettingsError(msg)
    bounds: Sequence[tuple[str, float]] = (
        ("degrees", degrees),
        ("voxels", voxels),
        ("grow_mm", grow_mm),
        ("resize", resize),
    )
    for name, bound in bounds:
        if not (math.isfinite(bound) and bound >= 0):
            msg = f"{name}={bound!r} is a bound to either side; it must be 0 or more."
            raise SettingsError(msg)
    rng = np.random.default_rng(seed)
    chains = []
    for _ in range(n):
        turn, *shift = (float(part) for part in rng.uniform(-1.0, 1.0, 4))
        chains.append(
            Perturbation(
                noise=noise,
                degrees=turn * degrees,
                voxels=(shift[0] * voxels, shift[1] * voxels, shift[2] * voxels),
                grow_mm=float(rng.uniform(-1.0, 1.0)) * grow_mm,
                resize=float(rng.uniform(-1.0, 1.0)) * resize,
                contour=contour,
                contour_mm=contour_mm,
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(chains)
