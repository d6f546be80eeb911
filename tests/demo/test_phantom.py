"""The phantoms: geometry, anatomy, and lesions that show what they are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hybridx.demo.anatomy import Anatomy
from hybridx.demo.canvas import Field, Grid
from hybridx.demo.lesions import SITES, Lesion
from hybridx.demo.phantom import Phantom, draw_phantom
from hybridx.demo.scanners import SCANNERS, Scanner, image_pet, mask_on

SHARP = replace(SCANNERS[0], pet_noise=0.0, ct_noise_hu=0.0)
LESION = Lesion("left upper lobe", (72.0, -10.0, 116.0), radius_mm=20.0, uptake=10.0, texture=5)
BOX = ((20.0, -70.0, 60.0), (124.0, 50.0, 172.0))


def look(lesion: Lesion = LESION, scanner: Scanner = SHARP, seed: int = 0) -> Phantom:
    return draw_phantom(Anatomy(), [lesion], scanner, np.random.default_rng(seed), region=BOX)


@pytest.fixture(scope="module")
def torso() -> Phantom:
    return draw_phantom(Anatomy(), [LESION], SCANNERS[0], np.random.default_rng(0))


def at(image: np.ndarray, grid: Grid, point: tuple[float, float, float]) -> float:
    index = [round((p - o) / s) for p, o, s in zip(point, grid.origin, grid.spacing, strict=True)]
    return float(np.median(image[tuple(slice(i - 1, i + 2) for i in index[::-1])]))


def test_pet_and_ct_have_their_own_grids(torso: Phantom) -> None:
    assert torso.pet_grid.spacing != torso.ct_grid.spacing
    assert torso.pet_grid.origin != torso.ct_grid.origin
    assert torso.pet.shape == torso.pet_mask.shape == torso.pet_grid.shape
    assert torso.ct.shape == torso.ct_mask.shape == torso.ct_grid.shape


@pytest.mark.parametrize(
    ("organ", "point", "hu", "suv"),
    [
        ("liver", (-70.0, 0.0, -50.0), (40, 75), (1.8, 2.6)),
        ("right lung", (-80.0, 40.0, 60.0), (-950, -700), (0.2, 0.7)),
        ("aorta", (15.0, 35.0, 10.0), (25, 60), (1.2, 2.0)),
        ("bladder", (0.0, -34.0, -306.0), (-5, 22), (15, 30)),
        ("vertebra", (0.0, 54.0, -76.0), (120, 300), (0.9, 1.7)),
        ("kidney pelvis", (-58.0, 46.0, -118.0), (-10, 30), (5, 12)),
        ("air outside", (190.0, -125.0, 0.0), (-1000, -999), (0, 0.1)),
    ],
)
def test_organs_lie_where_a_physician_looks_for_them(
    torso: Phantom,
    organ: str,
    point: tuple[float, float, float],
    hu: tuple[int, int],
    suv: tuple[float, float],
) -> None:
    assert hu[0] <= at(torso.ct, torso.ct_grid, point) <= hu[1], organ
    assert suv[0] <= at(torso.pet, torso.pet_grid, point) <= suv[1], organ


def test_masks_lie_on_the_lesion_in_both_images(torso: Phantom) -> None:
    for mask, grid in ((torso.pet_mask, torso.pet_grid), (torso.ct_mask, torso.ct_grid)):
        voxel_ml = np.prod(grid.spacing) / 1000
        assert mask.sum() * voxel_ml == pytest.approx(4 / 3 * np.pi * 2.0**3, rel=0.25)
        centroid = np.argwhere(mask).mean(axis=0)[::-1] * grid.spacing + grid.origin
        np.testing.assert_allclose(centroid, LESION.centre, atol=4.0)
    assert torso.pet[torso.pet_mask].mean() > 5 * torso.pet[~torso.pet_mask].mean()


def test_nothing_is_painted_outside_the_body() -> None:
    outside = replace(LESION, centre=(190.0, -125.0, 100.0))
    phantom = draw_phantom(Anatomy(), [outside], SHARP, np.random.default_rng(0))
    assert not phantom.ct_mask.any()
    assert not phantom.pet_mask.any()


@pytest.mark.parametrize("site", sorted(SITES))
def test_every_site_is_inside_the_body_of_every_build(site: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        person = Anatomy.random(rng)
        centre = person.place(SITES[site][0])
        box = (np.subtract(centre, 22), np.add(centre, 22))
        phantom = draw_phantom(person, [Lesion(site, centre, 7.0, 8.0)], SHARP, rng, region=box)
        assert phantom.ct_mask.sum() * np.prod(phantom.ct_grid.spacing) > 0.6 * 4 / 3 * np.pi * 7**3
        assert phantom.pet_mask.any()


def test_the_same_lesion_looks_alike_on_both_scanners_but_for_resolution() -> None:
    first, second = look(scanner=SHARP), look(scanner=replace(SCANNERS[1], pet_noise=0.0))
    volumes = [p.pet_mask.sum() * np.prod(p.pet_grid.spacing) for p in (first, second)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    # the wider point spread of the second flattens the peaks
    assert first.pet.max() > 1.05 * second.pet.max()


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        ({"uptake": 20.0}, lambda p: p.pet[p.pet_mask].max()),
        ({"heterogeneity": 0.7}, lambda p: np.std(core(p.pet, p.pet_mask))),
        ({"necrosis": 0.4}, lambda p: -np.quantile(core(p.pet, p.pet_mask), 0.1)),
        ({"density_hu": 90.0}, lambda p: np.median(core(p.ct, p.ct_mask))),
        ({"density_spread_hu": 50.0}, lambda p: np.std(core(p.ct, p.ct_mask))),
        ({"radius_mm": 26.0}, lambda p: p.pet_mask.sum()),
    ],
)
def test_each_hidden_property_shows_in_the_image(change: dict[str, float], measure: object) -> None:
    assert measure(look(replace(LESION, **change))) > 1.2 * measure(look())  # type: ignore[operator, arg-type]


def core(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return image[ndimage.binary_erosion(mask)]


def test_noise_belongs_to_the_scanner_and_nothing_else_is_random() -> None:
    assert np.array_equal(look(seed=1).pet, look(seed=2).pet)
    noisy = [look(scanner=SCANNERS[0], seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(noisy[0].pet, noisy[1].pet)
    assert not np.array_equal(noisy[0].pet, noisy[2].pet)
    assert np.array_equal(noisy[0].pet_mask, noisy[2].pet_mask)
    assert not np.array_equal(noisy[0].ct, noisy[2].ct)


def test_blur_keeps_activity_and_has_the_stated_width() -> None:
    grid = Grid((41, 41, 41), (1.5, 1.5, 1.5), (-30.0, -30.0, -30.0))
    point = np.zeros(grid.shape, dtype=np.float32)
    point[20, 20, 20] = 1000.0
    scanner = replace(SHARP, pet_fwhm_mm=6.0)
    blurred = image_pet(point, grid, grid, scanner, np.random.default_rng(0))
    profile = blurred[20, 20]
    variance = (profile * (grid.axis(0) ** 2)).sum() / profile.sum()
    # the voxel's own width (1.5 mm, twice: in and out once) adds to that of the point spread
    assert np.sqrt(variance - 1.5**2 / 12) * 2.3548 == pytest.approx(6.0, rel=0.04)
    assert blurred.sum() == pytest.approx(1000.0, rel=0.08)  # steps of 1/32 SUV cut the tails


def test_a_mask_moved_to_its_own_grid_is_itself() -> None:
    grid = Grid((6, 5, 4), (2.0, 3.0, 4.0), (1.0, 2.0, 3.0))
    region = np.random.default_rng(0).random(grid.shape) > 0.5
    assert np.array_equal(mask_on(region, grid, grid), region)


def test_a_field_is_the_same_on_every_grid_with_mean_zero_and_unit_spread() -> None:
    field = Field(np.random.default_rng(4), 10.0, waves=64)
    coarse = Grid((40, 40, 40), (6.0, 6.0, 6.0), (0.0, 0.0, 0.0))
    fine = Grid((79, 79, 79), (3.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    a, b = field(*coarse.coordinates()), field(*fine.coordinates())
    np.testing.assert_allclose(a, b[::2, ::2, ::2][:40, :40, :40], atol=2e-3)
    assert abs(b.mean()) < 0.15  # the longest waves do not average out over 237 mm
    assert b.std() == pytest.approx(1.0, abs=0.15)
