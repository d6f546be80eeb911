"""Local binary patterns: pyradiomics' own numbers, and what must hold whatever the numbers are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hybridx.errors import InputError, SettingsError
from hybridx.radiomics.filters import cut
from hybridx.radiomics.lbp_slices import local_binary_patterns
from hybridx.radiomics.lbp_sphere import icosphere, spherical_patterns
from hybridx.radiomics.pyradiomics_filters import pyradiomics_images, pyradiomics_margin

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "radiomics_lbp.json").read_text())
SHAPE = tuple(REFERENCE["shape"])
MASK = np.zeros(np.prod(SHAPE), dtype=bool)
MASK[REFERENCE["mask"]] = True
MASK = MASK.reshape(SHAPE)
IMAGES = {
    case["dtype"]: np.array(case["values"]).reshape(SHAPE).astype(case["dtype"])
    for case in REFERENCE["cases"]
    if case["kind"] == "image"
}
CASES = [case for case in REFERENCE["cases"] if case["kind"] != "image"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name']}-{case['dtype']}-{case['settings']}")
def test_patterns_are_pyradiomics_own(case: dict) -> None:
    images = pyradiomics_images(IMAGES[case["dtype"]], (1, 1, 1), case["kind"], mask=MASK, **case["settings"])
    response = dict(images)[case["name"]][MASK]
    if case["kind"] == "LBP2D":
        np.testing.assert_allclose(response, case["values"], rtol=1e-11)  # of codes: exactly
    else:
        # fourth powers are summed in single precision there
        near = 1e-5 if (case["name"], case["dtype"]) == ("lbp-3D-k", "float32") else 1e-6
        np.testing.assert_allclose(response, case["values"], rtol=near, atol=near)


def test_the_sphere_has_even_corners() -> None:
    for subdivision, count in ((0, 12), (1, 42), (2, 162)):
        points = icosphere(subdivision)
        assert len(np.unique(points.round(9), axis=0)) == len(points) == count
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0)
        np.testing.assert_allclose(points.sum(axis=0), 0.0, atol=1e-12)


def test_variance_of_a_circle_is_numpys() -> None:
    plane = np.random.default_rng(1).normal(size=(1, 5, 5))
    ring = plane[0, [2, 1, 2, 3], [3, 2, 1, 2]]
    assert local_binary_patterns(plane, 4, 1.0, "var")[0, 2, 2] == pytest.approx(ring.var())


def test_no_whole_number_says_that_a_variance_is_not_defined() -> None:
    whole = np.full((1, 5, 5), 7, dtype=np.int16)
    whole[0, 0, 0] = 90
    found = dict(pyradiomics_images(whole, (1, 1, 1), "LBP2D", lbp2DMethod="var"))["lbp-2D"]
    assert np.isnan(found[0, 3, 3])  # pyradiomics: 0, or the lowest whole number
    assert found[0, 1, 1] > 0
    assert found[0, 1, 1] % 1 == 0


def test_a_brighter_image_has_the_same_patterns() -> None:
    plane = np.random.default_rng(2).integers(0, 200, size=(2, 9, 9)).astype(float)
    inside = (
        slice(None),
        slice(1, -1),
        slice(1, -1),
    )  # beyond the edge stands a zero, which does not brighten
    brighter = local_binary_patterns(3.0 * plane + 1024.0)
    np.testing.assert_array_equal(brighter[inside], local_binary_patterns(plane)[inside])


@pytest.mark.parametrize("image_type", ["LBP2D", "LBP3D"])
def test_a_cut_with_the_needed_margin_gives_the_same_values(image_type: str) -> None:
    image = np.random.default_rng(3).normal(size=(40, 44, 48)) * 100.0
    mask = np.zeros(image.shape, dtype=bool)
    box = (slice(18, 22), slice(17, 24), slice(20, 25))
    mask[box] = True
    part, inside = cut(image, box, pyradiomics_margin(image_type, (1, 1, 1)), "nearest")
    small, _ = cut(mask, box, pyradiomics_margin(image_type, (1, 1, 1)), "nearest")
    whole = list(pyradiomics_images(image, (1, 1, 1), image_type, mask=mask))
    for (name, full), (_, ours) in zip(
        whole, pyradiomics_images(part, (1, 1, 1), image_type, mask=small), strict=True
    ):
        np.testing.assert_allclose(ours[inside], full[box], atol=1e-5, err_msg=name)


def test_a_flat_lesion_has_a_defined_pattern() -> None:
    flat, mask = np.full((5, 6, 7), 3.0), np.zeros((5, 6, 7), dtype=bool)
    mask[2, 3, 3] = True
    found = dict(spherical_patterns(flat, mask, radius=0.5))
    assert all(np.isfinite(response).all() for response in found.values())


def test_each_mistake_is_named() -> None:
    image, mask = IMAGES["float64"], MASK
    with pytest.raises(InputError, match="pass its mask"):
        list(pyradiomics_images(image, (1, 1, 1), "LBP3D"))
    with pytest.raises(SettingsError, match="wanted at least 1"):
        list(pyradiomics_images(image, (1, 1, 1), "LBP3D", mask=mask, lbp3DLevels=0))
    with pytest.raises(SettingsError, match="Did you mean 'uniform'"):
        list(pyradiomics_images(image, (1, 1, 1), "LBP2D", lbp2DMethod="unifrom"))
    with pytest.raises(SettingsError, match="1 to 24 samples"):
        list(pyradiomics_images(image, (1, 1, 1), "LBP2D", lbp2DSamples=0))
