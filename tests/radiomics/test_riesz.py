"""Riesz transforms: waves whose answer is known, energy that is kept, and steering that follows the structure."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hybridx.errors import SettingsError
from hybridx.radiomics.filters import filter_image, needed_margin

ONE = (1.0, 1.0, 1.0)


def _noise(shape: tuple[int, int, int] = (11, 13, 15), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _wave(cycles: tuple[int, int, int], size: int = 21) -> tuple[np.ndarray, np.ndarray]:
    """A plane wave of so many cycles along (x, y, z), and its phase."""
    z, y, x = np.indices((size, size, size))
    phase = 2 * np.pi / size * (cycles[0] * x + cycles[1] * y + cycles[2] * z)
    return np.cos(phase), phase


@pytest.mark.parametrize(
    "order", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (1, 1, 0), (1, 1, 1), (0, 2, 1)]
)
def test_a_plane_wave_is_turned_by_a_quarter_an_order_and_weighed_by_its_direction(
    order: tuple[int, int, int],
) -> None:
    cycles = (4, 3, -2)
    wave, phase = _wave(cycles)
    direction = np.array(cycles) / np.linalg.norm(cycles)
    multiplicity = {1: 1, 2: 2 if max(order) == 1 else 1, 3: 6 if max(order) == 1 else 3}[sum(order)]
    expected = (
        np.sqrt(multiplicity) * np.prod(direction ** np.array(order)) * np.cos(phase - sum(order) * np.pi / 2)
    )
    np.testing.assert_allclose(filter_image(wave, ONE, "riesz", order=order, of="none"), expected, atol=1e-12)


@pytest.mark.parametrize(("dimensions", "total"), [(3, 1), (3, 2), (3, 3), (2, 1), (2, 2)])
def test_the_components_of_an_order_keep_the_energy(dimensions: int, total: int) -> None:
    image = _noise()
    level = image.mean(axis=tuple(range(3 - dimensions, 3)), keepdims=True)
    energy = 0.0
    for order in itertools.product(range(total + 1), repeat=dimensions):
        if sum(order) == total:
            energy += (filter_image(image, ONE, "riesz", order=order, of="none") ** 2).sum()
    assert energy == pytest.approx(((image - level) ** 2).sum())


def test_on_unequal_voxels_directions_are_those_of_the_space() -> None:
    z, _, x = np.indices((21, 3, 21))
    wave = np.cos(
        2 * np.pi / 21 * (3 * x + 3 * z)
    )  # on voxels twice as high as wide it runs at 3 along x, 1.5 along z
    response = filter_image(wave, (2.0, 1.0, 1.0), "riesz", order=(2, 0, 0), of="none")
    np.testing.assert_allclose(response, -wave * 3.0**2 / (3.0**2 + 1.5**2), atol=1e-12)


@pytest.mark.parametrize("cycles", [(5, 0, 0), (0, 4, 0), (3, 3, 2), (-4, 2, 1)])
def test_steering_finds_the_wave_wherever_it_runs(cycles: tuple[int, int, int]) -> None:
    wave, phase = _wave(cycles)
    params = {"of": "none", "steer_sigma": 1.5, "boundary": "periodise"}
    np.testing.assert_allclose(filter_image(wave, ONE, "riesz", order=(2, 0, 0), **params), -wave, atol=1e-9)
    np.testing.assert_allclose(filter_image(wave, ONE, "riesz", order=(0, 2, 0), **params), 0.0, atol=1e-9)
    first = filter_image(wave, ONE, "riesz", order=(1, 0, 0), **params)
    np.testing.assert_allclose(first, abs(np.sin(phase)), atol=1e-9)  # up the slope, hence never negative


@pytest.mark.parametrize("shape", [(15, 15, 15), (12, 12, 12)])
@pytest.mark.parametrize(
    "base", [{"of": "simoncelli", "level": 1}, {"of": "laplacian_of_gaussian", "sigma": 1.2}]
)
def test_a_steered_response_turns_with_the_image(base: dict, shape: tuple[int, int, int]) -> None:
    image, params = _noise(shape), {**base, "order": (0, 2, 0), "steer_sigma": 1.0}
    response = filter_image(image, ONE, "riesz", **params)
    for axes in ((0, 1), (1, 2), (0, 2)):
        turned = filter_image(np.ascontiguousarray(np.rot90(image, axes=axes)), ONE, "riesz", **params)
        np.testing.assert_allclose(turned, np.rot90(response, axes=axes), atol=1e-8)


def test_a_response_in_slices_is_each_slice_alone() -> None:
    image = _noise((3, 14, 15))
    for params in ({"order": (1, 1)}, {"order": (2, 0), "steer_sigma": 1.0}):
        together = filter_image(image, ONE, "riesz", level=2, **params)
        for k in range(3):
            alone = filter_image(image[k : k + 1], ONE, "riesz", level=2, **params)
            np.testing.assert_allclose(together[k : k + 1], alone, atol=1e-10)


def test_a_flat_image_has_no_response() -> None:
    flat = np.full((8, 9, 10), 40.0)
    for of in ("none", "simoncelli"):
        assert abs(filter_image(flat, ONE, "riesz", order=(1, 0, 0), of=of)).max() < 1e-10


def test_the_whole_image_is_needed() -> None:
    assert needed_margin("riesz", ONE, order=(1, 0, 0)) is None


@pytest.mark.parametrize(("params", "message"), [
    ({"order": (0, 0, 0)}, "not all 0"),
    ({"order": (1,)}, "two or three whole numbers"),
    ({"order": (1.5, 0, 0)}, "two or three whole numbers"),
    ({"order": (1, -1, 1)}, "two or three whole numbers"),
    ({"order": (1, 0, 0), "of": "simonceli"}, "Did you mean 'simoncelli'"),
    ({"order": (1, 0, 0), "of": "laplacian_of_gaussian"}, "needs sigma"),
    ({"order": (1, 0, 0), "sigma": 2.0}, "only 'laplacian_of_gaussian' has one"),
    ({"order": (1, 0, 0), "steer_sigma": 0.0}, "steer_sigma is 0.0"),
    ({}, "needs order"),
])  # fmt: skip
def test_each_mistake_is_named(params: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        filter_image(_noise(), ONE, "riesz", **params)
