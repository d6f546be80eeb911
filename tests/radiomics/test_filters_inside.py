"""A box of a filtered image is the same whether the whole image was made and filtered, or only what the box needs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from hybridx.imaging import Image
from hybridx.radiomics import RadiomicsSettings, measure_radiomics
from hybridx.radiomics.filtering_types import filters_reach
from hybridx.radiomics.filters import filter_box, filter_image, filter_whole
from hybridx.radiomics.making import ibsi_scene
from hybridx.radiomics.pair import make_pair
from hybridx.radiomics.whole_image import WholeImage

EDGES = (2.0, 1.0, 1.5)
BOX = (slice(3, 7), slice(0, 5), slice(9, 14))
PERIODIC = {
    "simoncelli": ("simoncelli", {}),
    "simoncelli in slices": ("simoncelli", {"level": 2, "dimensions": 2}),
    "riesz": ("riesz", {"order": (1, 0, 1)}),
    "riesz of the image": ("riesz", {"order": (0, 2, 0), "of": "none"}),
    "riesz in slices": ("riesz", {"order": (1, 1)}),
    "riesz of a laplacian": ("riesz", {"order": (1, 0, 0), "of": "laplacian_of_gaussian", "sigma": 1.2}),
    "steered": ("riesz", {"order": (2, 0, 0), "steer_sigma": 1.0}),
    "steered in slices": ("riesz", {"order": (1, 1), "steer_sigma": 1.0}),
}
GABOR = {"sigma": 2.0, "wavelength": 3.0, "gamma": 1.5, "rotation_invariant": True}
FILTERS = {
    "mean5": {"kind": "mean", "support": 5},
    "log2": {"kind": "laplacian_of_gaussian", "sigma": 2.0},
    "laws": {"kind": "laws", "kernel": "L5E5E5"},
    "gabor": {"kind": "gabor", "planes": "orthogonal", **GABOR},
    "db3": {"kind": "wavelet", "wavelet": "db3", "passes": "LLH"},
    "periodic": {"kind": "wavelet", "wavelet": "db2", "passes": "HHH", "boundary": "periodise"},
    "simoncelli": {"kind": "simoncelli"},
    "riesz": {"kind": "riesz", "order": (2, 0, 0), "steer_sigma": 1.0},
}


def _noise(shape: tuple[int, int, int] = (11, 12, 15)) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape)


@pytest.mark.parametrize("boundary", ["mirror", "nearest", "periodise", "zero"])
@pytest.mark.parametrize("name", PERIODIC)
def test_filters_of_the_whole_image_read_it_slab_by_slab(
    name: str, boundary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, params = PERIODIC[name]
    if kind == "riesz":
        params = {**params, "boundary": boundary}
    image = _noise()
    whole = filter_image(image, EDGES, kind, **params)
    monkeypatch.setattr("hybridx.radiomics.whole_spectrum._CHUNK", 100)
    read: list[int] = []

    def slab(first: int, last: int) -> np.ndarray:
        read.append(last - first)
        return image[first:last]

    part = filter_whole(WholeImage((11, 12, 15), slab), EDGES, BOX, kind, **params)
    np.testing.assert_allclose(part, whole[BOX], atol=1e-12)
    assert max(read) < 11


def test_a_spectrum_is_made_once_for_several_filters() -> None:
    image, reads = _noise(), []

    def slab(first: int, last: int) -> np.ndarray:
        reads.append(first)
        return image[first:last]

    source = WholeImage((11, 12, 15), slab)
    filter_whole(source, EDGES, BOX, "simoncelli", level=1)
    before = len(reads)
    filter_whole(source, EDGES, BOX, "riesz", order=(2, 0, 0))
    assert len(reads) == before


@pytest.mark.parametrize("boundary", ["mirror", "nearest", "periodise", "zero"])
@pytest.mark.parametrize("planes", ["axial", "orthogonal"])
def test_gabor_leaves_out_the_slices_beside_the_box(planes: str, boundary: str) -> None:
    image = _noise()
    params: dict[str, Any] = {**GABOR, "planes": planes, "boundary": boundary}
    whole = filter_image(image, EDGES, "gabor", **params)
    np.testing.assert_allclose(filter_box(image, EDGES, BOX, "gabor", **params), whole[BOX], atol=1e-12)


def _lesion(first: tuple[int, int, int]) -> tuple[Image, Image]:
    """A lesion of 6 x 8 x 8 voxels in an image of 36 x 70 x 70, of 2 x 1 x 1 mm."""
    image = np.random.default_rng(0).normal(40.0, 20.0, (36, 70, 70)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[tuple(slice(at, at + size) for at, size in zip(first, (6, 8, 8), strict=True))] = 1
    return Image(image, (1.0, 1.0, 2.0)), Image(mask, (1.0, 1.0, 2.0), modality="mask")


@pytest.mark.parametrize("first", [(15, 30, 30), (0, 2, 62)], ids=["in the middle", "at the border"])
def test_features_of_filtered_images_are_those_of_the_whole_image(
    first: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, mask = _lesion(first)
    settings = RadiomicsSettings.ibsi(
        resample_mm=1.0,
        families=("statistics",),
        image_types=("original", "log", "wavelet", "gradient"),
        log_sigma_mm=(1.0,),
        filters=FILTERS,
        round_intensities=True,
    )
    pair = make_pair(image, mask, settings)
    near = ibsi_scene(pair, settings, reach=partial(filters_reach, settings))
    assert (near.image.shape == (72, 70, 70)) == (
        first[0] == 0
    )  # a periodic filter at the border reads the other side
    found = measure_radiomics(image, mask, settings)
    monkeypatch.setattr(
        "hybridx.radiomics.own_engine.ibsi_scene",
        lambda pair, settings, **_: ibsi_scene(pair, settings, margin_mm=None),
    )
    whole = measure_radiomics(image, mask, settings)
    assert list(found.values) == list(whole.values)
    assert not found.reasons
    np.testing.assert_allclose(list(found.values.values()), list(whole.values.values()), rtol=1e-7, atol=1e-9)


def test_a_lesion_in_a_large_image_needs_its_surroundings_only() -> None:
    image, mask = _lesion((15, 30, 30))
    filters = {name: FILTERS[name] for name in ("mean5", "laws", "db3", "simoncelli")}
    settings = RadiomicsSettings.ibsi(resample_mm=1.0, families=("statistics",), filters=filters)
    scene = ibsi_scene(make_pair(image, mask, settings), settings, reach=partial(filters_reach, settings))
    reach = max(
        7, 5 + 5 // 2
    )  # a peak's sphere; db3 has six taps, Laws' energy is averaged over fifteen voxels
    assert all(size <= 14 + 2 * (reach + 4) for size in scene.image.shape)
    assert scene.whole is not None
    assert scene.whole.shape == (72, 70, 70)
